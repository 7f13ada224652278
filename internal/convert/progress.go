package convert

import (
	"io"
	"sync/atomic"
)

// Progress is how far a run is. It may be read at any time while the run goes
// on.
type Progress struct {
	total atomic.Int64
	done  atomic.Int64
	parts atomic.Int64
}

// Bytes returns the stored bytes read so far, and those to read in all. Bytes
// that are read again, after an object turned out corrupt, count again.
func (p *Progress) Bytes() (done, total int64) { return p.done.Load(), p.total.Load() }

// Planned reports whether the inputs are found and the work has begun.
func (p *Progress) Planned() bool { return p.parts.Load() > 0 }

// countedReader adds to the progress what is read.
type countedReader struct {
	io.ReadCloser
	p *Progress
}

func (r countedReader) Read(b []byte) (int, error) {
	n, err := r.ReadCloser.Read(b)
	r.p.done.Add(int64(n))
	return n, err
}
