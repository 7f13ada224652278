package sink

import (
	"encoding/binary"
)

// repeated marks a token that is a count; the number it repeats follows.
const repeated = 1 << 31

// pqRuns is a sequence of numbers below 1<<31: dictionary indices, levels or
// truth values. It costs four bytes a number, eight a run.
type pqRuns struct {
	tokens []uint32
	last   uint32
	n      uint32 // how many of last aren't in tokens yet
}

// add appends v n times. Sequences that are equal are held equally, whatever
// the calls that made them.
func (r *pqRuns) add(v uint32, n int) {
	if v != r.last {
		r.settle()
		r.last = v
	}
	r.n += uint32(n)
}

// settle moves what is pending to tokens.
func (r *pqRuns) settle() {
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

func (r *pqRuns) reset() {
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

// room returns buf with space for n more elements. It at least doubles what it
// grows: append's smaller steps would copy large buffers many times, and clear what
// new memory has clear already.
func room[T any](buf []T, n int) []T {
	if cap(buf)-len(buf) >= n {
		return buf
	}
	grown := make([]T, len(buf), len(buf)+max(n, cap(buf)))
	copy(grown, buf)
	return grown
}

// pqHybrid writes Parquet's RLE/bit-packing hybrid (Parquet specification,
// Encodings, RLE = 3): runs of a repeated number, and groups of eight numbers
// packed at width bits from the lowest bit up.
type pqHybrid struct {
	dst    []byte
	width  uint
	acc    uint64 // packed bits that aren't in dst yet
	bits   uint   // how many; below 32 between calls
	header int    // where in dst the open packed run's header is
	packed int    // numbers in the open packed run
}

// maxPacked is how many numbers a packed run takes: as many as a header of one
// byte can say, so that it can be reserved before they are known.
const maxPacked = 63 * 8

// appendHybrid appends the runs of tokens, whose numbers fit width bits, to dst.
func appendHybrid(dst []byte, tokens []uint32, width uint) []byte {
	h := pqHybrid{dst: dst, width: width}
	for i := 0; i < len(tokens); {
		i = h.packGroups(tokens, i)
		if i == len(tokens) {
			break
		}
		v, n, after := nextRun(tokens, i)
		i = after
		if n == 1 {
			h.pack(v)
			continue
		}
		for ; n > 0 && h.packed%8 != 0; n-- {
			h.pack(v)
		}
		if n >= 8 {
			h.repeat(v, n)
			continue
		}
		for ; n > 0; n-- {
			h.pack(v)
		}
	}
	for h.packed%8 != 0 { // the last group is padded; readers know the count
		h.pack(0)
	}
	h.close()
	return h.dst
}

func (h *pqHybrid) pack(v uint32) {
	if h.packed == 0 {
		h.header = len(h.dst)
		h.dst = append(h.dst, 0)
	}
	h.acc |= uint64(v) << h.bits
	h.bits += h.width
	h.packed++
	if h.bits >= 32 {
		h.dst = binary.LittleEndian.AppendUint32(h.dst, uint32(h.acc))
		h.acc >>= 32
		h.bits -= 32
	}
	if h.packed == maxPacked {
		h.close()
	}
}

// packGroups packs tokens from i on as long as they come in whole groups that
// repeat nothing, and returns where it stopped.
func (h *pqHybrid) packGroups(tokens []uint32, i int) int {
	for h.packed%8 == 0 && i+8 <= len(tokens) {
		g := (*[8]uint32)(tokens[i:])
		if (g[0]|g[1]|g[2]|g[3]|g[4]|g[5]|g[6]|g[7])&repeated != 0 {
			return i
		}
		if h.packed == 0 {
			h.header = len(h.dst)
			h.dst = append(h.dst, 0)
		}
		if h.width == 16 { // the usual one where numbers rarely repeat
			h.dst = binary.LittleEndian.AppendUint64(h.dst, uint64(g[0])|uint64(g[1])<<16|uint64(g[2])<<32|uint64(g[3])<<48)
			h.dst = binary.LittleEndian.AppendUint64(h.dst, uint64(g[4])|uint64(g[5])<<16|uint64(g[6])<<32|uint64(g[7])<<48)
		} else {
			h.packGroup(g)
		}
		i += 8
		if h.packed += 8; h.packed == maxPacked {
			h.close()
		}
	}
	return i
}

func (h *pqHybrid) packGroup(g *[8]uint32) {
	dst, acc, bits := room(h.dst, 32), h.acc, h.bits
	at := len(dst)
	dst = dst[:at+32]
	for _, v := range g {
		acc |= uint64(v) << bits
		bits += h.width
		if bits >= 32 {
			binary.LittleEndian.PutUint32(dst[at:], uint32(acc))
			at += 4
			acc >>= 32
			bits -= 32
		}
	}
	h.dst, h.acc, h.bits = dst[:at], acc, bits
}

// close ends the packed run, which is in whole groups: whole bytes.
func (h *pqHybrid) close() {
	if h.packed == 0 {
		return
	}
	for ; h.bits > 0; h.bits -= 8 {
		h.dst = append(h.dst, byte(h.acc))
		h.acc >>= 8
	}
	h.dst[h.header] = byte(h.packed/8<<1 | 1)
	h.packed = 0
}

func (h *pqHybrid) repeat(v uint32, n int) {
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
