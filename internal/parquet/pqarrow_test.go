package parquet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"github.com/macielake/macielake/internal/arrowio"
	"github.com/macielake/macielake/internal/batchtest"
	"github.com/macielake/macielake/pkg/schema"
)

// plainParquet is Parquet the plain way: rows become Arrow record batches with
// string columns, and pqarrow writes those. It is what [New]
// is compared with.
type plainParquet struct {
	mem         memory.Allocator
	compression compress.Compression
}

func (f plainParquet) NewEncoder(w io.Writer, t *schema.Table) (*plainEncoder, error) {
	e := &plainEncoder{out: &countingWriter{w: w}, rows: arrowio.NewRecordBuilder(f.mem, t)}
	properties := parquet.NewWriterProperties(
		parquet.WithAllocator(f.mem),
		parquet.WithCompression(f.compression),
		parquet.WithMaxRowGroupLength(1<<20),
	)
	var err error
	e.file, err = pqarrow.NewFileWriter(arrowio.Schema(t), e.out, properties, pqarrow.NewArrowWriterProperties(pqarrow.WithAllocator(f.mem)))
	return e, err
}

type plainEncoder struct {
	out   *countingWriter
	file  *pqarrow.FileWriter
	rows  *arrowio.RecordBuilder
	bytes int64 // of the row group's record batches so far
	group bool  // a row group is open in the file
}

func (e *plainEncoder) Write(b *schema.Batch, first, end int) error {
	return e.rows.Append(b, first, end)
}

func (e *plainEncoder) Rows() int64 {
	n := 0
	if e.group {
		n, _ = e.file.RowGroupNumRows()
	}
	return e.rows.Rows() + int64(n)
}

func (e *plainEncoder) Buffered() int64 { return e.rows.Bytes() + e.bytes }
func (e *plainEncoder) Written() int64  { return e.out.n }

func (e *plainEncoder) writeRecord() error {
	if e.rows.Rows() == 0 {
		return nil
	}
	if !e.group {
		if err := e.file.NewBufferedRowGroupChecked(); err != nil {
			return err
		}
		e.group = true
	}
	e.bytes += e.rows.Bytes()
	record := e.rows.NewRecord()
	defer record.Release()
	return e.file.WriteBuffered(record)
}

func (e *plainEncoder) Flush() error {
	err := e.writeRecord()
	e.group, e.bytes = false, 0
	return err
}

func (e *plainEncoder) Close() error {
	err := e.Flush()
	e.rows.Release()
	return errors.Join(err, e.file.Close())
}

// readParquet returns a Parquet file's rows as pqarrow reads them.
func readParquet(t testing.TB, mem memory.Allocator, data []byte) arrow.Table {
	t.Helper()
	f, err := file.NewParquetReader(bytes.NewReader(data), file.WithReadProps(parquet.NewReaderProperties(mem)))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := pqarrow.NewFileReader(f, pqarrow.ArrowReadProperties{BatchSize: 1 << 16}, mem)
	if err != nil {
		t.Fatal(err)
	}
	table, err := r.ReadTable(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// checkParquet checks that a Parquet file has the table's rows of the batches.
func checkParquet(t testing.TB, data []byte, table *schema.Table, batches ...*schema.Batch) {
	t.Helper()
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	builder := arrowio.NewRecordBuilder(mem, table)
	defer builder.Release()
	for _, b := range batches {
		if err := builder.Append(b, 0, len(b.Results)); err != nil {
			t.Fatal(err)
		}
	}
	record := builder.NewRecord()
	defer record.Release()
	want := array.NewTableFromRecords(arrowio.Schema(table), []arrow.RecordBatch{record})
	defer want.Release()
	// arrow-go doesn't release what it decodes deltas with.
	got := readParquet(t, memory.NewGoAllocator(), data)
	defer got.Release()
	if err := diffTables(got, want); err != nil {
		t.Fatal(err)
	}
}

// diffTables returns an error that names the first difference.
func diffTables(got, want arrow.Table) error {
	if got.NumCols() != want.NumCols() || got.NumRows() != want.NumRows() {
		return fmt.Errorf("%d columns and %d rows, want %d and %d", got.NumCols(), got.NumRows(), want.NumCols(), want.NumRows())
	}
	for i := range int(want.NumCols()) {
		g, w := got.Column(i), want.Column(i)
		if g.Name() != w.Name() || !arrow.TypeEqual(g.DataType(), w.DataType()) || !g.Field().Nullable {
			return fmt.Errorf("column %d is %s, want %s", i, g.Field(), w.Field())
		}
		if array.ChunkedEqual(g.Data(), w.Data()) {
			continue
		}
		row := 0
		all := w.Data().Chunk(0)
		for _, chunk := range g.Data().Chunks() {
			for j := range chunk.Len() {
				if a, b := chunk.ValueStr(j), all.ValueStr(row); a != b {
					return fmt.Errorf("%s, row %d: %.200s, want %.200s", w.Name(), row, a, b)
				}
				row++
			}
		}
		return fmt.Errorf("%s differs", w.Name())
	}
	return nil
}

func TestPlainParquet(t *testing.T) {
	for _, table := range schema.Tables() {
		t.Run(table.Name, func(t *testing.T) {
			mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
			defer mem.AssertSize(t, 0)
			for seed := range uint64(3) {
				b := batchtest.Random(seed, 20)
				checkParquet(t, encodeFile(t, plainParquet{mem, compress.Codecs.Zstd}, table, nil, b), table, b)
			}
			checkParquet(t, encodeFile(t, plainParquet{mem, compress.Codecs.Zstd}, table, nil), table)
		})
	}
}

// countingWriter counts the bytes that went to w.
type countingWriter struct {
	w io.Writer
	n int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
