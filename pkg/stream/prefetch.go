package stream

import (
	"context"
	"io"
	"sync"
	"time"
)

const (
	// windows is how many windows of a source are fetched ahead of its reader. A
	// source that is no larger is fetched as a whole.
	windows = 4
	// maxStreams is how many larger sources may be open at a time: the one that is
	// read, and the next. Further ones would be idle until their server closes the
	// connection.
	maxStreams = 2
)

// bufferSizes are the sizes of fetch buffers; many sources are tiny.
var bufferSizes = [...]int{4 << 10, 32 << 10, window}

// prefetcher opens and reads sources ahead of the reader, with one goroutine per
// concurrent fetch, and returns them in order. After a fetch, its goroutine starts
// the next one by itself, so neither a slow fetch nor a busy reader delays the
// others. Only the reader's goroutine calls take and close.
type prefetcher struct {
	ctx     context.Context
	sources []Source
	skip    func(i int) bool
	ahead   int            // the most sources that are fetched ahead
	limit   int64          // the most bytes in the buffers of all fetches
	group   *FetchGroup    // if not nil, it has the limits instead
	wait    *time.Duration // increased by the time that the reader waits
	running sync.WaitGroup
	// work passes fetches to goroutines that found no next fetch. Reusing these
	// goroutines saves growing their stacks again, which get deep in an SDK.
	work chan *fetch

	mu       sync.Mutex // guards the fields below
	next     int        // index of the source to start next
	started  []*fetch   // fetches that aren't closed, in order
	fetching int        // fetches that a goroutine is running
	charged  int64      // bytes of the buffers of started
	streams  int        // fetches of sources that are larger than the windows
	free     [len(bufferSizes)][][]byte
	idle     int64 // bytes in free
	closed   bool
}

// take returns the fetch of the next source that isn't skipped. The caller closes it
// before it calls take again.
func (p *prefetcher) take() *fetch {
	p.mu.Lock()
	defer p.mu.Unlock()
	for f := p.startNext(); f != nil; f = p.startNext() {
		p.runFetch(f)
	}
	return p.started[0]
}

// startNext adds a fetch of the next source to started and returns it, to be run. It
// returns nil if there are no more sources or the limits don't allow one. They always
// allow the first. The caller holds mu.
func (p *prefetcher) startNext() *fetch {
	for p.next < len(p.sources) && p.skip(p.next) {
		p.next++
	}
	if p.closed || p.next == len(p.sources) {
		return nil
	}
	o := &p.sources[p.next]
	size, count := len(bufferSizes)-1, windows
	stream := o.Size < 0 || o.Size >= windows*window
	if !stream {
		// One more byte, so that reading finds the end without another buffer.
		for size > 0 && o.Size+1 <= int64(bufferSizes[size-1]) {
			size--
		}
		count = int(o.Size)/bufferSizes[size] + 1
	}
	charge := int64(count) * int64(bufferSizes[size])
	if !p.mayStart(charge, stream) {
		return nil
	}
	p.next++
	p.fetching++
	p.charged += charge
	if stream {
		p.streams++
	}
	f := &fetch{
		p: p, source: o, size: size, charge: charge, stream: stream,
		full:  make(chan []byte, count),
		empty: make(chan []byte, count),
	}
	for range count {
		f.empty <- p.buffer(size)
	}
	f.ctx, f.cancel = context.WithCancel(p.ctx)
	p.started = append(p.started, f)
	return f
}

// runFetch runs a fetch in a goroutine: one that waits for work, or a new one.
func (p *prefetcher) runFetch(f *fetch) {
	select {
	case p.work <- f:
		return
	default:
	}
	p.running.Go(func() {
		for f, ok := f, true; ok; {
			f.run()
			if f = p.finishFetch(); f == nil {
				f, ok = <-p.work
			}
		}
	})
}

// finishFetch counts a fetch as finished, and returns the next one for its goroutine,
// or nil.
func (p *prefetcher) finishFetch() *fetch {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fetching--
	if p.group != nil {
		p.group.endFetch()
	}
	return p.startNext()
}

// mayStart reports whether the limits allow another fetch. If so, the group counts
// it.
func (p *prefetcher) mayStart(charge int64, stream bool) bool {
	n := len(p.started)
	if n > 0 && stream && p.streams == maxStreams {
		return false
	}
	if p.group != nil {
		return p.group.startFetch(n, p.fetching, p.charged, charge)
	}
	return n == 0 || n <= p.ahead && p.charged+charge <= p.limit
}

// buffer returns a buffer of a size, given by its index. The caller holds mu.
func (p *prefetcher) buffer(size int) []byte {
	if n := len(p.free[size]); n > 0 {
		b := p.free[size][n-1]
		p.free[size] = p.free[size][:n-1]
		p.idle -= int64(len(b))
		return b
	}
	return make([]byte, bufferSizes[size])
}

// keepBuffer keeps a buffer for a later fetch, if the limit on bytes allows it.
func (p *prefetcher) keepBuffer(size int, buf []byte) {
	buf = buf[:cap(buf)]
	limit := p.limit
	if p.group != nil {
		limit = p.group.bytesPerReader()
	}
	if p.charged+p.idle+int64(len(buf)) > limit {
		return
	}
	p.free[size] = append(p.free[size], buf)
	p.idle += int64(len(buf))
}

// close ends all fetches and waits for them.
func (p *prefetcher) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	for _, f := range p.started {
		f.cancel()
	}
	close(p.work)
	p.running.Wait()
	if p.group != nil {
		for _, f := range p.started {
			p.group.release(f.charge)
		}
		p.group.leave()
	}
	p.started = nil
}

// fetch is a source that is fetched ahead. Its buffers circulate: the goroutine takes
// them from empty and sends them to full, and the reader gives them back. As no more
// buffers exist than either channel holds, only taking can block.
type fetch struct {
	p           *prefetcher
	source      *Source
	ctx         context.Context
	cancel      context.CancelFunc
	size        int         // index of the buffers' size
	charge      int64       // bytes of its buffers
	stream      bool        // the source is larger than the windows
	full, empty chan []byte // the goroutine closes full when it ends
	err         error       // set before full is closed; nil after the whole source

	// Only the reader uses these.
	buf  []byte // the buffer that is being read
	rest []byte // its unread bytes
}

func (f *fetch) run() {
	defer close(f.full)
	f.err = f.fill()
}

func (f *fetch) fill() error {
	rc, err := f.source.Open(f.ctx)
	if err != nil {
		return wrapEOF(err)
	}
	defer rc.Close()
	for {
		select {
		case buf := <-f.empty:
			n, err := readFull(rc, buf[:cap(buf)], f.ctx.Err())
			f.full <- buf[:n]
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return err
			}
		case <-f.ctx.Done():
			return f.ctx.Err()
		}
	}
}

func (f *fetch) Read(p []byte) (int, error) {
	for len(f.rest) == 0 {
		if f.buf != nil {
			f.empty <- f.buf
			f.buf = nil
		}
		buf, ok := f.receive()
		if !ok {
			if f.err != nil {
				return 0, f.err
			}
			return 0, io.EOF
		}
		f.buf, f.rest = buf, buf
	}
	n := copy(p, f.rest)
	f.rest = f.rest[n:]
	return n, nil
}

// receive waits for the next buffer. It doesn't watch the context: the goroutine ends
// when the context does.
func (f *fetch) receive() (buf []byte, ok bool) {
	select {
	case buf, ok = <-f.full:
	default:
		start := time.Now()
		buf, ok = <-f.full
		*f.p.wait += time.Since(start)
	}
	return buf, ok
}

// close ends the fetch, waits for its goroutine, and keeps its buffers for later
// fetches.
func (f *fetch) close() {
	p := f.p
	f.cancel()
	var buffers [][]byte
	for buf := range f.full { // closed by the goroutine
		buffers = append(buffers, buf)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.started = p.started[1:]
	p.charged -= f.charge
	if p.group != nil {
		p.group.release(f.charge)
	}
	if f.stream {
		p.streams--
	}
	for _, buf := range buffers {
		p.keepBuffer(f.size, buf)
	}
	if f.buf != nil {
		p.keepBuffer(f.size, f.buf)
	}
	close(f.empty)
	for buf := range f.empty {
		p.keepBuffer(f.size, buf)
	}
}
