// Package sum adds integers of 64 bits exactly.
package sum

import (
	"encoding/binary"
	"math"
	"math/big"
	"math/bits"
)

// Int is an exact sum of integers of 64 bits: it has 128, which no number of
// them that fits on a disk overflows. The zero Int is 0.
type Int struct {
	hi int64
	lo uint64
}

// Add adds v.
func (s *Int) Add(v int64) { s.AddInt(Int{v >> 63, uint64(v)}) }

// AddInt adds o.
func (s *Int) AddInt(o Int) {
	var carry uint64
	s.lo, carry = bits.Add64(s.lo, o.lo, 0)
	s.hi += o.hi + int64(carry)
}

// Compare returns -1, 0 or 1 as s is less than, equal to or greater than o.
func (s Int) Compare(o Int) int {
	switch {
	case s.hi < o.hi || s.hi == o.hi && s.lo < o.lo:
		return -1
	case s == o:
		return 0
	}
	return 1
}

// Int64 returns the sum, and whether it fits.
func (s Int) Int64() (n int64, ok bool) {
	n = int64(s.lo)
	return n, s.hi == n>>63
}

// String returns the sum in decimal digits.
func (s Int) String() string { return s.big().String() }

// Of returns the sum of one integer.
func Of(v int64) Int {
	var s Int
	s.Add(v)
	return s
}

// Clamped returns the sum, or the nearest integer of 64 bits.
func (s Int) Clamped() int64 {
	if n, ok := s.Int64(); ok {
		return n
	}
	if s.hi < 0 {
		return math.MinInt64
	}
	return math.MaxInt64
}

// Sub returns s less o.
func (s Int) Sub(o Int) Int {
	lo, borrow := bits.Sub64(s.lo, o.lo, 0)
	return Int{s.hi - o.hi - int64(borrow), lo}
}

func (s Int) big() *big.Int {
	n := big.NewInt(s.hi)
	n.Lsh(n, 64)
	return n.Or(n, new(big.Int).SetUint64(s.lo))
}

// Bytes is how many bytes Append appends.
const Bytes = 16

// Append appends the bytes of s, which Decode reads.
func Append(b []byte, s Int) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(s.hi))
	return binary.BigEndian.AppendUint64(b, s.lo)
}

// Decode returns the sum that Append appended, of which b begins with the bytes.
func Decode(b []byte) Int {
	return Int{int64(binary.BigEndian.Uint64(b)), binary.BigEndian.Uint64(b[8:])}
}

// AppendDescending appends s so that larger sums come first, byte by byte.
func AppendDescending(b []byte, s Int) []byte {
	b = binary.BigEndian.AppendUint64(b, ^(uint64(s.hi) ^ 1<<63))
	return binary.BigEndian.AppendUint64(b, ^s.lo)
}
