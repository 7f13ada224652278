package parquet

import (
	"encoding/binary"

	"github.com/klauspost/compress/huff0"
)

// intFrames writes pages of 8-byte integers as zstd frames (RFC 8878) without
// searching for matches: where all values agree in their high bytes, each is its
// low bytes as literals and then a match with the value before it. A search
// finds about the same, and takes far longer to. It isn't safe for concurrent
// use.
type intFrames struct {
	huff     huff0.Scratch
	literals []byte
}

const (
	intBytes = 8

	// minIntFrame is from how many values on tables of codes are worth it.
	minIntFrame = 1024
	// maxIntFrame is the longest page, in bytes, whose frame is its own
	// window: decoders needn't take larger windows (section 3.1.1.1.2).
	maxIntFrame = 8 << 20
	// maxIntLow is how many low bytes may differ: a match has at least three
	// bytes (RFC 8878, section 3.1.1.3.2.1.1).
	maxIntLow = intBytes - 3

	// Of the header of a frame (section 3.1.1.1): the window is all of the
	// frame, whose size follows in one byte, or in four.
	zstdMagic         = 0xFD2FB528
	zstdSingleSegment = 1 << 5
	zstdSize4         = 2 << 6

	// zstdBlock is the most that a block may hold once it is decoded (section
	// 3.1.1.2.4).
	zstdBlock = 128 << 10

	// Kinds of blocks, and the bit of the last one (section 3.1.1.2).
	zstdLast            = 1
	zstdRawBlock        = 0 << 1
	zstdCompressedBlock = 2 << 1
	zstdBlockHeader     = 3 // bytes

	// Kinds of literals and their forms of sizes (section 3.1.1.3.1.1).
	zstdRawLiterals        = 0
	zstdRLELiterals        = 1
	zstdCompressedLiterals = 2
	zstdFourStreams        = 3 << 2 // with sizes of 18 bits
	zstdWideSize           = 3 << 2 // 20 bits, of literals that aren't compressed

	// zstdRLECodes says that the codes of all sequences are the same (section
	// 3.1.1.3.2.1): then they take no bits.
	zstdRLECodes = 1<<6 | 1<<4 | 1<<2
	// The third offset that is remembered is 8 at the beginning of a frame
	// (section 3.1.1.5); once used it is the first.
	zstdThirdOffset, zstdThirdOffsetBits = 1, 0b11 // a bit, and the end of the bits
	zstdFirstOffset, zstdFirstOffsetBits = 0, 0b1  // no bit
)

// maxStoredPage is up to how many bytes pages aren't compressed: that would save
// a tenth of them at most, and costs microseconds for tables of codes.
const maxStoredPage = 255

// appendStored appends a frame of a page of at most 255 bytes that holds it as it
// is.
func appendStored(dst, page []byte) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, zstdMagic)
	dst = append(dst, zstdSingleSegment, byte(len(page)))
	return append(appendBlockHeader(dst, zstdRawBlock|zstdLast, len(page)), page...)
}

// append appends the frame of a page to dst that ends with n integers, or returns
// false where another encoder is better at the page.
func (f *intFrames) append(dst, page []byte, n int) ([]byte, bool) {
	head := len(page) - intBytes*n
	if n < minIntFrame || len(page) > maxIntFrame || head+intBytes > zstdBlock {
		return dst, false
	}
	values := page[head:]
	low := lowBytes(values)
	if low == 0 || low > maxIntLow {
		return dst, false
	}
	dst = room(dst, 64+len(page))
	dst = binary.LittleEndian.AppendUint32(dst, zstdMagic)
	dst = append(dst, zstdSize4|zstdSingleSegment)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(page)))

	first := page[:head+intBytes]
	dst = append(appendBlockHeader(dst, zstdRawBlock, len(first)), first...)
	dst = f.appendBlock(dst, values[intBytes:2*intBytes], low, zstdThirdOffset, zstdThirdOffsetBits)
	last := 0
	for values = values[2*intBytes:]; len(values) > 0; {
		block := values[:min(len(values), zstdBlock)]
		values = values[len(block):]
		last = len(dst)
		dst = f.appendBlock(dst, block, low, zstdFirstOffset, zstdFirstOffsetBits)
	}
	dst[last] |= zstdLast
	return dst, true
}

// lowBytes is in how many of their low bytes integers differ.
func lowBytes(values []byte) int {
	first := binary.LittleEndian.Uint64(values)
	differ := uint64(0)
	for ; len(values) >= intBytes; values = values[intBytes:] {
		differ |= binary.LittleEndian.Uint64(values) ^ first
	}
	low := 0
	for ; differ != 0; differ >>= 8 {
		low++
	}
	return low
}

func appendBlockHeader(dst []byte, kind, size int) []byte {
	header := kind | size<<3
	return append(dst, byte(header), byte(header>>8), byte(header>>16))
}

// appendBlock appends a block of integers: of each its low bytes, and a match for
// the others.
func (f *intFrames) appendBlock(dst, values []byte, low, offset int, offsetBits byte) []byte {
	n := len(values) / intBytes
	start := len(dst)
	dst = appendBlockHeader(dst, zstdCompressedBlock, 0)
	dst = f.appendLiterals(dst, f.gather(values, low))
	if n < 128 { // section 3.1.1.3.2.1
		dst = append(dst, byte(n))
	} else {
		dst = append(dst, byte(n>>8)+128, byte(n))
	}
	dst = append(dst, zstdRLECodes, byte(low), byte(offset), byte(intBytes-low-3), offsetBits)
	appendBlockHeader(dst[:start], zstdCompressedBlock, len(dst)-start-zstdBlockHeader)
	return dst
}

// gather returns the low bytes of integers, one after the other.
func (f *intFrames) gather(values []byte, low int) []byte {
	n := len(values) / intBytes
	f.literals = room(f.literals[:0], n*low+intBytes)
	to := f.literals[:n*low+intBytes] // each is written in full, and the next over its rest
	for i := range n {
		binary.LittleEndian.PutUint64(to[i*low:], binary.LittleEndian.Uint64(values[i*intBytes:]))
	}
	return to[:n*low]
}

// appendLiterals appends the section of a block that has its literals, compressed
// where that makes them smaller.
func (f *intFrames) appendLiterals(dst, literals []byte) []byte {
	n := len(literals)
	f.huff.Reuse = huff0.ReusePolicyNone
	if n >= minIntFrame {
		packed, _, err := huff0.Compress4X(literals, &f.huff)
		switch {
		case err == nil && len(packed) < n:
			header := uint64(zstdCompressedLiterals|zstdFourStreams) | uint64(n)<<4 | uint64(len(packed))<<22
			return append(append(dst, byte(header), byte(header>>8), byte(header>>16), byte(header>>24), byte(header>>32)), packed...)
		case err == huff0.ErrUseRLE:
			return append(appendLiteralsHeader(dst, zstdRLELiterals, n), literals[0])
		}
	}
	return append(appendLiteralsHeader(dst, zstdRawLiterals, n), literals...)
}

func appendLiteralsHeader(dst []byte, kind, n int) []byte {
	header := kind | zstdWideSize | n<<4
	return append(dst, byte(header), byte(header>>8), byte(header>>16))
}
