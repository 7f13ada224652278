package convert

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/macielake/macielake/internal/dataset"
	"github.com/macielake/macielake/internal/input"
	"github.com/macielake/macielake/internal/store"
	"github.com/macielake/macielake/pkg/stream"
)

// Run converts of the inputs what isn't converted yet into a dataset, which it
// makes where there is none. Runs that didn't end are finished first. Whatever
// the error, what readers see of the output is whole, and the same call goes on
// where it stopped. Rejected and unreadable input is no error: the summary has
// it. Besides the errors of this package it returns errors of files and of
// datasets, wrapped, and ctx's.
func Run(ctx context.Context, o Options) (*Summary, error) {
	c, err := newConverter(ctx, &o)
	if err == nil && o.Overwrite && !c.fresh {
		return c.overwrite(ctx)
	}
	if err == nil {
		err = c.run(ctx)
	}
	if err != nil {
		discarded, discardErr := c.discard(context.WithoutCancel(ctx))
		if discarded {
			err = final(err)
		}
		return nil, errors.Join(err, discardErr)
	}
	if o.DryRun { // not even a directory is made
		if err := c.store.Discard(ctx); err != nil {
			return nil, err
		}
	}
	c.end()
	return c.summary, nil
}

// converter is one invocation: it finishes open runs and makes new ones.
type converter struct {
	o          *Options
	store      store.Store
	output     string           // URI of the dataset, for people and listings
	fresh      bool             // there was no dataset
	made       bool             // this converter made it
	dataset    *dataset.Dataset // nil as long as there is none
	runs       []dataset.RunFiles
	ledger     *dataset.Ledger // nil as long as there is no dataset
	leases     *dataset.Leases
	probed     bool
	started    time.Time
	summary    *Summary
	times      times        // of all runs
	pool       stream.Stats // of all runs
	listedInS3 int64        // sources
	// unreadable are the sources that ended runs of this converter couldn't
	// read, by URI; true for those that may stay unread.
	unreadable map[string]bool
}

// NotEmptyError says that the output holds something that isn't a dataset.
type NotEmptyError struct{ Out string }

func (e *NotEmptyError) Error() string {
	return fmt.Sprintf("%s is not empty and holds no dataset", e.Out)
}

// StdinError says that standard input was to go into a dataset that there is:
// whether it was converted before can't be told.
type StdinError struct{ Out string }

func (e *StdinError) Error() string {
	return fmt.Sprintf("%s already holds a dataset, and standard input can only go into a new one", e.Out)
}

// newConverter looks at what is in the output. It returns a converter in any
// case.
func newConverter(ctx context.Context, o *Options) (*converter, error) {
	if o.MaxSources <= 0 {
		o.MaxSources = DefaultMaxSources
	}
	c := &converter{o: o, store: o.Out, output: o.Out.URI("."), started: time.Now(), summary: newSummary(), unreadable: map[string]bool{}}
	c.summary.Output = c.output
	if _, err := o.format(nil); err != nil {
		return c, err
	}
	if o.DryRun {
		if err := dataset.Whole(ctx, c.store); err != nil {
			return c, err
		}
	} else if err := dataset.Repair(ctx, c.store); err != nil {
		return c, err
	}
	var err error
	if c.fresh, err = dataset.IsNew(ctx, c.store); err != nil || c.fresh {
		return c, err
	}
	d, err := dataset.Load(ctx, c.store)
	switch {
	case errors.Is(err, dataset.ErrForeign):
		return c, c.foreign(ctx)
	case o.Overwrite: // whatever it is
		return c, nil
	case err == nil:
		err = o.same(c.output, &d)
	}
	if err == nil && slices.Contains(o.Inputs, input.StdinName) {
		err = &StdinError{Out: c.output}
	}
	c.dataset = &d
	return c, err
}

// foreign is the error of an output that holds other things: that they are the
// input, if they are.
func (c *converter) foreign(ctx context.Context) error {
	first := errors.New("the first will do")
	err := c.find(ctx, func(input.Source) error { return first })
	if inside := (*input.InsideOutputError)(nil); errors.As(err, &inside) {
		return err
	}
	return &NotEmptyError{Out: c.output}
}

// discard removes what a converter made that failed, as far as nothing can go on
// from it: directories that are empty, and what came of a standard input, which
// can't be read again.
func (c *converter) discard(ctx context.Context) (all bool, err error) {
	var names []string
	if c.made && slices.Contains(c.o.Inputs, input.StdinName) {
		runs, err := dataset.ListRuns(ctx, c.store)
		if err != nil {
			return false, err
		}
		if len(runs) <= 1 { // nobody else has come
			names = dataset.Contents()
		}
	}
	return len(names) > 0, c.store.Discard(ctx, names...)
}

// final is the error of a run that nobody can go on with.
func final(err error) error {
	if run := (*RunError)(nil); errors.As(err, &run) {
		return run.Err
	}
	return err
}

// overwrite builds a new dataset beside the one that is there, and puts it in
// its place once it is whole.
func (c *converter) overwrite(ctx context.Context) (*Summary, error) {
	if c.o.DryRun {
		c.fresh = true
		err := c.run(ctx)
		return c.summary, err
	}
	if err := c.idle(ctx); err != nil {
		return nil, err
	}
	nonce := dataset.NewNonce()
	outer := c.store
	c.store, c.fresh = dataset.Replacement(outer, nonce), true
	err := c.run(ctx)
	if err == nil {
		_, err = dataset.Load(ctx, c.store) // it is still there
	}
	if err == nil {
		err = dataset.Replace(ctx, outer, nonce)
	}
	if errors.Is(err, dataset.ErrHalfReplaced) {
		return nil, err
	}
	if err != nil {
		// The old dataset is as it was. Nothing is left of the new one.
		return nil, errors.Join(final(err), c.store.Discard(context.WithoutCancel(ctx), dataset.Contents()...))
	}
	c.end()
	return c.summary, nil
}

// count takes a run that has ended into the summary. A source that an earlier
// run couldn't read counts as what became of it in this one.
func (c *converter) count(r *run) {
	for _, part := range r.plan.parts {
		for i := range part {
			if accepted, ok := c.unreadable[part[i].URI]; ok {
				c.summary.removeUnreadable(part[i].URI, accepted)
				delete(c.unreadable, part[i].URI)
			}
		}
	}
	c.summary.addRun(r.id, &r.counts)
	for uri := range r.unreadable {
		c.unreadable[uri] = r.o.AcceptUnreadable != nil && r.o.AcceptUnreadable(uri)
	}
}

func (c *converter) end() {
	c.summary.Stats = newStats(&c.pool, &c.times)
	c.summary.end(c.started)
}

// idle makes sure that nobody works on the dataset that is to be replaced.
func (c *converter) idle(ctx context.Context) error {
	leases := dataset.NewLeases(c.store, c.o.Lease)
	defer leases.Close(ctx)
	run, err := leases.Live(ctx, "")
	if err == nil && run != "" {
		err = &dataset.BusyError{Run: run}
	}
	return err
}

func (c *converter) run(ctx context.Context) error {
	c.leases = dataset.NewLeases(c.store, c.o.Lease)
	defer c.leases.Close(context.WithoutCancel(ctx))
	if c.dataset != nil {
		if err := c.open(ctx); err != nil {
			return err
		}
	}
	switch {
	case c.o.DryRun:
		return c.dryRun(ctx)
	case c.o.RetryRejected:
		return c.retry(ctx)
	}
	return c.incremental(ctx)
}

// open takes stock of a dataset that there is, and finishes its open runs.
func (c *converter) open(ctx context.Context) error {
	if err := c.list(ctx); err != nil {
		return err
	}
	if !c.o.DryRun {
		if err := c.finishOpen(ctx); err != nil {
			return err
		}
	}
	ledger, err := dataset.OpenLedger(ctx, c.store, c.dataset, c.runs, c.o.Log)
	if err != nil {
		return err
	}
	c.ledger = ledger
	if c.o.DryRun {
		return nil
	}
	return c.keepLedger(ctx)
}

func (c *converter) list(ctx context.Context) error {
	runs, err := dataset.ListRuns(ctx, c.store)
	c.runs = runs
	return err
}

// finishOpen finishes the runs that haven't ended, unless another converter is
// at it, and what was left to do for those that have.
func (c *converter) finishOpen(ctx context.Context) error {
	rows, err := dataset.RunRows(ctx, c.store)
	if err != nil {
		return err
	}
	finished := false
	for _, files := range c.runs {
		if files.Ended {
			if rows[files.Run] || files.Removed {
				continue
			}
			if err := dataset.Settle(ctx, c.store, c.dataset, &files); err != nil {
				return err
			}
			continue
		}
		finished = true
		c.o.Log.Info("going on with a run that didn't end", "run", files.Run)
		r, err := c.resume(ctx, files)
		if err != nil {
			return fmt.Errorf("run %s: %w", files.Run, err)
		}
		if err := r.finish(ctx); err != nil {
			return fmt.Errorf("run %s: %w", files.Run, err)
		}
	}
	if !finished {
		return nil
	}
	return c.list(ctx)
}

// keepLedger writes down what is new in the ledger. It is a cache: where that
// fails the next converter makes it again.
func (c *converter) keepLedger(ctx context.Context) error {
	if err := c.ledger.Save(ctx); err != nil {
		if ctx.Err() != nil {
			return err
		}
		c.o.Log.Warn("the ledger could not be kept", "why", err.Error())
	}
	return nil
}

// incremental converts those sources of the inputs that no run has claimed.
func (c *converter) incremental(ctx context.Context) error {
	var batch []input.Source
	err := c.eachNew(ctx, func(s input.Source) error {
		if batch = append(batch, s); len(batch) < c.o.MaxSources {
			return nil
		}
		full := batch
		batch = nil
		return c.convert(ctx, full, nil)
	})
	if err != nil || len(batch) == 0 {
		return err
	}
	return c.convert(ctx, batch, nil)
}

// eachNew calls each for the sources of the inputs that no run has claimed, and
// counts the others.
func (c *converter) eachNew(ctx context.Context, each func(input.Source) error) error {
	var changed candidates
	settle := func() error {
		collided, err := c.confirm(ctx, changed)
		changed = changed[:0]
		for i := 0; i < len(collided) && err == nil; i++ {
			err = each(collided[i])
		}
		return err
	}
	err := c.find(ctx, func(s input.Source) error {
		switch c.look(&s) {
		case dataset.Claimed:
			c.summary.Objects.AlreadyConverted++
		case dataset.InWork:
			c.summary.Objects.InWork++
		case dataset.Other:
			if changed = append(changed, s); len(changed) == maxCandidates {
				return settle()
			}
		case dataset.Free:
			return each(s)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return settle()
}

// find calls each for the sources of the inputs.
func (c *converter) find(ctx context.Context, each func(input.Source) error) error {
	l := input.Listing{Output: c.output, Log: c.o.Log}
	err := input.Find(ctx, c.o.Origins, c.o.Inputs, &l, func(s input.Source) error {
		c.summary.Objects.Listed++
		if isS3(s.URI) {
			c.listedInS3++
		}
		return each(s)
	})
	c.summary.Objects.Skipped = l.Skipped
	return err
}

func (c *converter) look(s *input.Source) dataset.Claim {
	if c.ledger == nil {
		return dataset.Free
	}
	return c.ledger.Look(s.URI, s.ETag)
}

// candidates are sources of which the ledger seems to have another version.
type candidates []input.Source

// maxCandidates is how many of them are looked up in the plans at a time.
const maxCandidates = 100_000

// confirm counts the candidates that were converted in another version, which
// are left alone. It returns those that only share a hash with another source.
func (c *converter) confirm(ctx context.Context, all candidates) (collided []input.Source, err error) {
	if len(all) == 0 {
		return nil, nil
	}
	uris := make(map[string]bool, len(all))
	for i := range all {
		uris[all[i].URI] = true
	}
	versions, err := dataset.FindVersions(ctx, c.store, c.runs, uris)
	if err != nil {
		return nil, err
	}
	for _, s := range all {
		switch planned, ok := versions[s.URI]; {
		case !ok:
			collided = append(collided, s)
		case slices.Contains(planned, s.ETag):
			c.summary.Objects.AlreadyConverted++
		default:
			c.summary.Objects.Changed++
			c.summary.addChanged(s.URI)
			c.o.Log.Info("left alone what has changed since it was converted", "uri", s.URI)
		}
	}
	return collided, nil
}

// retry converts what earlier runs rejected.
func (c *converter) retry(ctx context.Context) error {
	var again []input.Source
	lines := map[string][]int64{}
	err := c.eachRejected(ctx, func(s input.Source, rejected []int64) error {
		again = append(again, s)
		if rejected != nil {
			lines[s.URI] = rejected
		}
		return nil
	})
	if err != nil {
		return err
	}
	for batch := range slices.Chunk(again, c.o.MaxSources) {
		if err := c.convert(ctx, batch, lines); err != nil {
			return err
		}
	}
	return nil
}

// eachRejected calls each for the sources of the inputs that have rejects, with
// the lines that are, or nil where the whole object is. One that has changed since
// is counted.
func (c *converter) eachRejected(ctx context.Context, each func(s input.Source, lines []int64) error) error {
	if c.dataset == nil {
		return c.find(ctx, func(input.Source) error { return nil })
	}
	rejects, err := dataset.LoadOutstanding(ctx, c.store, c.dataset, c.runs)
	if err != nil {
		return err
	}
	return c.find(ctx, func(s input.Source) error {
		r := rejects.Source(s.URI)
		switch {
		case r == nil:
			return nil
		case r.Object:
			return each(s, nil)
		case r.Version != s.ETag:
			c.summary.Objects.Changed++
			c.summary.addChanged(s.URI)
			return nil
		}
		return each(s, r.Lines)
	})
}

// convert makes and finishes a run of the sources, but for those that another
// converter claims meanwhile. Lines are those that are tried again, by URI; nil
// where it isn't what was rejected that is to be converted.
func (c *converter) convert(ctx context.Context, sources []input.Source, lines map[string][]int64) error {
	for len(sources) > 0 {
		r, err := c.claim(ctx, sources, lines)
		if errors.Is(err, fs.ErrExist) { // another run has the number
			c.o.Log.Info("another converter was faster: planning anew")
			if err := c.refresh(ctx); err != nil {
				return err
			}
			if sources, err = c.unclaimed(ctx, sources, lines); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		if lines == nil {
			c.summary.Objects.New += r.plan.sources
		} else {
			c.summary.Objects.Retried += r.plan.sources
		}
		return r.finish(ctx)
	}
	return nil
}

// refresh takes in the runs that others have made.
func (c *converter) refresh(ctx context.Context) error {
	if err := c.list(ctx); err != nil {
		return err
	}
	if c.ledger == nil {
		ledger, err := dataset.OpenLedger(ctx, c.store, c.dataset, c.runs, c.o.Log)
		c.ledger = ledger
		return err
	}
	for i := range c.runs {
		if err := c.ledger.Add(ctx, &c.runs[i]); err != nil {
			return err
		}
	}
	return nil
}

// unclaimed returns the sources that are still to be planned.
func (c *converter) unclaimed(ctx context.Context, sources []input.Source, lines map[string][]int64) ([]input.Source, error) {
	if lines != nil {
		rejects, err := dataset.LoadOutstanding(ctx, c.store, c.dataset, c.runs)
		return slices.DeleteFunc(sources, func(s input.Source) bool {
			r := rejects.Source(s.URI)
			return r == nil || !r.Object && !slices.Equal(r.Lines, lines[s.URI])
		}), err
	}
	var left []input.Source
	for _, s := range sources {
		switch c.ledger.Look(s.URI, s.ETag) {
		case dataset.Free:
			left = append(left, s)
		case dataset.InWork:
			c.summary.Objects.InWork++
		default:
			c.summary.Objects.AlreadyConverted++
		}
	}
	return left, nil
}
