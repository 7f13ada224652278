// Package raw reads discovery results as they lie there, for commands that
// answer at once: found, decoded on all cores, and handed out.
//
// Start with [Scan], or with [Parts] where the order is of no matter.
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

// Options say what a scan reads, and how.
type Options struct {
	Inputs  []string       // as a user names them
	Origins []input.Origin // of the inputs
	Limits  stream.Limits
	Workers int
	// SkipOccurrences leaves the locations out, which are most of the work.
	SkipOccurrences bool
	Log             *slog.Logger // is told of files that are passed over
	// Fetches bounds what is read ahead of what lies behind a network; nil reads
	// nothing ahead.
	Fetches *stream.FetchGroup
}

// Scan reads discovery results. It calls work for each decoded batch, by several
// goroutines at a time, and each with what work returned, by one goroutine at a
// time and in order: sources as input.Sort has them, lines as they stand. The
// batch that work was given stays as it is until each has returned.
//
// Objects that aren't whole give no rows: larger ones are read twice, once to
// prove them whole. Only of standard input, which can't be, and of an object that
// changes in between, lines may have been handed out before that shows.
//
// Scan ends with the first error of work or each, or with ctx's. What is
// rejected or can't be read is no error: the account has it, also after an error
// as far as it was read.
func Scan[T any](ctx context.Context, o Options, work func(*schema.Batch) (T, error), each func(T) error) (*Account, error) {
	var sources []input.Source
	listing := input.Listing{Log: o.Log}
	err := input.Find(ctx, o.Origins, o.Inputs, &listing, func(s input.Source) error {
		sources = append(sources, s)
		return nil
	})
	account := &Account{Skipped: listing.Skipped}
	if err != nil {
		return account, err
	}
	input.Sort(sources)
	j := &job[T]{sources: sources, limits: o.Limits, fetches: o.Fetches, account: account, work: work, each: each}
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
	return account, err
}

// job reads all sources, in order.
type job[T any] struct {
	sources []input.Source // that no reader was made for
	limits  stream.Limits
	fetches *stream.FetchGroup
	account *Account
	work    func(*schema.Batch) (T, error)
	each    func(T) error

	reader  *stream.Reader
	reading []input.Source // by the reader
	values  sync.Map       // by *schema.Batch: what work returned
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
			// Its first lines are out: what follows is read by another reader.
			j.sources = append(j.reading[spoiled.Index+1:len(j.reading):len(j.reading)], j.sources...)
			j.reading = j.reading[:spoiled.Index+1]
			j.account.spoiled(&j.reading[spoiled.Index])
		default:
			return err
		}
		if err := j.closeReader(); err != nil {
			return err
		}
	}
}

// nextReader makes a reader for the next sources of one kind.
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
	if remote { // files need not be read ahead
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
	j.account.outcomes(j.reading, j.reader.Outcomes())
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
	j.account.lines(b)
	return j.each(v.(T))
}

// Finish implements stream.Job.
func (j *job[T]) Finish(_ context.Context, err error) (stream.Job, error) {
	return nil, errors.Join(err, j.closeReader())
}
