package inflate

import (
	"hash/crc32"
	"io"
)

// readSize is how much a Reader asks of its source at once.
const readSize = 64 << 10

// Reader inflates a gzip input: one or more members (RFC 1952), one after the other, as one
// stream. What it gives and which error ends it depend on the bytes of the input alone, not on
// how a source cuts them up. A Reader takes about 220 KiB, allocates nothing more for
// a new input, and is not safe for concurrent use.
//
// All that could be inflated is given before an error. The error is then
//   - io.EOF after the end of a member whose checksum is right, where the input ends too
//   - io.ErrUnexpectedEOF where the input ends within a member, or has no byte at all
//   - an [*Error] for an input that is wrong
//   - an error of the source, as it is, where the source broke off before the end of a member or
//     instead of the end of the input
//
// and comes again from every later call.
type Reader struct {
	d       decoder
	begun   bool   // in a member whose header has been read
	members int    // inflated to their end, checksum included
	crc     uint32 // of the member so far
	size    uint32 // likewise, modulo 2^32
	chunk   []byte // inflated and not given yet
	err     error  // what comes after chunk
}

// NewReader makes a Reader whose input is empty: Reset or ResetBytes give it another.
func NewReader() *Reader {
	r := new(Reader)
	r.ResetBytes(nil)
	return r
}

// Reset begins with a new input, whatever became of the last one. The Reader reads from src, 64 KiB
// at a time, when it has used up what it read before, and until src gives io.EOF.
func (r *Reader) Reset(src io.Reader) {
	r.ResetBytes(nil)
	if r.d.readBuf == nil {
		r.d.readBuf = make([]byte, readSize)
	}
	r.d.src, r.d.srcErr = src, nil
}

// ResetBytes is Reset for an input that is all in memory. The Reader uses b itself,
// unchanged, until the next reset.
func (r *Reader) ResetBytes(b []byte) {
	r.d.reset(b)
	r.begun, r.members = false, 0
	r.chunk, r.err = nil, nil
}

// InputOffset is how many bytes of the input have been inflated so far. Inflating is ahead of
// what Read gave; at io.EOF it is the size of the input.
func (r *Reader) InputOffset() int64 { return r.d.offset() }

// Read implements [io.Reader].
func (r *Reader) Read(p []byte) (int, error) {
	if err := r.advance(); err != nil {
		return 0, err
	}
	n := copy(p, r.chunk)
	r.chunk = r.chunk[n:]
	return n, nil
}

// advance sees to it that there is a chunk, or gives the error that comes instead.
func (r *Reader) advance() error {
	for len(r.chunk) == 0 {
		if r.err != nil {
			return r.err
		}
		if !r.begun {
			if r.err = r.begin(); r.err != nil {
				return r.err
			}
		}
		var err error
		r.chunk, err = r.d.next()
		r.crc = crc32.Update(r.crc, crc32.IEEETable, r.chunk)
		r.size += uint32(len(r.chunk))
		if err == io.EOF {
			r.begun = false
			err = r.trailer()
		}
		r.err = r.located(err)
	}
	return nil
}

// begin reads the header of the next member, or gives io.EOF at the end of the input.
func (r *Reader) begin() error {
	if r.d.pos == len(r.d.in) {
		err := r.d.fill()
		if err == io.EOF && r.members == 0 {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
	}
	if err := readHeader(&r.d, r.members == 0); err != nil {
		return r.located(err)
	}
	r.begun = true
	r.crc, r.size = 0, 0
	r.d.start()
	return nil
}

// trailer checks what stands behind a member's data (RFC 1952 section 2.3.1).
func (r *Reader) trailer() error {
	r.d.align()
	if err := r.d.need(32); err != nil {
		return err
	}
	crc := uint32(r.d.take(32))
	if err := r.d.need(32); err != nil {
		return err
	}
	size := uint32(r.d.take(32))
	if crc != r.crc {
		return &Error{Err: ErrChecksum, Reason: "CRC-32 differs"}
	}
	if size != r.size {
		return &Error{Err: ErrChecksum, Reason: "length differs"}
	}
	r.members++
	return nil
}

// located adds to an Error where it is.
func (r *Reader) located(err error) error {
	if e, ok := err.(*Error); ok {
		e.Member, e.Offset = r.members, r.d.offset()
	}
	return err
}
