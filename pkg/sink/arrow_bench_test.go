package sink

import (
	"fmt"
	"io"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/macielake/macielake/pkg/schema"
)

// estateBatch returns a batch in the shape of real results: texts of their
// usual lengths, and detections of 128 cells each.
func estateBatch(results int) *schema.Batch {
	b := schema.NewBatch()
	text := func(format string, args ...any) schema.Span {
		off := len(b.Buf)
		b.Buf = fmt.Appendf(b.Buf, format, args...)
		return schema.Span{Off: uint32(off), Len: uint32(len(b.Buf) - off)}
	}
	account, region := text("111122223333"), text("eu-central-1")
	bucket, mime := text("amzn-s3-demo-bucket"), text("text/csv")
	job := text("3ce05dbb7ec5505def334104bf2ddaf8")
	uri := text("s3://amzn-s3-demo-results/AWSLogs/111122223333/Macie/eu-central-1/3ce05dbb7ec5505def334104bf2ddaf8/111122223333/fd1d4ef5-25dc-4b8a-8f7a-5c3e2f1b0d9e.jsonl.gz")
	names := []schema.Span{text("card_number"), text("email"), text("phone")}
	managed, financial, kind := text("managed"), text("FINANCIAL_INFORMATION"), text("CREDIT_CARD_NUMBER")
	for i := range results {
		res := schema.Result{IntSet: 1<<schema.NumResultInt - 1, BoolSet: 1<<schema.NumResultBool - 1}
		for slot := range res.Text {
			res.Text[slot] = mime
		}
		res.Text[schema.ResultID] = text("%032x", i)
		res.Text[schema.AccountID], res.Text[schema.Region], res.Text[schema.BucketName] = account, region, bucket
		res.Text[schema.JobID], res.Text[schema.SourceURI], res.Text[schema.RunID] = job, uri, job
		res.Text[schema.ObjectKey] = text("exports/2026/11/part-%05d.csv", i)
		res.Text[schema.ArchiveMemberPath], res.Text[schema.ObjectVersionID] = schema.Span{}, schema.Span{}
		res.Int[schema.CreatedAt], res.Int[schema.SourceLine] = 1_790_000_000_000_000+int64(i), int64(i)
		res.Detections.First = uint32(len(b.Detections))
		for range 2 {
			det := schema.Detection{IntSet: 7}
			det.Text = [...]schema.Span{managed, financial, kind, {}}
			first := uint32(len(b.Cells))
			for row := range int64(128) {
				b.Cells = append(b.Cells, schema.Cell{Row: row + 2, Column: 5, Name: names[row%3], Set: 3})
			}
			det.Locations[schema.CellKind] = schema.Range{First: first, End: uint32(len(b.Cells))}
			b.Detections = append(b.Detections, det)
		}
		res.Detections.End = uint32(len(b.Detections))
		b.Results = append(b.Results, res)
	}
	return b
}

func BenchmarkRecordBuilder(b *testing.B) {
	for _, table := range schema.Tables() {
		b.Run(table.Name, func(b *testing.B) {
			batch := estateBatch(256)
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
		for _, compression := range arrowCompressions {
			b.Run(table.Name+"/"+compression, func(b *testing.B) {
				f, err := Arrow(ArrowOptions{Compression: compression})
				if err != nil {
					b.Fatal(err)
				}
				benchmarkFormat(b, f, table)
			})
		}
	}
}

// benchmarkFormat writes files of four batches each.
func benchmarkFormat(b *testing.B, f Format, table *schema.Table) {
	batch := estateBatch(256)
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
