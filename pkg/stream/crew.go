package stream

import (
	"sync/atomic"
	"time"
)

// Crew lends the workers of a Run that have nothing to do to tasks that come in
// pieces: that is how one huge object keeps all cores busy although each of its
// lanes is written in order. The zero value is ready for PoolOptions.Crew. It
// is safe for concurrent use.
type Crew struct{ pool atomic.Pointer[pool] }

// Share calls piece once for each i from 0 to n-1, in that order but side by
// side where workers are free, and returns when all calls have, with the error
// of the lowest i. A piece may share again. Outside of a Run, and with one
// worker, the caller makes all calls itself.
func (c *Crew) Share(n int, piece func(i int) error) error {
	p := c.pool.Load()
	var first error
	start := time.Now()
	for i := range n {
		// Workers that come to be free are given what is left.
		if p != nil && i < n-1 && p.idle.Load() > 0 && time.Since(start) > minAlone {
			f := &fork{piece: piece, next: i, n: n}
			p.share(f)
			if first == nil {
				first = f.err
			}
			break
		}
		if err := piece(i); first == nil {
			first = err
		}
	}
	return first
}

// minAlone is how long the pieces of a task must have taken before others are
// woken for the rest: most tasks are done by then.
const minAlone = 20 * time.Microsecond

// fork is work in pieces. All of it is under the pool's mu.
type fork struct {
	piece   func(i int) error
	next, n int // the piece that is taken next, and how many there are
	running int
	err     error // of the piece failed
	failed  int
}

// share does all pieces of f, with the help of who is free.
func (p *pool) share(f *fork) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forks = append(p.forks, f)
	p.changed()
	for f.next < f.n {
		p.doPiece(f)
	}
	for f.running > 0 {
		p.wait()
	}
}

// doPiece does the next piece of f; there is one. The lock is released
// meanwhile.
func (p *pool) doPiece(f *fork) {
	i := f.next
	f.next++
	f.running++
	if f.next == f.n {
		for k := range p.forks {
			if p.forks[k] == f {
				p.forks = append(p.forks[:k], p.forks[k+1:]...)
				break
			}
		}
	}
	p.mu.Unlock()
	err := f.piece(i)
	p.mu.Lock()
	f.running--
	if err != nil && (f.err == nil || i < f.failed) {
		f.err, f.failed = err, i
	}
	if f.running == 0 && f.next == f.n {
		p.changed()
	}
}
