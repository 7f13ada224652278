package convert

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/macielake/macielake/internal/coord"
	"github.com/macielake/macielake/internal/input"
	"github.com/macielake/macielake/internal/run"
	"github.com/macielake/macielake/internal/state"
	"github.com/macielake/macielake/internal/store"
)

// StepOptions are what Work and Commit are asked to do.
type StepOptions struct {
	Dataset store.Store
	Origins []input.Origin // where the sources of the plans may lie
	Run     string         // number or run_id of the run; empty for all that are open
	// Index and Of say which parts to begin with where Of tasks share a run; Of is 0
	// where they don't.
	Index, Of        int
	Workers          int
	FetchConcurrency int           // 0 is 64
	Wait             time.Duration // how long Commit waits for parts that have no receipt
	Lease            time.Duration // 0 is coord.DefaultLease
	Progress         *run.Progress // may be nil
	Log              *slog.Logger
}

// Worked is what Work saw to.
type Worked struct {
	Runs      []string `json:"runs"`      // that were open, in order
	Elsewhere []string `json:"elsewhere"` // those of them of which others have parts in work
}

// Work converts parts of runs that were planned. It returns as soon as every part has
// a receipt, or a lease that was seen to be renewed; a lease that nobody renews is waited
// for, and its part converted. Runs that have ended are passed over.
func Work(ctx context.Context, o StepOptions) (*Worked, error) {
	worked := &Worked{Runs: []string{}, Elsewhere: []string{}}
	err := o.each(ctx, func(env *run.Env, r *state.RunState) error {
		if !r.Open() {
			return nil
		}
		worked.Runs = append(worked.Runs, r.RunID)
		env.OwnOnly = true
		resumed, err := o.resume(ctx, r)
		if err == nil {
			_, err = run.Work(ctx, env, resumed)
		}
		if busy := (*coord.BusyError)(nil); errors.As(err, &busy) {
			worked.Elsewhere = append(worked.Elsewhere, r.RunID)
			return nil
		}
		return err
	})
	return worked, err
}

// MissingPartsError says that parts of a run have no receipt yet.
type MissingPartsError struct {
	Run   string
	Parts []int // ascending
}

// namedParts is how many parts an error names.
const namedParts = 10

func (e *MissingPartsError) Error() string {
	named, more := e.Parts, ""
	if len(named) > namedParts {
		named, more = named[:namedParts], fmt.Sprintf(" and %d more", len(named)-namedParts)
	}
	return fmt.Sprintf("nobody has finished parts %d%s", named, more)
}

// Commit commits runs whose parts all have receipts, and does what is left to do for
// those that have ended. It may be repeated. Parts that are missing after Wait make it a
// MissingPartsError.
func Commit(ctx context.Context, o StepOptions) (*Summary, error) {
	started, summary := time.Now(), newSummary()
	summary.Output = o.Dataset.URI(".")
	deadline := started.Add(o.Wait)
	err := o.each(ctx, func(env *run.Env, r *state.RunState) error {
		env.NoWait = false // another committer is soon done
		switch {
		case r.Open():
			resumed, done, err := o.collect(ctx, env, r, deadline)
			if err == nil {
				err = run.Commit(ctx, env, resumed, done)
			}
			if err == nil {
				err = o.keepRun(ctx, r, done)
			}
			if err == nil {
				summary.addRun(r.RunID, done, nil)
			}
			return err
		case o.Run != "" && r.Committed():
			summary.addRun(r.RunID, &run.Done{End: r.End}, nil)
		}
		return run.Settle(ctx, o.Dataset, &r.Dataset, &r.Files)
	})
	summary.end(started)
	return summary, err
}

// keepRun keeps what the ledger is to know of a run that was committed.
func (o *StepOptions) keepRun(ctx context.Context, r *state.RunState, done *run.Done) error {
	files, err := state.CommittedFiles(ctx, o.Dataset, r.Run)
	if err == nil {
		err = coord.KeepRun(ctx, o.Dataset, &r.Dataset, files, &done.Kept)
	}
	return ledgerKept(ctx, o.Log, err)
}

// collect waits until all parts of a run have receipts.
func (o *StepOptions) collect(ctx context.Context, env *run.Env, r *state.RunState, deadline time.Time) (*run.Run, *run.Done, error) {
	resumed, err := o.resume(ctx, r)
	if err != nil {
		return nil, nil, err
	}
	for {
		done, missing, err := run.Collect(ctx, env, resumed)
		if err != nil || len(missing) == 0 {
			return resumed, done, err
		}
		if !time.Now().Before(deadline) {
			return nil, nil, &MissingPartsError{Run: r.RunID, Parts: missing}
		}
		if err := coord.Sleep(ctx, min(env.Leases.Watch(), time.Until(deadline))); err != nil {
			return nil, nil, err
		}
		if err := resumed.Files.ListReceipts(ctx, o.Dataset); err != nil {
			return nil, nil, err
		}
	}
}

// resume returns an open run with its plan and the receipts that it has by now.
func (o *StepOptions) resume(ctx context.Context, r *state.RunState) (*run.Run, error) {
	if err := r.Files.ListReceipts(ctx, o.Dataset); err != nil {
		return nil, err
	}
	return run.Resume(ctx, o.Dataset, r, o.Origins)
}

// each calls do for the run that is asked for, or for all.
func (o *StepOptions) each(ctx context.Context, do func(env *run.Env, r *state.RunState) error) error {
	_, runs, err := state.Open(ctx, o.Dataset, state.Records)
	if err != nil {
		return err
	}
	if o.Run != "" {
		named, err := state.Find(runs, o.Run)
		if err != nil {
			return err
		}
		runs = []state.RunState{*named}
	}
	env := &run.Env{
		Store: o.Dataset, Leases: coord.NewLeases(o.Dataset, o.Lease), NoWait: true, Workers: o.Workers, Index: o.Index, Of: o.Of,
		FetchConcurrency: o.FetchConcurrency, Times: &run.Times{}, Progress: o.Progress, Log: o.Log,
	}
	defer env.Leases.Close(context.WithoutCancel(ctx))
	for i := range runs {
		r := &runs[i]
		r.Files.Address = r.Address() // that of an open run isn't in its claim's name
		if err := do(env, r); err != nil {
			return &RunError{Run: r.RunID, Err: err}
		}
	}
	return nil
}
