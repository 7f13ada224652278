package pqread

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// checkedSource is a file whose column chunks are checked when they are read:
// arrow-go reads each in one piece, and doesn't compare checksums.
type checkedSource struct {
	*io.SectionReader
	chunks map[int64]int64 // length by start
}

func (s *checkedSource) ReadAt(p []byte, at int64) (int, error) {
	n, err := s.SectionReader.ReadAt(p, at)
	if length, ok := s.chunks[at]; ok && int64(n) >= length {
		if err := checkPages(p[:length]); err != nil {
			return 0, fmt.Errorf("the column chunk at %d: %w", at, err)
		}
	}
	return n, err
}

// maxPage is how many bytes a page may have uncompressed. Most have one MiB, but
// those of a dictionary that we write have up to 512 MiB and a value of 128 MiB.
const maxPage = 640 << 20

var errHeader = errors.New("a page's header is damaged")

// checkPages compares the pages of a column chunk with their checksums, where they
// have one.
func checkPages(chunk []byte) error {
	for at := 0; at < len(chunk); {
		h := thrift{rest: chunk[at:]}
		var size, inflated, crc int64
		hasCRC := false
		h.structure(func(field, kind int) bool {
			switch {
			case field == 2 && kind == thriftI32: // uncompressed_page_size
				inflated = h.varint()
			case field == 3 && kind == thriftI32: // compressed_page_size
				size = h.varint()
			case field == 4 && kind == thriftI32: // crc
				crc, hasCRC = h.varint(), true
			default:
				return false
			}
			return true
		}, 0)
		start := len(chunk) - len(h.rest)
		if h.broken || size < 0 || size > int64(len(h.rest)) {
			return errHeader
		}
		if inflated < 0 || inflated > maxPage { // arrow-go takes as much memory as the header says
			return fmt.Errorf("the page at %d has %d bytes uncompressed, more than %d", start, inflated, maxPage)
		}
		page := h.rest[:size]
		if hasCRC && crc32.ChecksumIEEE(page) != uint32(crc) {
			return fmt.Errorf("the page at %d doesn't match its checksum", start)
		}
		at = start + int(size)
	}
	return nil
}

// thrift walks over a struct in Thrift's compact protocol.
type thrift struct {
	rest   []byte
	broken bool
}

// Types of the compact protocol.
const (
	thriftTrue   = 1
	thriftFalse  = 2
	thriftI8     = 3
	thriftI16    = 4
	thriftI32    = 5
	thriftI64    = 6
	thriftDouble = 7
	thriftBinary = 8
	thriftList   = 9
	thriftSet    = 10
	thriftStruct = 12

	maxDepth = 16
)

// structure walks over a struct. take may read a field's value; others are skipped.
func (t *thrift) structure(take func(field, kind int) bool, depth int) {
	for field := 0; !t.broken; {
		head := t.byte()
		if head == 0 {
			return
		}
		if delta := int(head >> 4); delta > 0 {
			field += delta
		} else {
			field = int(t.varint())
		}
		if kind := int(head & 15); !take(field, kind) {
			t.skip(kind, depth)
		}
	}
}

func (t *thrift) skip(kind, depth int) {
	if depth > maxDepth {
		t.broken = true
		return
	}
	switch kind {
	case thriftTrue, thriftFalse:
	case thriftI8:
		t.bytes(1)
	case thriftI16, thriftI32, thriftI64:
		t.varint()
	case thriftDouble:
		t.bytes(8)
	case thriftBinary:
		t.bytes(t.uvarint())
	case thriftList, thriftSet:
		head := t.byte()
		n := uint64(head >> 4)
		if n == 15 {
			n = t.uvarint()
		}
		element := int(head & 15)
		for ; n > 0 && !t.broken; n-- {
			if element == thriftTrue || element == thriftFalse { // a byte each in a list
				t.bytes(1)
			} else {
				t.skip(element, depth+1)
			}
		}
	case thriftStruct:
		t.structure(func(int, int) bool { return false }, depth+1)
	default:
		t.broken = true
	}
}

func (t *thrift) byte() byte {
	if p := t.bytes(1); p != nil {
		return p[0]
	}
	return 0
}

func (t *thrift) bytes(n uint64) []byte {
	if t.broken || n > uint64(len(t.rest)) {
		t.broken, t.rest = true, nil
		return nil
	}
	p := t.rest[:n]
	t.rest = t.rest[n:]
	return p
}

func (t *thrift) uvarint() uint64 {
	v, n := binary.Uvarint(t.rest)
	if n <= 0 {
		t.broken, t.rest = true, nil
		return 0
	}
	t.rest = t.rest[n:]
	return v
}

// varint is a zigzag integer.
func (t *thrift) varint() int64 {
	v, n := binary.Varint(t.rest)
	if n <= 0 {
		t.broken, t.rest = true, nil
		return 0
	}
	t.rest = t.rest[n:]
	return v
}
