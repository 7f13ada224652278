package parquet

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/file"

	"github.com/macielake/macielake/internal/batchtest"
	"github.com/macielake/macielake/pkg/schema"
)

var compressions = []string{"zstd", "snappy", "none"}

func newFormat(t testing.TB, o Options) *Format {
	t.Helper()
	f, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func parquetFile(t testing.TB, o Options, table *schema.Table, cut func(left int) int, batches ...*schema.Batch) []byte {
	t.Helper()
	return encodeFile(t, newFormat(t, o), table, cut, batches...)
}

// encoder is what all encoders of files have.
type encoder interface {
	batchtest.Encoder
	Rows() int64
	Buffered() int64
	Flush() error
}

// format starts the files of an encoder.
type format[E encoder] interface {
	NewEncoder(w io.Writer, t *schema.Table) (E, error)
}

func encodeFile[E encoder](t testing.TB, f format[E], table *schema.Table, cut func(left int) int, batches ...*schema.Batch) []byte {
	t.Helper()
	start := func(w io.Writer) (E, error) { return f.NewEncoder(w, table) }
	return batchtest.Encode(t, start, cut, batches...)
}

func openParquet(t testing.TB, data []byte) *file.Reader {
	t.Helper()
	r, err := file.NewParquetReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func TestParquetFile(t *testing.T) {
	for _, table := range schema.Tables() {
		for _, compression := range compressions {
			t.Run(table.Name+"/"+compression, func(t *testing.T) {
				for seed := range uint64(8) {
					a, b := batchtest.Random(seed, 50), batchtest.Random(seed+100, 1)
					data := parquetFile(t, Options{Compression: compression}, table, nil, a, b)
					checkParquet(t, data, table, a, b)
				}
				checkParquet(t, parquetFile(t, Options{Compression: compression}, table, nil), table)
			})
		}
	}
}

// pages makes batches whose columns run over page edges: repeated, ascending,
// distinct, null in part, and huge.
func pages() map[string]*schema.Batch {
	huge := func(results, locations int, edit func(b *schema.Batch, i int)) *schema.Batch {
		b := schema.NewBatch()
		for range results {
			res := schema.Result{Detections: schema.Range{First: uint32(len(b.Detections))}}
			det := schema.Detection{IntSet: 7}
			first := uint32(len(b.Cells))
			for i := range locations {
				b.Cells = append(b.Cells, schema.Cell{})
				edit(b, i)
			}
			det.Locations[schema.CellKind] = schema.Range{First: first, End: uint32(len(b.Cells))}
			b.Detections = append(b.Detections, det)
			res.Detections.End = uint32(len(b.Detections))
			b.Results = append(b.Results, res)
		}
		return b
	}
	text := func(b *schema.Batch, s string) schema.Span {
		b.Buf = append(b.Buf, s...)
		return schema.Span{Off: uint32(len(b.Buf) - len(s)), Len: uint32(len(s))}
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	return map[string]*schema.Batch{
		"ascending": huge(1, 3*pageEntries+17, func(b *schema.Batch, i int) {
			b.Cells[len(b.Cells)-1] = schema.Cell{Row: int64(i), Column: int64(i % 3), Set: 3}
		}),
		"exactly a page": huge(2, pageEntries/2, func(b *schema.Batch, i int) {
			b.Cells[len(b.Cells)-1] = schema.Cell{Row: int64(i * i), Set: uint8(i & 1)}
		}),
		"wide integers": huge(3, pageEntries, func(b *schema.Batch, i int) {
			b.Cells[len(b.Cells)-1] = schema.Cell{Row: int64(rnd.Uint64()), Column: math.MinInt64 + int64(rnd.IntN(1000)), Set: uint8(rnd.IntN(4))}
		}),
		"distinct texts": huge(1, 200_000, func(b *schema.Batch, i int) {
			if i%7 != 0 {
				b.Cells[len(b.Cells)-1].Name = text(b, fmt.Sprint("column ", rnd.Uint64()))
			}
			b.Cells[len(b.Cells)-1].Reference = text(b, fmt.Sprint("Sheet", i/2))
		}),
		"long texts": huge(40, 100, func(b *schema.Batch, i int) {
			last := &b.Cells[len(b.Cells)-1]
			if i == 0 && len(b.Results)%10 == 9 {
				last.Name = text(b, strings.Repeat("x", 3<<20))
				return
			}
			last.Name = text(b, fmt.Sprint(i%50, strings.Repeat(fmt.Sprint(rnd.Uint64()), 100)))
		}),
		"few and many": huge(5, 50_000, func(b *schema.Batch, i int) {
			c := &b.Cells[len(b.Cells)-1]
			c.Row, c.Column, c.Set = int64(rnd.IntN(20)), int64(rnd.IntN(1<<20)), 3
			c.Name = text(b, fmt.Sprint(rnd.IntN(20)))
			c.Reference = text(b, fmt.Sprint(rnd.IntN(100_000)))
		}),
	}
}

func TestParquetPages(t *testing.T) {
	for name, b := range pages() {
		t.Run(name, func(t *testing.T) {
			for _, table := range schema.Tables()[1:] {
				data := parquetFile(t, Options{Compression: "snappy"}, table, func(left int) int { return 1 }, b)
				checkParquet(t, data, table, b)
				checkStatistics(t, data)
				again := parquetFile(t, Options{Compression: "snappy"}, table, nil, b)
				if !bytes.Equal(data, again) {
					t.Fatal("other bytes in one call")
				}
			}
		})
	}
}

// A few huge texts that many rows share must not be written out for each, even
// in a column that has given up its dictionary.
func TestParquetSharedText(t *testing.T) {
	b := schema.NewBatch()
	text := func(s string) schema.Span {
		b.Buf = append(b.Buf, s...)
		return schema.Span{Off: uint32(len(b.Buf) - len(s)), Len: uint32(len(s))}
	}
	add := func(key schema.Span, detections int) {
		res := schema.Result{Detections: schema.Range{First: uint32(len(b.Detections))}}
		res.Text[schema.ObjectKey] = key
		for range detections {
			b.Detections = append(b.Detections, schema.Detection{IntSet: 7})
		}
		res.Detections.End = uint32(len(b.Detections))
		b.Results = append(b.Results, res)
	}
	for i := range 3000 {
		add(text(fmt.Sprintf("%01000d", i)), 1)
	}
	for i := range 3 {
		add(text(fmt.Sprint(strings.Repeat("x", 8<<20), i)), 200_000)
		add(text(fmt.Sprint("after", i)), 2)
	}
	table := schema.Detections()
	data := parquetFile(t, Options{Compression: "none"}, table, nil, b)
	if len(data) > 60<<20 {
		t.Fatalf("%d bytes", len(data))
	}
	group := openParquet(t, data).MetaData().RowGroup(0)
	column, err := group.ColumnChunk(6)
	if err != nil {
		t.Fatal(err)
	}
	stats := column.EncodingStats()
	if column.PathInSchema().String() != "object_key" || len(stats) != 3 {
		t.Fatalf("%s has encodings %v, want a dictionary and pages of both kinds", column.PathInSchema(), stats)
	}
}

// A row is in one page, however many entries its maps have.
func TestParquetLargeMaps(t *testing.T) {
	b := schema.NewBatch()
	for row := range 8 {
		res := schema.Result{MapSet: 1, Maps: [2]schema.Range{{First: uint32(len(b.Tags))}}}
		for i := range []int{0, 2000, 100_000, 1, 300_000, 0, 3, 50_000}[row] {
			off := len(b.Buf)
			b.Buf = fmt.Appendf(b.Buf, "key %d of %d", i, row)
			tag := schema.Tag{Key: schema.Span{Off: uint32(off), Len: uint32(len(b.Buf) - off)}}
			if i%3 > 0 {
				tag.Value = schema.Span{Off: uint32(off), Len: uint32(i % 5)}
			}
			b.Tags = append(b.Tags, tag)
		}
		res.Maps[0].End = uint32(len(b.Tags))
		b.Results = append(b.Results, res)
	}
	table := schema.Results()
	data := parquetFile(t, Options{}, table, nil, b)
	checkParquet(t, data, table, b)
	checkStatistics(t, data)
}

func TestParquetTextTooLong(t *testing.T) {
	b := schema.NewBatch()
	b.Buf = make([]byte, 1+maxText)
	res := schema.Result{}
	res.Text[schema.Title] = schema.Span{Off: 1, Len: maxText}
	b.Results = append(b.Results, res)
	e, err := newFormat(t, Options{}).NewEncoder(io.Discard, schema.Results())
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Write(b, 0, 1); !errors.Is(err, errTextTooLong) {
		t.Fatalf("got %v", err)
	}
	if err := e.Close(); !errors.Is(err, errTextTooLong) {
		t.Fatalf("Close after an error: %v", err)
	}
}

// How a sequence of results is cut into calls leaves no trace.
func TestParquetCuts(t *testing.T) {
	batches := []*schema.Batch{batchtest.Cells(600), batchtest.Random(1, 100), batchtest.NewEstate(1).Batch(800), batchtest.Random(2, 100)}
	for _, table := range schema.Tables() {
		t.Run(table.Name, func(t *testing.T) {
			f := newFormat(t, Options{})
			write := func(cut func(left int) int) (data []byte, buffered []int64) {
				var buf bytes.Buffer
				e, err := f.NewEncoder(&buf, table)
				if err != nil {
					t.Fatal(err)
				}
				results := 0
				for range 3 {
					for _, b := range batches {
						for first := 0; first < len(b.Results); {
							// Sizes are looked at, and row groups end, at fixed places.
							n := min(100-results%100, len(b.Results)-first)
							if cut != nil {
								n = cut(n)
							}
							if err := e.Write(b, first, first+n); err != nil {
								t.Fatal(err)
							}
							first += n
							if results += n; results%100 != 0 {
								continue
							}
							buffered = append(buffered, e.Rows(), e.Buffered(), e.Written())
							if results%1000 == 0 {
								if err := e.Flush(); err != nil {
									t.Fatal(err)
								}
							}
						}
					}
				}
				if err := e.Close(); err != nil {
					t.Fatal(err)
				}
				return buf.Bytes(), buffered
			}
			want, wantBuffered := write(nil)
			for seed := range uint64(3) {
				rnd := rand.New(rand.NewPCG(seed, 0))
				got, buffered := write(func(left int) int { return 1 + rnd.IntN(left) })
				if !bytes.Equal(got, want) {
					t.Fatalf("seed %d: other bytes", seed)
				}
				if !slices.Equal(buffered, wantBuffered) {
					t.Fatalf("seed %d: other sizes on the way", seed)
				}
			}
			all := slices.Concat(batches, batches, batches)
			checkParquet(t, want, table, all...)
			checkStatistics(t, want)
		})
	}
}

// Files don't depend on what an encoder's format did before, or does meanwhile.
func TestParquetParallel(t *testing.T) {
	batches := []*schema.Batch{batchtest.NewEstate(3).Batch(300), batchtest.Random(3, 100)}
	f := newFormat(t, Options{})
	var group sync.WaitGroup
	for _, table := range schema.Tables() {
		want := parquetFile(t, Options{}, table, nil, batches...)
		for range 4 {
			group.Go(func() {
				if got := encodeFile(t, f, table, nil, batches...); !bytes.Equal(got, want) {
					t.Errorf("%s: other bytes", table.Name)
				}
			})
		}
	}
	group.Wait()
}

func TestParquetFlush(t *testing.T) {
	for _, table := range schema.Tables() {
		t.Run(table.Name, func(t *testing.T) {
			var buf bytes.Buffer
			e, err := newFormat(t, Options{}).NewEncoder(&buf, table)
			if err != nil {
				t.Fatal(err)
			}
			g := batchtest.NewEstate(4)
			var batches []*schema.Batch
			var rows []int64
			// More row groups than a decision for or against a dictionary holds.
			for i := range 2*trialGroups + 1 {
				b := g.Batch(60)
				if i%5 == 4 {
					b = batchtest.Random(uint64(i), 20)
				}
				batches = append(batches, b)
				if err := e.Write(b, 0, len(b.Results)); err != nil {
					t.Fatal(err)
				}
				if e.Rows() != int64(b.Rows(table.Row)) {
					t.Fatalf("%d rows, want %d", e.Rows(), b.Rows(table.Row))
				}
				if e.Rows() > 0 {
					rows = append(rows, e.Rows())
				}
				for range 2 { // a row group without rows is none
					if err := e.Flush(); err != nil {
						t.Fatal(err)
					}
				}
				if e.Rows() != 0 || e.Buffered() != 0 {
					t.Fatalf("%d rows and %d bytes after Flush", e.Rows(), e.Buffered())
				}
				if e.Written() != int64(buf.Len()) {
					t.Fatalf("Written is %d of %d", e.Written(), buf.Len())
				}
			}
			if err := e.Close(); err != nil {
				t.Fatal(err)
			}
			checkParquet(t, buf.Bytes(), table, batches...)
			checkStatistics(t, buf.Bytes())
			meta := openParquet(t, buf.Bytes()).MetaData()
			if meta.NumRowGroups() != len(rows) {
				t.Fatalf("%d row groups, want %d", meta.NumRowGroups(), len(rows))
			}
			for i, n := range rows {
				if got := meta.RowGroup(i).NumRows(); got != n {
					t.Errorf("row group %d has %d rows, want %d", i, got, n)
				}
			}
		})
	}
}

func TestParquetOptions(t *testing.T) {
	if _, err := New(Options{Compression: "lzo"}); err == nil {
		t.Error("lzo is accepted")
	}
	for createdBy, want := range map[string]string{"": "macielake", "macielake version 1.2.3": "macielake version 1.2.3"} {
		data := parquetFile(t, Options{CreatedBy: createdBy}, schema.Results(), nil)
		if got := openParquet(t, data).MetaData().GetCreatedBy(); got != want {
			t.Errorf("created by %q, want %q", got, want)
		}
	}
}

func TestParquetWriteError(t *testing.T) {
	b := batchtest.Cells(20)
	size := len(parquetFile(t, Options{}, schema.Results(), nil, b))
	for n := range size {
		e, err := newFormat(t, Options{}).NewEncoder(&batchtest.FailingWriter{N: n}, schema.Results())
		if err == nil {
			err = e.Write(b, 0, len(b.Results))
		}
		if err == nil {
			err = e.Close()
		}
		if !errors.Is(err, batchtest.ErrDiskFull) {
			t.Fatalf("after %d bytes: %v", n, err)
		}
		if n > 200 {
			break
		}
	}
}

// Once its buffers have grown, an encoder allocates nothing for rows.
func TestParquetAllocations(t *testing.T) {
	g := batchtest.NewEstate(5)
	batch := g.Batch(200)
	for _, table := range schema.Tables() {
		t.Run(table.Name, func(t *testing.T) {
			e, err := newFormat(t, Options{}).NewEncoder(io.Discard, table)
			if err != nil {
				t.Fatal(err)
			}
			write := func() {
				if err := e.Write(batch, 0, len(batch.Results)); err != nil {
					t.Fatal(err)
				}
			}
			for range 2 {
				for range 60 {
					write()
				}
				if err := e.Flush(); err != nil {
					t.Fatal(err)
				}
			}
			// Scratch memory and its zstd encoder may be lost once, with a change of the
			// number of processors or a garbage collection: that is little over so
			// many calls.
			if n := testing.AllocsPerRun(500, write); n > 2 {
				t.Errorf("%v allocations a call of Write", n)
			}
		})
	}
}

// Nothing of a batch is kept: it may be overwritten after Write.
func TestParquetCopies(t *testing.T) {
	for _, table := range schema.Tables() {
		want := parquetFile(t, Options{}, table, nil, batchtest.Random(6, 40), batchtest.Random(7, 40))
		var buf bytes.Buffer
		e, err := newFormat(t, Options{}).NewEncoder(&buf, table)
		if err != nil {
			t.Fatal(err)
		}
		for _, seed := range []uint64{6, 7} {
			b := batchtest.Random(seed, 40)
			if err := e.Write(b, 0, len(b.Results)); err != nil {
				t.Fatal(err)
			}
			for i := range b.Buf {
				b.Buf[i] = '!'
			}
			clear(b.Results)
			clear(b.Detections)
			clear(b.Cells)
			clear(b.Records)
			clear(b.Tags)
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(buf.Bytes(), want) {
			t.Errorf("%s: other bytes after the batch was overwritten", table.Name)
		}
	}
}

// pqarrow, the plain second implementation, writes equal rows.
func TestParquetAgainstPlain(t *testing.T) {
	for _, table := range schema.Tables() {
		t.Run(table.Name, func(t *testing.T) {
			b := batchtest.NewEstate(8).Batch(100)
			mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
			defer mem.AssertSize(t, 0)
			ours := readParquet(t, memory.NewGoAllocator(), parquetFile(t, Options{}, table, nil, b))
			defer ours.Release()
			plain := readParquet(t, memory.NewGoAllocator(), encodeFile(t, plainParquet{mem: mem}, table, nil, b))
			defer plain.Release()
			if err := diffTables(ours, plain); err != nil {
				t.Fatal(err)
			}
		})
	}
}
