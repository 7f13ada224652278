package run

import (
	"hash"
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

// countedReader adds to the progress what is read, and computes the checksum of a
// source's stored bytes.
type countedReader struct {
	io.ReadCloser
	p    *Progress // may be nil
	sum  hash.Hash64
	done *atomic.Uint64 // set at the end of the source
}

func (r *countedReader) Read(b []byte) (int, error) {
	n, err := r.ReadCloser.Read(b)
	if r.p != nil {
		r.p.done.Add(int64(n))
	}
	r.sum.Write(b[:n])
	if err == io.EOF {
		r.done.Store(r.sum.Sum64())
	}
	return n, err
}
