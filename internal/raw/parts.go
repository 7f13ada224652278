package raw

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/macielake/macielake/internal/input"
	"github.com/macielake/macielake/pkg/schema"
	"github.com/macielake/macielake/pkg/stream"
)

// Part takes the results of some of the sources of Parts.
type Part interface {
	// Take takes a decoded batch, which it doesn't keep. One goroutine at a
	// time calls it, in no order of batches.
	Take(b *schema.Batch) error
	// Done is called once all batches were taken: they count. One part at a
	// time is done.
	Done() error
	// Drop is called instead where an object of the part isn't whole, or
	// reading it failed.
	Drop()
}

// A part has sources up to so many stored bytes, and up to so many sources: small
// enough that all cores have one, large enough that starting it costs nothing.
const (
	partBytes   = 4 << 20
	partSources = 256
)

// Parts reads discovery results in parts, as they are found and on all cores,
// for what doesn't depend on their order. NewPart makes a part, by one goroutine
// at a time. Objects that aren't whole give no rows: their part is dropped and
// read again without them.
//
// Parts ends with the first error of a part, or with ctx's. What is rejected or
// can't be read is no error: the account has it.
func Parts(ctx context.Context, o Options, newPart func() Part) (*Account, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p := &parts{o: o, newPart: newPart, found: make(chan []input.Source, max(o.Workers, 1))}
	var listing sync.WaitGroup
	var findErr error
	listing.Go(func() {
		defer close(p.found)
		findErr = p.find(ctx)
	})
	err := stream.Run(ctx, stream.PoolOptions{
		Workers: o.Workers,
		NewDecoder: func() schema.Decoder {
			return schema.NewDecoder(schema.DecoderOptions{SkipOccurrences: o.SkipOccurrences, MaxValues: o.Limits.MaxLineValues})
		},
	}, func() (stream.Job, bool) {
		sources, ok := <-p.found
		if !ok {
			return nil, false
		}
		return p.newJob(sources, nil), true
	})
	if err != nil {
		cancel()
	}
	listing.Wait()
	if err == nil {
		err = findErr
	}
	return &p.account, err
}

type parts struct {
	o       Options
	newPart func() Part
	found   chan []input.Source

	mu      sync.Mutex
	account Account
}

// find sends the sources in parts.
func (p *parts) find(ctx context.Context) error {
	var part []input.Source
	var size int64
	send := func() error {
		select {
		case p.found <- part:
			part, size = nil, 0
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	listing := input.Listing{Log: p.o.Log}
	err := input.Find(ctx, p.o.Origins, p.o.Inputs, &listing, func(source input.Source) error {
		part = append(part, source)
		// Standard input, whose size isn't known, can't be read again: it ends
		// its part.
		if size += source.Size; size < partBytes && len(part) < partSources && source.Size >= 0 {
			return nil
		}
		return send()
	})
	p.mu.Lock()
	p.account.Skipped = listing.Skipped
	p.mu.Unlock()
	if err == nil && len(part) > 0 {
		err = send()
	}
	return err
}

// partJob is the work on a part.
type partJob struct {
	parts   *parts
	sources []input.Source
	reader  *stream.Reader

	mu      sync.Mutex
	part    Part
	account Account
}

// newJob returns an attempt at a part; known are the outcomes of its first
// objects, as far as an earlier attempt got.
func (p *parts) newJob(sources []input.Source, known []stream.Outcome) *partJob {
	objects := make([]stream.Source, len(sources))
	for i := range sources {
		objects[i] = sources[i].Object()
	}
	o := stream.ReaderOptions{Limits: p.o.Limits, Known: known, VerifyFirst: len(known) > 0}
	if input.AnyRemote(sources) { // files need not be read ahead
		o.FetchGroup = p.o.Fetches
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return &partJob{
		parts: p, sources: sources, part: p.newPart(),
		reader: stream.NewReader(objects, o),
	}
}

// Read implements stream.Job.
func (j *partJob) Read(ctx context.Context, b *schema.Batch) error { return j.reader.Next(ctx, b) }

// Decode implements stream.Job. The part takes the batch here, where others work
// side by side: nothing is left to be written in order.
func (j *partJob) Decode(_ context.Context, dec schema.Decoder, b *schema.Batch) error {
	dec.Decode(b)
	j.account.lines(b)
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.part.Take(b)
}

// Lanes implements stream.Job.
func (j *partJob) Lanes() int { return 0 }

// Write implements stream.Job.
func (j *partJob) Write(context.Context, int, *schema.Batch) error { return nil }

// Finish implements stream.Job.
func (j *partJob) Finish(_ context.Context, err error) (stream.Job, error) {
	if closeErr := j.reader.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		j.account.outcomes(j.sources, j.reader.Outcomes())
		j.parts.mu.Lock()
		defer j.parts.mu.Unlock()
		j.parts.account.add(&j.account)
		return nil, j.part.Done()
	}
	j.part.Drop()
	if spoiled := (*stream.SpoiledError)(nil); errors.As(err, &spoiled) {
		return j.parts.newJob(j.sources, slices.Clone(j.reader.Outcomes())), nil
	}
	return nil, err
}
