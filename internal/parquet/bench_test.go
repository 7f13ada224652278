package parquet

import (
	"io"
	"testing"

	"github.com/macielake/macielake/internal/batchtest"
	"github.com/macielake/macielake/pkg/schema"
)

// BenchmarkParquetEstate writes an estate of 11,250 results, a quarter of the
// one that the project's speed is measured with.
func BenchmarkParquetEstate(b *testing.B) {
	g := batchtest.NewEstate(1)
	var batches []*schema.Batch
	for range 25 {
		batches = append(batches, g.Batch(450))
	}
	for _, table := range schema.Tables() {
		for _, compression := range compressions {
			b.Run(table.Name+"/"+compression, func(b *testing.B) {
				f, err := New(Options{Compression: compression})
				if err != nil {
					b.Fatal(err)
				}
				rows := 0
				for _, batch := range batches {
					rows += batch.Rows(table.Row)
				}
				written := int64(0)
				b.ReportAllocs()
				for b.Loop() {
					e, err := f.NewEncoder(io.Discard, table)
					if err != nil {
						b.Fatal(err)
					}
					for _, batch := range batches {
						if err := e.Write(batch, 0, len(batch.Results)); err != nil {
							b.Fatal(err)
						}
						if e.Rows() > 1<<20-1<<16 {
							if err := e.Flush(); err != nil {
								b.Fatal(err)
							}
						}
					}
					if err := e.Close(); err != nil {
						b.Fatal(err)
					}
					written = e.Written()
				}
				b.ReportMetric(float64(written), "file-bytes")
				b.ReportMetric(float64(rows), "rows")
				b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
			})
		}
	}
}
