package parquet

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"math/bits"
)

// maxTable is how many slots a hash table may have to be kept for another row
// group.
const maxTable = 1 << 20

// textDict numbers distinct texts from 0 in the order they come.
type textDict struct {
	seed maphash.Seed
	// plain is the dictionary page: each text after its length in four bytes.
	plain  []byte
	starts []uint32 // where in plain each entry is
	// table is a hash table with open addressing, a power of two in size: the
	// hash's high half over the text's number + 1. A text's slot is the first
	// bits of its hash, so that a larger table is filled from this one, in order,
	// without a look at the texts.
	table []uint64
	shift uint // of a hash, to its slot
}

func (d *textDict) len() int { return len(d.starts) }

// at returns a text, valid until the next index or reset.
func (d *textDict) at(i uint32) []byte {
	rest := d.plain[d.starts[i]:]
	n := binary.LittleEndian.Uint32(rest)
	return rest[4 : 4+n]
}

// entry returns a text with its length before it.
func (d *textDict) entry(i uint32) []byte {
	rest := d.plain[d.starts[i]:]
	n := binary.LittleEndian.Uint32(rest)
	return rest[:4+n]
}

// index returns the number of text, which is new if it has none.
func (d *textDict) index(text []byte) uint32 {
	if 2*len(d.starts) >= len(d.table) {
		d.grow()
	}
	hash := maphash.Bytes(d.seed, text)
	mask := uint64(len(d.table) - 1)
	high := hash &^ (1<<32 - 1)
	for i := hash >> d.shift; ; i = (i + 1) & mask {
		e := d.table[i]
		if e == 0 {
			d.starts = append(room(d.starts, 1), uint32(len(d.plain)))
			d.table[i] = high | uint64(len(d.starts))
			d.plain = binary.LittleEndian.AppendUint32(room(d.plain, 4+len(text)), uint32(len(text)))
			d.plain = append(d.plain, text...)
			return uint32(len(d.starts) - 1)
		}
		if e&^(1<<32-1) == high && bytes.Equal(d.at(uint32(e)-1), text) {
			return uint32(e) - 1
		}
	}
}

func (d *textDict) grow() {
	old := d.table
	d.table = zeros[uint64](max(16, 2*len(old)))
	d.shift = uint(64 - bits.TrailingZeros(uint(len(d.table))))
	mask := uint64(len(d.table) - 1)
	for _, e := range old {
		if e == 0 {
			continue
		}
		i := e >> d.shift
		for d.table[i] != 0 {
			i = (i + 1) & mask
		}
		d.table[i] = e
	}
}

func (d *textDict) reset() {
	if len(d.starts) > 0 {
		clear(d.table)
	}
	if len(d.table) > maxTable {
		d.table = nil
	}
	d.plain, d.starts = trim(d.plain), trim(d.starts)
}

// intDict numbers distinct integers from 0 in the order they come.
type intDict struct {
	seed   [2]uint64
	values []int64
	// direct has the number + 1 of each small integer. Rows and indexes come
	// in ascending runs, which it answers from the same few cache lines.
	direct []uint32
	// table has the numbers + 1 of the others, by hash, with open addressing.
	// A power of two in size.
	table  []uint32
	hashed int // entries in table
}

func (d *intDict) len() int { return len(d.values) }

// index returns the number of v, which is new if it has none.
func (d *intDict) index(v int64) uint32 {
	if uint64(v) < uint64(len(d.direct)) {
		if i := d.direct[v]; i != 0 {
			return i - 1
		}
		d.values = append(room(d.values, 1), v)
		d.direct[v] = uint32(len(d.values))
		return uint32(len(d.values) - 1)
	}
	return d.search(v)
}

func (d *intDict) search(v int64) uint32 {
	// The direct table stays in proportion to the entries, so that a few wide
	// integers don't cost memory.
	if uint64(v) < uint64(4*len(d.values)+256) {
		d.widen(v)
		return d.index(v)
	}
	if 2*d.hashed >= len(d.table) {
		d.grow()
	}
	mask := uint64(len(d.table) - 1)
	for i := d.hash(v) & mask; ; i = (i + 1) & mask {
		e := d.table[i]
		if e == 0 {
			d.values = append(room(d.values, 1), v)
			d.table[i] = uint32(len(d.values))
			d.hashed++
			return uint32(len(d.values) - 1)
		}
		if d.values[e-1] == v {
			return e - 1
		}
	}
}

// hash mixes v with the seed, so that input can't be made to collide.
func (d *intDict) hash(v int64) uint64 {
	hi, lo := bits.Mul64(uint64(v)^d.seed[0], d.seed[1]|1)
	return hi ^ lo
}

// widen makes the direct table cover v. Integers that were hashed and that it
// now covers are found in it from here on.
func (d *intDict) widen(v int64) {
	old := len(d.direct)
	n := 1 << bits.Len64(uint64(v)|255)
	if cap(d.direct) >= n {
		d.direct = d.direct[:n] // cleared by reset
	} else {
		direct := zeros[uint32](n)
		copy(direct, d.direct)
		d.direct = direct
	}
	for i, w := range d.values {
		if w >= int64(old) && w < int64(n) {
			d.direct[w] = uint32(i + 1)
		}
	}
}

func (d *intDict) grow() {
	n := max(16, 2*len(d.table))
	d.table = zeros[uint32](n)
	mask := uint64(len(d.table) - 1)
	d.hashed = 0
	for n, v := range d.values {
		if uint64(v) < uint64(len(d.direct)) {
			continue
		}
		i := d.hash(v) & mask
		for d.table[i] != 0 {
			i = (i + 1) & mask
		}
		d.table[i] = uint32(n + 1)
		d.hashed++
	}
}

func (d *intDict) reset() {
	if d.hashed > 0 {
		clear(d.table)
	}
	if len(d.table) > maxTable {
		d.table = nil
	}
	clear(d.direct)
	d.values, d.direct, d.hashed = d.values[:0], d.direct[:0], 0
}
