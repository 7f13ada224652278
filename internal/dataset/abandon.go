package dataset

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/macielake/macielake/internal/store"
)

// BusyError says that another converter is at work on a run.
type BusyError struct{ Run string }

func (e *BusyError) Error() string {
	return fmt.Sprintf("another converter is at work on run %s", e.Run)
}

// NoRunError says that there is no such run that could be abandoned.
type NoRunError struct {
	Run   string
	State string // how it ended; empty where there is none of that name
}

func (e *NoRunError) Error() string {
	if e.State == "" {
		return fmt.Sprintf("there is no run %q", e.Run)
	}
	return fmt.Sprintf("run %s is %s", e.Run, e.State)
}

// Abandon ends a run that isn't committed: what it has published goes, and its
// sources are free again. It may be repeated. Where a converter is at work on the
// run it is a BusyError. A lease is what lease says it is to NewLeases.
func Abandon(ctx context.Context, s store.Store, run string, lease time.Duration) error {
	d, err := Load(ctx, s)
	if err != nil {
		return err
	}
	runs, err := ListRuns(ctx, s)
	if err != nil {
		return err
	}
	var files *RunFiles
	for i := range runs {
		if runs[i].Run == run {
			files = &runs[i]
		}
	}
	if files == nil {
		return &NoRunError{Run: run}
	}
	state, err := LoadRun(ctx, s, run)
	if err != nil {
		return err
	}
	if !files.Ended {
		if err := abandon(ctx, s, run, lease); err != nil {
			return err
		}
	}
	end, err := LoadEnd(ctx, s, run)
	if err != nil {
		return err
	}
	if end.State != Abandoned {
		return &NoRunError{Run: run, State: end.State}
	}
	return remove(ctx, s, &d, &state, files)
}

// remove removes what an abandoned run has published, and writes down that it
// has.
func remove(ctx context.Context, s store.Store, d *Dataset, run *Run, files *RunFiles) error {
	for _, part := range files.Parts {
		receipt, err := LoadReceipt(ctx, s, d, run, part)
		if err != nil {
			return err
		}
		if err := Unpublish(ctx, s, &receipt); err != nil {
			return err
		}
	}
	// Creating a file makes durable what was removed before.
	return create(ctx, s, removedName(run.Run), removed{Run: run.Run})
}

// removed is removed.json: that nothing is published any more of a run that is
// abandoned.
type removed struct {
	Run string `json:"run"`
}

// Settle does what was left to do of a run that has ended: whoever ended it may
// have died then. Of a committed run that is its row of the runs table, of an
// abandoned one removing what it has published.
func Settle(ctx context.Context, s store.Store, d *Dataset, files *RunFiles) error {
	end, err := LoadEnd(ctx, s, files.Run)
	if err != nil {
		return err
	}
	run, err := LoadRun(ctx, s, files.Run)
	if err != nil {
		return err
	}
	if end.State == Abandoned {
		return remove(ctx, s, d, &run, files)
	}
	return PutRunRow(ctx, s, d.TableFormat, NewNonce(), CommittedRow(&run, &end))
}

// abandon writes down that a run is abandoned, unless it gets another end first.
func abandon(ctx context.Context, s store.Store, run string, lease time.Duration) error {
	leases := NewLeases(s, lease)
	defer leases.Close(context.WithoutCancel(ctx))
	live, err := leases.Live(ctx, run)
	if err != nil {
		return err
	}
	if live != "" {
		return &BusyError{Run: run}
	}
	mine, err := leases.Acquire(ctx, CommitLease(run)) // nobody is about to publish it
	if err != nil {
		return err
	}
	if !mine {
		return &BusyError{Run: run}
	}
	err = PutEnd(ctx, s, End{Run: run, State: Abandoned, EndedAt: time.Now().UTC()})
	if errors.Is(err, fs.ErrExist) {
		return nil // the caller looks which
	}
	return err
}
