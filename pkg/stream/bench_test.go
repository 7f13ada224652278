package stream

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"

	"github.com/macielake/macielake/pkg/schema"
)

// benchLines returns a line that compresses like a result: repeated structure, and
// numbers that don't repeat.
func benchLines(rnd *rand.Rand, size int) string {
	var sb strings.Builder
	fmt.Fprintf(&sb, `{"schemaVersion":"1.0","id":"%016x%016x","accountId":"111122223333","partition":"aws","region":"eu-west-1","type":"SensitiveData:S3Object/Multiple","classificationDetails":{"jobId":"%016x","result":{"status":{"code":"COMPLETE"},"sensitiveData":[{"category":"PERSONAL_INFORMATION","detections":[{"type":"NAME","occurrences":{"cells":[`, rnd.Uint64(), rnd.Uint64(), rnd.Uint64())
	row := rnd.IntN(1000)
	for sb.Len() < size {
		row += 1 + rnd.IntN(40)
		fmt.Fprintf(&sb, `{"row":"%d","column":"%d","columnName":"%s","cellReference":null},`, row, 1+rnd.IntN(12), [...]string{"name", "email", "address"}[rnd.IntN(3)])
	}
	sb.WriteString("]}}]}]}}}\n")
	return sb.String()
}

func zipFast(b *testing.B, text string) []byte {
	var sb strings.Builder
	w := gzip.NewWriter(&sb)
	if _, err := io.WriteString(w, text); err != nil {
		b.Fatal(err)
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	return []byte(sb.String())
}

// benchFiles writes files of lines to a directory: ten large ones, or 20,000 with one
// to three lines.
func benchFiles(b *testing.B, small bool) (sources []Source, lines, inflated int64) {
	dir := b.TempDir()
	rnd := rand.New(rand.NewPCG(1, 2))
	files := 10
	if small {
		files = 20_000
	}
	for i := range files {
		var sb strings.Builder
		if small {
			for range 1 + rnd.IntN(3) {
				sb.WriteString(benchLines(rnd, 500+rnd.IntN(9000)))
				lines++
			}
		} else {
			for range 1000 {
				sb.WriteString(benchLines(rnd, 500+rnd.IntN(16_000)))
				lines++
			}
		}
		inflated += int64(sb.Len())
		data := zipFast(b, sb.String())
		path := filepath.Join(dir, fmt.Sprintf("%05d.jsonl.gz", i))
		if err := os.WriteFile(path, data, 0o600); err != nil {
			b.Fatal(err)
		}
		sources = append(sources, Source{
			Source: schema.Source{URI: path}, Size: int64(len(data)),
			Open: func(context.Context) (io.ReadCloser, error) { return os.Open(path) },
		})
	}
	return sources, lines, inflated
}

func BenchmarkReader(b *testing.B) {
	for _, shape := range []string{"large", "small"} {
		b.Run(shape, func(b *testing.B) {
			sources, lines, inflated := benchFiles(b, shape == "small")
			b.Run("klauspost", func(b *testing.B) {
				b.SetBytes(inflated)
				b.ReportAllocs()
				zr := new(gzip.Reader)
				for b.Loop() {
					n := int64(0)
					for i := range sources {
						f, err := os.Open(sources[i].Source.URI)
						if err != nil {
							b.Fatal(err)
						}
						if err := zr.Reset(f); err != nil {
							b.Fatal(err)
						}
						m, err := io.Copy(io.Discard, zr)
						if err != nil {
							b.Fatal(err)
						}
						n += m
						f.Close()
					}
					if n != inflated {
						b.Fatalf("%d bytes", n)
					}
				}
			})
			run := func(name string, o ReaderOptions) {
				b.Run(name, func(b *testing.B) {
					b.SetBytes(inflated)
					b.ReportAllocs()
					batch := schema.NewBatch()
					batches := 0
					for b.Loop() {
						r := NewReader(sources, o)
						for {
							err := r.Next(context.Background(), batch)
							if err == io.EOF {
								break
							}
							if err != nil {
								b.Fatal(err)
							}
							batches++
						}
						n := int64(0)
						for _, out := range r.Outcomes() {
							n += out.Lines
						}
						if n != lines {
							b.Fatalf("%d lines, want %d", n, lines)
						}
						r.Close()
					}
					b.ReportMetric(float64(batches)/float64(b.N), "batches/op")
				})
			}
			for _, ahead := range []int{0, 1, 4, 16} {
				run(fmt.Sprintf("ahead=%d", ahead), ReaderOptions{FetchAhead: ahead})
			}
			for _, block := range []int{64, 128, 512, 1024} {
				run(fmt.Sprintf("block=%dK", block), ReaderOptions{BlockBytes: block << 10})
			}
		})
	}
}
