package parquet

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/compress"

	"github.com/macielake/macielake/internal/batchtest"
	"github.com/macielake/macielake/internal/rows"
	"github.com/macielake/macielake/pkg/schema"
)

// FuzzParquetRows writes random rows to Parquet and reads them back: the fast
// way and the plain way must both give what was written, and how the fast way
// is called may not show in its bytes.
func FuzzParquetRows(f *testing.F) {
	f.Add(uint64(0), uint8(0), uint8(0), uint8(0)) // no rows
	f.Add(uint64(1), uint8(1), uint8(0), uint8(1))
	for seed := range uint64(12) {
		f.Add(seed, uint8(seed), uint8(seed%4), uint8(seed))
	}
	f.Fuzz(func(t *testing.T, seed uint64, results, groups, compression uint8) {
		format, err := New(Options{Compression: compressions[int(compression)%len(compressions)]})
		if err != nil {
			t.Fatal(err)
		}
		b := batchtest.Random(seed, int(results)%16)
		flushes := flushRows(seed, int(groups)%5, len(b.Results))
		for _, table := range schema.Tables() {
			file, sizes := encodeGroups(t, format, table, b, flushes, nil)
			checkParquet(t, file, table, b)
			cuts := rand.New(rand.NewPCG(seed, 3))
			cutFile, cutSizes := encodeGroups(t, format, table, b, flushes, cuts)
			if !bytes.Equal(file, cutFile) || !slices.Equal(sizes, cutSizes) {
				t.Errorf("%s: other calls, other bytes", table.Name)
			}
			plain, _ := encodeGroups(t, plainParquet{memory.NewGoAllocator(), compress.Codecs.Snappy}, table, b, flushes, nil)
			checkParquet(t, plain, table, b)
		}
	})
}

// flushRows returns after which results row groups end.
func flushRows(seed uint64, groups, results int) map[int]bool {
	rng := rand.New(rand.NewPCG(seed, 2))
	flushes := make(map[int]bool, groups)
	for range groups {
		flushes[rng.IntN(results+1)] = true
	}
	return flushes
}

// encodeGroups writes a batch to a file, with a row group's end after each of
// those results, and calls of Write cut at random if cuts isn't nil. It returns
// the file and what Buffered was at the end of each row group.
func encodeGroups[E encoder](t testing.TB, f format[E], table *schema.Table, b *schema.Batch, flushes map[int]bool, cuts *rand.Rand) (data []byte, sizes []int64) {
	t.Helper()
	var buf bytes.Buffer
	e, err := f.NewEncoder(&buf, table)
	if err != nil {
		t.Fatal(err)
	}
	first := 0
	for end := range len(b.Results) + 1 {
		if !flushes[end] && end < len(b.Results) && (cuts == nil || cuts.IntN(3) > 0) {
			continue
		}
		if err := e.Write(b, first, end); err != nil {
			t.Fatal(err)
		}
		first = end
		if flushes[end] {
			sizes = append(sizes, e.Buffered())
			if err := e.Flush(); err != nil {
				t.Fatal(err)
			}
			if e.Rows() != 0 {
				t.Fatalf("%d rows after Flush", e.Rows())
			}
		}
	}
	sizes = append(sizes, e.Buffered())
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if e.Written() != int64(buf.Len()) {
		t.Fatalf("Written is %d, the file has %d bytes", e.Written(), buf.Len())
	}
	return buf.Bytes(), sizes
}

// Rows of any origin give the file that their batch gives.
func TestWriteRows(t *testing.T) {
	for _, table := range schema.Tables() {
		g := batchtest.NewEstate(5)
		// Runs of occurrences are cut where their kind changes.
		sameBytes := table.Row != schema.OccurrenceLevel
		checkWriteRows(t, table, sameBytes, g.Batch(400), g.Batch(1), g.Batch(300))
		checkWriteRows(t, table, sameBytes, batchtest.Random(5, 200), batchtest.Random(6, 50))
	}
}

func checkWriteRows(t *testing.T, table *schema.Table, sameBytes bool, batches ...*schema.Batch) {
	t.Helper()
	want := parquetFile(t, Options{}, table, nil, batches...)
	var buf bytes.Buffer
	e, err := newFormat(t, Options{}).NewEncoder(&buf, table)
	if err != nil {
		t.Fatal(err)
	}
	r := rows.NewBatch(table.Row, table.Columns)
	for _, b := range batches {
		r.Reset(b)
		if err := e.WriteRows(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	checkParquet(t, buf.Bytes(), table, batches...)
	if sameBytes && !bytes.Equal(buf.Bytes(), want) {
		t.Errorf("%s: other bytes", table.Name)
	}
}
