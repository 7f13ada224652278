package query

import (
	"encoding/binary"
	"math/big"
	"math/bits"
)

// Sum is an exact sum of integers of 64 bits: it has 128, which no number of
// them that fits on a disk overflows. The zero Sum is 0.
type Sum struct {
	hi int64
	lo uint64
}

// add adds v.
func (s *Sum) add(v int64) { s.addSum(Sum{v >> 63, uint64(v)}) }

func (s *Sum) addSum(o Sum) {
	var carry uint64
	s.lo, carry = bits.Add64(s.lo, o.lo, 0)
	s.hi += o.hi + int64(carry)
}

// Compare returns -1, 0 or 1 as s is less than, equal to or greater than o.
func (s Sum) Compare(o Sum) int {
	switch {
	case s.hi < o.hi || s.hi == o.hi && s.lo < o.lo:
		return -1
	case s == o:
		return 0
	}
	return 1
}

// Int64 returns the sum, and whether it fits.
func (s Sum) Int64() (n int64, ok bool) {
	n = int64(s.lo)
	return n, s.hi == n>>63
}

// String returns the sum in decimal digits.
func (s Sum) String() string { return s.big().String() }

func (s Sum) big() *big.Int {
	n := big.NewInt(s.hi)
	n.Lsh(n, 64)
	return n.Or(n, new(big.Int).SetUint64(s.lo))
}

// sumBytes is how many bytes appendSum appends.
const sumBytes = 16

func appendSum(b []byte, s Sum) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(s.hi))
	return binary.BigEndian.AppendUint64(b, s.lo)
}

func sumOf(b []byte) Sum {
	return Sum{int64(binary.BigEndian.Uint64(b)), binary.BigEndian.Uint64(b[8:])}
}

// appendDescending appends s so that larger sums come first, byte by byte.
func appendDescending(b []byte, s Sum) []byte {
	b = binary.BigEndian.AppendUint64(b, ^(uint64(s.hi) ^ 1<<63))
	return binary.BigEndian.AppendUint64(b, ^s.lo)
}
