package inflate

import "math/bits"

// A decode table maps the next bits of the stream to an entry. Codes longer than the
// table's index go through a subtable that lies behind it. An entry packs:
//
//	bits  0-5   bits to drop: the code (within a subtable: what is left of it) and its extra bits
//	bit   7     pointer to a subtable
//	bits  8-13  63 less the number of extra bits; in a pointer: the index bits of the subtable
//	bit   14    end of block
//	bit   15    special: end of block, a pointer, or a code that must not occur
//	bits 16-30  the literal, the least length or distance, or the subtable's index
//	bit   31    literal
const (
	endOfBlock = 1 << 14
	special    = 1 << 15
	literal    = 1 << 31
	pointer    = 1 << 7

	dropMask   = 63
	extraShift = 8
	valueShift = 16
)

const (
	maxCodeLen = 15

	litBits   = 11
	distBits  = 8
	clenBits  = 7
	maxLits   = 288
	maxDists  = 32
	maxClens  = 19
	endSymbol = 256

	// The most entries that complete codes of 288 and 32 symbols of up to 15 bits can
	// take with these index sizes, subtables included (zlib's examples/enough.c).
	litTableSize  = 2342
	distTableSize = 402
)

// litEntries, distEntries and clenEntries are the entries of the symbols without their codes:
// a code's length is added to bits 0-5.
var (
	litEntries  = makeLitEntries()
	distEntries = makeDistEntries()
	clenEntries = makeClenEntries()
)

func makeLitEntries() (t [maxLits]uint32) {
	for sym := range 256 {
		t[sym] = literal | uint32(sym)<<valueShift
	}
	t[endSymbol] = special | endOfBlock
	// RFC 1951 section 3.2.5: lengths 3 to 257 in steps of 0 to 5 extra bits, 258 of its own.
	base := uint32(3)
	for sym := 257; sym < 285; sym++ {
		extra := uint32(max(0, (sym-261)/4))
		t[sym] = base<<valueShift | (63-extra)<<extraShift | extra
		base += 1 << extra
	}
	t[285] = 258<<valueShift | 63<<extraShift
	// Symbols 286 and 287 take part in the fixed code but must not occur.
	t[286], t[287] = special, special
	return t
}

func makeDistEntries() (t [maxDists]uint32) {
	base := uint32(1)
	for sym := range 30 {
		extra := uint32(max(0, sym/2-1))
		t[sym] = base<<valueShift | (63-extra)<<extraShift | extra
		base += 1 << extra
	}
	t[30], t[31] = special, special
	return t
}

func makeClenEntries() (t [maxClens]uint32) {
	for sym := range t {
		t[sym] = uint32(sym) << valueShift
	}
	return t
}

// makeTable fills table for a canonical code with the lengths lens, of which symbol s has
// the entry entries[s]. It reports whether the code is one that zlib takes too: complete, or,
// if single, without any code or with one code of one bit (codes that are not assigned are then special).
func makeTable(table []uint32, indexBits uint, lens []uint8, entries []uint32, single bool) bool {
	var count [maxCodeLen + 1]uint16
	for _, n := range lens {
		count[n&maxCodeLen]++
	}
	var offset [maxCodeLen + 2]uint16 // where the symbols of a length begin in sorted
	space := 0                        // of the codes so far, in units of their length
	maxLen := uint(0)
	offset[1] = count[0]
	for n := uint(1); n <= maxCodeLen; n++ {
		offset[n+1] = offset[n] + count[n]
		space = space<<1 + int(count[n])
		if count[n] != 0 {
			maxLen = n
		}
	}
	if space > 1<<maxCodeLen {
		return false
	}
	if space < 1<<maxCodeLen {
		if !single || maxLen > 1 {
			return false
		}
		unused := uint32(special | 1)
		fill := unused
		for sym, n := range lens {
			if n == 1 {
				fill = entries[sym] + 1
			}
		}
		for i := 0; i < 1<<indexBits; i += 2 {
			table[i], table[i+1] = fill, unused
		}
		return true
	}
	var sorted [maxLits]uint16
	for sym, n := range lens {
		n &= maxCodeLen
		sorted[offset[n]] = uint16(sym)
		offset[n]++
	}
	syms := sorted[count[0]:len(lens)]

	// Codes in their order, bit-reversed as the stream has them. The part of the table that
	// is filled grows by doubling.
	code := uint(0)
	n := uint(1)
	for count[n] == 0 { // a complete code has short ones
		n++
	}
	size := uint(1) << n
	for {
		for range count[n] {
			table[code] = entries[syms[0]] + uint32(n)
			syms = syms[1:]
			if code == size-1 { // the last code of all
				for ; size < 1<<indexBits; size <<= 1 {
					copy(table[size:2*size], table[:size])
				}
				return true
			}
			code = nextCode(code, n)
		}
		if n++; n > indexBits {
			break
		}
		copy(table[size:2*size], table[:size])
		size <<= 1
	}
	for count[n] == 0 {
		n++
	}

	// Longer codes: a subtable for each index that they share.
	end := uint(1) << indexBits // of the table so far
	prefix := ^uint(0)
	var start, subBits uint
	left := uint(count[n])
	for {
		if p := code & (1<<indexBits - 1); p != prefix {
			prefix = p
			start = end
			// As many index bits as the codes that begin with this prefix need.
			subBits = n - indexBits
			for space := left; space < 1<<subBits; {
				subBits++
				space = space<<1 + uint(count[indexBits+subBits])
			}
			end = start + 1<<subBits
			table[prefix] = special | pointer | uint32(start)<<valueShift | uint32(subBits)<<extraShift | uint32(indexBits)
		}
		e := entries[syms[0]] + uint32(n-indexBits)
		syms = syms[1:]
		sub := table[start:end]
		for i := code >> indexBits; i < uint(len(sub)); i += 1 << (n - indexBits) {
			sub[i] = e
		}
		if code == 1<<n-1 {
			return true
		}
		code = nextCode(code, n)
		left--
		for left == 0 {
			n++
			left = uint(count[n])
		}
	}
}

// nextCode is the bit-reversed code of n bits that follows code, which isn't the last one.
func nextCode(code, n uint) uint {
	bit := uint(1) << (bits.Len(code^(1<<n-1)) - 1)
	return code&(bit-1) | bit
}
