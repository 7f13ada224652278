package arrowio

import (
	"io"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/macielake/macielake/internal/batchtest"
	"github.com/macielake/macielake/pkg/schema"
)

func BenchmarkRecordBuilder(b *testing.B) {
	for _, table := range schema.Tables() {
		b.Run(table.Name, func(b *testing.B) {
			batch := batchtest.Cells(256)
			builder := NewRecordBuilder(memory.NewGoAllocator(), table)
			defer builder.Release()
			b.ReportAllocs()
			for b.Loop() {
				if err := builder.Append(batch, 0, len(batch.Results)); err != nil {
					b.Fatal(err)
				}
				builder.NewRecord().Release()
			}
			reportRows(b, batch.Rows(table.Row))
		})
	}
}

func BenchmarkArrow(b *testing.B) {
	for _, table := range schema.Tables() {
		for _, compression := range compressions {
			b.Run(table.Name+"/"+compression, func(b *testing.B) {
				f, err := New(Options{Compression: compression})
				if err != nil {
					b.Fatal(err)
				}
				benchmarkFormat(b, f, table)
			})
		}
	}
}

// benchmarkFormat writes files of four batches each.
func benchmarkFormat(b *testing.B, f *Format, table *schema.Table) {
	batch := batchtest.Cells(256)
	b.ReportAllocs()
	written := int64(0)
	for b.Loop() {
		e, err := f.NewEncoder(io.Discard, table)
		if err != nil {
			b.Fatal(err)
		}
		for range 4 {
			if err := e.Write(batch, 0, len(batch.Results)); err != nil {
				b.Fatal(err)
			}
		}
		if err := e.Close(); err != nil {
			b.Fatal(err)
		}
		written = e.Written()
	}
	b.ReportMetric(float64(written), "file-bytes")
	reportRows(b, 4*batch.Rows(table.Row))
}

func reportRows(b *testing.B, rows int) {
	b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
