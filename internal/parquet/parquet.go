// Package parquet writes Parquet files of the tables.
//
// Values that rows share cost per result or per detection, not per row: they go
// into runs of dictionary indices and levels without being looked at again. Only
// the rows decide where pages end and how they are encoded, never the calls that
// bring them: the same rows give the same bytes.
package parquet

import (
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"math/rand/v2"
	"sync"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"

	"github.com/macielake/macielake/internal/rows"
	"github.com/macielake/macielake/pkg/schema"
)

// Options say how files are written.
type Options struct {
	// Compression of the pages: zstd, snappy or none, the empty string is
	// zstd.
	Compression string
	// CreatedBy names the writer in the files' footers; the empty string is
	// macielake.
	CreatedBy string
	// Share calls piece once for each i from 0 to n-1, side by side if it can,
	// and returns when all calls have, with the error of the lowest i. It is
	// given the columns of an encoder to work on; nil works on one after the
	// other.
	Share func(n int, piece func(i int) error) error
}

// New returns the format of Parquet files (".parquet"): data pages of
// version 1, PLAIN and RLE_DICTIONARY encodings, all columns optional, exact
// statistics for every column chunk, no page index, no bloom filters. A text
// over 1 GiB is an error. The only error here is a compression that isn't
// listed.
func New(o Options) (*Format, error) {
	f := &Format{createdBy: o.CreatedBy, share: o.Share, seed: maphash.MakeSeed()}
	if f.createdBy == "" {
		f.createdBy = "macielake"
	}
	f.intSeed = [2]uint64{rand.Uint64(), rand.Uint64()}
	switch o.Compression {
	case "", "zstd":
		f.codec = codecZstd
	case "snappy":
		f.codec = codecSnappy
	case "none":
		f.codec = codecNone
	default:
		return nil, fmt.Errorf("parquet files have no compression %q: choose zstd, snappy or none", o.Compression)
	}
	return f, nil
}

// Numbers of CompressionCodec (parquet.thrift).
const (
	codecNone   = 0
	codecSnappy = 1
	codecZstd   = 6
)

// Format makes encoders of Parquet files and holds what they share. It is safe
// for concurrent use. Seeds differ from one to the next,
// and leave no trace in the files.
type Format struct {
	createdBy string
	share     func(n int, piece func(i int) error) error
	codec     int32
	seed      maphash.Seed
	intSeed   [2]uint64
	pool      sync.Pool // of *scratch
	tables    sync.Map  // *schema.Table to *sync.Pool of *tableMemory
}

// scratch is the memory in which a page is put together.
type scratch struct {
	format       *Format
	body, packed []byte
	raw          []byte
	thrift       thrift
	zstd         *zstd.Encoder // as codec says
}

func (f *Format) scratch() *scratch {
	if s, ok := f.pool.Get().(*scratch); ok {
		return s
	}
	s := &scratch{format: f}
	if f.codec == codecZstd {
		s.zstd = newZstd()
	}
	return s
}

func (f *Format) release(s *scratch) {
	s.body, s.packed = trim(s.body), trim(s.packed)
	f.pool.Put(s)
}

// newZstd returns an encoder for one page at a time.
func newZstd() *zstd.Encoder {
	e, err := zstd.NewWriter(nil,
		zstd.WithEncoderLevel(zstd.SpeedFastest),
		zstd.WithEncoderConcurrency(1),
		// Identifiers in hexadecimal don't repeat, yet take half their size.
		zstd.WithAllLitEntropyCompression(true),
		// Few pages are larger.
		zstd.WithWindowSize(pageBytes), zstd.WithLowerEncoderMem(true),
		zstd.WithEncoderCRC(false))
	if err != nil {
		panic(err) // the options are constants
	}
	return e
}

// maxStored is up to how many bytes pages aren't compressed: that would save a
// tenth of them at most, and costs microseconds for tables of codes.
const maxStored = 255

// appendStored appends a zstd frame that holds a page of at most 255 bytes as it
// is (RFC 8878, sections 3.1.1.1 and 3.1.1.2): the magic number, a header for a
// frame of a single segment with its size, the header of a last, raw block.
func appendStored(dst, page []byte) []byte {
	n := len(page)
	dst = append(dst, 0x28, 0xB5, 0x2F, 0xFD, 1<<5, byte(n), byte(n<<3|1), byte(n>>5), 0)
	return append(dst, page...)
}

// compress returns the compressed form of page, which is valid until the next
// call, or page itself.
func (s *scratch) compress(page []byte) []byte {
	switch s.format.codec {
	case codecZstd:
		if len(page) <= maxStored {
			s.packed = appendStored(s.packed[:0], page)
			return s.packed
		}
		s.packed = room(s.packed[:0], s.zstd.MaxEncodedSize(len(page)))
		return s.zstd.EncodeAll(page, s.packed)
	case codecSnappy:
		n := s2.MaxEncodedLen(len(page))
		s.packed = room(s.packed[:0], n)
		return s2.EncodeSnappy(s.packed[:n], page)
	default:
		return page
	}
}

// NewEncoder starts a file of table t on w.
func (f *Format) NewEncoder(w io.Writer, t *schema.Table) (*Encoder, error) {
	pool, _ := f.tables.LoadOrStore(t, new(sync.Pool))
	e := &Encoder{format: f, table: t, w: w, pool: pool.(*sync.Pool)}
	var ok bool
	if e.tableMemory, ok = e.pool.Get().(*tableMemory); !ok {
		e.tableMemory = f.newTable(t)
	}
	if err := e.write([]byte(magic)); err != nil {
		return nil, err
	}
	return e, nil
}

// tableMemory is the memory of an encoder, for another one of the same table to use
// when the first has closed its file.
type tableMemory struct {
	columns   []column
	leaves    []*leaf // of the columns, in order
	rows      rowRuns
	rowGroups []byte // their descriptions for the footer
	thrift    thrift
}

func (f *Format) newTable(t *schema.Table) *tableMemory {
	m := &tableMemory{}
	for _, c := range t.Columns {
		switch c.Type {
		case schema.Text:
			m.add(newText(f, c.Level, c.Slot, 1, 0, c.Name))
		case schema.Bool:
			m.add(newBool(f, c))
		case schema.Map:
			m.add(newMap(f, c))
		default:
			m.add(newInt(f, c))
		}
	}
	return m
}

func (m *tableMemory) add(c column) {
	m.columns = append(m.columns, c)
	m.leaves = c.appendLeaves(m.leaves)
}

// Encoder writes one file: a sink.Encoder. Pages of the open row group stay in memory,
// compressed: a column chunk is contiguous in the file.
type Encoder struct {
	*tableMemory
	format *Format
	table  *schema.Table
	w      io.Writer
	n      int64      // bytes written
	pool   *sync.Pool // where the memory goes
	open   int64      // rows in the open row group
	closed int64      // rows in the row groups before it
	groups []int64    // where the row groups begin
	err    error
}

// column is a column of the table in the open row group. Columns share nothing
// that changes: each may be worked on by a goroutine of its own.
type column interface {
	// write appends the column's values of rows.
	write(b *schema.Batch, rows *rowRuns) error
	// add appends n rows of a value; flush those that it has put off.
	add(v rows.Value, n int)
	flush() error
	// bytes is about what it holds, by its rows alone.
	bytes() int64
	// seal ends its column chunks: its leaves have them.
	seal() error
	// next starts the next row group, when the chunks are written.
	next()
	// appendLeaves appends its leaves, in the order of their chunks in a file.
	appendLeaves(leaves []*leaf) []*leaf
	// restart forgets what the column learnt from the row groups of a file.
	restart()
}

// Write appends the table's rows of the results b.Results[first:end].
func (e *Encoder) Write(b *schema.Batch, first, end int) error {
	n := e.rows.find(b, e.table.Row, first, end)
	if n == 0 || e.err != nil {
		return e.err
	}
	e.open += n
	return e.each(func(c column) error { return c.write(b, &e.rows) })
}

// WriteRows appends rows, whose columns are those of the table.
func (e *Encoder) WriteRows(r rows.Rows) error {
	for e.err == nil && r.Next() {
		n := r.Len()
		e.open += int64(n)
		for i, c := range e.columns {
			if r.Shared(i) {
				c.add(r.Value(i, 0), n)
				continue
			}
			for row := range n {
				c.add(r.Value(i, row), 1)
			}
		}
	}
	if e.err != nil {
		return e.err
	}
	return e.each(column.flush)
}

// each calls do for every column. An error is that of all later calls: columns
// may differ in their rows from there on.
func (e *Encoder) each(do func(c column) error) error {
	last := len(e.columns) - 1
	share := e.format.share
	if share == nil {
		share = inOrder
	}
	e.err = share(len(e.columns), func(i int) error {
		// What changes most from row to row stands last and takes longest:
		// begun first, it isn't what all others wait for.
		i = last - i
		if err := do(e.columns[i]); err != nil {
			return fmt.Errorf("column %s: %w", e.table.Columns[i].Name, err)
		}
		return nil
	})
	return e.err
}

// Rows is the number of rows in the open row group.
func (e *Encoder) Rows() int64 { return e.open }

// Written is the number of bytes written so far.
func (e *Encoder) Written() int64 { return e.n }

// Groups returns where in the file each row group begins.
func (e *Encoder) Groups() []int64 { return e.groups }

// Buffered is about how many bytes the open row group holds, by its rows alone.
func (e *Encoder) Buffered() int64 {
	n := int64(0)
	for _, c := range e.columns {
		n += c.bytes()
	}
	return n
}

// Flush writes the open row group, if it has rows.
func (e *Encoder) Flush() error {
	if e.open == 0 || e.err != nil {
		return e.err
	}
	if err := e.each(column.seal); err != nil {
		return err
	}
	if e.err = e.writeChunks(); e.err != nil {
		return e.err
	}
	e.rowGroups = appendRowGroup(&e.thrift, e.rowGroups, e.open, e.leaves)
	for _, c := range e.columns {
		c.next()
	}
	e.groups = append(e.groups, e.leaves[0].chunk.offset)
	e.closed += e.open
	e.open = 0
	return nil
}

// writeChunks writes the column chunks: of each its dictionary page, then its
// data pages. Small ones, as nearly all are in small files, go together.
func (e *Encoder) writeChunks() error {
	s := e.format.scratch()
	defer e.format.release(s)
	s.body = s.body[:0]
	for _, l := range e.leaves {
		l.chunk.offset = e.n + int64(len(s.body))
		for _, pages := range [][]byte{l.dictionary, l.pages} {
			if len(s.body)+len(pages) <= writeBytes {
				s.body = append(s.body, pages...)
				continue
			}
			for _, p := range [][]byte{s.body, pages} {
				if err := e.write(p); err != nil {
					return err
				}
			}
			s.body = s.body[:0]
		}
	}
	return e.write(s.body)
}

// writeBytes is up to how many bytes chunks are written together.
const writeBytes = 128 << 10

func (e *Encoder) write(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	n, err := e.w.Write(p)
	e.n += int64(n)
	if err != nil {
		return fmt.Errorf("writing a Parquet file: %w", err)
	}
	return nil
}

// errClosed is what a use after Close gets.
var errClosed = errors.New("the Parquet file is closed")

// Close flushes and writes the footer. It doesn't close the writer underneath.
func (e *Encoder) Close() error {
	if err := e.Flush(); err != nil {
		return err
	}
	footer := appendFooter(&e.thrift, nil, e.table, e.format.createdBy, e.closed, len(e.groups), e.rowGroups)
	if err := e.write(footer); err != nil {
		return err
	}
	for _, c := range e.columns {
		c.restart()
	}
	e.rowGroups = e.rowGroups[:0]
	e.pool.Put(e.tableMemory)
	e.tableMemory, e.err = &tableMemory{}, errClosed
	return nil
}

// inOrder is an [Options.Share] for who has no help.
func inOrder(n int, piece func(i int) error) error {
	var first error
	for i := range n {
		if err := piece(i); first == nil {
			first = err
		}
	}
	return first
}
