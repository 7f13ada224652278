package query

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/macielake/macielake/internal/input"
	"github.com/macielake/macielake/pkg/schema"
	"github.com/macielake/macielake/pkg/stream"
)

// A job has sources up to so many stored bytes, and up to so many sources: small
// enough that all cores have one, large enough that starting it costs nothing.
const (
	jobBytes   = 4 << 20
	jobSources = 256
)

// AddResults adds the results of the sources that find finds. What can't be read
// or decoded is left out, and counted in Problems. An error is find's, ctx's, or
// one of temporary files.
func (s *Summary) AddResults(ctx context.Context, find func(ctx context.Context, each func(input.Source) error) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	parts := make(chan []input.Source, s.o.Workers)
	var listing sync.WaitGroup
	var findErr error
	listing.Go(func() {
		defer close(parts)
		findErr = cut(ctx, find, parts)
	})
	err := stream.Run(ctx, stream.PoolOptions{
		Workers:    s.o.Workers,
		NewDecoder: func() schema.Decoder { return newWorker(s) },
	}, func() (stream.Job, bool) {
		part, ok := <-parts
		if !ok {
			return nil, false
		}
		return s.newJob(part, nil), true
	})
	cancel()
	for range parts { // the listing may wait to send
	}
	listing.Wait()
	if err == nil {
		err = findErr
	}
	return err
}

// cut sends the sources that find finds in parts.
func cut(ctx context.Context, find func(ctx context.Context, each func(input.Source) error) error, parts chan<- []input.Source) error {
	var part []input.Source
	var size int64
	send := func() error {
		select {
		case parts <- part:
			part, size = nil, 0
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	err := find(ctx, func(source input.Source) error {
		part = append(part, source)
		if size += max(source.Size, 0); size < jobBytes && len(part) < jobSources && source.Size >= 0 {
			return nil
		}
		return send()
	})
	if err == nil && len(part) > 0 {
		err = send()
	}
	return err
}

// worker is the decoder of a worker of stream.Run, with what else is its own.
type worker struct {
	schema.Decoder
	taker *taker
}

func newWorker(s *Summary) *worker {
	return &worker{schema.NewDecoder(schema.DecoderOptions{SkipOccurrences: true}), s.newTaker()}
}

// job is a part of what is read. What it keeps counts once it is through.
type job struct {
	s       *Summary
	sources []input.Source
	reader  *stream.Reader

	mu       sync.Mutex
	kept     *keeper
	problems Problems
}

func (s *Summary) newJob(sources []input.Source, known []stream.Outcome) *job {
	objects := make([]stream.Object, len(sources))
	for i := range sources {
		objects[i] = sources[i].Object()
	}
	// All jobs together may take a quarter of what the summary may.
	memory := s.o.Memory / 4 / int64(s.o.Workers)
	return &job{
		s: s, sources: sources, kept: s.newKeeper(memory, false),
		reader: stream.NewReader(objects, stream.ReaderOptions{
			Limits: s.o.Limits, Known: known, VerifyFirst: len(known) > 0,
		}),
	}
}

// Read implements stream.Job.
func (j *job) Read(ctx context.Context, b *schema.Batch) error { return j.reader.Next(ctx, b) }

// Decode implements stream.Job. It also takes what is needed of the batch: sums
// don't depend on the order, so that there is nothing left to write.
func (j *job) Decode(_ context.Context, dec schema.Decoder, b *schema.Batch) error {
	w := dec.(*worker)
	w.Decode(b)
	j.mu.Lock()
	defer j.mu.Unlock()
	j.problems.addBatch(b)
	return w.taker.take(b, j.kept)
}

// Lanes implements stream.Job.
func (j *job) Lanes() int { return 0 }

// Write implements stream.Job.
func (j *job) Write(context.Context, int, *schema.Batch) error { return nil }

// Finish implements stream.Job.
func (j *job) Finish(_ context.Context, err error) (stream.Job, error) {
	if closeErr := j.reader.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		outcomes := j.reader.Outcomes()
		for i := range outcomes {
			j.problems.addOutcome(j.sources[outcomes[i].Index].URI, &outcomes[i])
		}
		j.s.mu.Lock()
		defer j.s.mu.Unlock()
		j.s.problems.add(j.problems)
		return nil, j.s.kept.merge(j.kept)
	}
	j.kept.close()
	if spoiled := (*stream.SpoiledError)(nil); errors.As(err, &spoiled) {
		return j.s.newJob(j.sources, slices.Clone(j.reader.Outcomes())), nil
	}
	return nil, err
}
