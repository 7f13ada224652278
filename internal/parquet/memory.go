package parquet

import (
	"math/bits"
	"sync"
)

// spareMemory has the buffers that columns have outgrown, for others to grow into:
// memory that the system has handed out already, which takes it longer than
// copying what was in it.
type spareMemory struct {
	bytes spares[byte]
	words spares[uint32]
	longs spares[uint64]
	ints  spares[int64]
}

// runs returns an empty sequence.
func (m *spareMemory) runs() runs { return runs{spares: &m.words} }

// spares are buffers of powers of two elements that aren't used any more. What
// isn't taken is garbage to Go before long. The zero value has none, a nil pointer
// keeps none; safe for concurrent use.
type spares[T any] struct {
	pools [spareClasses]sync.Pool // of *[]T with 1<<i elements
}

const (
	// minSpare is the least number of elements that is kept.
	minSpare = 512
	// spareClasses is how many powers of two are: larger buffers are rare, and
	// made as large as they have to be.
	spareClasses = 24
)

// room returns buf with space for n more elements. It at least doubles what it
// grows: append's smaller steps would copy large buffers many times, and clear
// what new memory has clear already. Nobody else may use buf then, and nobody buf
// itself.
func (s *spares[T]) room(buf []T, n int) []T {
	if cap(buf)-len(buf) >= n {
		return buf
	}
	return s.grow(buf, n)
}

// grow is room for a buffer without it.
func (s *spares[T]) grow(buf []T, n int) []T {
	grown := append(s.take(max(len(buf)+n, 2*cap(buf)))[:0], buf...)
	s.give(buf)
	return grown
}

// take returns n elements that hold anything, with space for more.
func (s *spares[T]) take(n int) []T {
	class := bits.Len(uint(max(n-1, 0)))
	if s == nil || n < minSpare || class >= spareClasses {
		return make([]T, n)
	}
	if spare, ok := s.pools[class].Get().(*[]T); ok {
		return (*spare)[:n]
	}
	return make([]T, n, 1<<class)
}

// give keeps a buffer that nobody uses any more.
func (s *spares[T]) give(buf []T) {
	class := bits.Len(uint(cap(buf))) - 1
	if s != nil && cap(buf) >= minSpare && class < spareClasses && cap(buf) == 1<<class {
		s.pools[class].Put(&buf)
	}
}

// zeros returns n zeros, a power of two, and has written each: new memory that is
// read before it is written is mapped twice by the system, and the second time all
// cores have to be told.
func (s *spares[T]) zeros(n int) []T {
	z := s.take(n)
	clear(z)
	return z
}

// room is spares.room for memory that is kept by who uses it.
func room[T any](buf []T, n int) []T { return (*spares[T])(nil).room(buf, n) }

// trim empties a buffer, and lets go of one that an exception made large.
func trim[T any](buf []T) []T {
	if cap(buf) > 4*pageBytes {
		return nil
	}
	return buf[:0]
}
