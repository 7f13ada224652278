package stream_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/macielake/macielake/pkg/schema"
	"github.com/macielake/macielake/pkg/stream"
)

func text(uri, lines string) stream.Source {
	return stream.Source{
		Source: schema.Source{URI: uri},
		Size:   int64(len(lines)),
		Open: func(context.Context) (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader(lines)), nil
		},
	}
}

// A batch has the lines of two sources, with one segment per source.
func ExampleReader() {
	sources := []stream.Source{
		text("a.jsonl", "{\"id\":\"1\"}\n{\"id\":\"2\"}\n"),
		text("b.jsonl.gz", "not gzip"),
		text("c.jsonl", "{\"id\":\"3\"}"),
	}
	r := stream.NewReader(sources, stream.ReaderOptions{})
	defer r.Close()
	b := schema.NewBatch()
	for {
		err := r.Next(context.Background(), b)
		if err == io.EOF {
			break
		}
		if err != nil {
			fmt.Println(err)
			return
		}
		for _, s := range b.Segments {
			fmt.Printf("%s from line %d: %q\n", b.Sources[s.Source].URI, s.Line, b.Buf[s.Start:s.End])
		}
	}
	for _, out := range r.Outcomes() {
		fmt.Println(sources[out.Index].Source.URI, out.State, out.Class, out.Lines)
	}
	// Output:
	// a.jsonl from line 1: "{\"id\":\"1\"}\n{\"id\":\"2\"}\n"
	// c.jsonl from line 1: "{\"id\":\"3\"}"
	// a.jsonl converted  2
	// b.jsonl.gz rejected not_gzip 0
	// c.jsonl converted  1
}

// counter counts the lines of a part.
type counter struct {
	reader *stream.Reader
	lines  int
}

func (c *counter) Read(ctx context.Context, b *schema.Batch) error { return c.reader.Next(ctx, b) }

func (c *counter) Decode(context.Context, schema.Decoder, *schema.Batch) error { return nil }

func (c *counter) Lanes() int { return 1 }

func (c *counter) Write(_ context.Context, _ int, b *schema.Batch) error {
	for _, s := range b.Segments {
		c.lines += bytes.Count(b.Buf[s.Start:s.End], []byte("\n"))
	}
	return nil
}

func (c *counter) Finish(_ context.Context, err error) (stream.Job, error) {
	return nil, err
}

// Two workers count the lines of one part.
func ExampleRun() {
	job := &counter{reader: stream.NewReader([]stream.Source{
		text("a.jsonl", strings.Repeat("{}\n", 1_000_000)),
	}, stream.ReaderOptions{})}
	defer job.reader.Close()
	jobs := []stream.Job{job}
	err := stream.Run(context.Background(), stream.PoolOptions{
		Workers:    2,
		NewDecoder: func() schema.Decoder { return schema.NewDecoder(schema.DecoderOptions{}) },
	}, func() (stream.Job, bool) {
		if len(jobs) == 0 {
			return nil, false
		}
		next := jobs[0]
		jobs = jobs[1:]
		return next, true
	})
	fmt.Println(job.lines, err)
	// Output: 1000000 <nil>
}
