package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/bytedance/sonic"
	kgzip "github.com/klauspost/compress/gzip"

	"github.com/macielake/macielake/internal/arrowio"
	"github.com/macielake/macielake/internal/convert"
	"github.com/macielake/macielake/internal/gen"
	"github.com/macielake/macielake/internal/inflate"
	inputs "github.com/macielake/macielake/internal/input"
	"github.com/macielake/macielake/internal/store"
	"github.com/macielake/macielake/pkg/schema"
	"github.com/macielake/macielake/pkg/sink"
	"github.com/macielake/macielake/pkg/stream"
)

// generated is what all benchmarks work on.
var generated = sync.OnceValues(func() (*archive, error) {
	return newArchive(context.Background(), 20e6, gen.EncodingReal)
})

func testArchive(tb testing.TB) *archive {
	tb.Helper()
	a, err := generated()
	if err != nil {
		tb.Fatal(err)
	}
	return a
}

// benchmark is measure in a benchmark of its own.
func benchmark[T comparable](b *testing.B, name string, want T, one func() (T, error)) {
	b.Run(name, func(b *testing.B) { measure(b, want, one) })
}

// measure runs one to warm it, and then as often as b wants. It inflates,
// decodes or encodes the whole archive and returns what it counted, which must
// be want.
func measure[T comparable](b *testing.B, want T, one func() (T, error)) {
	check := func() {
		got, err := one()
		if err != nil {
			b.Fatal(err)
		}
		if got != want {
			b.Fatalf("%v, want %v", got, want)
		}
	}
	check()
	b.SetBytes(testArchive(b).expected.InflatedBytes)
	b.ReportAllocs()
	for b.Loop() {
		check()
	}
}

func BenchmarkInflate(b *testing.B) {
	a := testArchive(b)
	batch := schema.NewBatch()
	benchmark(b, "stream.Reader", a.expected.Lines, func() (int64, error) {
		r := stream.NewReader(a.objects(), stream.ReaderOptions{})
		defer r.Close()
		for {
			if err := r.Next(context.Background(), batch); err == io.EOF {
				break
			} else if err != nil {
				return 0, err
			}
		}
		lines := int64(0)
		for _, o := range r.Outcomes() {
			lines += o.Lines
		}
		return lines, nil
	})
	own := inflate.NewReader()
	benchmark(b, "inflate.Reader", a.expected.InflatedBytes, func() (int64, error) {
		total := int64(0)
		for _, object := range a.stored {
			own.ResetBytes(object)
			n, err := io.Copy(io.Discard, own)
			if err != nil {
				return 0, err
			}
			total += n
		}
		return total, nil
	})
	benchmark(b, "klauspost", a.expected.InflatedBytes, a.gunzip)
	benchmark(b, "compress-gzip", a.expected.InflatedBytes, func() (int64, error) {
		var r gzip.Reader
		return a.inflate(&r)
	})
}

// gunzip inflates the archive with klauspost's gzip, and returns the bytes.
func (a *archive) gunzip() (int64, error) {
	var r kgzip.Reader
	return a.inflate(&r)
}

func (a *archive) inflate(r interface {
	io.Reader
	Reset(io.Reader) error
}) (int64, error) {
	total := int64(0)
	for _, object := range a.stored {
		if err := r.Reset(bytes.NewReader(object)); err != nil {
			return 0, err
		}
		n, err := io.Copy(io.Discard, r)
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

func BenchmarkDecode(b *testing.B) {
	a := testArchive(b)
	batches := undecoded(b, a)
	bulk := func(o schema.DecoderOptions) func() (gen.Rows, error) {
		dec := schema.NewDecoder(o)
		return func() (gen.Rows, error) {
			var n gen.Rows
			for _, batch := range batches {
				dec.Decode(batch)
				n.Results += int64(batch.Rows(schema.ResultLevel))
				n.Detections += int64(batch.Rows(schema.DetectionLevel))
				n.Occurrences += int64(batch.Rows(schema.OccurrenceLevel))
			}
			return n, nil
		}
	}
	all := a.expected.Rows
	skipped := all
	skipped.Occurrences = 0
	benchmark(b, "schema", all, bulk(schema.DecoderOptions{}))
	benchmark(b, "schema-skip-occurrences", skipped, bulk(schema.DecoderOptions{SkipOccurrences: true}))
	structs := func(unmarshal func([]byte, any) error) func() (gen.Rows, error) {
		return func() (gen.Rows, error) {
			var n gen.Rows
			for _, batch := range batches {
				for _, s := range batch.Segments {
					for line := range bytes.Lines(batch.Buf[s.Start:s.End]) {
						var f finding
						if err := unmarshal(line, &f); err != nil {
							return n, err
						}
						detections, locations := f.rows()
						n.Results++
						n.Detections += detections
						n.Occurrences += locations
					}
				}
			}
			return n, nil
		}
	}
	benchmark(b, "sonic", all, structs(sonic.ConfigDefault.Unmarshal))
	benchmark(b, "encoding-json", all, structs(json.Unmarshal))
}

func undecoded(tb testing.TB, a *archive) []*schema.Batch {
	tb.Helper()
	batches, err := a.batches(context.Background())
	if err != nil {
		tb.Fatal(err)
	}
	return batches
}

func TestDecodeAllocs(t *testing.T) {
	allocs, err := decodeAllocs(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if allocs != 0 {
		t.Errorf("%g allocations per line", allocs)
	}
}

// BenchmarkEncode compares the Parquet encoder with pqarrow, which gets the
// same rows as Arrow record batches.
func BenchmarkEncode(b *testing.B) {
	a := testArchive(b)
	batches := undecoded(b, a)
	dec := schema.NewDecoder(schema.DecoderOptions{})
	for _, batch := range batches {
		dec.Decode(batch)
	}
	format, err := sink.Parquet(sink.ParquetOptions{})
	if err != nil {
		b.Fatal(err)
	}
	encoders := []struct {
		name  string
		write func(io.Writer, *schema.Table, []*schema.Batch) error
	}{
		{"sink", func(w io.Writer, t *schema.Table, batches []*schema.Batch) error {
			e, err := format.NewEncoder(w, t)
			if err != nil {
				return err
			}
			for _, batch := range batches {
				if err := e.Write(batch, 0, len(batch.Results)); err != nil {
					return err
				}
			}
			return e.Close()
		}},
		{"pqarrow", writePqarrow},
	}
	sets := []struct {
		name   string
		tables []*schema.Table
	}{{"all", schema.Tables()}}
	for _, t := range schema.Tables() {
		sets = append(sets, struct {
			name   string
			tables []*schema.Table
		}{t.Name, []*schema.Table{t}})
	}
	for _, set := range sets {
		for _, encoder := range encoders {
			b.Run(set.name+"/"+encoder.name, func(b *testing.B) {
				// What is timed must write as much as the files that were read back.
				want := int64(0)
				for _, t := range set.tables {
					var buf bytes.Buffer
					if err := encoder.write(&buf, t, batches); err != nil {
						b.Fatal(err)
					}
					want += int64(buf.Len())
					checkRows(b, buf.Bytes(), t, batches)
				}
				measure(b, want, func() (int64, error) {
					var out counter
					for _, t := range set.tables {
						if err := encoder.write(&out, t, batches); err != nil {
							return 0, err
						}
					}
					return int64(out), nil
				})
			})
		}
	}
}

// counter counts the bytes that are written to it.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

func checkRows(b *testing.B, data []byte, t *schema.Table, batches []*schema.Batch) {
	b.Helper()
	want := 0
	for _, batch := range batches {
		want += batch.Rows(t.Row)
	}
	f, err := file.NewParquetReader(bytes.NewReader(data))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	if f.NumRows() != int64(want) {
		b.Fatalf("%s has %d rows, want %d", t.Name, f.NumRows(), want)
	}
}

// writePqarrow writes a table the plain way.
func writePqarrow(w io.Writer, t *schema.Table, batches []*schema.Batch) error {
	mem := memory.NewGoAllocator()
	rows := arrowio.NewRecordBuilder(mem, t)
	defer rows.Release()
	f, err := pqarrow.NewFileWriter(arrowio.Schema(t), w,
		parquet.NewWriterProperties(parquet.WithAllocator(mem), parquet.WithCompression(compress.Codecs.Zstd)),
		pqarrow.NewArrowWriterProperties(pqarrow.WithAllocator(mem)))
	if err != nil {
		return err
	}
	for _, batch := range batches {
		if err := rows.Append(batch, 0, len(batch.Results)); err != nil {
			return errors.Join(err, f.Close())
		}
		record := rows.NewRecord()
		err := f.WriteBuffered(record)
		record.Release()
		if err != nil {
			return errors.Join(err, f.Close())
		}
	}
	return f.Close()
}

// BenchmarkPart turns the archive into the files of a part, with one worker and
// no disk, next to the time that inflating it takes alone.
func BenchmarkPart(b *testing.B) {
	a := testArchive(b)
	benchmark(b, "macielake", a.expected.Rows, func() (gen.Rows, error) {
		p, err := newPart(a)
		if err != nil {
			return gen.Rows{}, err
		}
		jobs := []stream.Job{p}
		err = stream.Run(context.Background(), stream.PoolOptions{
			Workers:    1,
			NewDecoder: func() schema.Decoder { return schema.NewDecoder(schema.DecoderOptions{}) },
		}, func() (stream.Job, bool) {
			if len(jobs) == 0 {
				return nil, false
			}
			jobs = nil
			return p, true
		})
		return p.rows, err
	})
	benchmark(b, "klauspost-inflate-only", a.expected.InflatedBytes, a.gunzip)
}

// part is a job whose files are dropped.
type part struct {
	reader *stream.Reader
	sink   *sink.Sink
	rows   gen.Rows // in the files
}

func newPart(a *archive) (*part, error) {
	format, err := sink.Parquet(sink.ParquetOptions{})
	if err != nil {
		return nil, err
	}
	return &part{
		reader: stream.NewReader(a.objects(), stream.ReaderOptions{}),
		sink: sink.New(sink.Options{
			Format: format, Tables: schema.Tables(), PartitionBy: []sink.PartitionKey{sink.ByCreatedMonth},
			Name: "000001-00000", TargetFileSize: 256 << 20, Memory: 48 << 20,
			Create: func(string) (sink.Output, error) { return dropped{}, nil },
		}),
	}, nil
}

func (p *part) Read(ctx context.Context, b *schema.Batch) error { return p.reader.Next(ctx, b) }

func (p *part) Decode(_ context.Context, dec schema.Decoder, b *schema.Batch) error {
	dec.Decode(b)
	return nil
}

func (p *part) Lanes() int { return p.sink.Lanes() }

func (p *part) Write(_ context.Context, lane int, b *schema.Batch) error {
	return p.sink.Write(lane, b)
}

func (p *part) Finish(_ context.Context, err error) (stream.Job, error) {
	if err := errors.Join(err, p.reader.Close()); err != nil {
		return nil, errors.Join(err, p.sink.Abort())
	}
	files, err := p.sink.Commit()
	for _, f := range files {
		switch f.Table {
		case schema.Results().Name:
			p.rows.Results += f.Rows
		case schema.Detections().Name:
			p.rows.Detections += f.Rows
		default:
			p.rows.Occurrences += f.Rows
		}
	}
	return nil, err
}

type dropped struct{}

func (dropped) Write(p []byte) (int, error) { return len(p), nil }
func (dropped) Commit() error               { return nil }
func (dropped) Abort() error                { return nil }

// The stages' times can't add up to more than the workers had.
func TestStatsAddUp(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "results")
	if _, err := gen.Run(context.Background(), gen.Options{Dir: dir, Size: 4e6}); err != nil {
		t.Fatal(err)
	}
	for _, workers := range []int{1, 2} {
		t.Run(fmt.Sprint(workers), func(t *testing.T) {
			out, err := store.CreateLocal(filepath.Join(t.TempDir(), "lake"))
			if err != nil {
				t.Fatal(err)
			}
			defer out.Close()
			s, err := convert.Run(context.Background(), convert.Options{
				Inputs: []string{dir}, Origins: []inputs.Origin{inputs.Local{}}, Out: out,
				TableFormat: "parquet", Tables: []string{"results", "detections", "occurrences"}, Compression: "zstd",
				PartitionBy: []sink.PartitionKey{sink.ByCreatedMonth}, TargetFileSize: 256 << 20, PartSize: 64 << 20,
				Workers: workers, Limits: stream.DefaultLimits(), MaxRejects: -1, Version: "test",
				Log: slog.New(slog.DiscardHandler),
			})
			if err != nil {
				t.Fatal(err)
			}
			sum, had := 0.0, float64(workers)*s.Seconds
			for name, seconds := range map[string]float64{
				"fetch": s.Stats.Fetch, "inflate": s.Stats.Inflate, "decode": s.Stats.Decode,
				"encode": s.Stats.Encode, "write": s.Stats.Write, "idle": s.Stats.Idle,
			} {
				if seconds < 0 || seconds == 0 && name != "idle" {
					t.Errorf("%s took %g s", name, seconds)
				}
				sum += seconds
			}
			if sum > had {
				t.Errorf("the stages took %.3f s of the %.3f s that %d workers had", sum, had, workers)
			}
		})
	}
}
