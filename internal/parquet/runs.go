package parquet

import (
	"encoding/binary"
)

// repeated marks a token that is a count; the number it repeats follows.
const repeated = 1 << 31

// runs is a sequence of numbers below 1<<31: dictionary indices, levels or
// truth values. It costs four bytes a number, eight a run.
type runs struct {
	tokens []uint32
	last   uint32
	n      uint32 // how many of last aren't in tokens yet
}

// add appends v n times. Sequences that are equal are held equally, whatever
// the calls that made them.
func (r *runs) add(v uint32, n int) {
	if v != r.last {
		r.settle()
		r.last = v
	}
	r.n += uint32(n)
}

// settle moves what is pending to tokens.
func (r *runs) settle() {
	if r.n == 0 {
		return
	}
	if cap(r.tokens)-len(r.tokens) < 2 {
		r.tokens = room(r.tokens, 2)
	}
	if r.n > 1 {
		r.tokens = append(r.tokens, repeated|r.n)
	}
	r.tokens = append(r.tokens, r.last)
	r.n = 0
}

func (r *runs) reset() {
	r.tokens, r.n = trim(r.tokens), 0
}

// nextRun returns the run at tokens[i], and where the one after it is.
func nextRun(tokens []uint32, i int) (v uint32, n, after int) {
	t := tokens[i]
	if t&repeated == 0 {
		return t, 1, i + 1
	}
	return tokens[i+1], int(t &^ repeated), i + 2
}

// hybrid writes Parquet's RLE/bit-packing hybrid (Parquet specification,
// Encodings, RLE = 3): runs of a repeated number, and groups of eight numbers
// packed at width bits from the lowest bit up.
type hybrid struct {
	dst    []byte
	width  uint
	acc    uint64 // packed bits that aren't in dst yet
	bits   uint   // how many; below 8 between calls
	header int    // where in dst the open packed run's header is
	packed int    // numbers in the open packed run
}

// maxPacked is how many numbers a packed run takes: as many as a header of one
// byte can say, so that it can be reserved before they are known.
const maxPacked = 63 * 8

// appendHybrid appends the runs of tokens, whose numbers fit width bits, to dst.
func appendHybrid(dst []byte, tokens []uint32, width uint) []byte {
	h := hybrid{dst: dst, width: width}
	for i := 0; i < len(tokens); {
		if tokens[i]&repeated == 0 {
			i += h.pack(tokens[i:])
			continue
		}
		v, n, after := nextRun(tokens, i)
		i = after
		// Up to seven go into the open group, so that it is whole.
		fill := min(n, -h.packed&7)
		if n-fill < 8 {
			fill = n
		}
		h.packSame(v, fill)
		if n > fill {
			h.repeat(v, n-fill)
		}
	}
	h.packSame(0, -h.packed&7) // the last group is padded; readers know the count
	h.close()
	return h.dst
}

// space returns where the next n numbers of the open packed run go, after its header
// if they are its first: from at on, with some bytes to spare behind them.
func (h *hybrid) space(n int) (dst []byte, at int) {
	dst = room(h.dst, 1+4*n+8)
	if h.packed == 0 {
		h.header = len(dst)
		dst = append(dst, 0)
	}
	return dst[:cap(dst)], len(dst)
}

// wrote takes note of n numbers that end at dst[at].
func (h *hybrid) wrote(dst []byte, at, n int) {
	h.dst = dst[:at]
	if h.packed += n; h.packed == maxPacked {
		h.close()
	}
}

// pack packs the first of tokens, up to the next run, or as many as fit the open
// packed run, and returns how many.
func (h *hybrid) pack(tokens []uint32) int {
	tokens = tokens[:min(len(tokens), maxPacked-h.packed)]
	dst, at := h.space(len(tokens))
	n := 0
	switch h.width { // those of more than a few bits are whole bytes
	case 8:
		for ; n < len(tokens) && tokens[n]&repeated == 0; n++ {
			dst[at] = byte(tokens[n])
			at++
		}
	case 16:
		for ; n+4 <= len(tokens); n += 4 {
			four := (*[4]uint32)(tokens[n:])
			if (four[0]|four[1]|four[2]|four[3])&repeated != 0 {
				break
			}
			binary.LittleEndian.PutUint64(dst[at:], uint64(four[0])|uint64(four[1])<<16|uint64(four[2])<<32|uint64(four[3])<<48)
			at += 8
		}
		for ; n < len(tokens) && tokens[n]&repeated == 0; n++ {
			binary.LittleEndian.PutUint16(dst[at:], uint16(tokens[n]))
			at += 2
		}
	default:
		for ; n < len(tokens) && tokens[n]&repeated == 0; n++ {
			at = h.put(dst, at, tokens[n])
		}
	}
	h.wrote(dst, at, n)
	return n
}

// packSame packs v n times.
func (h *hybrid) packSame(v uint32, n int) {
	for n > 0 {
		k := min(n, maxPacked-h.packed)
		dst, at := h.space(k)
		for range k {
			at = h.put(dst, at, v)
		}
		h.wrote(dst, at, k)
		n -= k
	}
}

// put packs v at dst[at], and returns where the next number's bits begin, or the
// byte with them.
func (h *hybrid) put(dst []byte, at int, v uint32) int {
	h.acc |= uint64(v) << h.bits
	bits := h.bits + h.width
	binary.LittleEndian.PutUint64(dst[at:], h.acc)
	h.acc >>= bits &^ 7
	h.bits = bits & 7
	return at + int(bits>>3)
}

// close ends the packed run, which is in whole groups: whole bytes.
func (h *hybrid) close() {
	if h.packed == 0 {
		return
	}
	h.dst[h.header] = byte(h.packed/8<<1 | 1)
	h.packed = 0
}

func (h *hybrid) repeat(v uint32, n int) {
	h.close()
	h.dst = binary.AppendUvarint(h.dst, uint64(n)<<1)
	for w := uint(0); w < h.width; w += 8 {
		h.dst = append(h.dst, byte(v>>w))
	}
}

// appendBits appends the runs of tokens, whose numbers are 0 and 1, a bit each
// from the lowest bit up: PLAIN booleans.
func appendBits(dst []byte, tokens []uint32) []byte {
	acc, bits := uint64(0), 0 // bits stays below 8 between runs
	for i := 0; i < len(tokens); {
		v, n, after := nextRun(tokens, i)
		i = after
		for n > 0 {
			k := min(n, 32)
			acc |= uint64(v) * (1<<k - 1) << bits
			n -= k
			for bits += k; bits >= 8; bits -= 8 {
				dst = append(dst, byte(acc))
				acc >>= 8
			}
		}
	}
	if bits > 0 {
		dst = append(dst, byte(acc))
	}
	return dst
}
