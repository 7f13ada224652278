package stream

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/macielake/macielake/pkg/schema"
)

var errBroken = errors.New("connection reset")

// failAfter makes a reader fail after n bytes.
func failAfter(n int64) func(io.Reader) io.Reader {
	return func(r io.Reader) io.Reader {
		return io.MultiReader(io.LimitReader(r, n), iotest.ErrReader(errBroken))
	}
}

// changeByte returns a copy of data with the byte at i, or at len(data)+i, changed.
func changeByte(data []byte, i int, x byte) []byte {
	data = bytes.Clone(data)
	if i < 0 {
		i += len(data)
	}
	data[i] ^= x
	return data
}

func TestOutcomes(t *testing.T) {
	checkLeaks(t)
	two := "{\"a\":1}\n{\"b\":2}\n"
	gz := gzipped(t, two)
	header := func(flags byte, rest string) []byte {
		return append([]byte{0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 0, 3}, rest...)
	}
	body := string(gz[10:])
	bomb := gzipped(t, strings.Repeat(strings.Repeat(" ", 1023)+"\n", 2<<10))
	limits := Limits{MaxInflatedBytes: 1 << 18}
	ratio := Limits{RatioFrom: 1 << 18, MaxRatio: 200}
	large := text(1500, 200, 1)
	tests := []struct {
		name   string
		uri    string
		data   []byte
		wrap   func(io.Reader) io.Reader
		limits Limits
		want   Outcome
	}{
		{name: "gzip", uri: "a.jsonl.gz", data: gz, want: Outcome{State: Converted, Lines: 2}},
		{name: "gzip under a plain name", uri: "a.jsonl", data: gz, want: Outcome{State: Converted, Lines: 2}},
		{name: "plain", uri: "a.jsonl", data: []byte(two), want: Outcome{State: Converted, Lines: 2}},
		{name: "plain without the last newline", uri: "-", data: []byte("a\n\nb"), want: Outcome{State: Converted, Lines: 3}},
		{name: "members", uri: "a.gz", data: gzipped(t, "a\nb", "", "c\n", "d\n"), want: Outcome{State: Converted, Lines: 3}},
		{name: "nothing zipped", uri: "a.gz", data: gzipped(t, ""), want: Outcome{State: Converted}},
		{name: "optional header fields", uri: "a.gz", data: header(0x1c, "\x03\x00abcname\x00comment\x00"+body), want: Outcome{State: Converted, Lines: 2}},
		{name: "long name", uri: "a.gz", data: header(8, strings.Repeat("n", 600_000)+"\x00"+body), want: Outcome{State: Converted, Lines: 2}},
		{name: "mark alone", uri: "a.jsonl", data: []byte("\ufeff"), want: Outcome{State: Converted}},
		{name: "two bytes of a mark", uri: "a.jsonl", data: []byte("\ufeff")[:2], want: Outcome{State: Converted, Lines: 1}},

		{name: "empty gz", uri: "a.gz", want: Outcome{State: Rejected, Class: schema.EmptySource}},
		{name: "empty plain", uri: "a.jsonl", want: Outcome{State: Rejected, Class: schema.EmptySource}},
		{name: "not gzip", uri: "a.jsonl.gz", data: []byte(two), want: Outcome{State: Rejected, Class: schema.NotGzip}},
		{name: "half a magic", uri: "a.gz", data: gz[:1], want: Outcome{State: Rejected, Class: schema.NotGzip}},
		{name: "half a magic in text", uri: "a", data: gz[:1], want: Outcome{State: Converted, Lines: 1}},
		{name: "garbage", uri: "a.gz", data: append(bytes.Clone(gz), "garbage"...), want: Outcome{State: Rejected, Class: schema.TrailingGarbage}},
		{name: "zero padding", uri: "a.gz", data: append(bytes.Clone(gz), make([]byte, 512)...), want: Outcome{State: Rejected, Class: schema.TrailingGarbage}},
		{name: "lone 1f after a member", uri: "a.gz", data: append(bytes.Clone(gz), 0x1f), want: Outcome{State: Rejected, Class: schema.TrailingGarbage}},
		{name: "magic after a member", uri: "a.gz", data: append(bytes.Clone(gz), 0x1f, 0x8b), want: Outcome{State: Rejected, Class: schema.Truncated}},
		{name: "truncated extra field", uri: "a.gz", data: header(4, "\xff\xffabc"), want: Outcome{State: Rejected, Class: schema.Truncated}},
		{name: "truncated trailer", uri: "a.gz", data: gz[:len(gz)-1], want: Outcome{State: Rejected, Class: schema.Truncated}},
		{name: "method", uri: "a.gz", data: changeByte(gz, 2, 1), want: Outcome{State: Rejected, Class: schema.Corrupt}},
		{name: "reserved flag", uri: "a.gz", data: changeByte(gz, 3, 0x20), want: Outcome{State: Rejected, Class: schema.Corrupt}},
		{name: "header CRC", uri: "a.gz", data: header(2, "\x00\x00"+body), want: Outcome{State: Rejected, Class: schema.Corrupt}},
		{name: "second member's method", uri: "a.gz", data: append(bytes.Clone(gz), changeByte(gz, 2, 1)...), want: Outcome{State: Rejected, Class: schema.Corrupt}},
		{name: "block type 3", uri: "a.gz", data: header(0, "\x07"+body), want: Outcome{State: Rejected, Class: schema.Corrupt}},
		{name: "CRC", uri: "a.gz", data: changeByte(gz, -8, 1), want: Outcome{State: Rejected, Class: schema.Checksum}},
		{name: "ISIZE", uri: "a.gz", data: changeByte(gz, -1, 1), want: Outcome{State: Rejected, Class: schema.Checksum}},
		{name: "second member's CRC", uri: "a.gz", data: append(bytes.Clone(gz), changeByte(gz, -8, 1)...), want: Outcome{State: Rejected, Class: schema.Checksum}},
		{name: "too large", uri: "a.gz", data: bomb, limits: limits, want: Outcome{State: Rejected, Class: schema.InflatedTooLarge, Offset: 1<<18 + 1}},
		{name: "as large as allowed", uri: "a.gz", data: gzipped(t, strings.Repeat(strings.Repeat("x", 1023)+"\n", 1<<8)), limits: limits, want: Outcome{State: Converted, Lines: 1 << 8}},
		{name: "plain text isn't inflated", uri: "a", data: []byte(strings.Repeat(strings.Repeat("x", 1023)+"\n", 1<<9)), limits: limits, want: Outcome{State: Converted, Lines: 1 << 9}},
		{name: "ratio", uri: "a.gz", data: bomb, limits: ratio, want: Outcome{State: Rejected, Class: schema.InflationRatio, Offset: 1<<18 + 1}},
		{name: "ratio that doesn't count yet", uri: "a.gz", data: bomb, limits: Limits{RatioFrom: 2 << 20, MaxRatio: 200}, want: Outcome{State: Converted, Lines: 2 << 10}},
		{name: "ratio at the end", uri: "a.gz", data: bomb, limits: Limits{RatioFrom: 2<<20 - 1, MaxRatio: 200}, want: Outcome{State: Rejected, Class: schema.InflationRatio}},
		{name: "ratio allowed", uri: "a.gz", data: bomb, limits: Limits{RatioFrom: 1, MaxRatio: 2000}, want: Outcome{State: Converted, Lines: 2 << 10}},
		{name: "garbage after many blocks", uri: "a.gz", data: append(gzipped(t, large), 0), want: Outcome{State: Rejected, Class: schema.TrailingGarbage}},
		{name: "CRC after many blocks", uri: "a.gz", data: changeByte(gzipped(t, large), -8, 1), want: Outcome{State: Rejected, Class: schema.Checksum}},

		{name: "read error at once", uri: "a.gz", data: gz, wrap: failAfter(0), want: Outcome{State: Unreadable, Err: errBroken}},
		{name: "read error", uri: "a.gz", data: gz, wrap: failAfter(20), want: Outcome{State: Unreadable, Err: errBroken}},
		{name: "read error after the last member", uri: "a.gz", data: gz, wrap: failAfter(int64(len(gz))), want: Outcome{State: Unreadable, Err: errBroken}},
		{name: "read error in text", uri: "a", data: []byte(two), wrap: failAfter(8), want: Outcome{State: Unreadable, Err: errBroken}},
		{name: "read error after blocks of text", uri: "a", data: []byte(large), wrap: failAfter(200_000), want: Outcome{State: Unreadable, Err: errBroken}},
		{name: "body that ends early", uri: "a.gz", data: gz, wrap: func(r io.Reader) io.Reader {
			return io.MultiReader(io.LimitReader(r, 20), iotest.ErrReader(io.ErrUnexpectedEOF))
		}, want: Outcome{State: Unreadable, Err: io.ErrUnexpectedEOF}},
		{name: "body that stalls", uri: "a.gz", data: gz, wrap: func(io.Reader) io.Reader { return stalled{} }, want: Outcome{State: Unreadable, Err: io.ErrNoProgress}},
	}
	good := gzipped(t, "before\n")
	for _, tt := range tests {
		for _, o := range []ReaderOptions{
			{}, {FetchAhead: 2}, {VerifyFirst: true}, {BlockBytes: 16}, {BlockBytes: 100, FetchAhead: 1}, {BlockBytes: 4096, VerifyFirst: true, FetchAhead: 9},
		} {
			t.Run(fmt.Sprintf("%s/%d,%d,%t", tt.name, o.BlockBytes, o.FetchAhead, o.VerifyFirst), func(t *testing.T) {
				o.Limits = tt.limits
				segs, outcomes, times := readPart(t, []Source{
					newSource("0.gz", good, nil), newSource(tt.uri, tt.data, tt.wrap), newSource("2.gz", good, nil),
				}, o)
				if o.VerifyFirst && times != 1 {
					t.Errorf("read %d times", times)
				}
				got, want := outcomes[1], tt.want
				want.Index = 1
				if got.State != Rejected && !errors.Is(got.Err, want.Err) {
					t.Errorf("error %v, want %v", got.Err, want.Err)
				}
				if want.Offset != 0 && got.Offset != want.Offset {
					t.Errorf("offset %d, want %d", got.Offset, want.Offset)
				}
				if got.State == Converted && got.Offset != 0 {
					t.Errorf("offset %d of a converted source", got.Offset)
				}
				got.Err, got.Offset, got.Inflated, got.Stored = nil, 0, 0, 0
				want.Err, want.Offset = nil, 0
				if got != want {
					t.Errorf("outcome %+v, want %+v", got, want)
				}
				ls, n := lines(segs), 0
				for _, l := range ls {
					if l.uri == tt.uri {
						n++
					}
				}
				if int64(n) != want.Lines {
					t.Errorf("%d lines, want %d", n, want.Lines)
				}
				if first, last := ls[0], ls[len(ls)-1]; first.uri != "0.gz" || last.uri != "2.gz" || len(ls) != n+2 {
					t.Errorf("the neighbours' lines are missing")
				}
			})
		}
	}
}

type stalled struct{}

func (stalled) Read([]byte) (int, error) { return 0, nil }

func TestOpenErrors(t *testing.T) {
	checkLeaks(t)
	for _, ahead := range []int{0, 1, 3} {
		denied := errors.New("denied")
		sources := []Source{newSource("0.gz", gzipped(t, "a\n"), nil), newSource("1.gz", nil, nil), newSource("2.gz", nil, nil), newSource("3.gz", gzipped(t, "b\n"), nil)}
		sources[1].Open = func(context.Context) (io.ReadCloser, error) { return nil, denied }
		sources[2].Open = func(context.Context) (io.ReadCloser, error) { return nil, io.EOF }
		segs, outcomes, _ := readPart(t, sources, ReaderOptions{FetchAhead: ahead})
		if len(segs) != 2 || segs[0].text+segs[1].text != "a\nb\n" {
			t.Errorf("segments %+v", segs)
		}
		for i, want := range []error{nil, denied, io.EOF, nil} {
			out := outcomes[i]
			state := Converted
			if want != nil {
				state = Unreadable
			}
			if out.State != state || !errors.Is(out.Err, want) {
				t.Errorf("source %d: %+v, want %v", i, out, want)
			}
		}
	}
}

// A truncated source must never be taken for a whole one. Only cuts before and after
// the first byte, and between gzip members, don't make it truncated.
func TestTruncation(t *testing.T) {
	single := gzipped(t, text(25, 30, 1))
	multi := bytes.Join([][]byte{gzipped(t, text(8, 30, 2)), gzipped(t, "x"), gzipped(t, ""), gzipped(t, text(8, 30, 3))}, nil)
	stored := new(bytes.Buffer)
	w, err := gzip.NewWriterLevel(stored, gzip.NoCompression)
	if err != nil {
		t.Fatal(err)
	}
	w.Name, w.Comment, w.Extra = "name", "comment", []byte("extra")
	if _, err := io.WriteString(w, text(8, 30, 4)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	plain := []byte("\ufeff" + text(12, 20, 5))
	for name, tt := range map[string]struct {
		uri  string
		data []byte
	}{
		"single": {"a.gz", single}, "multi": {"a.gz", multi}, "stored": {"a.gz", stored.Bytes()},
		"stdin": {"-", multi}, "plain": {"a.jsonl", plain},
	} {
		t.Run(name, func(t *testing.T) {
			for n := range len(tt.data) + 1 {
				for _, o := range []ReaderOptions{{}, {BlockBytes: 256}, {BlockBytes: 64, VerifyFirst: true}} {
					checkPart(t, []string{tt.uri}, [][]byte{tt.data[:n]}, nil, o)
				}
				if n > 1 && n < len(tt.data) && (name == "single" || name == "stored") {
					if _, class := model(tt.uri, tt.data[:n], 1<<20); class != schema.Truncated {
						t.Fatalf("cut at %d: class %q, want truncated", n, class)
					}
				}
			}
		})
	}
}

// part returns a part with sources of every kind.
func part(t testing.TB) (uris []string, datas [][]byte) {
	add := func(uri string, data []byte) { uris, datas = append(uris, uri), append(datas, data) }
	for i := range 40 {
		add(fmt.Sprintf("small/%d.jsonl.gz", i), gzipped(t, text(1+i%3, 200, uint64(i))))
	}
	add("large.gz", gzipped(t, text(700, 300, 100)))
	add("large.jsonl", []byte(text(700, 300, 101)))
	add("bad.gz", changeByte(gzipped(t, text(500, 300, 102)), -8, 1))
	add("mark.gz", gzipped(t, "\ufeff"+text(10, 10, 103)))
	add("empty.gz", nil)
	add("giant.gz", gzipped(t, text(3, 10, 104), strings.Repeat("y", 200_000), "\n\n\n", text(3, 10, 105)))
	add("toolong.jsonl", []byte("a\n"+strings.Repeat("z", 400_000)+"\nb\n\nc"))
	add("end.gz", gzipped(t, strings.Repeat("w", 70_000)))
	return uris, datas
}

// Batches depend only on the sources' bytes and the options.
func TestReadSizes(t *testing.T) {
	checkLeaks(t)
	uris, datas := part(t)
	for _, block := range []int{1000, 64 << 10, 0} {
		o := ReaderOptions{BlockBytes: block, Limits: Limits{MaxLineBytes: 300_000}}
		checkPart(t, uris, datas, nil, o)
		type result struct {
			segs     []segment
			outcomes []Outcome
		}
		var want *result
		for name, wrap := range readWays {
			for _, ahead := range []int{0, 7} {
				for _, size := range []int64{0, -1, 1 << 40, 1} { // 0: the true size
					var sources []Source
					for i := range uris {
						src := newSource(uris[i], datas[i], wrap)
						if size != 0 {
							src.Size = size
						}
						sources = append(sources, src)
					}
					o.FetchAhead = ahead
					got := &result{}
					got.segs, got.outcomes, _ = readPart(t, sources, o)
					if want == nil {
						want = got
					}
					if !reflect.DeepEqual(got, want) {
						t.Fatalf("block %d, %s, %d ahead, size %d: other batches", block, name, ahead, size)
					}
					if ahead == 0 || wrap != nil {
						break
					}
				}
			}
		}
	}
}

func TestBatchSize(t *testing.T) {
	t.Run("small sources share", func(t *testing.T) {
		var sources []Source
		for i := range 1000 {
			sources = append(sources, newSource(fmt.Sprintf("%d.gz", i), gzipped(t, strings.Repeat("x", 999)+"\n"), nil))
		}
		segs, _, _ := readPart(t, sources, ReaderOptions{BlockBytes: 100_000})
		if n := segs[len(segs)-1].batch + 1; n != 10 {
			t.Errorf("%d batches, want 10", n)
		}
	})
	t.Run("blocks of a large source are full", func(t *testing.T) {
		data := gzipped(t, strings.Repeat(strings.Repeat("x", 99)+"\n", 10_000))
		segs, _, _ := readPart(t, []Source{newSource("a.gz", data, nil)}, ReaderOptions{BlockBytes: 100_000})
		for i, s := range segs {
			if len(s.text) != 100_000 || s.line != int64(i)*1000+1 || s.offset != int64(i)*100_000 {
				t.Errorf("segment %d: line %d at %d, %d bytes", i, s.line, s.offset, len(s.text))
			}
		}
		if len(segs) != 10 {
			t.Errorf("%d segments", len(segs))
		}
	})
	t.Run("line limit", func(t *testing.T) {
		for _, limit := range []int{16, 1000, 80_000} {
			for _, block := range []int{50, 4096, 1 << 20} {
				var sb strings.Builder
				for _, n := range []int{limit, 0, limit + 1, limit - 1, limit, 3 * limit, limit * 5, limit + 1} {
					sb.WriteString(strings.Repeat("l", n) + "\n")
				}
				for _, s := range []string{sb.String(), strings.TrimSuffix(sb.String(), "\n"), "\ufeff" + sb.String()} {
					o := ReaderOptions{BlockBytes: block, Limits: Limits{MaxLineBytes: limit}}
					checkPart(t, []string{"a", "b.gz"}, [][]byte{[]byte(s), gzipped(t, s)}, nil, o)
				}
			}
		}
	})
	t.Run("memory of a giant line", func(t *testing.T) {
		r := NewReader([]Source{newSource("a.gz", gzipped(t, strings.Repeat("l", 8<<20)+"\nx\n"), nil)}, ReaderOptions{Limits: Limits{MaxLineBytes: 1 << 20}})
		defer r.Close()
		b := schema.NewBatch()
		if err := r.Next(context.Background(), b); err != nil {
			t.Fatal(err)
		}
		if len(b.Segments) != 1 || b.Segments[0].TooLong != 1<<20 || cap(b.Buf) > 4<<20 {
			t.Errorf("segments %+v, capacity %d", b.Segments, cap(b.Buf))
		}
	})
}

func TestSpoiledError(t *testing.T) {
	checkLeaks(t)
	good, bad := gzipped(t, text(500, 100, 1)), changeByte(gzipped(t, text(500, 100, 2)), -8, 1)
	for _, ahead := range []int{0, 4} {
		var opened [5]int
		var sources []Source
		for i, data := range [][]byte{good, bad, good, bad, good} {
			src := newSource(fmt.Sprintf("%d.gz", i), data, nil)
			open := src.Open
			src.Open = func(ctx context.Context) (io.ReadCloser, error) {
				opened[i]++
				return open(ctx)
			}
			sources = append(sources, src)
		}
		o := ReaderOptions{BlockBytes: 4096}
		r := NewReader(sources, o)
		_, err := readAll(r)
		var spoiled *SpoiledError
		if !errors.As(err, &spoiled) || spoiled.Index != 1 || spoiled.Outcome.Class != schema.Checksum {
			t.Fatalf("error %v", err)
		}
		if again := r.Next(context.Background(), schema.NewBatch()); again != err {
			t.Errorf("then %v", again)
		}
		if out := r.Outcomes(); len(out) != 2 || out[1] != spoiled.Outcome {
			t.Errorf("outcomes %+v", out)
		}
		r.Close()
		opened = [5]int{}
		segs, outcomes, times := readPart(t, sources, ReaderOptions{BlockBytes: 4096, FetchAhead: ahead})
		if times != 2 {
			t.Errorf("read %d times, want 2", times)
		}
		if outcomes[1].Class != schema.Checksum || outcomes[3].Class != schema.Checksum {
			t.Errorf("outcomes %+v", outcomes)
		}
		if len(lines(segs)) != 1500 {
			t.Errorf("%d lines", len(lines(segs)))
		}
		// Sources before the first bad one are read twice, because it spoils the part.
		// Later ones are verified, then read. One may have been fetched ahead besides.
		want := [5]int{2, 1, 2, 1, 2}
		for i, n := range opened {
			if n < want[i] || n > want[i]+min(ahead, 1) {
				t.Errorf("source %d was opened %d times, want %d", i, n, want[i])
			}
		}
	}
}

func TestReaderContext(t *testing.T) {
	for _, ahead := range []int{0, 3} {
		for _, when := range []string{"before", "opening", "reading", "between"} {
			t.Run(fmt.Sprintf("%s/%d", when, ahead), func(t *testing.T) {
				checkLeaks(t)
				cause := errors.New("stopped")
				ctx, cancel := context.WithCancelCause(context.Background())
				hang := func(ctx context.Context) error {
					cancel(cause)
					<-ctx.Done()
					return ctx.Err()
				}
				sources := []Source{newSource("0.gz", gzipped(t, text(5000, 100, 1)), nil), newSource("1", nil, nil), newSource("2", []byte("x\n"), nil)}
				switch when {
				case "before":
					cancel(cause)
				case "opening":
					sources[1].Open = func(ctx context.Context) (io.ReadCloser, error) { return nil, hang(ctx) }
				case "reading":
					sources[1].Open = func(ctx context.Context) (io.ReadCloser, error) {
						return io.NopCloser(readerFunc(func([]byte) (int, error) { return 0, hang(ctx) })), nil
					}
				}
				r := NewReader(sources, ReaderOptions{FetchAhead: ahead})
				b := schema.NewBatch()
				var err error
				for n := 0; err == nil; n++ {
					if n == 1 && when == "between" {
						cancel(cause)
					}
					err = r.Next(ctx, b)
				}
				if err != cause {
					t.Errorf("error %v", err)
				}
				for _, out := range r.Outcomes() {
					if out.State != Converted {
						t.Errorf("outcome %+v", out)
					}
				}
				r.Close()
				if err := r.Next(context.Background(), b); err != cause {
					t.Errorf("then %v", err)
				}
			})
		}
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// A reader that is closed early leaves no goroutine and no open source.
func TestCloseEarly(t *testing.T) {
	checkLeaks(t)
	for batches := range 4 {
		open := 0
		counts := make(chan int, 1000)
		var sources []Source
		for i := range 20 {
			src := newSource(fmt.Sprint(i), []byte(text(3000*(i%2)+1, 300, 1)), nil)
			inner := src.Open
			src.Open = func(ctx context.Context) (io.ReadCloser, error) {
				counts <- 1
				rc, err := inner(ctx)
				return closer{rc, counts}, err
			}
			sources = append(sources, src)
		}
		r := NewReader(sources, ReaderOptions{FetchAhead: 5})
		b := schema.NewBatch()
		for range batches {
			if err := r.Next(context.Background(), b); err != nil {
				t.Fatal(err)
			}
		}
		r.Close()
		close(counts)
		for n := range counts {
			open += n
		}
		if open != 0 {
			t.Errorf("%d sources are still open after %d batches", open, batches)
		}
	}
}

type closer struct {
	io.Reader
	counts chan<- int
}

func (c closer) Close() error {
	c.counts <- -1
	return nil
}

// Files that Macie wrote are read as compress/gzip reads them.
func TestRealSources(t *testing.T) {
	names, err := filepath.Glob("../../../shared/samples/*.jsonl.gz")
	if err != nil {
		t.Fatal(err)
	}
	if len(names) == 0 {
		t.Skip("real results are not available")
	}
	var datas [][]byte
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		datas = append(datas, data)
	}
	checkPart(t, names, datas, nil, ReaderOptions{})
}

func TestLastNewline(t *testing.T) {
	for size := range 3000 {
		if b := bytes.Repeat([]byte{'x'}, size); lastNewline(b) != -1 {
			t.Fatalf("found in %d bytes without one", size)
		}
	}
	b := bytes.Repeat([]byte{'x'}, 3000)
	for i := range b {
		b[i] = '\n'
		if got := lastNewline(b); got != i {
			t.Fatalf("%d, want %d", got, i)
		}
		if i%2 == 0 {
			b[i] = 'x'
		}
	}
}
