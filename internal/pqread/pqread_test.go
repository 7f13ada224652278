package pqread

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"github.com/macielake/macielake/internal/batchtest"
	"github.com/macielake/macielake/internal/parquet"
	"github.com/macielake/macielake/pkg/schema"
)

// write returns a file of a table with two row groups.
func write(t testing.TB, table *schema.Table, compression string, batches ...*schema.Batch) []byte {
	t.Helper()
	f, err := parquet.New(parquet.Options{Compression: compression})
	if err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	e, err := f.NewEncoder(&buf, table)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range batches {
		if err := e.Write(b, 0, len(b.Results)); err != nil {
			t.Fatal(err)
		}
		if err := e.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func open(t testing.TB, data []byte) *File {
	t.Helper()
	f, err := Open(io.NewSectionReader(bytes.NewReader(data), 0, int64(len(data))))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func names(table *schema.Table) []string {
	var all []string
	for _, c := range table.Columns {
		all = append(all, c.Name)
	}
	return all
}

// Values are those that pqarrow reads, in dictionaries and without.
func TestRead(t *testing.T) {
	for _, table := range schema.Tables() {
		for seed := range uint64(2) {
			data := write(t, table, "zstd", batchtest.Random(seed, 60), batchtest.NewEstate(seed).Batch(100))
			reader, err := file.NewParquetReader(bytes.NewReader(data))
			if err != nil {
				t.Fatal(err)
			}
			plain, err := pqarrow.NewFileReader(reader, pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
			if err != nil {
				t.Fatal(err)
			}
			want, err := plain.ReadTable(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			for _, dictionaries := range []bool{false, true} {
				for _, rows := range []int64{1 << 20, 997} {
					f := open(t, data)
					f.Dictionaries = dictionaries
					row := 0
					for group := range f.NumRowGroups() {
						err := f.Read(t.Context(), group, append(names(table), "no such column"), rows, func(batch arrow.RecordBatch) error {
							defer batch.Release()
							compare(t, table, want, row, batch)
							row += int(batch.NumRows())
							return nil
						})
						if err != nil {
							t.Fatal(err)
						}
					}
					if int64(row) != want.NumRows() {
						t.Fatalf("%s: %d rows, want %d", table.Name, row, want.NumRows())
					}
				}
			}
		}
	}
}

// compare compares a batch with the rows of want from first on.
func compare(t *testing.T, table *schema.Table, want arrow.Table, first int, batch arrow.RecordBatch) {
	t.Helper()
	if int(batch.NumCols()) != len(table.Columns) {
		t.Fatalf("%d columns", batch.NumCols())
	}
	for i, c := range table.Columns {
		slice := array.NewChunkedSlice(want.Column(i).Data(), int64(first), int64(first)+batch.NumRows())
		w, err := array.Concatenate(slice.Chunks(), memory.DefaultAllocator)
		if err != nil {
			t.Fatal(err)
		}
		got := batch.Column(i)
		if d, ok := got.(*array.Dictionary); ok {
			b := array.NewStringBuilder(memory.DefaultAllocator)
			for k := range d.Len() {
				if d.IsNull(k) {
					b.AppendNull()
				} else {
					b.Append(d.Dictionary().(*array.String).Value(d.GetValueIndex(k)))
				}
			}
			got = b.NewArray()
		}
		if !array.Equal(got, w) {
			t.Fatalf("%s.%s from row %d: %.300s, want %.300s", table.Name, c.Name, first, got, w)
		}
	}
}

// A flipped bit in any page is noticed, in files of any compression.
func TestChecksums(t *testing.T) {
	table := schema.Occurrences()
	for _, compression := range []string{"none", "snappy", "zstd"} {
		data := write(t, table, compression, batchtest.NewEstate(1).Batch(60))
		footer := len(data) - 8 - int(binary.LittleEndian.Uint32(data[len(data)-8:]))
		read := func(data []byte) error {
			f, err := Open(io.NewSectionReader(bytes.NewReader(data), 0, int64(len(data))))
			if err != nil {
				return err
			}
			return f.Read(t.Context(), 0, names(table), 1<<20, func(batch arrow.RecordBatch) error {
				batch.Release()
				return nil
			})
		}
		if err := read(data); err != nil {
			t.Fatal(err)
		}
		checksums := 0
		for at := 4; at < footer; at += 1 + footer/100 {
			damaged := bytes.Clone(data)
			damaged[at] ^= 1 << (at % 8)
			err := read(damaged)
			if err == nil {
				// Headers have no checksum, and not every bit of them matters.
				continue
			}
			if strings.Contains(err.Error(), "checksum") {
				checksums++
			}
		}
		if checksums < 50 {
			t.Errorf("%s: %d of 100 flipped bits were noticed by checksums", compression, checksums)
		}
	}
}

// What a footer or a page's header says of sizes doesn't make the program take that
// much memory.
func TestHostileSizes(t *testing.T) {
	data := write(t, schema.Results(), "zstd", batchtest.NewEstate(1).Batch(10))
	footer := len(data) - 8 - int(binary.LittleEndian.Uint32(data[len(data)-8:]))
	for _, size := range []int64{-1, int64(len(data)) + 1, 1 << 40, 1 << 62} {
		meta := open(t, data).MetaData()
		meta.RowGroups[0].Columns[2].MetaData.TotalCompressedSize = size
		text, err := meta.Serialize(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		hostile := append(bytes.Clone(data[:footer]), text...)
		hostile = append(binary.LittleEndian.AppendUint32(hostile, uint32(len(text))), "PAR1"...)
		if _, err := Open(io.NewSectionReader(bytes.NewReader(hostile), 0, int64(len(hostile)))); err == nil || !strings.Contains(err.Error(), "column chunk") {
			t.Errorf("a column chunk of %d bytes: %v", size, err)
		}
	}
	for inflated, wrong := range map[int64]bool{1 << 20: false, 512 << 20: false, 700 << 20: true, 1<<31 - 1: true, -1: true} {
		page := binary.AppendVarint([]byte{0x15, 0, 0x15}, inflated) // type, uncompressed size
		page = append(page, 0x15, 0, 0)                              // compressed size, the end
		if err := checkPages(page); (err != nil) != wrong {
			t.Errorf("a page of %d bytes: %v", inflated, err)
		}
	}
}

func FuzzCheckPages(f *testing.F) {
	f.Add([]byte{})
	f.Add(write(f, schema.Detections(), "zstd", batchtest.Random(1, 3))[4:])
	f.Fuzz(func(t *testing.T, chunk []byte) { _ = checkPages(chunk) })
}
