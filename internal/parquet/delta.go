package parquet

import (
	"encoding/binary"
	"math/bits"
)

// deltaEncoder writes integers as DELTA_BINARY_PACKED (Parquet specification,
// Encodings, DELTA_BINARY_PACKED = 5), block by block as they come.
type deltaEncoder struct {
	n     int    // values
	first int64  // value
	last  int64  // value
	dst   []byte // whole blocks
	block [deltaBlock]int64
	open  int // deltas in block
}

// A block has four miniblocks of 32 values, as other writers have.
const (
	deltaBlock = 128
	deltaMini  = 32
	deltaMinis = deltaBlock / deltaMini
)

// add appends values.
func (e *deltaEncoder) add(values []int64) {
	if len(values) == 0 {
		return
	}
	if e.n == 0 {
		e.first, e.last = values[0], values[0]
		e.n, values = 1, values[1:]
	}
	e.n += len(values)
	for len(values) > 0 {
		k := min(len(values), deltaBlock-e.open)
		last, to := e.last, e.block[e.open:e.open+k]
		for i, v := range values[:k] {
			to[i] = v - last // may wrap; readers add it up again the same way
			last = v
		}
		e.last = last
		values = values[k:]
		if e.open += k; e.open == deltaBlock {
			e.flush()
		}
	}
}

// flush writes the open block. A miniblock without deltas takes no bytes, and the
// rest of a last one is zeros.
func (e *deltaEncoder) flush() {
	deltas := e.block[:e.open]
	low := deltas[0]
	for _, v := range deltas {
		low = min(low, v)
	}
	clear(e.block[e.open:])
	dst := room(e.dst, 10+deltaMinis+8*deltaBlock+8)
	dst = binary.AppendVarint(dst, low)
	widths := len(dst)
	dst = dst[:widths+deltaMinis]
	clear(dst[widths:])
	for mini := 0; mini*deltaMini < e.open; mini++ {
		values := (*[deltaMini]int64)(e.block[mini*deltaMini:])
		own := min(deltaMini, e.open-mini*deltaMini)
		all := uint64(0)
		for i := range own {
			values[i] -= low
			all |= uint64(values[i])
		}
		width := bits.Len64(all)
		dst[widths+mini] = byte(width)
		dst = appendPacked(dst, values, uint(width))
	}
	e.dst, e.open = dst, 0
}

// appendPacked appends values of that many bits from the lowest bit up. dst has
// room for 8 bytes more than they take.
func appendPacked(dst []byte, values *[deltaMini]int64, width uint) []byte {
	at, end := len(dst), len(dst)+int(width)*deltaMini/8
	dst = dst[:end+8]
	if width <= 8 { // as nearly all are: eight values are width bytes
		for i := 0; i < deltaMini; i += 8 {
			v := (*[8]int64)(values[i:])
			low := v[0] | v[1]<<(width&63) | v[2]<<(2*width&63) | v[3]<<(3*width&63)
			high := v[4] | v[5]<<(width&63) | v[6]<<(2*width&63) | v[7]<<(3*width&63)
			binary.LittleEndian.PutUint64(dst[at:], uint64(low|high<<(4*width&63)))
			at += int(width)
		}
		return dst[:end]
	}
	acc, held := uint64(0), uint(0)
	for _, v := range values {
		acc |= uint64(v) << (held & 63)
		if held += width; held >= 64 {
			binary.LittleEndian.PutUint64(dst[at:], acc)
			at += 8
			held -= 64
			acc = uint64(v) >> (width - held) // 0 where that is 64
		}
	}
	binary.LittleEndian.PutUint64(dst[at:], acc)
	return dst[:end]
}

// appendTo appends the encoded values to dst.
func (e *deltaEncoder) appendTo(dst []byte) []byte {
	if e.open > 0 {
		e.flush()
	}
	dst = binary.AppendUvarint(dst, deltaBlock)
	dst = binary.AppendUvarint(dst, deltaMinis)
	dst = binary.AppendUvarint(dst, uint64(e.n))
	dst = binary.AppendVarint(dst, e.first)
	return append(dst, e.dst...)
}

func (e *deltaEncoder) reset() { e.n, e.open, e.dst = 0, 0, e.dst[:0] }
