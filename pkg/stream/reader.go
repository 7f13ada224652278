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
	// DefaultBlockBytes is the block size that is used where none is given.
	DefaultBlockBytes = 256 << 10
	// DefaultFetchBytes is the bound on fetched bytes where none is given.
	DefaultFetchBytes = 16 << 20
	// DefaultGroupBytes is the bound on what all readers of a FetchGroup hold
	// where none is given.
	DefaultGroupBytes = 64 << 20

	// keptBytes is how much is kept of a line over the limit.
	keptBytes = 64 << 10
	// ratioStep is how often the ratio is checked, in inflated bytes.
	ratioStep = 1 << 20
)

// ReaderOptions are how a Reader reads. The zero value is usable: it reads in
// the caller's goroutine alone.
type ReaderOptions struct {
	Limits Limits
	// BlockBytes is the size of a batch's text that the reader aims at; 0 is
	// DefaultBlockBytes. Only a line that is longer makes a batch larger.
	BlockBytes int
	// FetchAhead is how many objects are opened and read ahead of the one in
	// work, each in a goroutine. 0 reads in the goroutine that calls Next,
	// which is cheapest where opening and reading don't wait, as for local
	// files: handing over a file of a few KiB costs as much as reading it.
	FetchAhead int
	// FetchBytes bounds the memory of what is read ahead, except that one
	// object always may have its 1 MiB; 0 is DefaultFetchBytes.
	FetchBytes int64
	// FetchGroup, if not nil, has the bounds in place of FetchAhead and
	// FetchBytes, for all readers that it is given to.
	FetchGroup *FetchGroup
	// Known are the outcomes of an earlier reading of the part, which had to
	// stop: of its first objects, in order. Those that weren't converted
	// aren't read and have the same outcome; the others need no VerifyFirst.
	Known []Outcome
	// VerifyFirst has each object that doesn't fit a block read twice: once
	// to prove it whole, then for its lines. Such an object is opened again,
	// so that it can only spoil the part if it changes meanwhile.
	VerifyFirst bool
}

// Reader reads the objects of one part, in order, into batches of whole lines.
// It is not safe for concurrent use.
type Reader struct {
	objects  []Object
	limits   Limits
	block    int
	known    []Outcome
	verify   bool
	ahead    int
	fetched  int64
	group    *FetchGroup
	outcomes []Outcome
	err      error // of the last Next, once it had one
	wait     time.Duration

	ctx      context.Context // ends at Close, and when the one of a Next does
	cancel   context.CancelFunc
	prefetch *prefetcher // nil without FetchAhead

	in     *input
	zip    unzipper
	cur    reading
	active bool   // cur is an object's
	carry  []byte // what was read of cur beyond the last batch's end
}

// reading is the state of the object being read.
type reading struct {
	index    int
	body     body
	gzip     bool
	inflated int64 // bytes read of the inflated stream
	check    int64 // inflated bytes at which the ratio is checked next
	expected int64 // what the object probably inflates to, as far as its bytes say
	offset   int64 // of the first byte that isn't handed out
	line     int64 // number of the first line that isn't handed out
	begun    bool  // past the byte order mark
	verified bool
	spans    bool  // lines of it are in batches that were handed out
	err      error // how it ended: io.EOF, *formatError or *readError
}

// NewReader returns a reader of the objects, which it doesn't open yet. The
// caller closes it.
func NewReader(objects []Object, o ReaderOptions) *Reader {
	if o.BlockBytes <= 0 {
		o.BlockBytes = DefaultBlockBytes
	}
	if o.FetchBytes <= 0 {
		o.FetchBytes = DefaultFetchBytes
	}
	r := &Reader{
		objects: objects, limits: o.Limits.withDefaults(), known: o.Known,
		verify: o.VerifyFirst, ahead: o.FetchAhead, fetched: o.FetchBytes, group: o.FetchGroup,
	}
	// A block that has no newline is then either a line in the making or too
	// long; a line inside a block never is.
	r.block = min(o.BlockBytes, r.limits.MaxLineBytes) + 1
	return r
}

// Next resets b and fills it with the next lines: b.Buf in place, and a segment
// per run of lines of one object. It returns io.EOF, and an empty b, when there
// are no more; a *SpoiledError if the part can't be read in one go; otherwise
// only ctx's error. After an error it returns the same again. An object that
// can't be converted is no error but an outcome.
func (r *Reader) Next(ctx context.Context, b *schema.Batch) error {
	b.Reset()
	if r.err == nil {
		r.err = r.next(ctx, b)
	}
	return r.err
}

// Outcomes returns the outcomes of the objects that are done with, in order.
// The slice is the reader's and grows with Next.
func (r *Reader) Outcomes() []Outcome { return r.outcomes }

// FetchWait is how long Next has waited for stored bytes: for the prefetch, or
// without one for opening and reading.
func (r *Reader) FetchWait() time.Duration { return r.wait }

// Close ends all fetches, waits for them, and closes what is open. Next must
// not be called after it.
func (r *Reader) Close() error {
	if r.cancel == nil {
		return nil
	}
	r.cancel()
	r.done()
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
		r.start(ctx)
	}
	// Bodies outlive this call, so they have the reader's own context.
	defer context.AfterFunc(ctx, r.cancel)()
	err := r.fill(ctx, b)
	if err != nil {
		b.Reset()
	}
	return err
}

func (r *Reader) start(ctx context.Context) {
	r.ctx, r.cancel = context.WithCancel(context.WithoutCancel(ctx))
	r.in, r.zip = newInput(), newGunzip()
	if r.group != nil {
		r.group.join()
	}
	if r.ahead > 0 || r.group != nil {
		r.prefetch = &prefetcher{
			ctx: r.ctx, objects: r.objects, ahead: r.ahead, limit: r.fetched, group: r.group, wait: &r.wait,
			skip: r.skip, work: make(chan *fetch),
		}
	}
}

// fill fills b as far as lines of whole objects fit the block, or with a block
// of an object that is larger.
func (r *Reader) fill(ctx context.Context, b *schema.Batch) error {
	base := len(b.Buf)
	for {
		if !r.active && !r.open() {
			if len(b.Segments) == 0 {
				return io.EOF
			}
			return nil
		}
		room := r.block - (len(b.Buf) - base)
		if len(b.Segments) > 0 && r.cur.expected >= int64(room) {
			return nil // starts the next batch
		}
		full, err := r.fillFrom(ctx, b, base)
		if full || err != nil {
			return err
		}
	}
}

// fillFrom adds lines of the current object to b, whose text begins at base. It
// reports whether b is to be handed out.
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
		if err := r.read(b, base+size); err != nil {
			return false, r.end(ctx, b, start, err)
		}
		switch {
		case shared:
			// It doesn't fit what is left of the block: it may fit the next.
			r.carry = append(r.carry, b.Buf[start:]...)
			b.Buf = b.Buf[:start]
			o.expected = int64(r.block)
			return true, nil
		case r.verify && !o.verified:
			b.Buf = b.Buf[:start]
			if err := r.proveWhole(ctx, b); err != io.EOF {
				return false, r.end(ctx, b, start, err)
			}
			return false, nil
		}
		if i := lastNewline(b.Buf[start:]); i >= 0 {
			r.carry = append(r.carry, b.Buf[start+i+1:]...)
			b.Buf = b.Buf[:start+i+1]
			r.segment(b, start)
			o.spans = true
			return true, nil
		}
		if size > r.limits.MaxLineBytes {
			if err := r.cutLine(ctx, b, start); err != nil {
				return false, r.end(ctx, b, start, err)
			}
			o.spans = true
			return true, nil
		}
		size = min(2*size, r.limits.MaxLineBytes+1)
	}
}

// lastNewline is bytes.LastIndexByte for what may be far from the end: it looks
// at stretches forwards, many bytes at a time.
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

// segment declares b.Buf[start:] to be the object's next lines.
func (r *Reader) segment(b *schema.Batch, start int) {
	o := &r.cur
	lines := b.Buf[start:]
	if len(lines) == 0 {
		return
	}
	b.AddSegment(r.objects[o.index].Source, o.line, o.offset, start)
	o.offset += int64(len(lines))
	o.line += int64(bytes.Count(lines, []byte{'\n'}))
	if lines[len(lines)-1] != '\n' {
		o.line++
	}
}

// cutLine makes a segment of the beginning of the line at b.Buf[start:], which
// is over the limit, and reads to the line's end.
func (r *Reader) cutLine(ctx context.Context, b *schema.Batch, start int) error {
	o := &r.cur
	length := int64(len(b.Buf) - start) // so far, of the line without its newline
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		b.Buf = b.Buf[:min(len(b.Buf), start+keptBytes)]
		from := len(b.Buf)
		err := r.read(b, from+r.block)
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
		b.AddSegment(r.objects[o.index].Source, o.line, o.offset, start)
		b.Segments[len(b.Segments)-1].TooLong = o.offset + int64(r.limits.MaxLineBytes)
		o.offset += length + newline
		o.line++
		return nil
	}
}

// proveWhole reads to the end of an object, and if all is well, which io.EOF
// says, opens it again.
func (r *Reader) proveWhole(ctx context.Context, b *schema.Batch) error {
	start := len(b.Buf)
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		err := r.read(b, start+r.block)
		b.Buf = b.Buf[:start]
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
	}
	i := r.cur.index
	r.done()
	r.begin(i, &direct{ctx: r.ctx, object: &r.objects[i], wait: &r.wait})
	r.cur.verified = true
	return io.EOF
}

// open starts on the next object; there may be none.
func (r *Reader) open() bool {
	for len(r.outcomes) < len(r.objects) {
		i := len(r.outcomes)
		if r.skip(i) {
			r.outcomes = append(r.outcomes, r.known[i])
			continue
		}
		var from body
		if r.prefetch != nil {
			from = r.prefetch.take()
		} else {
			from = &direct{ctx: r.ctx, object: &r.objects[i], wait: &r.wait}
		}
		r.begin(i, from)
		return true
	}
	return false
}

// skip reports whether object i is known not to be convertible.
func (r *Reader) skip(i int) bool {
	return i < len(r.known) && r.known[i].State != Converted
}

// begin starts on object i and finds out what it is. An error of that is found
// by the first read.
func (r *Reader) begin(i int, from body) {
	r.cur = reading{
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
	case strings.HasSuffix(r.objects[i].Source.URI, ".gz"):
		o.err = &formatError{class: schema.NotGzip}
	}
	switch {
	case o.err != nil:
	case err == nil:
		o.expected = math.MaxInt64 // as good as known
	case !o.gzip:
		o.expected = int64(len(head))
	case len(head) >= gzipHeader+gzipTrailer:
		// The last member's ISIZE. A lie costs no more than a batch's edge.
		o.expected = int64(binary.LittleEndian.Uint32(head[len(head)-4:]))
	}
}

// skipMark skips a byte order mark. Other bytes that it reads go to carry.
func (r *Reader) skipMark(b *schema.Batch) {
	const mark = "\ufeff"
	o := &r.cur
	o.begun = true
	start := len(b.Buf)
	// An error stays, and is returned by the next read.
	_ = r.read(b, start+len(mark))
	if string(b.Buf[start:]) == mark {
		o.offset = int64(len(mark))
	} else {
		r.carry = append(r.carry, b.Buf[start:]...)
	}
	b.Buf = b.Buf[:start]
}

// read reads on until b.Buf has that length, or returns how the object ended.
func (r *Reader) read(b *schema.Batch, end int) error {
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

// inflate reads no further than to where a limit has to be looked at. So where
// a limit strikes depends on the object alone.
func (r *Reader) inflate(p []byte) (int, error) {
	o := &r.cur
	n := min(int64(len(p)), o.check-o.inflated)
	if left := r.limits.MaxInflatedBytes - o.inflated; left < n {
		n = left + 1
	}
	return r.zip.Read(p[:n])
}

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

// consumed is how many stored bytes were really used.
func (r *Reader) consumed() int64 {
	if r.cur.gzip {
		return r.zip.consumed()
	}
	return r.in.consumed()
}

// end ends the current object, of which b.Buf[start:] is in b so far, for err:
// io.EOF, why it can't be converted, or that of ctx.
func (r *Reader) end(ctx context.Context, b *schema.Batch, start int, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	o := &r.cur
	out := Outcome{Index: o.index, State: Converted}
	if err == io.EOF {
		r.segment(b, start)
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
	r.done()
	if spoiled {
		return &SpoiledError{Index: out.Index, Outcome: out}
	}
	return nil
}

// done closes the current object's reading.
func (r *Reader) done() {
	if r.active {
		r.cur.body.close()
		r.active = false
	}
}
