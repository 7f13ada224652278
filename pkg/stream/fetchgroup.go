package stream

import "sync"

// FetchGroup bounds what several readers fetch ahead, together: so many objects
// are fetched at the same time, and they and those that wait to be read hold so
// many bytes. Of both each reader has the same share. It is safe for concurrent
// use; a reader belongs to it from its first Next until Close.
//
// Each reader may always fetch the object that it needs next, so that none waits
// for another.
type FetchGroup struct {
	objects int
	bytes   int64

	mu       sync.Mutex
	readers  int
	fetching int   // objects
	charged  int64 // bytes
}

// heldPerFetch is how many objects, of those being fetched and those that wait to
// be read, a reader may hold for each that it may fetch at the same time.
const heldPerFetch = 4

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

// start takes an object of so many bytes for a reader that holds others already,
// some of which are being fetched, if the group and the reader's share of it allow
// that. The first object of a reader is always taken.
func (g *FetchGroup) start(held, fetching int, ownBytes, bytes int64) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if held > 0 {
		readers := max(g.readers, 1)
		share := max(1, g.objects/readers)
		if held >= heldPerFetch*share || fetching >= share || g.fetching >= g.objects ||
			ownBytes+bytes > g.bytes/int64(readers) || g.charged+bytes > g.bytes {
			return false
		}
	}
	g.fetching++
	g.charged += bytes
	return true
}

// fetched notes that an object that was started is fetched.
func (g *FetchGroup) fetched() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.fetching--
}

// done gives an object's bytes back.
func (g *FetchGroup) done(bytes int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.charged -= bytes
}
