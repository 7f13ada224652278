package stream

import (
	"sync/atomic"
	"time"
)

// Crew lets idle workers of a Run help with tasks that can be split into pieces. So
// one huge source keeps all cores busy, although each of its lanes is written in
// order. The zero value is ready to use: pass it to Run as PoolOptions.Crew. It is
// safe for concurrent use.
type Crew struct{ pool atomic.Pointer[pool] }

// Share calls piece once for each i from 0 to n-1 and returns when all calls have
// returned, with the error of the lowest i that failed. Calls begin in the order of
// i, and run concurrently where workers are idle. A piece may call Share. Outside a
// Run, and with one worker, the caller makes all calls itself.
func (c *Crew) Share(n int, piece func(i int) error) error {
	p := c.pool.Load()
	var first error
	start := time.Now()
	for i := range n {
		// Offer the remaining pieces to idle workers.
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

// minAlone is how long a task does its pieces alone before it wakes other workers:
// most tasks end sooner.
const minAlone = 20 * time.Microsecond

// fork is a task that is split into pieces. The pool's mu guards it.
type fork struct {
	piece   func(i int) error
	next, n int // the next piece that nobody has taken, and the number of pieces
	running int // pieces that are running
	err     error
	failed  int // the lowest piece that failed, with err
}

// share does all pieces of f, together with idle workers.
func (p *pool) share(f *fork) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forks = append(p.forks, f)
	p.wakeWaiting()
	for f.next < f.n {
		p.doPiece(f)
	}
	for f.running > 0 {
		p.wait()
	}
}

// doPiece does the next piece of f, which must have one. It releases the lock
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
		p.wakeWaiting()
	}
}
