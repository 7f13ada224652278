package inflate

import (
	"bytes"
	"math/bits"
	"math/rand/v2"
)

// streamWriter writes deflate streams bit by bit, also ones that no compressor makes, and keeps
// what they mean.
type streamWriter struct {
	z    []byte
	used uint // bits of the last byte of z
	want []byte

	lit, dist testCode // of the block
}

func (w *streamWriter) bits(v, n uint) {
	for ; n > 0; n-- {
		if w.used == 0 {
			w.z = append(w.z, 0)
		}
		w.z[len(w.z)-1] |= byte(v&1) << w.used
		v >>= 1
		w.used = (w.used + 1) & 7
	}
}

// testCode is a canonical code (RFC 1951 section 3.2.2), its bits as the stream has them.
type testCode struct {
	lens []uint8
	bits []uint16
}

func newTestCode(lens []uint8) testCode {
	c := testCode{lens, make([]uint16, len(lens))}
	next := 0
	for n := uint8(1); n <= maxCodeLen; n++ {
		next <<= 1
		for sym, m := range lens {
			if m == n {
				c.bits[sym] = bits.Reverse16(uint16(next)) >> (16 - n)
				next++
			}
		}
	}
	return c
}

func (w *streamWriter) code(c testCode, sym int) {
	if c.lens[sym] == 0 {
		panic("symbol without a code")
	}
	w.bits(uint(c.bits[sym]), uint(c.lens[sym]))
}

func (w *streamWriter) stored(final uint, data []byte) {
	w.bits(final, 1)
	w.bits(0, 2)
	w.used = 0
	n := len(data)
	w.z = append(w.z, byte(n), byte(n>>8), ^byte(n), ^byte(n>>8))
	w.z = append(w.z, data...)
	w.want = append(w.want, data...)
}

func (w *streamWriter) fixed(final uint) {
	w.bits(final, 1)
	w.bits(1, 2)
	var lens [288]uint8
	for i := range lens {
		switch {
		case i < 144 || i >= 280:
			lens[i] = 8
		case i < 256:
			lens[i] = 9
		default:
			lens[i] = 7
		}
	}
	w.lit = newTestCode(lens[:])
	w.dist = newTestCode(bytes.Repeat([]byte{5}, 32))
}

// flatClens is a complete code for the code lengths: 13 of 4 bits and 6 of 5 bits.
var flatClens = newTestCode([]uint8{4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 5, 5, 5, 5, 5, 5})

// dynamic writes a header with the code lengths lit and dist, each in full, without repeats.
func (w *streamWriter) dynamic(final uint, lit, dist []uint8) {
	w.dynamicHeader(final, len(lit), len(dist), flatClens.lens)
	for _, n := range lit {
		w.code(flatClens, int(n))
	}
	for _, n := range dist {
		w.code(flatClens, int(n))
	}
	w.lit, w.dist = newTestCode(lit), newTestCode(dist)
}

func (w *streamWriter) dynamicHeader(final uint, lits, dists int, clens []uint8) {
	w.bits(final, 1)
	w.bits(2, 2)
	w.bits(uint(lits-257), 5)
	w.bits(uint(dists-1), 5)
	w.bits(19-4, 4)
	for _, s := range clenOrder {
		w.bits(uint(clens[s]), 3)
	}
}

func (w *streamWriter) literal(b byte) {
	w.code(w.lit, int(b))
	w.want = append(w.want, b)
}

func (w *streamWriter) end() { w.code(w.lit, 256) }

// matchSymbol gives a symbol and its extra bits for the value v of a table of entries, of which
// the first is entries[0].
func matchSymbol(entries []uint32, v int) (sym int, extra, n uint) {
	for sym := len(entries) - 1; ; sym-- {
		base := int(entries[sym] >> valueShift)
		if entries[sym]&special == 0 && base <= v {
			return sym, uint(v - base), 63 - uint(entries[sym]>>extraShift&dropMask)
		}
	}
}

func (w *streamWriter) length(n int) {
	sym, extra, size := matchSymbol(litEntries[257:], n)
	w.code(w.lit, 257+sym)
	w.bits(extra, size)
}

func (w *streamWriter) match(length, dist int) {
	w.length(length)
	sym, extra, size := matchSymbol(distEntries[:], dist)
	w.code(w.dist, sym)
	w.bits(extra, size)
	for range length {
		w.want = append(w.want, w.want[len(w.want)-dist])
	}
}

// randomCode gives the lengths of a complete code of n symbols, at least 2, some of them
// without a code, but not those of must.
func randomCode(rnd *rand.Rand, n int, must ...int) []uint8 {
	leaves := []uint8{1, 1}
	target := max(2, len(must))
	if n > target {
		target += rnd.IntN(n - target + 1)
	}
	deep := rnd.IntN(2) == 0 // prefer to split the deepest
	for tries := 0; len(leaves) < target && tries < 100*n; tries++ {
		i := rnd.IntN(len(leaves))
		if deep && rnd.IntN(8) > 0 {
			i = len(leaves) - 1
		}
		if leaves[i] < maxCodeLen {
			leaves[i]++
			leaves = append(leaves, leaves[i])
		}
	}
	lens := make([]uint8, n)
	rnd.Shuffle(len(leaves), func(i, j int) { leaves[i], leaves[j] = leaves[j], leaves[i] })
	for _, s := range must {
		lens[s], leaves = leaves[0], leaves[1:]
	}
	for _, s := range rnd.Perm(n) {
		if len(leaves) == 0 {
			break
		}
		if lens[s] == 0 {
			lens[s], leaves = leaves[0], leaves[1:]
		}
	}
	return lens
}

// randomStream writes a valid stream of all kinds of blocks, codes and matches.
func randomStream(rnd *rand.Rand, blocks, tokens int) *streamWriter {
	w := new(streamWriter)
	for b := range blocks {
		final := uint(0)
		if b == blocks-1 {
			final = 1
		}
		switch rnd.IntN(6) {
		case 0:
			data := make([]byte, rnd.IntN(1+rnd.IntN(65536)))
			for i := range data {
				data[i] = byte(rnd.IntN(4))
			}
			w.stored(final, data)
			continue
		case 1:
			w.fixed(final)
		default:
			w.dynamic(final, randomCode(rnd, 257+rnd.IntN(30), 256, 65), randomCode(rnd, 2+rnd.IntN(29)))
		}
		var lits, lengths, dists []int
		for s, n := range w.lit.lens[:min(286, len(w.lit.lens))] {
			switch {
			case n == 0 || s == 256:
			case s < 256:
				lits = append(lits, s)
			default:
				lengths = append(lengths, s)
			}
		}
		for s, n := range w.dist.lens[:min(30, len(w.dist.lens))] {
			if n > 0 {
				dists = append(dists, s)
			}
		}
		literals := 1 + rnd.IntN(10)
		for range rnd.IntN(tokens + 1) {
			if len(lengths) == 0 || rnd.IntN(literals) > 0 {
				w.literal(byte(lits[rnd.IntN(len(lits))]))
				continue
			}
			ls, ds := lengths[rnd.IntN(len(lengths))], dists[rnd.IntN(len(dists))]
			le, de := litEntries[ls], distEntries[ds]
			ln, dn := 63-uint(le>>extraShift&63), 63-uint(de>>extraShift&63)
			lx, dx := rnd.UintN(1<<ln), rnd.UintN(1<<dn)
			length, dist := int(le>>valueShift)+int(lx), int(de>>valueShift)+int(dx)
			if dist > len(w.want) {
				continue
			}
			w.code(w.lit, ls)
			w.bits(lx, ln)
			w.code(w.dist, ds)
			w.bits(dx, dn)
			for range length {
				w.want = append(w.want, w.want[len(w.want)-dist])
			}
		}
		w.end()
	}
	return w
}
