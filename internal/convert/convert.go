package convert

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"time"

	"github.com/macielake/macielake/internal/coord"
	"github.com/macielake/macielake/internal/input"
	"github.com/macielake/macielake/internal/run"
	"github.com/macielake/macielake/internal/state"
	"github.com/macielake/macielake/internal/store"
)

// Run converts the sources of the inputs that aren't converted yet into a
// dataset, which it makes if there is none. Runs that didn't end are finished
// first. Whatever the error, what readers see of the output is whole, and the
// same call resumes. Rejected, unreadable and changed sources are no error: the
// summary has them. Besides the errors of this package it returns errors of
// files, of runs and of the state, wrapped, and ctx's.
func Run(ctx context.Context, o Options) (*Summary, error) {
	c, err := newConverter(ctx, &o)
	if err == nil {
		err = c.run(ctx)
	}
	if err != nil {
		discarded, discardErr := c.discard(context.WithoutCancel(ctx))
		if e := (*RunError)(nil); discarded && errors.As(err, &e) { // there is no run any more
			err = e.Err
		}
		return nil, errors.Join(err, discardErr)
	}
	if o.DryRun { // not even a directory is made
		if err := c.store.Discard(ctx); err != nil {
			return nil, err
		}
	}
	c.summary.Stats = c.env.Times.Stats()
	c.summary.end(c.started)
	return c.summary, nil
}

// converter is one invocation: it finishes open runs and makes new ones.
type converter struct {
	o          *Options
	store      store.Store
	env        *run.Env
	output     string         // URI of the dataset, for people and listings
	made       bool           // this converter made the dataset
	dataset    *state.Dataset // nil as long as there is none
	runs       []state.RunFiles
	last       string        // SHA-256 of the last run's claim, if it is known
	ledger     *coord.Ledger // nil as long as there is no dataset
	probed     bool
	started    time.Time
	summary    *Summary
	listedInS3 int64 // sources
	found      discovery
	// unreadable are the sources that runs which this converter ended couldn't
	// read, by URI; true for those that may stay unread.
	unreadable map[string]bool
}

// NotEmptyError says that the output holds something that isn't a dataset.
type NotEmptyError struct{ Out string }

func (e *NotEmptyError) Error() string {
	return fmt.Sprintf("%s is not empty and holds no dataset", e.Out)
}

// StdinError says that standard input was to go into a dataset that exists:
// whether it was converted before can't be known.
type StdinError struct{ Out string }

func (e *StdinError) Error() string {
	return fmt.Sprintf("%s already holds a dataset, and standard input can only go into a new one", e.Out)
}

// RunError says which run failed. The same command resumes it, or it can be
// abandoned.
type RunError struct {
	Run string // run_id
	Err error
}

func (e *RunError) Error() string { return fmt.Sprintf("run %s: %v", e.Run, e.Err) }

// Unwrap returns why.
func (e *RunError) Unwrap() error { return e.Err }

// newConverter looks at the output. It returns a converter in any
// case.
func newConverter(ctx context.Context, o *Options) (*converter, error) {
	if o.MaxSources <= 0 {
		o.MaxSources = DefaultMaxSources
	}
	c := &converter{o: o, store: o.Out, output: o.Out.URI("."), started: time.Now(), summary: newSummary(), unreadable: map[string]bool{},
		found: discovery{notes: &state.Notes{}}}
	c.summary.Output = c.output
	c.env = &run.Env{
		Store: o.Out, NoWait: o.NoWait, Workers: o.Workers, FetchConcurrency: o.FetchConcurrency,
		CPUTimes: o.CPUTimes, Times: &run.Times{}, Progress: o.Progress, Log: o.Log,
	}
	if _, err := run.Format(o.TableFormat, o.Compression, o.Version, nil); err != nil {
		return c, err
	}
	fresh, err := state.IsNew(ctx, c.store)
	if err != nil || fresh {
		return c, err
	}
	d, err := state.Load(ctx, c.store)
	switch {
	case errors.Is(err, state.ErrForeign):
		return c, c.foreign(ctx)
	case err == nil:
		err = o.checkCompatible(c.output, &d)
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

// discard removes what a converter made that failed, as far as nothing can be
// resumed from it: directories that are empty, and what came of a standard input,
// which can't be read again.
func (c *converter) discard(ctx context.Context) (all bool, err error) {
	var names []string
	if c.made && slices.Contains(c.o.Inputs, input.StdinName) {
		runs, err := state.ListRuns(ctx, c.store, c.dataset, state.Records)
		if err != nil {
			return false, err
		}
		if len(runs) <= 1 { // nobody else has come
			names = append(state.Tables(), store.StateDir)
		}
	}
	return len(names) > 0, c.store.Discard(ctx, names...)
}

func (c *converter) run(ctx context.Context) error {
	c.env.Leases = coord.NewLeases(c.store, c.o.Lease)
	defer c.env.Leases.Close(context.WithoutCancel(ctx))
	if c.dataset != nil {
		if err := c.open(ctx); err != nil {
			return err
		}
	}
	var err error
	switch {
	case c.o.DryRun:
		return c.dryRun(ctx)
	case c.o.RetryRejected:
		err = c.retry(ctx)
	default:
		err = c.incremental(ctx)
	}
	if c.o.PlanOnly {
		c.price()
	}
	if err == nil && c.dataset != nil {
		err = c.note(ctx)
	}
	return err
}

// open takes stock of a dataset that exists, and finishes its open runs.
func (c *converter) open(ctx context.Context) error {
	if err := c.list(ctx); err != nil {
		return err
	}
	if !c.o.DryRun {
		for i := range c.runs {
			if err := run.Settle(ctx, c.store, c.dataset, &c.runs[i]); err != nil {
				return err
			}
		}
		var err error
		if c.o.PlanOnly {
			_, err = c.eachOpen(ctx, func(r *state.RunState) error {
				c.summary.Planned = append(c.summary.Planned, planned(r.Run))
				return nil
			})
		} else {
			err = c.finishOpen(ctx)
		}
		if err != nil {
			return err
		}
	}
	if err := c.openLedger(ctx); err != nil || c.o.DryRun {
		return err
	}
	return ledgerKept(ctx, c.o.Log, c.ledger.Save(ctx))
}

// openLedger opens the ledger of the runs that are listed, and reads what is known of
// changed sources.
func (c *converter) openLedger(ctx context.Context) (err error) {
	if c.ledger, err = coord.OpenLedger(ctx, c.store, c.dataset, c.runs, c.o.Log); err == nil {
		c.found.notes, err = state.LoadNotes(ctx, c.store, c.dataset)
	}
	return err
}

func (c *converter) list(ctx context.Context) error {
	runs, err := state.ListRuns(ctx, c.store, c.dataset, state.Everything)
	c.runs, c.last = runs, ""
	return err
}

// eachOpen calls do for the runs that haven't ended, and reports whether there are any.
func (c *converter) eachOpen(ctx context.Context, do func(r *state.RunState) error) (some bool, err error) {
	for i := range c.runs {
		if c.runs[i].Ended {
			continue
		}
		some = true
		r, err := state.ReadRun(ctx, c.store, c.dataset, &c.runs[i])
		if err == nil {
			err = do(&r)
		}
		if err != nil {
			return some, err
		}
	}
	return some, nil
}

// finishOpen finishes the runs that haven't ended, alone or together with the
// converters that are at work on them.
func (c *converter) finishOpen(ctx context.Context) error {
	some, err := c.eachOpen(ctx, func(claimed *state.RunState) error {
		c.o.Log.Info("resuming a run that didn't end", "run", claimed.RunID)
		r, err := run.Resume(ctx, c.store, claimed, c.o.Origins)
		if err != nil {
			return &RunError{Run: claimed.RunID, Err: err}
		}
		_, err = c.finish(ctx, r)
		return err
	})
	if err == nil && some {
		err = c.list(ctx)
	}
	return err
}

// ledgerKept takes an error of keeping the ledger. That is a cache: if it fails, the
// next converter makes it again.
func ledgerKept(ctx context.Context, log *slog.Logger, err error) error {
	if err != nil && ctx.Err() == nil {
		log.Warn("the ledger could not be kept", "why", err.Error())
		return nil
	}
	return err
}

// incremental converts those sources of the inputs that no run has claimed, and
// waits for those that other converters have claimed.
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
	if err == nil {
		err = c.convert(ctx, batch, nil)
	}
	if err == nil {
		err = c.convertInPlace(ctx)
	}
	if err != nil || c.o.NoWait {
		return err
	}
	for len(c.found.inWork) > 0 { // in runs that began since the open ones were finished
		waiting := c.found.inWork
		c.found.inWork = nil
		c.summary.Sources.InWork = 0
		if err := c.refresh(ctx); err != nil {
			return err
		}
		if err := c.finishOpen(ctx); err != nil {
			return err
		}
		if err := c.refresh(ctx); err != nil {
			return err
		}
		// Of those that are left, the other run was abandoned, or couldn't read them.
		if err := c.convert(ctx, c.unclaimed(waiting), nil); err != nil {
			return err
		}
	}
	return nil
}

// convert makes and finishes a run of the sources, except those that another
// converter claims meanwhile. retry says what is tried again, by URI; nil if
// nothing is.
func (c *converter) convert(ctx context.Context, sources []input.Source, retry map[string]run.Retry) error {
	for len(sources) > 0 {
		r, err := c.claim(ctx, sources, retry)
		if errors.Is(err, fs.ErrExist) { // another run has the number
			c.o.Log.Info("another converter was faster: planning anew")
			number := len(c.runs) + 1
			if err := c.refresh(ctx); err != nil {
				return err
			}
			if c.dataset != nil && len(c.runs) < number && !c.found.created {
				return fmt.Errorf("%s refuses the claim of run %d and doesn't list that there is one", c.output, number)
			}
			c.found.created = false
			if retry == nil {
				sources = c.unclaimed(sources)
			} else if sources, err = c.stillRejected(ctx, sources, retry); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		if retry == nil {
			c.summary.Sources.New += r.Sources
		} else {
			c.summary.Sources.Retried += r.Sources
		}
		if c.o.PlanOnly {
			return c.addPlanned(ctx, r)
		}
		ended, err := c.finish(ctx, r)
		if err == nil && !ended { // another converter helps, and ends it
			c.summary.Sources.InWork += r.Sources
		}
		return err
	}
	return nil
}

// claim makes a run of the sources. It gives fs.ErrExist where other runs have
// begun since the runs were listed.
func (c *converter) claim(ctx context.Context, sources []input.Source, retry map[string]run.Retry) (*run.Run, error) {
	if !c.probed {
		if err := state.Probe(ctx, c.store); err != nil {
			return nil, err
		}
		c.probed = true
	}
	if c.dataset == nil {
		if err := c.create(ctx); err != nil {
			return nil, err
		}
	}
	if n := len(c.runs); n > 0 && c.last == "" {
		last, err := state.ReadRun(ctx, c.store, c.dataset, &c.runs[n-1])
		if err != nil {
			return nil, err
		}
		c.last = last.Sum
	}
	return run.Claim(ctx, c.store, run.New{
		Dataset: c.dataset, Number: len(c.runs) + 1, Previous: c.last, Version: c.o.Version, Options: c.o.ofRun(),
		Sources: sources, Retry: retry,
	})
}

// create makes the dataset, or takes the one that another converter has just
// made.
func (c *converter) create(ctx context.Context) error {
	d := c.o.dataset()
	err := state.Create(ctx, c.store, &d)
	if errors.Is(err, fs.ErrExist) {
		if d, err = state.Load(ctx, c.store); err == nil {
			err = c.o.checkCompatible(c.output, &d)
		}
		if err != nil {
			return err
		}
		c.dataset, c.found.created = &d, true
		// Its runs aren't listed yet.
		return fs.ErrExist
	}
	if err == nil {
		c.dataset, c.made = &d, true
		c.ledger, err = coord.OpenLedger(ctx, c.store, c.dataset, nil, c.o.Log)
	}
	return err
}

// addPlanned takes a run that was claimed, and is left to others, into the summary
// and the ledger.
func (c *converter) addPlanned(ctx context.Context, r *run.Run) error {
	c.summary.Planned = append(c.summary.Planned, planned(r.Run))
	c.runs, c.last = append(c.runs, state.RunFiles{Address: r.Address()}), r.Sum
	return c.ledger.Add(ctx, &c.runs[len(c.runs)-1])
}

func planned(r *state.Run) PlannedRun {
	return PlannedRun{Run: r.RunID, Parts: r.Parts, Sources: r.Sources, Bytes: r.Bytes}
}

// finish converts the parts of a run that have no receipt yet, publishes all of
// them and ends the run. It reports whether the run has ended: with NoWait, it
// may be left to another converter.
func (c *converter) finish(ctx context.Context, r *run.Run) (ended bool, err error) {
	done, err := run.Work(ctx, c.env, r)
	if err == nil {
		err = run.Commit(ctx, c.env, r, done)
	}
	if busy := (*coord.BusyError)(nil); errors.As(err, &busy) {
		c.summary.Busy = append(c.summary.Busy, r.RunID)
		return false, nil
	}
	if err != nil {
		return false, &RunError{Run: r.RunID, Err: err}
	}
	return true, c.count(ctx, r, done)
}

// count takes a run that has ended into the summary and the ledger. A source that
// an earlier run couldn't read counts as what became of it in this one.
func (c *converter) count(ctx context.Context, r *run.Run, done *run.Done) error {
	for p := range r.Planned() {
		if accepted, ok := c.unreadable[p.URI]; ok {
			c.summary.removeUnreadable(p.URI, accepted)
			delete(c.unreadable, p.URI)
		}
	}
	c.summary.addRun(r.RunID, done, c.o.AcceptUnreadable)
	var accepted []string
	for _, u := range done.Unreadable {
		c.unreadable[u.URI] = c.o.AcceptUnreadable != nil && c.o.AcceptUnreadable(u.URI)
		if c.unreadable[u.URI] {
			accepted = append(accepted, u.URI)
		}
	}
	if len(accepted) > 0 {
		note := state.Note{Dataset: c.dataset.ID, At: time.Now().UTC(), Acknowledged: &state.Acknowledgement{
			Reason: "accepted when it was converted", Class: state.UnreadClass, URIs: accepted, Through: r.Number,
		}}
		if err := state.PutNote(ctx, c.store, &note); err != nil {
			return err
		}
	}
	if c.ledger == nil { // the run was open; the ledger takes it in when it is opened
		return nil
	}
	for _, s := range done.Loose {
		if c.ledger.HasContent(s.Checksum, s.Stored) {
			addListed(&c.summary.SameBytes, s.URI)
		}
	}
	files, err := state.CommittedFiles(ctx, c.store, r.Run)
	if err != nil {
		return err
	}
	if n := files.Address.Number; n <= len(c.runs) {
		c.runs[n-1] = *files
	} else {
		c.runs, c.last = append(c.runs, *files), r.Sum
	}
	c.ledger.AddKept(files, &done.Kept)
	return ledgerKept(ctx, c.o.Log, c.ledger.Save(ctx))
}

// refresh takes in the runs that others have made.
func (c *converter) refresh(ctx context.Context) error {
	if err := c.list(ctx); err != nil {
		return err
	}
	if c.ledger == nil {
		return c.openLedger(ctx)
	}
	for i := range c.runs {
		if err := c.ledger.Add(ctx, &c.runs[i]); err != nil {
			return err
		}
	}
	return nil
}
