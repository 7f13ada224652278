package stream

import (
	"context"
	"io"
	"sync"
	"time"
)

const (
	// windows is how many windows an object is read ahead. An object that
	// fits them is fetched whole.
	windows = 4
	// maxStreams bounds the objects larger than that which are open at the
	// same time: the one being read, and the next. More would sit idle until
	// their server gives up on them.
	maxStreams = 2
)

// bufferSizes are the sizes of fetch buffers; many objects are tiny.
var bufferSizes = [...]int{4 << 10, 32 << 10, window}

// prefetcher opens and reads objects ahead of the reader, in as many goroutines
// as there are fetches at the same time, and yields them in order. Each goroutine
// goes on with the next object by itself: one that takes long, or a reader that
// is busy, doesn't keep the others waiting. Only the reader's goroutine calls
// take and close.
type prefetcher struct {
	ctx     context.Context
	objects []Object
	skip    func(i int) bool
	ahead   int         // objects
	limit   int64       // bytes in the buffers of all fetches
	group   *FetchGroup // has the bounds, if it isn't nil
	wait    *time.Duration
	running sync.WaitGroup
	// work is received from by goroutines that had nothing left to go on with.
	// They keep their stacks, which grow deep in an SDK.
	work chan *fetch

	mu       sync.Mutex // of what follows
	next     int        // the object to start next
	started  []*fetch   // that aren't closed, in order
	fetching int        // of those, that a goroutine is at
	charged  int64
	streams  int
	free     [len(bufferSizes)][][]byte
	idle     int64 // bytes in free
	closed   bool
}

// take returns the next object that isn't skipped. It is closed before the next
// take.
func (p *prefetcher) take() *fetch {
	p.mu.Lock()
	defer p.mu.Unlock()
	for f := p.claim(); f != nil; f = p.claim() {
		p.run(f)
	}
	return p.started[0]
}

// claim returns a fetch of the next object, to be run, if the bounds allow one.
// Where nothing is started they do. The caller holds mu.
func (p *prefetcher) claim() *fetch {
	for p.next < len(p.objects) && p.skip(p.next) {
		p.next++
	}
	if p.closed || p.next == len(p.objects) {
		return nil
	}
	o := &p.objects[p.next]
	size, count := len(bufferSizes)-1, windows
	stream := o.Size < 0 || o.Size >= windows*window
	if !stream {
		// One byte more, so that the end is seen without another buffer.
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
		p: p, object: o, size: size, charge: charge, stream: stream,
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

// run has a goroutine run the fetch: one that waits for work, or a new one.
func (p *prefetcher) run(f *fetch) {
	select {
	case p.work <- f:
		return
	default:
	}
	p.running.Go(func() {
		for f, ok := f, true; ok; {
			f.run()
			if f = p.fetched(); f == nil {
				f, ok = <-p.work
			}
		}
	})
}

// fetched notes that a goroutine has done a fetch, and returns one to go on with,
// if there is one.
func (p *prefetcher) fetched() *fetch {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fetching--
	if p.group != nil {
		p.group.fetched()
	}
	return p.claim()
}

// mayStart reports whether the bounds allow another fetch, which then counts.
func (p *prefetcher) mayStart(charge int64, stream bool) bool {
	n := len(p.started)
	if n > 0 && stream && p.streams == maxStreams {
		return false
	}
	if p.group != nil {
		return p.group.start(n, p.fetching, p.charged, charge)
	}
	return n == 0 || n <= p.ahead && p.charged+charge <= p.limit
}

func (p *prefetcher) buffer(size int) []byte {
	if n := len(p.free[size]); n > 0 {
		b := p.free[size][n-1]
		p.free[size] = p.free[size][:n-1]
		p.idle -= int64(len(b))
		return b
	}
	return make([]byte, bufferSizes[size])
}

// keep keeps a buffer for a later fetch, as far as the bound allows.
func (p *prefetcher) keep(size int, buf []byte) {
	buf = buf[:cap(buf)]
	limit := p.limit
	if p.group != nil {
		limit = p.group.share()
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
			p.group.done(f.charge)
		}
		p.group.leave()
	}
	p.started = nil
}

// fetch is an object that is read ahead. Its buffers go round: the goroutine
// takes from empty and sends to full, the reader gives back. As no more buffers
// exist than either channel holds, only taking can block.
type fetch struct {
	p           *prefetcher
	object      *Object
	ctx         context.Context
	cancel      context.CancelFunc
	size        int // index of the buffers' size
	charge      int64
	stream      bool
	full, empty chan []byte // full is closed by the goroutine at its end
	err         error       // set before full is closed; nil at the object's end

	// The reader's side.
	buf  []byte // the buffer being read
	rest []byte // what is unread of it
}

func (f *fetch) run() {
	defer close(f.full)
	f.err = f.fill()
}

func (f *fetch) fill() error {
	rc, err := f.object.Open(f.ctx)
	if err != nil {
		return noEOF(err)
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

// receive waits for the goroutine, which ends when the context does.
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

// close ends the fetch, waits for its goroutine, and keeps its buffers for
// later ones.
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
		p.group.done(f.charge)
	}
	if f.stream {
		p.streams--
	}
	for _, buf := range buffers {
		p.keep(f.size, buf)
	}
	if f.buf != nil {
		p.keep(f.size, f.buf)
	}
	close(f.empty)
	for buf := range f.empty {
		p.keep(f.size, buf)
	}
}
