package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/macielake/macielake/internal/gen"
	"github.com/macielake/macielake/pkg/schema"
	"github.com/macielake/macielake/pkg/stream"
)

// archive is a small sample of results in memory.
type archive struct {
	expected gen.Expected
	stored   [][]byte // gzip objects
}

// newArchive generates an archive of the mixed profile.
func newArchive(ctx context.Context, size int64, encoding gen.Encoding) (*archive, error) {
	dir, err := os.MkdirTemp("", "macielake-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	a := &archive{}
	tree := filepath.Join(dir, "results")
	if a.expected, err = gen.Run(ctx, gen.Options{Dir: tree, Seed: 1, Size: size, Encoding: encoding}); err != nil {
		return nil, err
	}
	err = filepath.WalkDir(tree, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasSuffix(path, ".jsonl.gz") {
			return err
		}
		object, err := os.ReadFile(path)
		a.stored = append(a.stored, object)
		return err
	})
	return a, err
}

// objects returns the archive as what a stream.Reader reads.
func (a *archive) objects() []stream.Source {
	objects := make([]stream.Source, len(a.stored))
	for i, object := range a.stored {
		objects[i] = stream.Source{
			Source: schema.Source{URI: fmt.Sprintf("s3://amzn-s3-demo-results/AWSLogs/111122223333/Macie/eu-west-1/%d.jsonl.gz", i), ETag: "etag"},
			Size:   int64(len(object)),
			Open:   func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(object)), nil },
		}
	}
	return objects
}

// batches returns the archive's lines, not yet decoded, as a reader cuts them.
func (a *archive) batches(ctx context.Context) ([]*schema.Batch, error) {
	r := stream.NewReader(a.objects(), stream.ReaderOptions{})
	defer r.Close()
	var all []*schema.Batch
	for {
		b := schema.NewBatch()
		b.RunID = "000001"
		switch err := r.Next(ctx, b); err {
		case nil:
			all = append(all, b)
		case io.EOF:
			return all, nil
		default:
			return nil, err
		}
	}
}

// decodeAllocs returns how many allocations a warm decoder makes per line.
func decodeAllocs(ctx context.Context) (float64, error) {
	lines, allocs := int64(0), 0.0
	for _, encoding := range gen.Encodings() {
		a, err := newArchive(ctx, 5e6, encoding)
		if err != nil {
			return 0, err
		}
		batches, err := a.batches(ctx)
		if err != nil {
			return 0, err
		}
		for _, skip := range []bool{false, true} {
			dec := schema.NewDecoder(schema.DecoderOptions{SkipOccurrences: skip})
			allocs += testing.AllocsPerRun(3, func() { // and once before, which warms
				for _, b := range batches {
					dec.Decode(b)
				}
			})
			lines += a.expected.Lines
		}
	}
	return allocs / float64(lines), nil
}
