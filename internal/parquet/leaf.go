package parquet

import (
	"encoding/binary"
	"errors"
	"math"
)

// Where a page ends: at so many entries, or so many bytes of text (in full, or
// new in the dictionary), but not inside a row. Both depend on a column's rows
// alone.
const (
	pageEntries = 32 << 10
	pageBytes   = 1 << 20
)

// errPageTooLarge can only come from a batch with gigabytes in one row.
var errPageTooLarge = errors.New("parquet: a page would be over 2 GiB")

// leaf is a column chunk in the making: its closed pages, and the levels of
// the open one (Parquet specification, Nested encoding).
type leaf struct {
	format   *Format
	physical int32
	path     []string
	maxDef   uint32 // the definition level of a value that is there
	maxRep   uint32

	reps, defs runs
	entries    int // in the open page: values, nulls and empty maps
	present    int // values in the open page

	pages []byte // closed pages: headers and compressed data
	chunk chunk  // what the footer says of them, complete once the column is sealed
	err   error

	// The dictionary page with its header, once the column is sealed, if there is one.
	dictionary []byte
}

func newLeaf(f *Format, physical int32, maxDef, maxRep uint32, path ...string) leaf {
	return leaf{format: f, physical: physical, path: path, maxDef: maxDef, maxRep: maxRep}
}

func (l *leaf) appendLeaves(leaves []*leaf) []*leaf { return append(leaves, l) }

// left is how many more entries the open page takes.
func (l *leaf) left() int { return pageEntries - l.entries }

// addNulls adds n rows that are null, no more than are left.
func (l *leaf) addNulls(n int) {
	l.defs.add(0, n)
	l.entries += n
}

// addLevels adds the levels of n rows that have a value.
func (l *leaf) addLevels(n int) {
	l.defs.add(l.maxDef, n)
	l.entries += n
	l.present += n
}

// appendLevels appends the levels of the open page, each kind after its length.
func (l *leaf) appendLevels(dst []byte) []byte {
	if l.maxRep > 0 {
		dst = appendLevel(dst, &l.reps, 1)
	}
	width := uint(1)
	if l.maxDef > 1 {
		width = 2
	}
	return appendLevel(dst, &l.defs, width)
}

func appendLevel(dst []byte, levels *runs, width uint) []byte {
	levels.settle()
	at := len(dst)
	dst = appendHybrid(append(dst, 0, 0, 0, 0), levels.tokens, width)
	binary.LittleEndian.PutUint32(dst[at:], uint32(len(dst)-at-4))
	return dst
}

// addPage ends the open page, whose rawSize bytes were compressed to packed.
func (l *leaf) addPage(s *scratch, encoding int32, rawSize int, packed []byte) {
	if max(rawSize, len(packed), l.entries) > math.MaxInt32 {
		l.err = errPageTooLarge
	}
	start := len(l.pages)
	l.pages = appendPageHeader(&s.thrift, l.pages, pageData, encoding, rawSize, packed, l.entries)
	l.chunk.rawSize += int64(len(l.pages) - start + rawSize)
	l.pages = append(room(l.pages, len(packed)), packed...)
	switch encoding {
	case encodingPlain:
		l.chunk.plainPages++
	case encodingDelta:
		l.chunk.deltaPages++
	default:
		l.chunk.dictPages++
	}
	l.chunk.entries += int64(l.entries)
	l.chunk.nulls += int64(l.entries - l.present)
	l.reps.reset()
	l.defs.reset()
	l.entries, l.present = 0, 0
}

// bytes is about what the leaf holds, by its rows alone.
func (l *leaf) bytes() int64 {
	return int64(len(l.pages) + 4*(len(l.defs.tokens)+len(l.reps.tokens)))
}

// seal describes the closed pages, without a dictionary and bounds.
func (l *leaf) seal() {
	l.chunk.physical, l.chunk.path, l.chunk.codec = l.physical, l.path, l.format.codec
	l.chunk.size = int64(len(l.pages))
}

// next starts the next row group.
func (l *leaf) next() {
	l.pages, l.dictionary, l.chunk = trim(l.pages), trim(l.dictionary), chunk{}
}
