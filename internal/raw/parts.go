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

// Part receives the results of some of the sources that [Parts] reads: all of them,
// then Done, or some of them, then Drop.
type Part interface {
	// Take receives a decoded batch and must not keep it. One goroutine at a time
	// calls it, with batches in any order.
	Take(b *schema.Batch) error
	// Done accepts the part after its last batch. Parts calls Done of one part at
	// a time.
	Done() error
	// Drop discards the part, because a source of it is broken or reading failed.
	Drop()
}

// Limits of a part, in stored bytes and in sources: small enough that every core
// has a part, large enough that starting one costs little.
const (
	partBytes   = 4 << 20
	partSources = 256
)

// Parts reads discovery results in parts, while it lists them and with o.Workers
// goroutines, for answers that don't depend on their order. newPart makes a part; one
// goroutine at a time calls it. Broken sources give no rows: their part is dropped
// and read again without them.
//
// Parts ends with the first error of a part or of ctx. Rejected lines and sources
// that can't be read are no errors: the tally counts them. It is never nil.
func Parts(ctx context.Context, o Options, newPart func() Part) (*Tally, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p := &parts{o: o, newPart: newPart, listed: make(chan []input.Source, max(o.Workers, 1))}
	var listing sync.WaitGroup
	var listErr error
	listing.Go(func() {
		defer close(p.listed)
		listErr = p.list(ctx)
	})
	err := stream.Run(ctx, stream.PoolOptions{
		Workers: o.Workers,
		NewDecoder: func() schema.Decoder {
			return schema.NewDecoder(schema.DecoderOptions{SkipOccurrences: o.SkipOccurrences, MaxValues: o.Limits.MaxLineValues})
		},
	}, func() (stream.Job, bool) {
		sources, ok := <-p.listed
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
		err = listErr
	}
	return &p.tally, err
}

type parts struct {
	o       Options
	newPart func() Part
	listed  chan []input.Source // of one part each

	mu    sync.Mutex
	tally Tally
}

// list lists the inputs and sends the sources of each part.
func (p *parts) list(ctx context.Context) error {
	var part []input.Source
	var size int64
	send := func() error {
		select {
		case p.listed <- part:
			part, size = nil, 0
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	listing := input.Listing{Log: p.o.Log}
	err := input.Find(ctx, p.o.Origins, p.o.Inputs, &listing, func(source input.Source) error {
		part = append(part, source)
		// A source of unknown size may be standard input, which can't be read
		// again: it ends its part.
		if size += source.Size; size < partBytes && len(part) < partSources && source.Size >= 0 {
			return nil
		}
		return send()
	})
	p.mu.Lock()
	p.tally.Skipped = listing.Skipped
	p.mu.Unlock()
	if err == nil && len(part) > 0 {
		err = send()
	}
	return err
}

// partJob is one attempt to read a part.
type partJob struct {
	parts   *parts
	sources []input.Source
	reader  *stream.Reader

	mu    sync.Mutex
	part  Part
	tally Tally
}

// newJob returns an attempt to read a part. known are the outcomes of the first
// sources, from an earlier attempt.
func (p *parts) newJob(sources []input.Source, known []stream.Outcome) *partJob {
	objects := make([]stream.Source, len(sources))
	for i := range sources {
		objects[i] = sources[i].Object()
	}
	o := stream.ReaderOptions{Limits: p.o.Limits, Known: known, VerifyFirst: len(known) > 0}
	if input.AnyRemote(sources) { // reading ahead doesn't pay for local files
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

// Decode implements stream.Job. The part receives the batch here, in parallel with
// other parts, as no order of batches is kept.
func (j *partJob) Decode(_ context.Context, dec schema.Decoder, b *schema.Batch) error {
	dec.Decode(b)
	j.tally.addLines(b)
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
		j.tally.addOutcomes(j.sources, j.reader.Outcomes())
		j.parts.mu.Lock()
		defer j.parts.mu.Unlock()
		j.parts.tally.add(&j.tally)
		return nil, j.part.Done()
	}
	j.part.Drop()
	if spoiled := (*stream.SpoiledError)(nil); errors.As(err, &spoiled) {
		return j.parts.newJob(j.sources, slices.Clone(j.reader.Outcomes())), nil
	}
	return nil, err
}
