// Package raw reads discovery results directly, without a dataset, for commands that
// answer at once: it lists sources, decodes them on all cores and passes on the rows.
//
// Start with [Scan], or with [Parts] where the order doesn't matter.
package raw

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"

	"github.com/macielake/macielake/internal/input"
	"github.com/macielake/macielake/pkg/schema"
	"github.com/macielake/macielake/pkg/stream"
)

// Options say what to read, and how.
type Options struct {
	Inputs  []string       // as a user names them
	Origins []input.Origin // of the inputs
	Limits  stream.Limits
	Workers int
	// SkipOccurrences omits locations, which take most of the time to decode.
	SkipOccurrences bool
	Log             *slog.Logger // receives the paths of skipped files
	// Fetches bounds reading ahead from origins behind a network; nil reads nothing
	// ahead.
	Fetches *stream.FetchGroup
}

// Scan reads discovery results. It calls work for every decoded batch, from several
// goroutines at once. It then calls each with the value that work returned, from one
// goroutine at a time and in order: sources in the order of input.Sort, and lines as
// in their source. The batch stays valid and unchanged until each has returned.
//
// Broken sources give no rows: larger ones are read twice, the first time to check
// them. There are two exceptions, whose first lines may already be out: standard
// input, which can be read only once, and a source that changes between the reads.
//
// Scan ends with the first error of work, each or ctx. Rejected lines and sources
// that can't be read are no errors: the tally counts them. It is never nil, and after
// an error it has what was read until then.
func Scan[T any](ctx context.Context, o Options, work func(*schema.Batch) (T, error), each func(T) error) (*Tally, error) {
	var sources []input.Source
	listing := input.Listing{Log: o.Log}
	err := input.Find(ctx, o.Origins, o.Inputs, &listing, func(s input.Source) error {
		sources = append(sources, s)
		return nil
	})
	tally := &Tally{Skipped: listing.Skipped}
	if err != nil {
		return tally, err
	}
	input.Sort(sources)
	j := &job[T]{sources: sources, limits: o.Limits, fetches: o.Fetches, tally: tally, work: work, each: each}
	started := false
	err = stream.Run(ctx, stream.PoolOptions{
		Workers: o.Workers,
		NewDecoder: func() schema.Decoder {
			return schema.NewDecoder(schema.DecoderOptions{SkipOccurrences: o.SkipOccurrences, MaxValues: o.Limits.MaxLineValues})
		},
	}, func() (stream.Job, bool) {
		first := !started
		started = true
		return j, first
	})
	return tally, err
}

// job reads all sources, in order.
type job[T any] struct {
	sources []input.Source // still without a reader
	limits  stream.Limits
	fetches *stream.FetchGroup
	tally   *Tally
	work    func(*schema.Batch) (T, error)
	each    func(T) error

	reader  *stream.Reader
	reading []input.Source // the reader's
	values  sync.Map       // from *schema.Batch to the T that work returned
}

// Read implements stream.Job.
func (j *job[T]) Read(ctx context.Context, b *schema.Batch) error {
	for {
		if j.reader == nil && !j.nextReader() {
			return io.EOF
		}
		err := j.reader.Next(ctx, b)
		var spoiled *stream.SpoiledError
		switch {
		case err == io.EOF:
		case errors.As(err, &spoiled):
			// Its first lines are out. Another reader reads the sources after it.
			j.sources = append(j.reading[spoiled.Index+1:len(j.reading):len(j.reading)], j.sources...)
			j.reading = j.reading[:spoiled.Index+1]
			j.tally.noteUsed(&j.reading[spoiled.Index])
		default:
			return err
		}
		if err := j.closeReader(); err != nil {
			return err
		}
	}
}

// nextReader makes a reader for the next sources that are read in the same way. It
// reports false if no source is left.
func (j *job[T]) nextReader() bool {
	if len(j.sources) == 0 {
		return false
	}
	stdin, remote := j.sources[0].URI == input.StdinName, j.sources[0].Remote()
	n := 1
	for n < len(j.sources) && (j.sources[n].URI == input.StdinName) == stdin && j.sources[n].Remote() == remote {
		n++
	}
	j.reading, j.sources = j.sources[:n], j.sources[n:]
	objects := make([]stream.Source, n)
	for i := range objects {
		objects[i] = j.reading[i].Object()
	}
	o := stream.ReaderOptions{Limits: j.limits, VerifyFirst: !stdin}
	if remote { // reading ahead doesn't pay for local files
		o.FetchGroup = j.fetches
	}
	j.reader = stream.NewReader(objects, o)
	return true
}

func (j *job[T]) closeReader() error {
	if j.reader == nil {
		return nil
	}
	err := j.reader.Close()
	j.tally.addOutcomes(j.reading, j.reader.Outcomes())
	j.reader = nil
	return err
}

// Decode implements stream.Job.
func (j *job[T]) Decode(_ context.Context, dec schema.Decoder, b *schema.Batch) error {
	dec.Decode(b)
	v, err := j.work(b)
	if err == nil {
		j.values.Store(b, v)
	}
	return err
}

// Lanes implements stream.Job.
func (j *job[T]) Lanes() int { return 1 }

// Write implements stream.Job.
func (j *job[T]) Write(_ context.Context, _ int, b *schema.Batch) error {
	v, _ := j.values.LoadAndDelete(b)
	j.tally.addLines(b)
	return j.each(v.(T))
}

// Finish implements stream.Job.
func (j *job[T]) Finish(_ context.Context, err error) (stream.Job, error) {
	return nil, errors.Join(err, j.closeReader())
}
