package sink

import (
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"math/rand/v2"
	"sync"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"

	"github.com/macielake/macielake/pkg/schema"
)

// ParquetOptions are how Parquet files are written.
type ParquetOptions struct {
	// Compression of the pages: zstd, snappy or none, the empty string is
	// zstd.
	Compression string
	// CreatedBy names the writer in the files' footers; the empty string is
	// macielake.
	CreatedBy string
	// Share is given the columns of an encoder to work on; nil works on one
	// after the other.
	Share Share
}

// Parquet returns the format of Parquet files (".parquet"): data pages of
// version 1, PLAIN and RLE_DICTIONARY encodings, all columns optional, exact
// statistics for every column chunk, no page index, no bloom filters. A text
// over 1 GiB is an error. The only error here is a compression that isn't
// listed.
//
// Values that rows share cost per result or per detection, not per row: they
// go into runs of dictionary indices and levels without being looked at again.
func Parquet(o ParquetOptions) (Format, error) {
	f := &parquetFormat{createdBy: o.CreatedBy, share: o.Share.orAlone(), seed: maphash.MakeSeed()}
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

// parquetFormat holds what encoders share. Seeds differ from one to the next,
// and leave no trace in the files.
type parquetFormat struct {
	createdBy string
	share     Share
	codec     int32
	seed      maphash.Seed
	intSeed   [2]uint64
	memory    pqMemory
	pool      sync.Pool // of *pqScratch
	tables    sync.Map  // *schema.Table to *sync.Pool of *pqTable
}

func (*parquetFormat) Extension() string { return ".parquet" }

// pqScratch is the memory in which a page is put together.
type pqScratch struct {
	format       *parquetFormat
	body, packed []byte
	thrift       pqThrift
	ints         intFrames
	zstd         *zstd.Encoder // as codec says
}

func (f *parquetFormat) scratch() *pqScratch {
	if s, ok := f.pool.Get().(*pqScratch); ok {
		return s
	}
	s := &pqScratch{format: f}
	if f.codec == codecZstd {
		s.zstd = newZstd()
	}
	return s
}

func (f *parquetFormat) release(s *pqScratch) {
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

// compress returns the compressed form of page, which is valid until the next
// call, or page itself.
func (s *pqScratch) compress(page []byte) []byte {
	switch s.format.codec {
	case codecZstd:
		if len(page) <= maxStoredPage {
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

// compressInts is compress for a page that ends with n 8-byte integers.
func (s *pqScratch) compressInts(page []byte, n int) []byte {
	if s.format.codec == codecZstd {
		if packed, ok := s.ints.append(s.packed[:0], page, n); ok {
			s.packed = packed
			return packed
		}
	}
	return s.compress(page)
}

func (f *parquetFormat) NewEncoder(w io.Writer, t *schema.Table) (Encoder, error) {
	pool, _ := f.tables.LoadOrStore(t, new(sync.Pool))
	e := &parquetEncoder{format: f, table: t, out: countingWriter{w: w}, pool: pool.(*sync.Pool)}
	var ok bool
	if e.pqTable, ok = e.pool.Get().(*pqTable); !ok {
		e.pqTable = f.newTable(t)
	}
	if err := e.write([]byte(parquetMagic)); err != nil {
		return nil, err
	}
	return e, nil
}

// pqTable is the memory of an encoder, for another one of the same table to use
// when the first has closed its file.
type pqTable struct {
	columns   []pqColumn
	leaves    []*pqLeaf // of the columns, in order
	rows      pqRows
	rowGroups []byte // their descriptions for the footer
	thrift    pqThrift
}

func (f *parquetFormat) newTable(t *schema.Table) *pqTable {
	m := &pqTable{}
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

func (m *pqTable) add(c pqColumn) {
	m.columns = append(m.columns, c)
	m.leaves = c.appendLeaves(m.leaves)
}

// parquetEncoder writes one file. Pages of the open row group stay in memory,
// compressed: a column chunk is contiguous in the file.
type parquetEncoder struct {
	*pqTable
	format *parquetFormat
	table  *schema.Table
	out    countingWriter
	pool   *sync.Pool // where the memory goes
	open   int64      // rows in the open row group
	closed int64      // rows in the row groups before it
	groups int        // row groups
	err    error
}

// pqColumn is a column of the table in the open row group. Columns share nothing
// that changes: each may be worked on by a goroutine of its own.
type pqColumn interface {
	// write appends the column's values of rows.
	write(b *schema.Batch, rows *pqRows) error
	// bytes is about what it holds, by its rows alone.
	bytes() int64
	// seal ends its column chunks: its leaves have them.
	seal() error
	// next starts the next row group, when the chunks are written.
	next()
	// appendLeaves appends its leaves, in the order of their chunks in a file.
	appendLeaves(leaves []*pqLeaf) []*pqLeaf
	// restart forgets what the column learnt from the row groups of a file.
	restart()
}

func (e *parquetEncoder) Write(b *schema.Batch, first, end int) error {
	n := e.rows.find(b, e.table.Row, first, end)
	if n == 0 || e.err != nil {
		return e.err
	}
	e.open += n
	return e.each(func(c pqColumn) error { return c.write(b, &e.rows) })
}

// each calls do for every column. An error is that of all later calls: columns
// may differ in their rows from there on.
func (e *parquetEncoder) each(do func(c pqColumn) error) error {
	last := len(e.columns) - 1
	e.err = e.format.share(len(e.columns), func(i int) error {
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

func (e *parquetEncoder) Rows() int64    { return e.open }
func (e *parquetEncoder) Written() int64 { return e.out.n }

func (e *parquetEncoder) Buffered() int64 {
	n := int64(0)
	for _, c := range e.columns {
		n += c.bytes()
	}
	return n
}

func (e *parquetEncoder) Flush() error {
	if e.open == 0 || e.err != nil {
		return e.err
	}
	if err := e.each(pqColumn.seal); err != nil {
		return err
	}
	if e.err = e.writeChunks(); e.err != nil {
		return e.err
	}
	e.rowGroups = appendRowGroup(&e.thrift, e.rowGroups, e.open, e.leaves)
	for _, c := range e.columns {
		c.next()
	}
	e.groups++
	e.closed += e.open
	e.open = 0
	return nil
}

// writeChunks writes the column chunks: of each its dictionary page, then its
// data pages. Small ones, as nearly all are in small files, go together.
func (e *parquetEncoder) writeChunks() error {
	s := e.format.scratch()
	defer e.format.release(s)
	s.body = s.body[:0]
	for _, l := range e.leaves {
		l.chunk.offset = e.out.n + int64(len(s.body))
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

func (e *parquetEncoder) write(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	if _, err := e.out.Write(p); err != nil {
		return fmt.Errorf("writing a Parquet file: %w", err)
	}
	return nil
}

// errClosed is what a use after Close gets.
var errClosed = errors.New("the Parquet file is closed")

func (e *parquetEncoder) Close() error {
	if err := e.Flush(); err != nil {
		return err
	}
	footer := appendFooter(&e.thrift, nil, e.table, e.format.createdBy, e.closed, e.groups, e.rowGroups)
	if err := e.write(footer); err != nil {
		return err
	}
	for _, c := range e.columns {
		c.restart()
	}
	e.rowGroups = e.rowGroups[:0]
	e.pool.Put(e.pqTable)
	e.pqTable, e.err = &pqTable{}, errClosed
	return nil
}
