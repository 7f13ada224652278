package gen

import (
	"math/bits"
	"math/rand/v2"
)

// rng is a seeded source of random numbers, one per source of results. It uses only
// integers: floating point may differ by architecture, and the same seed must give
// the same bytes everywhere.
type rng struct{ pcg *rand.PCG }

// newRNG returns the generator of a stream. The streams of a seed are independent.
func newRNG(seed, stream uint64) *rng {
	return &rng{rand.NewPCG(splitmix(seed), splitmix(stream^0x6d61636965))}
}

// splitmix spreads neighbouring seeds over the whole range (SplitMix64).
func splitmix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// n returns a number in [0, n); n must be above 0. The bias of the plain
// multiplication is far below anything a sample shows.
func (r *rng) n(n int64) int64 {
	hi, _ := bits.Mul64(r.pcg.Uint64(), uint64(n))
	return int64(hi)
}

// between returns a number in [lo, hi].
func (r *rng) between(lo, hi int64) int64 { return lo + r.n(hi-lo+1) }

// permille returns true k times in a thousand.
func (r *rng) permille(k int64) bool { return r.n(1000) < k }

// heavy returns a number in [1, limit] whose logarithm is about even: most
// are small, a few come near the limit. limit must be above 0.
func (r *rng) heavy(limit int64) int64 {
	k := r.n(int64(bits.Len64(uint64(limit))))
	n := int64(1)<<k + r.n(int64(1)<<k)
	if n > limit {
		n = 1 + n%limit
	}
	return n
}

const hexDigits = "0123456789abcdef"

// hex returns n random lower-case hexadecimal digits.
func (r *rng) hex(n int) string {
	b := make([]byte, n)
	var x uint64
	for i := range b {
		if i%16 == 0 {
			x = r.pcg.Uint64()
		}
		b[i] = hexDigits[x&15]
		x >>= 4
	}
	return string(b)
}

// uuid returns a random UUID (version 4 in form).
func (r *rng) uuid() string {
	h := []byte(r.hex(36))
	h[8], h[13], h[18], h[23] = '-', '-', '-', '-'
	h[14], h[19] = '4', "89ab"[r.n(4)]
	return string(h)
}

// pick returns one of list, which must not be empty.
func pick[T any](r *rng, list []T) T { return list[r.n(int64(len(list)))] }
