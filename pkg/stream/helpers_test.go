package stream

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/macielake/macielake/pkg/schema"
)

// newSource returns a source with the given bytes. wrap, if not nil, changes how Read
// returns them.
func newSource(uri string, data []byte, wrap func(io.Reader) io.Reader) Source {
	return Source{
		Source: schema.Source{URI: uri, ETag: "etag-" + uri},
		Size:   int64(len(data)),
		Open: func(context.Context) (io.ReadCloser, error) {
			var r io.Reader = bytes.NewReader(data)
			if wrap != nil {
				r = wrap(r)
			}
			return io.NopCloser(r), nil
		},
	}
}

func gzipped(t testing.TB, members ...string) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := gzip.NewWriter(nil)
	for _, m := range members {
		w.Reset(&buf)
		if _, err := io.WriteString(w, m); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return buf.Bytes()
}

// readWays are readers that return the same bytes in different ways.
var readWays = map[string]func(io.Reader) io.Reader{
	"whole":    nil,
	"one byte": iotest.OneByteReader,
	"half":     iotest.HalfReader,
	"data+EOF": iotest.DataErrReader,
	"random": func(r io.Reader) io.Reader {
		return &randomReader{r: r, rnd: rand.New(rand.NewPCG(1, 2))}
	},
}

// randomReader returns any number of bytes, sometimes none.
type randomReader struct {
	r   io.Reader
	rnd *rand.Rand
}

func (r *randomReader) Read(p []byte) (int, error) {
	return r.r.Read(p[:r.rnd.IntN(min(len(p), 5000)+1)])
}

// segment is a copy of a segment of a batch.
type segment struct {
	batch        int
	source       schema.Source
	line, offset int64
	tooLong      int64
	text         string
}

// readAll reads a part to its end or to its first error.
func readAll(r *Reader) ([]segment, error) {
	var segs []segment
	b := schema.NewBatch()
	for n := 0; ; n++ {
		if err := r.Next(context.Background(), b); err != nil {
			if len(b.Segments) > 0 {
				return segs, fmt.Errorf("segments together with %w", err)
			}
			if err == io.EOF {
				err = nil
			}
			return segs, err
		}
		if len(b.Segments) == 0 {
			return segs, errors.New("Next returned an empty batch")
		}
		for _, s := range b.Segments {
			segs = append(segs, segment{
				n, b.Sources[s.Source], s.Line, s.Offset, s.TooLong, string(b.Buf[s.Start:s.End]),
			})
		}
	}
}

// readPart reads a part as callers do: after a SpoiledError it reads the part again.
// It returns how many times it read the part.
func readPart(t testing.TB, sources []Source, o ReaderOptions) ([]segment, []Outcome, int) {
	t.Helper()
	for times := 1; ; times++ {
		r := NewReader(sources, o)
		segs, err := readAll(r)
		outcomes := slices.Clone(r.Outcomes())
		if cerr := r.Close(); cerr != nil {
			t.Fatal(cerr)
		}
		var spoiled *SpoiledError
		if errors.As(err, &spoiled) {
			if spoiled.Outcome.State == Converted || spoiled.Index != spoiled.Outcome.Index {
				t.Fatalf("wrong SpoiledError %+v", spoiled)
			}
			o.Known, o.VerifyFirst = outcomes, true
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(outcomes) != len(sources) {
			t.Fatalf("%d outcomes of %d sources", len(outcomes), len(sources))
		}
		return segs, outcomes, times
	}
}

// line is a line that the reader must return.
type line struct {
	uri            string
	number, offset int64
	tooLong        int64
	text           string // without its newline
}

// lines splits segments into lines.
func lines(segs []segment) []line {
	var ls []line
	for _, s := range segs {
		if s.tooLong != 0 {
			ls = append(ls, line{s.source.URI, s.line, s.offset, s.tooLong, s.text})
			continue
		}
		number, offset := s.line, s.offset
		for text := range strings.Lines(s.text) {
			ls = append(ls, line{s.source.URI, number, offset, 0, strings.TrimSuffix(text, "\n")})
			number++
			offset += int64(len(text))
		}
	}
	return ls
}

// model is a simple implementation of the Reader for one source. It returns the
// source's lines, or the class it is rejected with.
func model(uri string, data []byte, maxLine int) ([]line, schema.Class) {
	text, class := modelText(uri, data)
	if class != "" {
		return nil, class
	}
	offset := int64(0)
	if rest, ok := bytes.CutPrefix(text, []byte("\xef\xbb\xbf")); ok {
		text, offset = rest, 3
	}
	if len(text) == 0 {
		return nil, ""
	}
	split := bytes.Split(text, []byte{'\n'})
	if len(split[len(split)-1]) == 0 {
		split = split[:len(split)-1]
	}
	var ls []line
	for i, l := range split {
		m := line{uri: uri, number: int64(i + 1), offset: offset, text: string(l)}
		if len(l) > maxLine {
			m.tooLong = offset + int64(maxLine)
			m.text = string(l[:min(len(l), 64<<10)])
		}
		ls = append(ls, m)
		offset += int64(len(l)) + 1
	}
	return ls, ""
}

func modelText(uri string, data []byte) ([]byte, schema.Class) {
	if len(data) == 0 {
		return nil, schema.EmptySource
	}
	if !bytes.HasPrefix(data, []byte{0x1f, 0x8b}) {
		if strings.HasSuffix(uri, ".gz") {
			return nil, schema.NotGzip
		}
		return data, ""
	}
	br := bufio.NewReader(bytes.NewReader(data))
	var text []byte
	for {
		head, _ := br.Peek(4)
		magic := head[:min(len(head), 2)]
		if len(magic) == 0 {
			return text, ""
		}
		if !bytes.Equal(magic, []byte{0x1f, 0x8b}) {
			return nil, schema.TrailingGarbage
		}
		// compress/gzip ignores the reserved flags, and checks the method only once it
		// has the whole header.
		if len(head) > 2 && head[2] != 8 || len(head) > 3 && head[3]&0xe0 != 0 {
			return nil, schema.Corrupt
		}
		zr, err := gzip.NewReader(br)
		if err == nil {
			zr.Multistream(false)
			var member []byte
			member, err = io.ReadAll(zr)
			text = append(text, member...)
		}
		switch {
		case err == nil:
		case err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF):
			return nil, schema.Truncated
		case errors.Is(err, gzip.ErrChecksum):
			return nil, schema.Checksum
		default:
			return nil, schema.Corrupt
		}
	}
}

// checkPart reads sources and compares them with the model.
func checkPart(t testing.TB, uris []string, datas [][]byte, wrap func(io.Reader) io.Reader, o ReaderOptions) {
	t.Helper()
	checkPartClasses(t, uris, datas, wrap, o, func(got, want schema.Class) bool { return got == want })
}

// checkPartClasses is checkPart with a comparison for the classes of rejected sources.
func checkPartClasses(t testing.TB, uris []string, datas [][]byte, wrap func(io.Reader) io.Reader, o ReaderOptions, same func(got, want schema.Class) bool) {
	t.Helper()
	var sources []Source
	for i := range uris {
		sources = append(sources, newSource(uris[i], datas[i], wrap))
	}
	segs, outcomes, _ := readPart(t, sources, o)
	var want []line
	for i := range uris {
		ls, class := model(uris[i], datas[i], o.Limits.withDefaults().MaxLineBytes)
		want = append(want, ls...)
		out := outcomes[i]
		state := Converted
		if class != "" {
			state = Rejected
		}
		if out.Index != i || out.State != state || !same(out.Class, class) {
			t.Fatalf("source %d (%d bytes): %+v, want class %q", i, len(datas[i]), out, class)
		}
		if class == "" {
			text, _ := modelText(uris[i], datas[i])
			if out.Lines != int64(len(ls)) || out.Inflated != int64(len(text)) || out.Stored != int64(len(datas[i])) || out.Err != nil {
				t.Fatalf("source %d: %+v, want %d lines, %d bytes of %d stored", i, out, len(ls), len(text), len(datas[i]))
			}
		}
	}
	if got := lines(segs); !slices.Equal(got, want) {
		t.Fatalf("%d lines, want %d; %s", len(got), len(want), firstDifference(got, want))
	}
}

func firstDifference(got, want []line) string {
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			at := func(ls []line) string {
				if i >= len(ls) {
					return "none"
				}
				l := ls[i]
				return fmt.Sprintf("%s:%d at %d, too long at %d, %d bytes %.40q", l.uri, l.number, l.offset, l.tooLong, len(l.text), l.text)
			}
			return fmt.Sprintf("line %d is %s, want %s", i, at(got), at(want))
		}
	}
	return "the same"
}

// checkLeaks fails the test if goroutines of this package outlive it.
func checkLeaks(t testing.TB) {
	t.Helper()
	t.Cleanup(func() {
		var stacks string
		for range 100 {
			buf := make([]byte, 1<<20)
			stacks = string(buf[:runtime.Stack(buf, true)])
			left := 0
			for i, g := range strings.Split(stacks, "\n\n") {
				// The first is this goroutine. Other tests wait in tRunner.
				if i > 0 && strings.Contains(g, "pkg/stream.") && !strings.Contains(g, "testing.tRunner") {
					left++
				}
			}
			if left == 0 {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Errorf("goroutines are still running:\n%s", stacks)
	})
}

// padding returns text that lines are filled with.
var padding = sync.OnceValue(func() string {
	rnd := rand.New(rand.NewPCG(7, 7))
	b := make([]byte, 64<<10)
	for i := range b {
		b[i] = "abcdefgh"[rnd.IntN(8)]
	}
	return string(b)
})

// text returns n lines of different lengths, of about size bytes on average.
func text(n, size int, seed uint64) string {
	rnd := rand.New(rand.NewPCG(seed, 1))
	var sb strings.Builder
	for i := range n {
		length := rnd.IntN(2*size + 1)
		from := rnd.IntN(len(padding()) - length)
		fmt.Fprintf(&sb, "{\"id\":%d,\"pad\":\"%s\"}\n", i, padding()[from:from+length])
	}
	return sb.String()
}
