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

// taken is how many bytes the chunks have that hold something.
func (a *Arena) taken() int64 {
	n := int64(0)
	for _, c := range a.chunks {
		if len(c) > 0 {
			n += int64(cap(c))
		}
	}
	return n
}

// absorb takes over the chunks of o, which is then empty, and says what is to be
// added to the numbers of its chunks. It leaves o as it is where that would waste
// more memory than it saves work: where most of o's chunks is free.
func (a *Arena) absorb(o *Arena) (first uint32, ok bool) {
	taken := o.taken()
	if o.used < taken/2 {
		return 0, false
	}
	if len(a.chunks) > 0 {
		// What is free in the chunk that was filled is lost, and later chunks,
		// which are empty, make room.
		a.used += int64(cap(a.chunks[a.at]) - len(a.chunks[a.at]))
		a.chunks = a.chunks[:a.at+1]
	}
	first = uint32(len(a.chunks))
	a.chunks = append(a.chunks, o.chunks[:o.at+1]...)
	a.at = len(a.chunks) - 1
	last := a.chunks[a.at]
	a.used += taken - int64(cap(last)-len(last))
	*o = Arena{}
	return first, true
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
