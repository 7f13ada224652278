package inflate

import (
	"hash/crc32"
	"io"
)

// The flags of a member's header that say what follows its fixed part.
const (
	flagHCRC    = 1 << 1
	flagExtra   = 1 << 2
	flagName    = 1 << 3
	flagComment = 1 << 4
	flagsUnset  = 0xe0
)

// readHeader reads a member's header (RFC 1952 section 2.3), of which nothing but its form matters.
// Behind another member, one byte of gzip's magic at the end of the input is no cut member: nothing
// says that it is one.
func readHeader(d *decoder, first bool) error {
	h := headerReader{d: d, sum: true}
	var fixed [4]byte
	for i := range fixed {
		fixed[i] = h.next()
		if i == 1 && !first && h.err == io.ErrUnexpectedEOF {
			return &Error{Err: ErrNoMember, Reason: "a single byte"}
		}
		if h.err != nil {
			return h.err
		}
		switch {
		case i == 0 && fixed[0] != 0x1f, i == 1 && fixed[1] != 0x8b:
			return &Error{Err: ErrNoMember, Reason: "no magic"}
		case i == 2 && fixed[2] != 8:
			return &Error{Err: ErrHeader, Reason: "unknown compression method"}
		case i == 3 && fixed[3]&flagsUnset != 0:
			return &Error{Err: ErrHeader, Reason: "reserved flags"}
		}
	}
	flags := fixed[3]
	h.sum = flags&flagHCRC != 0
	h.skip(6) // time, extra flags, system
	if flags&flagExtra != 0 {
		n := int(h.next())
		h.skip(n | int(h.next())<<8)
	}
	if flags&flagName != 0 {
		h.skipText()
	}
	if flags&flagComment != 0 {
		h.skipText()
	}
	if flags&flagHCRC != 0 {
		crc := uint16(h.crc)
		if low, high := h.next(), h.next(); h.err == nil && uint16(low)|uint16(high)<<8 != crc {
			return &Error{Err: ErrHeader, Reason: "header CRC differs"}
		}
	}
	return h.err
}

// headerReader reads bytes, of which it makes the CRC-32 if sum is set. After an error it gives zeros.
type headerReader struct {
	d   *decoder
	sum bool
	crc uint32
	err error
}

func (h *headerReader) next() byte {
	if h.err != nil {
		return 0
	}
	if h.d.pos == len(h.d.in) {
		if h.err = h.d.more(); h.err != nil {
			return 0
		}
	}
	b := h.d.in[h.d.pos]
	h.d.pos++
	if h.sum {
		h.crc = ^(crc32.IEEETable[byte(^h.crc)^b] ^ ^h.crc>>8) // one byte of crc32.Update, which would allocate
	}
	return b
}

func (h *headerReader) skip(n int) {
	for ; n > 0 && h.err == nil; n-- {
		h.next()
	}
}

// skipText skips to the end of a zero-terminated text.
func (h *headerReader) skipText() {
	for h.next() != 0 {
	}
}
