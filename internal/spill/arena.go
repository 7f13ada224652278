package spill

// Arena holds bytes that are added and dropped together. Its chunks never move.
// The zero Arena is empty.
type Arena struct {
	chunks [][]byte
	at     int   // the chunk that is filled
	used   int64 // bytes that are taken, what is lost at the chunks' ends included
}

// Used is how many bytes are taken.
func (a *Arena) Used() int64 { return a.used }

// At returns n bytes that Add put there.
func (a *Arena) At(chunk, off, n uint32) []byte {
	return a.chunks[chunk][off : off+n : off+n]
}

// chunkBytes is the size of a chunk, but for what is larger.
const chunkBytes = 256 << 10

// Add copies the parts, one after the other, and says where they are.
func (a *Arena) Add(parts ...[]byte) (chunk, off uint32) {
	size := 0
	for _, p := range parts {
		size += len(p)
	}
	for a.at < len(a.chunks) && cap(a.chunks[a.at])-len(a.chunks[a.at]) < size {
		a.used += int64(cap(a.chunks[a.at]) - len(a.chunks[a.at]))
		a.at++
	}
	if a.at == len(a.chunks) {
		a.chunks = append(a.chunks, make([]byte, 0, max(chunkBytes, size)))
	}
	a.used += int64(size)
	c := &a.chunks[a.at]
	off = uint32(len(*c))
	for _, p := range parts {
		*c = append(*c, p...)
	}
	return uint32(a.at), off
}

// Reset empties the arena. It keeps its chunks, but for those that one piece
// filled.
func (a *Arena) Reset() {
	kept := a.chunks[:0]
	for _, c := range a.chunks {
		if cap(c) == chunkBytes {
			kept = append(kept, c[:0])
		}
	}
	clear(a.chunks[len(kept):])
	a.chunks, a.at, a.used = kept, 0, 0
}
