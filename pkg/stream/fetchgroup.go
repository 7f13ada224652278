package stream

import "sync"

// FetchGroup bounds what several readers fetch ahead, together: so many objects
// and so many bytes, of which each has the same share. It is safe for concurrent
// use; a reader belongs to it from its first Next until Close.
//
// Each reader may always fetch the object that it needs next, so that none waits
// for another.
type FetchGroup struct {
	objects int
	bytes   int64

	mu      sync.Mutex
	readers int
	started int   // objects
	charged int64 // bytes
}

// NewFetchGroup returns a group whose readers fetch up to that many objects, and
// hold up to that many bytes of them, at the same time; 0 bytes are
// DefaultGroupBytes.
func NewFetchGroup(objects int, bytes int64) *FetchGroup {
	if bytes <= 0 {
		bytes = DefaultGroupBytes
	}
	return &FetchGroup{objects: max(objects, 1), bytes: bytes}
}

func (g *FetchGroup) join() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.readers++
}

func (g *FetchGroup) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.readers--
}

// share is how many bytes a reader may hold.
func (g *FetchGroup) share() int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.bytes / int64(max(g.readers, 1))
}

// start takes an object of so many bytes for a reader that has others already,
// if the group and the reader's share of it allow that. The first object of a
// reader is always taken.
func (g *FetchGroup) start(own int, ownBytes, bytes int64) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if own > 0 {
		readers := max(g.readers, 1)
		if own >= max(1, g.objects/readers) || g.started >= g.objects ||
			ownBytes+bytes > g.bytes/int64(readers) || g.charged+bytes > g.bytes {
			return false
		}
	}
	g.started++
	g.charged += bytes
	return true
}

// done gives an object back.
func (g *FetchGroup) done(bytes int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.started--
	g.charged -= bytes
}
