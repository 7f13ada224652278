package convert

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/macielake/macielake/internal/dataset"
	"github.com/macielake/macielake/internal/input"
	"github.com/macielake/macielake/internal/store"
	"github.com/macielake/macielake/pkg/schema"
	"github.com/macielake/macielake/pkg/sink"
	"github.com/macielake/macielake/pkg/stream"
)

// run is one run of the converter.
type run struct {
	o       *Options
	work    context.Context // of the parts; ends with the first that fails
	id      string
	store   store.Store
	format  sink.Format
	tables  []*schema.Table
	plan    *plan
	filters bool
	owned   bool // the dataset is this run's: it made dataset.json
	started time.Time

	commits *errgroup.Group // of parts whose rows are all written
	times   times
	fetches *stream.FetchGroup // of all parts

	mu       sync.Mutex
	rejects  int64             // of the parts that are read
	first    *Reject           // one of them
	receipts []dataset.Receipt // without their objects: publishing needs none
	summary  *Summary
}

// NotEmptyError says that the output holds something.
type NotEmptyError struct {
	Out     string
	Dataset bool // that something is a dataset
}

func (e *NotEmptyError) Error() string {
	if e.Dataset {
		return fmt.Sprintf("%s already holds a dataset", e.Out)
	}
	return fmt.Sprintf("%s is not empty and holds no dataset", e.Out)
}

// TooManyRejectsError says that a run stopped because of its rejects.
type TooManyRejectsError struct {
	Limit int64
	First Reject // one of them
}

func (e *TooManyRejectsError) Error() string {
	where := e.First.URI
	if e.First.Line > 0 {
		where = fmt.Sprintf("%s, line %d, byte offset %d", where, e.First.Line, e.First.Offset)
	}
	return fmt.Sprintf("more than %d lines or objects were rejected, among them %s: %s", e.Limit, where, e.First.Class)
}

// commits is how many parts are made durable at a time, behind the work on
// others.
const commits = 4

// Run converts the inputs into a dataset. Whatever the error, what readers see
// of the output is either all of it or what was there before. Rejected and
// unreadable input is no error: the summary has it. Besides the errors of this
// package it returns errors of files, wrapped, and ctx's.
func Run(ctx context.Context, o Options) (*Summary, error) {
	started := time.Now()
	format, err := o.format()
	if err != nil {
		return nil, err
	}
	sources, skipped, err := find(ctx, &o)
	var (
		target store.Store
		finish func(context.Context) error
	)
	if err == nil {
		target, finish, err = prepare(ctx, &o)
	}
	if err != nil {
		return nil, errors.Join(err, o.Out.Discard(context.WithoutCancel(ctx)))
	}
	r := &run{
		o: &o, id: dataset.RunName(1), store: target, format: format,
		tables: o.tables(), plan: makePlan(sources, o.PartSize), filters: filters(&o.Filter),
		started: started, summary: newSummary(), fetches: o.fetches(),
	}
	if p := o.Progress; p != nil {
		p.total.Store(r.plan.bytes)
		p.parts.Store(int64(len(r.plan.parts)))
	}
	r.summary.Run, r.summary.Output = r.id, o.Out.URI(".")
	r.summary.Objects.Skipped = skipped
	err = r.convert(ctx)
	if err == nil {
		err = finish(ctx)
	}
	if errors.Is(err, dataset.ErrHalfReplaced) {
		return nil, err
	}
	if err != nil {
		// The run can't be resumed by this version: leave nothing behind.
		var names []string
		if r.owned {
			names = dataset.Contents()
		}
		return nil, errors.Join(err, target.Discard(context.WithoutCancel(ctx), names...))
	}
	r.summary.end(started)
	return r.summary, nil
}

// find returns the sources of the inputs, and how many objects were passed over.
func find(ctx context.Context, o *Options) (sources []input.Source, skipped int64, err error) {
	l := input.Listing{Output: o.Out.URI("."), Log: o.Log}
	err = input.Find(ctx, o.Origins, o.Inputs, &l, func(s input.Source) error {
		sources = append(sources, s)
		return nil
	})
	return sources, l.Skipped, err
}

// prepare returns the store that a new dataset is built in, and what has to be
// done once it is whole. A dataset that is to be replaced stays until then.
func prepare(ctx context.Context, o *Options) (target store.Store, finish func(context.Context) error, err error) {
	nothing := func(context.Context) error { return nil }
	s := o.Out
	empty, err := s.Empty(ctx)
	if err != nil || empty {
		return s, nothing, err
	}
	switch _, err := dataset.Load(ctx, s); {
	case errors.Is(err, dataset.ErrForeign):
		return nil, nil, &NotEmptyError{Out: s.URI(".")}
	case !o.Overwrite && err == nil:
		return nil, nil, &NotEmptyError{Out: s.URI("."), Dataset: true}
	case !o.Overwrite:
		return nil, nil, err
	}
	nonce := newNonce()
	replace := func(ctx context.Context) error { return dataset.Replace(ctx, s, nonce) }
	return dataset.Replacement(s, nonce), replace, nil
}

func (r *run) convert(ctx context.Context) error {
	if err := r.begin(ctx); err != nil {
		return err
	}
	next := 0
	var stats stream.Stats
	r.commits, r.work = errgroup.WithContext(ctx)
	r.commits.SetLimit(commits)
	err := stream.Run(r.work, stream.PoolOptions{
		Workers: r.o.Workers,
		NewDecoder: func() schema.Decoder {
			return schema.NewDecoder(schema.DecoderOptions{SkipOccurrences: !slices.Contains(r.o.Tables, "occurrences")})
		},
		Stats: &stats,
	}, func() (stream.Job, bool) {
		if next == len(r.plan.parts) {
			return nil, false
		}
		next++
		return r.newJob(next-1, nil), true
	})
	// A failed commit ended the parts' work: it is the reason.
	if commitErr := r.commits.Wait(); commitErr != nil && (err == nil || ctx.Err() == nil) {
		err = commitErr
	}
	if err != nil {
		return err
	}
	r.summary.Stats = newStats(&stats, &r.times)
	return r.end(ctx)
}

// begin writes down what the run is going to do.
func (r *run) begin(ctx context.Context) error {
	d := dataset.Dataset{
		Format: dataset.Format, TableFormat: r.o.TableFormat, Definitions: dataset.Definitions(r.tables),
		PartitionBy: []string{}, Filter: r.o.Filter,
	}
	for _, t := range r.tables {
		d.Tables = append(d.Tables, t.Name)
	}
	for _, k := range r.o.PartitionBy {
		d.PartitionBy = append(d.PartitionBy, string(k))
	}
	err := dataset.Create(ctx, r.store, d)
	if errors.Is(err, fs.ErrExist) { // another run was faster
		return &NotEmptyError{Out: r.o.Out.URI("."), Dataset: true}
	}
	if err != nil {
		return err
	}
	r.owned = true
	segments, err := dataset.PutPlan(ctx, r.store, r.plan.planned())
	if err != nil {
		return err
	}
	return dataset.PutRun(ctx, r.store, dataset.Run{
		Run: r.id, StartedAt: r.started.UTC(), Version: r.o.Version,
		Options: dataset.Options{
			Compression: r.o.Compression, TargetFileSize: r.o.TargetFileSize, PartSize: r.plan.partSize,
			MaxLineBytes: r.o.Limits.MaxLineBytes, MaxInflatedBytes: r.o.Limits.MaxInflatedBytes,
			RejectRaw: r.o.RejectRaw, MaxRejects: r.o.MaxRejects,
		},
		Parts: len(r.plan.parts), Sources: r.plan.sources, Bytes: r.plan.bytes, Plan: segments,
	})
}

// addRejects counts the rejects of a part that is read to its end: which lines
// are rejected is only sure once their objects are known to be whole. It fails
// once the run has more than it may have.
func (r *run) addRejects(a *account) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rejects += a.rejects
	if r.first == nil {
		r.first = a.first
	}
	if limit := r.o.MaxRejects; limit >= 0 && r.rejects > limit {
		return &TooManyRejectsError{Limit: limit, First: *r.first}
	}
	return nil
}

// done takes a part that has its receipt.
func (r *run) done(receipt *dataset.Receipt, a *account) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.summary.addPart(receipt, a)
	kept := *receipt
	kept.Objects = nil
	r.receipts = append(r.receipts, kept)
}

// end publishes all parts and commits the run.
func (r *run) end(ctx context.Context) error {
	for _, receipt := range r.receipts {
		if err := dataset.Publish(ctx, r.store, receipt); err != nil {
			return err
		}
	}
	s := r.summary
	ended := time.Now().UTC()
	err := dataset.PutRunRow(ctx, r.store, r.o.TableFormat, newNonce(), dataset.RunRow{
		RunID: r.id, StartedAt: r.started.UTC(), EndedAt: ended, Version: r.o.Version,
		Sources: r.plan.sources, Lines: s.Lines,
		Results: s.Rows["results"], Detections: s.Rows["detections"], Occurrences: s.Rows["occurrences"],
		Rejects: s.Rejects.Lines + s.Rejects.Objects, Unreadable: s.Objects.Unreadable,
		StoredBytes: s.Bytes.Stored, InflatedBytes: s.Bytes.Inflated, WrittenBytes: s.Bytes.Written,
	})
	if err != nil {
		return err
	}
	return dataset.PutEnd(ctx, r.store, dataset.End{Run: r.id, State: dataset.Committed, EndedAt: ended})
}
