package stream

import "sync"

// FetchGroup bounds what several readers fetch ahead together: the number of sources
// that are fetched at a time, and the bytes of fetched sources in memory. Each reader
// gets an equal share of both. A Reader belongs to the group from its first Next
// until Close. A FetchGroup is safe for concurrent use.
//
// A reader may always fetch the source that it needs next, so no reader waits for
// another.
type FetchGroup struct {
	sources int
	bytes   int64

	mu       sync.Mutex
	readers  int
	fetching int   // sources
	charged  int64 // bytes
}

// heldPerFetch is how many sources, fetched or being fetched, a reader may hold for
// each that it may fetch at the same time.
const heldPerFetch = 4

// NewFetchGroup returns a group whose readers together fetch at most that many
// sources at a time, at least 1, and hold at most that many bytes of them. 0 bytes
// means DefaultGroupBytes.
func NewFetchGroup(sources int, bytes int64) *FetchGroup {
	if bytes <= 0 {
		bytes = DefaultGroupBytes
	}
	return &FetchGroup{sources: max(sources, 1), bytes: bytes}
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

// bytesPerReader returns how many bytes a reader may hold.
func (g *FetchGroup) bytesPerReader() int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.bytes / int64(max(g.readers, 1))
}

// startFetch counts a source of so many bytes, if the limits of the group and the
// reader's share allow it, and reports whether they do. The reader already holds held
// sources with ownBytes bytes, of which it is fetching some. A reader that holds no
// source may always start.
func (g *FetchGroup) startFetch(held, fetching int, ownBytes, bytes int64) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if held > 0 {
		readers := max(g.readers, 1)
		share := max(1, g.sources/readers)
		if held >= heldPerFetch*share || fetching >= share || g.fetching >= g.sources ||
			ownBytes+bytes > g.bytes/int64(readers) || g.charged+bytes > g.bytes {
			return false
		}
	}
	g.fetching++
	g.charged += bytes
	return true
}

// endFetch says that a source is fetched: it still holds its bytes.
func (g *FetchGroup) endFetch() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.fetching--
}

// release gives the bytes of a source back.
func (g *FetchGroup) release(bytes int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.charged -= bytes
}
