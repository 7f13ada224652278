package gen

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/klauspost/compress/gzip"
)

// Limits that the hostile profile exceeds. They are far below the defaults of a
// conversion, so that the sample stays small.
const (
	maxLineBytes     = 1 << 20
	maxInflatedBytes = 96 << 20
)

// Classes of sources that must be rejected as a whole. badlines.go has those of
// lines.
const (
	classEmptyObject      = "empty_object"
	classNotGzip          = "not_gzip"
	classTrailingGarbage  = "trailing_garbage"
	classTruncated        = "truncated"
	classCorrupt          = "corrupt"
	classChecksum         = "checksum"
	classInflatedTooLarge = "inflated_too_large"
	classInflationRatio   = "inflation_ratio"
)

// hostile writes the bad and odd sources of the hostile profile.
type hostile struct {
	ctx   context.Context
	tree  *tree
	gen   *generator
	opts  Options
	sites *router
	next  int64 // number of the next source
}

// writeHostile adds two kinds of lines and sources to the ordinary sources of a tree:
// bad ones, which must be rejected, and odd ones, which must not.
func writeHostile(ctx context.Context, t *tree, opts Options, sites *router) error {
	t.expected.ConvertFlags = []string{
		"--max-line-bytes", strconv.Itoa(maxLineBytes),
		"--max-inflated-bytes", strconv.Itoa(maxInflatedBytes),
	}
	s := newShape(opts.Profile, opts.Size)
	s.locations = 5
	h := &hostile{ctx, t, &generator{encoding: opts.Encoding, shape: s}, opts, sites, t.expected.Sources}
	for _, write := range []func() error{h.writeBadLines, h.writeOddLines, h.writeOddSources, h.writeBadSources, h.writeInflated} {
		if err := write(); err != nil {
			return err
		}
	}
	return nil
}

// script is the content of one source, with the outcome that each line must have.
type script struct {
	hostile *hostile
	b       []byte
	tally   *tally
	lines   int64
	blanks  int64
	rejects []LineReject // without a path
}

// newScript starts a source. h.gen.rel has its key.
func (h *hostile) newScript() (*script, error) {
	if err := h.ctx.Err(); err != nil {
		return nil, err
	}
	at := h.sites.next(h.next)
	h.gen.startSource(h.opts, &at, h.next)
	h.next++
	return &script{hostile: h, tally: newTally()}, nil
}

// template returns the valid line that edits change, and its tally. It has managed
// and custom detections.
func (s *script) template() (string, *tally) {
	g := s.hostile.gen
	g.b, g.t = g.b[:0], newTally()
	g.chooseStyle()
	f := feature{formatJSON, outcomeFound, withCustom}
	rec := g.newRecord(f, g.newObject(f))
	g.appendLine(&rec)
	return string(g.b[:len(g.b)-1]), g.t
}

// append adds a line with its newline.
func (s *script) append(line string) {
	s.b = append(s.b, line...)
	s.b = append(s.b, '\n')
	s.lines++
}

// addGood adds n ordinary lines.
func (s *script) addGood(n int) {
	for range n {
		line, t := s.template()
		s.append(line)
		s.tally.add(t)
	}
}

// addBad adds a line that must be rejected.
func (s *script) addBad(l badLine) {
	line, _ := s.template()
	s.append(l.make(line))
	s.rejects = append(s.rejects, LineReject{Line: s.lines, Class: l.class})
}

// addOdd adds an odd line, which must be accepted.
func (s *script) addOdd(l oddLine) {
	line, t := s.template()
	if l.tally != nil {
		t = l.tally()
	}
	s.append(l.make(line))
	s.tally.add(t)
	for _, path := range l.unknown {
		s.tally.unknown[path]++
	}
}

// addBlank adds a line of white space.
func (s *script) addBlank(text string) {
	s.append(text)
	s.blanks++
}

// cutNewline removes the last newline.
func (s *script) cutNewline() { s.b = s.b[:len(s.b)-1] }

// write writes a source that must be accepted, with content as its stored bytes.
func (s *script) write(rel string, content []byte) error {
	h := s.hostile
	e := &h.tree.expected
	e.Sources++
	e.Lines += s.lines
	e.BlankLines += s.blanks
	e.InflatedBytes += int64(len(s.b))
	e.CompressedBytes += int64(len(content))
	h.tree.tally.add(s.tally)
	for _, r := range s.rejects {
		r.Path = rel
		e.Rejects.Lines = append(e.Rejects.Lines, r)
	}
	return h.tree.writeFile(rel, content, h.gen.site.start)
}

// writeGzip writes the source as one gzip member under its usual key.
func (s *script) writeGzip() error {
	return s.write(s.hostile.gen.rel, s.hostile.tree.gzipMember(s.b))
}

// writeRejected writes a source that must be rejected as a whole.
func (s *script) writeRejected(class string, content []byte) error {
	h := s.hostile
	h.tree.expected.Sources++
	h.tree.expected.Rejects.Sources = append(h.tree.expected.Rejects.Sources, SourceReject{h.gen.rel, class})
	return h.tree.writeFile(h.gen.rel, content, h.gen.site.start)
}

// writeBadLines writes one source per class of bad line, one with a bad line of every
// class and no valid line, and one that ends within a line.
func (h *hostile) writeBadLines() error {
	all := badLines()
	for start := 0; start < len(all); {
		s, err := h.newScript()
		if err != nil {
			return err
		}
		s.addGood(1)
		end := start
		for ; end < len(all) && all[end].class == all[start].class; end++ {
			s.addBad(all[end])
			switch end % 4 {
			case 1:
				s.addGood(1)
			case 3:
				s.addBlank("")
			}
		}
		s.addGood(1)
		if err := s.writeGzip(); err != nil {
			return err
		}
		start = end
	}

	s, err := h.newScript()
	if err != nil {
		return err
	}
	for i, l := range all {
		if i == 0 || l.class != all[i-1].class {
			s.addBad(l)
		}
	}
	if err := s.writeGzip(); err != nil {
		return err
	}

	if s, err = h.newScript(); err != nil {
		return err
	}
	s.addGood(2)
	s.addBad(badLine{classMalformed, cutAfter(`"resourcesAffected":{`)})
	s.cutNewline()
	return s.writeGzip()
}

// writeOddLines writes a source of all odd lines.
func (h *hostile) writeOddLines() error {
	s, err := h.newScript()
	if err != nil {
		return err
	}
	s.addBlank("")
	for i, l := range oddLines() {
		s.addOdd(l)
		if i%5 == 0 {
			s.addBlank([]string{"\r", " \t ", ""}[i/5%3])
		}
	}
	s.addBlank("")
	return s.writeGzip()
}

const byteOrderMark = "\ufeff"

// writeOddSources writes sources that look wrong but are valid.
func (h *hostile) writeOddSources() error {
	for _, write := range []func(s *script) error{
		func(s *script) error { // a byte order mark, and CRLF
			s.b = append(s.b, byteOrderMark...)
			s.addGood(3)
			s.b = bytes.ReplaceAll(s.b, []byte("\n"), []byte("\r\n"))
			return s.writeGzip()
		},
		func(s *script) error { // no last newline
			s.addGood(2)
			s.cutNewline()
			return s.writeGzip()
		},
		func(s *script) error { // gzip members that end within a line, and empty ones
			s.addGood(4)
			t, a, b := h.tree, len(s.b)/3, len(s.b)/2
			var content []byte
			for _, part := range [][]byte{s.b[:a], nil, s.b[a:b], s.b[b : b+1], nil, s.b[b+1:], nil} {
				content = append(content, t.gzipMember(part)...)
			}
			return s.write(h.gen.rel, content)
		},
		func(s *script) error { // gzip of nothing
			return s.writeGzip()
		},
		func(s *script) error { // blank lines only
			s.addBlank("")
			s.addBlank("\r")
			return s.writeGzip()
		},
		func(s *script) error { // plain text
			s.b = append(s.b, byteOrderMark...)
			s.addGood(2)
			s.addBlank("\r")
			s.addBad(badLine{classMalformed, insertFields(`"future":01`)})
			s.addGood(1)
			s.cutNewline()
			return s.write(strings.TrimSuffix(h.gen.rel, ".gz"), s.b)
		},
		func(s *script) error { // gzip with the file extension of plain text
			s.addGood(2)
			return s.write(strings.TrimSuffix(h.gen.rel, ".gz"), h.tree.gzipMember(s.b))
		},
		func(s *script) error { // a name that needs escapes in a URI, and looks like a pattern
			s.addGood(2)
			return s.write(strings.TrimSuffix(h.gen.rel, ".jsonl.gz")+" [1] 100%25 é+#&=.jsonl.gz", h.tree.gzipMember(s.b))
		},
		func(s *script) error { // every optional part of a gzip header, and data that isn't compressed
			s.addGood(2)
			content, err := richGzip(s.b)
			if err != nil {
				return err
			}
			return s.write(h.gen.rel, content)
		},
	} {
		s, err := h.newScript()
		if err != nil {
			return err
		}
		if err := write(s); err != nil {
			return err
		}
	}
	return nil
}

// richGzip returns b as gzip whose header has an extra field, a name and a
// comment.
func richGzip(b []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.NoCompression)
	if err != nil {
		return nil, fmt.Errorf("sample source: %w", err)
	}
	w.Extra, w.Name, w.Comment = []byte("ab\x02\x00cd"), "results.jsonl", "a comment"
	if _, err := w.Write(b); err != nil {
		return nil, fmt.Errorf("sample source: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("sample source: %w", err)
	}
	return out.Bytes(), nil
}

// writeBadSources writes sources with damaged gzip. Most contain valid lines, which a
// conversion must not publish.
func (h *hostile) writeBadSources() error {
	const header, trailer = 10, 8 // bytes, of the members that gzipMember returns
	for _, o := range []struct {
		class  string
		damage func(member []byte) []byte
	}{
		{classEmptyObject, func([]byte) []byte { return nil }},
		{classNotGzip, func([]byte) []byte { return []byte("PK\x03\x04\x14\x00\x00\x00\x08\x00results.jsonl") }},
		{classNotGzip, func([]byte) []byte {
			return []byte("<?xml version=\"1.0\"?>\n<Error><Code>AccessDenied</Code></Error>\n")
		}},
		{classTrailingGarbage, func(m []byte) []byte { return append(m, "garbage\n"...) }},
		{classTrailingGarbage, func(m []byte) []byte { return append(append(m, m...), "PK\x03\x04"...) }},
		{classTrailingGarbage, func(m []byte) []byte { return append(m, `{"schemaVersion":"1.0"}`+"\n"...) }},
		{classTruncated, func(m []byte) []byte { return m[:header/2] }},
		{classTruncated, func(m []byte) []byte { return m[:len(m)/2] }},
		{classTruncated, func(m []byte) []byte { return m[:len(m)-trailer] }},
		{classTruncated, func(m []byte) []byte { return m[:len(m)-1] }},
		{classTruncated, func(m []byte) []byte { return append(m, m[:header/2]...) }},
		{classTruncated, func(m []byte) []byte { return append(m, m[:len(m)/2]...) }},
		{classCorrupt, func(m []byte) []byte { // a block of the reserved type (RFC 1951, 3.2.3)
			m[header] |= 6
			return m
		}},
		{classCorrupt, func(m []byte) []byte { // the same in a second member
			second := bytes.Clone(m)
			second[header] |= 6
			return append(m, second...)
		}},
		{classCorrupt, func(m []byte) []byte { // a stored block whose length and its complement differ
			return append(append(m[:header:header], 1, 5, 0, 0, 0), "hello\x00\x00\x00\x00\x05\x00\x00\x00"...)
		}},
		{classChecksum, func(m []byte) []byte {
			m[len(m)-trailer] ^= 1
			return m
		}},
		{classChecksum, func(m []byte) []byte { // the size
			m[len(m)-1] ^= 0x80
			return m
		}},
		{classChecksum, func(m []byte) []byte { // a second member's
			second := bytes.Clone(m)
			second[len(second)-trailer+3] ^= 0x10
			return append(m, second...)
		}},
	} {
		s, err := h.newScript()
		if err != nil {
			return err
		}
		s.addGood(3)
		if err := s.writeRejected(o.class, o.damage(h.tree.gzipMember(s.b))); err != nil {
			return err
		}
	}
	return nil
}

// writeInflated writes two sources that inflate too far. One exceeds the limit of
// bytes, but not the ratio of 200:1, which applies above 64 MiB; the other exceeds
// only the ratio.
func (h *hostile) writeInflated() error {
	for _, o := range []struct {
		class string
		size  int
		noise int // random hexadecimal digits per line
	}{
		{classInflatedTooLarge, maxInflatedBytes + 4<<20, 1000},
		{classInflationRatio, 80 << 20, 0},
	} {
		s, err := h.newScript()
		if err != nil {
			return err
		}
		s.addGood(1)
		var out bytes.Buffer
		gz := h.tree.gz
		gz.Reset(&out)
		gz.Write(s.b) // never fails on a bytes.Buffer
		padding := bytes.Repeat([]byte{' '}, 64<<10)
		for n := len(s.b); n < o.size; n += len(padding) {
			if err := h.ctx.Err(); err != nil {
				return err
			}
			line := fmt.Appendf(padding[:0], `{"id":"%s","future":"%s"`, h.gen.r.hex(32*min(o.noise, 1)), h.gen.r.hex(o.noise))
			for i := len(line); i < len(padding); i++ {
				padding[i] = ' '
			}
			padding[len(padding)-2], padding[len(padding)-1] = '}', '\n'
			gz.Write(padding)
		}
		gz.Close()
		if err := s.writeRejected(o.class, out.Bytes()); err != nil {
			return err
		}
	}
	return nil
}
