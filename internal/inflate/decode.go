package inflate

import (
	"encoding/binary"
	"io"
)

const (
	maxDistance = 32768
	maxMatch    = 258
	copyStep    = 32 // bytes a copy may write past the end of its match

	windowSize = 128 << 10 // a power of two
	windowMask = windowSize - 1
	// A round of the fast loop begins with less than windowFull bytes in the window. It adds
	// two literals and a match at most, and may write copyStep bytes more.
	windowFull = windowSize - 2 - maxMatch - copyStep

	// fastInput is how many bytes of input a round of the fast loop may look at: two loads
	// of 8 bytes, the second at most 7 bytes after the first.
	fastInput = 16

	maxEmptyReads = 100
)

type blockState uint8

const (
	blockStart  blockState = iota // a block header follows
	blockStored                   // in a stored block
	blockCodes                    // in a block with Huffman codes
	blockDone                     // the last block has ended
)

// corrupt is the Error of a stream that breaks RFC 1951. The Reader adds the place.
func corrupt(reason string) error { return &Error{Err: ErrCorrupt, Reason: reason} }

// decoder inflates one deflate stream at a time from an input that it keeps across streams.
type decoder struct {
	// Input: the lowest bitCount bits of bitBuf, the others being 0, then in[pos:]. Between
	// symbols fewer than 8 bits are held, so that none of their bytes is given back to an
	// in that has been read since.
	in       []byte
	pos      int
	bitBuf   uint64
	bitCount uint32
	inOffset int64 // of in[0] in the whole input
	src      io.Reader
	srcErr   error // why src gives no more
	readBuf  []byte

	state  blockState
	final  bool // no block follows this one
	stored int  // bytes to go in a stored block

	codes    *codes // of this block: dynamic or fixed
	dynamic  codes
	fixed    codes
	hasFixed bool // fixed has been made
	lens     [maxLits + maxDists]uint8

	// Output: window[:end] is of this stream, with the last 32 KiB of it among it.
	end    int
	window window
}

// window has room behind its end for copies that go too far.
type window [windowSize + copyStep]byte

// codes are the two decode tables of a block.
type codes struct {
	lit  [litTableSize]uint32
	dist [distTableSize]uint32
}

// reset gives the decoder a new input, which is all in memory.
func (d *decoder) reset(in []byte) {
	d.in, d.pos, d.inOffset = in, 0, 0
	d.bitBuf, d.bitCount = 0, 0
	d.src, d.srcErr = nil, io.EOF
}

// start makes the decoder ready for a new stream at the current place of the input.
func (d *decoder) start() {
	d.end = 0
	d.state, d.final = blockStart, false
}

// next inflates on and gives what is new, a part of the window, until the next call.
// The error is nil when more follows, io.EOF at the end of the stream, or why it breaks off.
func (d *decoder) next() ([]byte, error) {
	if d.end >= windowFull {
		copy(d.window[:maxDistance], d.window[d.end-maxDistance:d.end])
		d.end = maxDistance
	}
	from := d.end
	err := d.decode()
	return d.window[from:d.end], err
}

func (d *decoder) decode() error {
	for {
		var err error
		switch d.state {
		case blockStart:
			err = d.blockHeader()
		case blockStored:
			err = d.copyStored()
		case blockCodes:
			err = d.decodeBlock()
		case blockDone:
			return io.EOF
		}
		if err != nil || d.end >= windowFull {
			return err
		}
	}
}

// endBlock is called at the end of a block.
func (d *decoder) endBlock() {
	d.state = blockStart
	if d.final {
		d.state = blockDone
	}
}

// offset is how many bytes of the input have been used, the one used in part included.
func (d *decoder) offset() int64 {
	return d.inOffset + int64(d.pos) - int64(d.bitCount>>3)
}

// align drops the bits up to the next byte, between symbols.
func (d *decoder) align() {
	d.bitBuf, d.bitCount = 0, 0
}

// fill reads more input when in is used up.
func (d *decoder) fill() error {
	if d.srcErr != nil {
		return d.srcErr
	}
	d.inOffset += int64(len(d.in))
	d.in, d.pos = nil, 0
	for range maxEmptyReads {
		n, err := d.src.Read(d.readBuf)
		d.in, d.srcErr = d.readBuf[:n], err
		if n > 0 {
			return nil
		}
		if err != nil {
			return err
		}
	}
	d.srcErr = io.ErrNoProgress
	return d.srcErr
}

// more is fill within a stream, where the end of the input is unexpected.
func (d *decoder) more() error {
	err := d.fill()
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// need makes at least n bits available, n at most 32.
func (d *decoder) need(n uint32) error {
	for d.bitCount < n {
		if d.pos == len(d.in) {
			if err := d.more(); err != nil {
				return err
			}
		}
		d.bitBuf |= uint64(d.in[d.pos]) << (d.bitCount & 63)
		d.pos++
		d.bitCount += 8
	}
	return nil
}

// load fills bitBuf up to 56 bits or more at once, if enough input is at hand. The bits above
// bitCount are then those that come next. Before load, fewer than 8 bits may be held.
func (d *decoder) load() {
	if len(d.in)-d.pos >= 8 {
		d.bitBuf |= binary.LittleEndian.Uint64(d.in[d.pos:]) << (d.bitCount & 63)
		d.pos += int(^d.bitCount >> 3 & 7)
		d.bitCount |= 56
	}
}

// unload gives the whole bytes in bitBuf back to the input, after load.
func (d *decoder) unload() {
	d.pos -= int(d.bitCount >> 3)
	d.bitCount &= 7
	d.bitBuf &= 1<<d.bitCount - 1
}

// take drops n bits, which are available, and gives them.
func (d *decoder) take(n uint32) uint {
	v := uint(d.bitBuf & (1<<n - 1))
	d.bitBuf >>= n
	d.bitCount -= n
	return v
}

// code gives the entry of the next code in table, with bits for it and its extra bits available.
// If the entry came through a subtable, the index bits of the table are dropped.
func (d *decoder) code(table []uint32, indexBits uint32) (uint32, error) {
	for {
		e := table[d.bitBuf&(1<<indexBits-1)]
		if e&pointer != 0 && d.bitCount >= indexBits {
			sub := table[e>>valueShift+uint32(d.bitBuf>>indexBits&(1<<(e>>extraShift&63)-1))]
			if d.bitCount >= indexBits+sub&dropMask {
				d.take(indexBits)
				return sub, nil
			}
		} else if e&pointer == 0 && d.bitCount >= e&dropMask {
			return e, nil
		}
		if err := d.need(d.bitCount + 1); err != nil {
			return 0, err
		}
	}
}

// blockHeader reads a block's header (RFC 1951 section 3.2.3) and makes its tables.
func (d *decoder) blockHeader() error {
	if err := d.need(3); err != nil {
		return err
	}
	d.final = d.take(1) == 1
	switch d.take(2) {
	case 0:
		d.align()
		if err := d.need(32); err != nil {
			return err
		}
		n, check := d.take(16), d.take(16)
		if n != check^0xffff {
			return corrupt("stored block lengths disagree")
		}
		d.stored = int(n)
		d.state = blockStored
	case 1:
		if !d.hasFixed {
			d.makeFixed()
		}
		d.codes = &d.fixed
		d.state = blockCodes
	case 2:
		if err := d.makeDynamic(); err != nil {
			return err
		}
		d.codes = &d.dynamic
		d.state = blockCodes
	default:
		return corrupt("block type 3")
	}
	return nil
}

// makeFixed makes the tables of RFC 1951 section 3.2.6.
func (d *decoder) makeFixed() {
	var lens [maxLits]uint8
	for i := range lens {
		switch {
		case i < 144:
			lens[i] = 8
		case i < 256:
			lens[i] = 9
		case i < 280:
			lens[i] = 7
		default:
			lens[i] = 8
		}
	}
	makeTable(d.fixed.lit[:], litBits, lens[:], litEntries[:], false)
	for i := range maxDists {
		lens[i] = 5
	}
	makeTable(d.fixed.dist[:], distBits, lens[:maxDists], distEntries[:], false)
	d.hasFixed = true
}

// clenOrder is the order of the code length codes' lengths.
var clenOrder = [maxClens]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// makeDynamic reads the codes of a block (RFC 1951 section 3.2.7) and makes its tables. It
// rejects what zlib's inflate rejects.
func (d *decoder) makeDynamic() error {
	if err := d.need(14); err != nil {
		return err
	}
	lits, dists, clens := d.take(5)+257, d.take(5)+1, d.take(4)+4
	if lits > 286 {
		return corrupt("more than 286 literal and length codes")
	}
	if dists > 30 {
		return corrupt("more than 30 distance codes")
	}
	var clen [maxClens]uint8
	for _, sym := range clenOrder[:clens] {
		if err := d.need(3); err != nil {
			return err
		}
		clen[sym] = uint8(d.take(3))
	}
	var table [1 << clenBits]uint32
	if !makeTable(table[:], clenBits, clen[:], clenEntries[:], false) {
		return corrupt("invalid code length code")
	}
	lens := d.lens[:lits+dists]
	for i := 0; i < len(lens); {
		if d.bitCount < clenBits+7 {
			d.unload()
			d.load()
		}
		e := table[d.bitBuf&(1<<clenBits-1)]
		for d.bitCount < e&dropMask {
			if err := d.need(d.bitCount + 1); err != nil {
				return err
			}
			e = table[d.bitBuf&(1<<clenBits-1)]
		}
		d.take(e & dropMask)
		sym := uint8(e >> valueShift)
		if sym < 16 {
			lens[i] = sym
			i++
			continue
		}
		var value uint8
		base, extra := 3, uint32(3)
		switch sym {
		case 16:
			if i == 0 {
				return corrupt("nothing to repeat in the code lengths")
			}
			value, extra = lens[i-1], 2
		case 18:
			base, extra = 11, 7
		}
		if err := d.need(extra); err != nil {
			return err
		}
		n := base + int(d.take(extra))
		if n > len(lens)-i {
			return corrupt("too many code lengths")
		}
		for range n {
			lens[i] = value
			i++
		}
	}
	d.unload()
	if lens[endSymbol] == 0 {
		return corrupt("no code for the end of the block")
	}
	if !makeTable(d.dynamic.lit[:], litBits, lens[:lits], litEntries[:], true) {
		return corrupt("invalid literal and length code")
	}
	if !makeTable(d.dynamic.dist[:], distBits, lens[lits:], distEntries[:], true) {
		return corrupt("invalid distance code")
	}
	return nil
}

// copyStored copies from a stored block until it ends or the window is full.
func (d *decoder) copyStored() error {
	for d.stored > 0 && d.end < windowFull {
		if d.pos == len(d.in) {
			if err := d.more(); err != nil {
				return err
			}
		}
		n := copy(d.window[d.end:windowFull], d.in[d.pos:min(len(d.in), d.pos+d.stored)])
		d.pos += n
		d.end += n
		d.stored -= n
	}
	if d.stored == 0 {
		d.endBlock()
	}
	return nil
}

// decodeBlock decodes until the block ends or the window is full: most of it in the fast loop,
// symbol by symbol where the input at hand runs low.
func (d *decoder) decodeBlock() error {
	for d.end < windowFull {
		if len(d.in)-d.pos >= fastInput {
			ended, err := d.fast()
			if ended || err != nil {
				return err
			}
			if d.end >= windowFull {
				return nil
			}
		}
		e, err := d.code(d.codes.lit[:], litBits)
		if err != nil {
			return err
		}
		if e&literal != 0 {
			d.take(e & dropMask)
			d.window[d.end] = uint8(e >> valueShift)
			d.end++
			continue
		}
		if e&special != 0 {
			if e&endOfBlock == 0 {
				return corrupt("invalid literal or length")
			}
			d.take(e & dropMask)
			d.endBlock()
			return nil
		}
		length := d.value(e)
		e, err = d.code(d.codes.dist[:], distBits)
		if err != nil {
			return err
		}
		if e&special != 0 {
			return corrupt("invalid distance code")
		}
		dist := d.value(e)
		if dist > d.end {
			return corrupt("distance too far back")
		}
		for range length {
			d.window[d.end] = d.window[d.end-dist]
			d.end++
		}
	}
	return nil
}

// value drops the code of an entry and its extra bits, and gives the length or distance.
func (d *decoder) value(e uint32) int {
	extra := 63 - e>>extraShift&dropMask
	d.take(e&dropMask - extra)
	return int(e>>valueShift) + int(d.take(extra))
}

// fast decodes while there are fastInput bytes of input and space in the window, as there must
// be at the start. It reports whether the block has ended.
//
// In bitBuf the bits above bitCount are those that come next, so that loading them again
// changes nothing. Of bitCount only the lowest 6 bits count: a whole entry may be taken from it.
func (d *decoder) fast() (ended bool, err error) {
	in := d.in
	window := &d.window
	codes := d.codes
	pos, end := d.pos, d.end
	bitBuf, bitCount := d.bitBuf, d.bitCount
	lastPos := len(in) - fastInput

	bitBuf |= binary.LittleEndian.Uint64(in[pos:pos+8:pos+8]) << (bitCount & 63)
	pos += int(^bitCount >> 3 & 7)
	bitCount |= 56
	e := codes.lit[bitBuf&(1<<litBits-1)]
	for {
		// At least 56 bits are there, and e is the entry of the first. Two literals, a length
		// and its extra bits take 42 of them, a distance and its extra bits 28.
		if e&literal != 0 {
			bitBuf >>= e & dropMask
			bitCount -= e
			window[end&windowMask] = uint8(e >> valueShift)
			end++
			e = codes.lit[bitBuf&(1<<litBits-1)]
			if e&literal != 0 {
				bitBuf >>= e & dropMask
				bitCount -= e
				window[end&windowMask] = uint8(e >> valueShift)
				end++
				e = codes.lit[bitBuf&(1<<litBits-1)]
				if e&literal != 0 {
					bitBuf >>= e & dropMask
					bitCount -= e
					window[end&windowMask] = uint8(e >> valueShift)
					end++
					goto refill
				}
			}
		}
		if e&special != 0 {
			if e&pointer != 0 {
				bitBuf >>= litBits
				bitCount -= litBits
				e = codes.lit[e>>valueShift+uint32(bitBuf&(1<<(e>>extraShift&63)-1))]
				if e&literal != 0 {
					bitBuf >>= e & dropMask
					bitCount -= e
					window[end&windowMask] = uint8(e >> valueShift)
					end++
					goto refill
				}
			}
			if e&special != 0 {
				if e&endOfBlock != 0 {
					bitBuf >>= e & dropMask
					bitCount -= e
					ended = true
				} else {
					err = corrupt("invalid literal or length")
				}
				break
			}
		}
		{
			// Of the bits to drop, the upper ones are the extra bits.
			length := int(e>>valueShift) + int(bitBuf<<(-e&63)>>1>>(e>>extraShift&63))
			bitBuf >>= e & dropMask
			bitCount -= e

			if bitCount&63 < 28 {
				bitBuf |= binary.LittleEndian.Uint64(in[pos:pos+8:pos+8]) << (bitCount & 63)
				pos += int(^bitCount >> 3 & 7)
				bitCount |= 56
			}
			e = codes.dist[bitBuf&(1<<distBits-1)]
			if e&special != 0 {
				if e&pointer == 0 {
					err = corrupt("invalid distance code")
					break
				}
				bitBuf >>= distBits
				bitCount -= distBits
				e = codes.dist[e>>valueShift+uint32(bitBuf&(1<<(e>>extraShift&63)-1))]
				if e&special != 0 {
					err = corrupt("invalid distance code")
					break
				}
			}
			dist := int(e>>valueShift) + int(bitBuf<<(-e&63)>>1>>(e>>extraShift&63))
			bitBuf >>= e & dropMask
			bitCount -= e
			if dist > end {
				err = corrupt("distance too far back")
				break
			}
			from := end - dist
			to := end
			end += length
			// The next entry is on its way while the match is copied.
			more := pos <= lastPos
			if more {
				bitBuf |= binary.LittleEndian.Uint64(in[pos:pos+8:pos+8]) << (bitCount & 63)
				pos += int(^bitCount >> 3 & 7)
				bitCount |= 56
				e = codes.lit[bitBuf&(1<<litBits-1)]
			}
			if dist >= 16 {
				copy16(window, to, from)
				copy16(window, to+16, from+16)
				for to += 32; to < end; to += 32 {
					from += 32
					copy16(window, to, from)
					copy16(window, to+16, from+16)
				}
			} else {
				if dist < 8 {
					// Repeat the pattern until it is 8 bytes long or more.
					for range 7 / dist * dist {
						window[to&windowMask] = window[(to-dist)&windowMask]
						to++
					}
				}
				for ; to < end; to += 8 {
					copy8(window, to, from)
					from += 8
				}
			}
			if !more || end >= windowFull {
				break
			}
			continue
		}
	refill:
		if pos > lastPos || end >= windowFull {
			break
		}
		bitBuf |= binary.LittleEndian.Uint64(in[pos:pos+8:pos+8]) << (bitCount & 63)
		pos += int(^bitCount >> 3 & 7)
		bitCount |= 56
		e = codes.lit[bitBuf&(1<<litBits-1)]
	}
	d.pos, d.end = pos, end
	d.bitBuf, d.bitCount = bitBuf, bitCount&63
	d.unload()
	if ended {
		d.endBlock()
	}
	return ended, err
}

// The masks in the copies and in fast change nothing: the places are within windowSize. They
// take the place of bounds checks.

// copy8 copies 8 bytes of the window; they may overlap, the old ones are copied.
func copy8(w *window, to, from int) {
	*(*[8]byte)(w[to&windowMask:]) = *(*[8]byte)(w[from&windowMask:])
}

// copy16 is copy8 for 16 bytes.
func copy16(w *window, to, from int) {
	*(*[16]byte)(w[to&windowMask:]) = *(*[16]byte)(w[from&windowMask:])
}
