package stream

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/macielake/macielake/pkg/schema"
)

const (
	// DefaultBlockBytes is the default of ReaderOptions.BlockBytes.
	DefaultBlockBytes = 256 << 10
	// DefaultFetchBytes is the default of ReaderOptions.FetchBytes.
	DefaultFetchBytes = 16 << 20
	// DefaultGroupBytes is how many bytes the readers of a FetchGroup may hold
	// together by default.
	DefaultGroupBytes = 64 << 20

	// keptBytes is how many bytes are kept of a line over the limit.
	keptBytes = 64 << 10
	// ratioStep is the number of inflated bytes between two checks of the ratio.
	ratioStep = 1 << 20
)

// ReaderOptions are the options of a [Reader]. The zero value is usable: it reads in
// the goroutine that calls Next.
type ReaderOptions struct {
	Limits Limits
	// BlockBytes is the size in bytes that a batch's text should have; 0 means
	// DefaultBlockBytes. Only a batch with a longer line is larger.
	BlockBytes int
	// FetchAhead is how many sources are fetched ahead of the current one, each in a
	// goroutine. With 0, the goroutine that calls Next opens and reads the sources.
	// That is cheapest for local files, which don't make it wait: passing a file of a
	// few KiB between goroutines costs as much as reading it.
	FetchAhead int
	// FetchBytes is the most bytes of fetched sources in memory; 0 means
	// DefaultFetchBytes. One source may always have its 1 MiB.
	FetchBytes int64
	// FetchGroup, if not nil, replaces the limits FetchAhead and FetchBytes by limits
	// that all readers of the group share.
	FetchGroup *FetchGroup
	// Known are the outcomes of the part's first sources, in order, from an earlier
	// reading of the part that ended with a SpoiledError. Sources that weren't
	// converted are not read again and get the same outcome. The others are not
	// verified.
	Known []Outcome
	// VerifyFirst reads each source that is larger than a block twice: first to verify
	// it, then, opened again, for its lines. Such a source can spoil the part only if
	// it changes in between.
	VerifyFirst bool
}

// Reader reads the sources of one part, in order, into batches of whole lines. It is
// not safe for concurrent use.
type Reader struct {
	sources  []Source
	limits   Limits
	block    int
	known    []Outcome
	verify   bool
	ahead    int
	fetched  int64
	group    *FetchGroup
	outcomes []Outcome
	err      error // the first error of Next
	wait     time.Duration

	ctx      context.Context // ends with Close, and when the context of a Next ends
	cancel   context.CancelFunc
	prefetch *prefetcher // nil if nothing is fetched ahead

	in     *input
	zip    unzipper
	cur    sourceState
	active bool   // cur is the state of an open source
	carry  []byte // bytes of cur that were read but belong to the next batch
}

// sourceState is the state of the source that is being read.
type sourceState struct {
	index    int
	body     body
	gzip     bool
	inflated int64 // inflated bytes that were read
	check    int64 // inflated bytes at which the ratio is checked next
	expected int64 // inflated bytes that the source probably has
	offset   int64 // of the first byte that isn't in a returned batch
	line     int64 // number of the first line that isn't in a returned batch
	begun    bool  // the byte order mark, if any, is skipped
	verified bool
	spans    bool  // returned batches have lines of the source
	err      error // how it ended: io.EOF, *formatError or *readError
}

// NewReader returns a reader of the sources. It doesn't open them yet, and keeps the
// slice. The caller closes the Reader.
func NewReader(sources []Source, o ReaderOptions) *Reader {
	if o.BlockBytes <= 0 {
		o.BlockBytes = DefaultBlockBytes
	}
	if o.FetchBytes <= 0 {
		o.FetchBytes = DefaultFetchBytes
	}
	r := &Reader{
		sources: sources, limits: o.Limits.withDefaults(), known: o.Known,
		verify: o.VerifyFirst, ahead: o.FetchAhead, fetched: o.FetchBytes, group: o.FetchGroup,
	}
	// A block without a newline is then the beginning of a line or a line that is too
	// long. A whole line in a block is never too long.
	r.block = min(o.BlockBytes, r.limits.MaxLineBytes) + 1
	return r
}

// Next resets b and fills it with the next lines: it appends them to b.Buf, with one
// segment per source. It returns io.EOF, and an empty b, if there are no more lines;
// a *SpoiledError if the part must be read again; or the cause of ctx if ctx ended.
// After an error, each call returns the same error. A source that can't be converted
// is not an error: see Outcomes.
func (r *Reader) Next(ctx context.Context, b *schema.Batch) error {
	b.Reset()
	if r.err == nil {
		r.err = r.next(ctx, b)
	}
	return r.err
}

// Outcomes returns the outcomes of the sources that are read to their end or failed,
// in order. The Reader owns the slice, which Next extends.
func (r *Reader) Outcomes() []Outcome { return r.outcomes }

// FetchWait returns how long Next waited for stored bytes: for sources fetched ahead,
// or otherwise for opening and reading.
func (r *Reader) FetchWait() time.Duration { return r.wait }

// Close ends all fetches, waits for them, and closes all open sources. Don't call Next
// after it. The error is always nil.
func (r *Reader) Close() error {
	if r.cancel == nil {
		return nil
	}
	r.cancel()
	r.closeSource()
	if r.prefetch != nil {
		r.prefetch.close()
	}
	return nil
}

func (r *Reader) next(ctx context.Context, b *schema.Batch) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if r.ctx == nil {
		r.startReading(ctx)
	}
	// Bodies outlive this call, so they have the reader's own context.
	defer context.AfterFunc(ctx, r.cancel)()
	err := r.fill(ctx, b)
	if err != nil {
		b.Reset()
	}
	return err
}

func (r *Reader) startReading(ctx context.Context) {
	r.ctx, r.cancel = context.WithCancel(context.WithoutCancel(ctx))
	r.in, r.zip = newInput(), newGunzipper()
	if r.group != nil {
		r.group.join()
	}
	if r.ahead > 0 || r.group != nil {
		r.prefetch = &prefetcher{
			ctx: r.ctx, sources: r.sources, ahead: r.ahead, limit: r.fetched, group: r.group, wait: &r.wait,
			skip: r.skip, work: make(chan *fetch),
		}
	}
}

// fill fills b with the lines of as many whole sources as fit the block, or with a
// block of a source that is larger.
func (r *Reader) fill(ctx context.Context, b *schema.Batch) error {
	base := len(b.Buf)
	for {
		if !r.active && !r.openNext() {
			if len(b.Segments) == 0 {
				return io.EOF
			}
			return nil
		}
		room := r.block - (len(b.Buf) - base)
		if len(b.Segments) > 0 && r.cur.expected >= int64(room) {
			return nil // the source begins the next batch
		}
		full, err := r.fillFrom(ctx, b, base)
		if full || err != nil {
			return err
		}
	}
}

// fillFrom adds lines of the current source to b, whose text begins at base. It
// reports whether b is full.
func (r *Reader) fillFrom(ctx context.Context, b *schema.Batch, base int) (full bool, err error) {
	o := &r.cur
	start := len(b.Buf)
	shared := len(b.Segments) > 0
	if !o.begun {
		r.skipMark(b)
	}
	b.Buf = append(b.Buf, r.carry...)
	r.carry = r.carry[:0]
	size := r.block
	for !shared && base+size <= len(b.Buf) {
		size = min(2*size, r.limits.MaxLineBytes+1)
	}
	for {
		if ctx.Err() != nil {
			return false, context.Cause(ctx)
		}
		if err := r.readTo(b, base+size); err != nil {
			return false, r.endSource(ctx, b, start, err)
		}
		switch {
		case shared:
			// The source doesn't fit the rest of this block. It may fit the next.
			r.carry = append(r.carry, b.Buf[start:]...)
			b.Buf = b.Buf[:start]
			o.expected = int64(r.block)
			return true, nil
		case r.verify && !o.verified:
			b.Buf = b.Buf[:start]
			if err := r.proveWhole(ctx, b); err != io.EOF {
				return false, r.endSource(ctx, b, start, err)
			}
			return false, nil
		}
		if i := lastNewline(b.Buf[start:]); i >= 0 {
			r.carry = append(r.carry, b.Buf[start+i+1:]...)
			b.Buf = b.Buf[:start+i+1]
			r.addSegment(b, start)
			o.spans = true
			return true, nil
		}
		if size > r.limits.MaxLineBytes {
			if err := r.cutLine(ctx, b, start); err != nil {
				return false, r.endSource(ctx, b, start, err)
			}
			o.spans = true
			return true, nil
		}
		size = min(2*size, r.limits.MaxLineBytes+1)
	}
}

// lastNewline returns the index of the last newline, or -1. If it is far from the end,
// this is faster than bytes.LastIndexByte, which compares one byte at a time.
func lastNewline(b []byte) int {
	const stretch = 1 << 10
	for end := len(b); end > 0; end -= stretch {
		start := max(0, end-stretch)
		if bytes.IndexByte(b[start:end], '\n') >= 0 {
			return start + bytes.LastIndexByte(b[start:end], '\n')
		}
	}
	return -1
}

// addSegment adds b.Buf[start:] to the batch as the source's next lines.
func (r *Reader) addSegment(b *schema.Batch, start int) {
	o := &r.cur
	lines := b.Buf[start:]
	if len(lines) == 0 {
		return
	}
	b.AddSegment(r.sources[o.index].Source, o.line, o.offset, start)
	o.offset += int64(len(lines))
	o.line += int64(bytes.Count(lines, []byte{'\n'}))
	if lines[len(lines)-1] != '\n' {
		o.line++
	}
}

// cutLine adds a segment with the beginning of the line at b.Buf[start:], which is
// over the limit, and skips the rest of the line.
func (r *Reader) cutLine(ctx context.Context, b *schema.Batch, start int) error {
	o := &r.cur
	length := int64(len(b.Buf) - start) // of the line so far, without its newline
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		b.Buf = b.Buf[:min(len(b.Buf), start+keptBytes)]
		from := len(b.Buf)
		err := r.readTo(b, from+r.block)
		i := bytes.IndexByte(b.Buf[from:], '\n')
		if i < 0 && err == nil {
			length += int64(len(b.Buf) - from)
			continue
		}
		if err != nil && err != io.EOF {
			return err
		}
		newline := int64(1)
		if i < 0 {
			i, newline = len(b.Buf)-from, 0
		} else {
			r.carry = append(r.carry, b.Buf[from+i+1:]...)
		}
		length += int64(i)
		b.Buf = b.Buf[:min(from+i, start+keptBytes)]
		b.AddSegment(r.sources[o.index].Source, o.line, o.offset, start)
		b.Segments[len(b.Segments)-1].TooLong = o.offset + int64(r.limits.MaxLineBytes)
		o.offset += length + newline
		o.line++
		return nil
	}
}

// proveWhole reads the source to its end. If the source is whole, proveWhole opens it
// again and returns io.EOF.
func (r *Reader) proveWhole(ctx context.Context, b *schema.Batch) error {
	start := len(b.Buf)
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		err := r.readTo(b, start+r.block)
		b.Buf = b.Buf[:start]
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
	}
	i := r.cur.index
	r.closeSource()
	r.beginSource(i, &directBody{ctx: r.ctx, source: &r.sources[i], wait: &r.wait})
	r.cur.verified = true
	return io.EOF
}

// openNext opens the next source that isn't skipped. It returns false if there is none.
func (r *Reader) openNext() bool {
	for len(r.outcomes) < len(r.sources) {
		i := len(r.outcomes)
		if r.skip(i) {
			r.outcomes = append(r.outcomes, r.known[i])
			continue
		}
		var from body
		if r.prefetch != nil {
			from = r.prefetch.take()
		} else {
			from = &directBody{ctx: r.ctx, source: &r.sources[i], wait: &r.wait}
		}
		r.beginSource(i, from)
		return true
	}
	return false
}

// skip reports whether source i is known not to be convertible.
func (r *Reader) skip(i int) bool {
	return i < len(r.known) && r.known[i].State != Converted
}

// beginSource begins to read source i and detects its format. The next readTo returns
// the errors that it finds.
func (r *Reader) beginSource(i int, from body) {
	r.cur = sourceState{
		index: i, body: from, line: 1, check: r.limits.RatioFrom + 1,
		verified: i < len(r.known),
	}
	r.active = true
	o := &r.cur
	r.in.reset(from)
	head, err := r.in.Peek(window)
	switch {
	case err != nil && err != io.EOF:
		o.err = err
	case len(head) == 0:
		o.err = &formatError{class: schema.EmptySource}
	case len(head) >= 2 && head[0] == gzipID1 && head[1] == gzipID2:
		o.gzip = true
		r.zip.reset(r.in)
	case strings.HasSuffix(r.sources[i].Source.URI, ".gz"):
		o.err = &formatError{class: schema.NotGzip}
	}
	switch {
	case o.err != nil:
	case err == nil:
		o.expected = math.MaxInt64 // larger than a window
	case !o.gzip:
		o.expected = int64(len(head))
	case len(head) >= gzipHeader+gzipTrailer:
		// ISIZE of the last gzip member (RFC 1952, section 2.3.1). If it is wrong,
		// only a batch ends elsewhere.
		o.expected = int64(binary.LittleEndian.Uint32(head[len(head)-4:]))
	}
}

// skipMark skips a byte order mark. It appends other bytes that it reads to carry.
func (r *Reader) skipMark(b *schema.Batch) {
	const mark = "\ufeff"
	o := &r.cur
	o.begun = true
	start := len(b.Buf)
	// The next readTo returns the error again.
	_ = r.readTo(b, start+len(mark))
	if string(b.Buf[start:]) == mark {
		o.offset = int64(len(mark))
	} else {
		r.carry = append(r.carry, b.Buf[start:]...)
	}
	b.Buf = b.Buf[:start]
}

// readTo reads until len(b.Buf) is end. If the source ends before, it returns
// io.EOF, a *formatError or a *readError.
func (r *Reader) readTo(b *schema.Batch, end int) error {
	o := &r.cur
	b.Buf = slices.Grow(b.Buf, max(0, end-len(b.Buf)))
	for len(b.Buf) < end {
		if o.err != nil {
			return o.err
		}
		have := len(b.Buf)
		var n int
		if o.gzip {
			n, o.err = r.inflate(b.Buf[have:end])
		} else {
			n, o.err = r.in.Read(b.Buf[have:end])
		}
		o.inflated += int64(n)
		b.Buf = b.Buf[:have+n]
		if o.gzip && (o.err == nil || o.err == io.EOF) {
			if err := r.checkSize(); err != nil {
				o.err = err
			}
		}
	}
	return nil
}

// inflate inflates at most to the next check of a limit, so that where a limit takes
// effect depends only on the source.
func (r *Reader) inflate(p []byte) (int, error) {
	o := &r.cur
	n := min(int64(len(p)), o.check-o.inflated)
	if left := r.limits.MaxInflatedBytes - o.inflated; left < n {
		n = left + 1
	}
	return r.zip.Read(p[:n])
}

// checkSize checks the limits on inflated bytes.
func (r *Reader) checkSize() error {
	o := &r.cur
	if o.inflated > r.limits.MaxInflatedBytes {
		return &formatError{class: schema.InflatedTooLarge}
	}
	atEnd := o.err == io.EOF && o.inflated > r.limits.RatioFrom
	if o.inflated < o.check && !atEnd {
		return nil
	}
	o.check = o.inflated + ratioStep
	if (o.inflated-1)/r.limits.MaxRatio >= r.consumed() {
		return &formatError{class: schema.InflationRatio}
	}
	return nil
}

// consumed returns how many stored bytes of the source were used.
func (r *Reader) consumed() int64 {
	if r.cur.gzip {
		return r.zip.consumed()
	}
	return r.in.consumed()
}

// endSource ends the current source and records its outcome. b.Buf[start:] are its
// bytes that aren't in a segment yet. err is io.EOF, or the reason why the source
// can't be converted. If ctx ended, endSource returns its cause instead.
func (r *Reader) endSource(ctx context.Context, b *schema.Batch, start int, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	o := &r.cur
	out := Outcome{Index: o.index, State: Converted}
	if err == io.EOF {
		r.addSegment(b, start)
		out.Lines = o.line - 1
	} else {
		b.Buf = b.Buf[:start]
		r.carry = r.carry[:0]
		out.State, out.Err, out.Offset = Unreadable, errors.Unwrap(err), o.inflated
		if fe, ok := err.(*formatError); ok {
			out.State, out.Class = Rejected, fe.class
		}
	}
	out.Inflated, out.Stored = o.inflated, r.consumed()
	r.outcomes = append(r.outcomes, out)
	spoiled := o.spans && out.State != Converted
	r.closeSource()
	if spoiled {
		return &SpoiledError{Index: out.Index, Outcome: out}
	}
	return nil
}

// closeSource closes the current source, if one is open.
func (r *Reader) closeSource() {
	if r.active {
		r.cur.body.close()
		r.active = false
	}
}
