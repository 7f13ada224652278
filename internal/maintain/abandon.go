package maintain

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"github.com/macielake/macielake/internal/coord"
	"github.com/macielake/macielake/internal/run"
	"github.com/macielake/macielake/internal/state"
	"github.com/macielake/macielake/internal/store"
)

// Abandon ends a run that isn't committed: what it has published is removed, and
// its sources are free again. The run is named by its number or its run_id. It may
// be repeated. A converter at work on the run makes it a coord.BusyError. A lease
// is what NewLeases takes.
func Abandon(ctx context.Context, s store.Store, name string, lease time.Duration) (*state.RunState, error) {
	d, runs, err := state.Open(ctx, s, state.Everything)
	if err != nil {
		return nil, err
	}
	r, err := state.Find(runs, name)
	if err != nil {
		return nil, err
	}
	if r.Open() {
		if err := endRun(ctx, s, &d, r, lease); err != nil {
			return nil, err
		}
	}
	if r.Committed() {
		return nil, &state.NoRunError{Run: r.RunID, State: r.End.State}
	}
	return r, run.Remove(ctx, s, r)
}

// endRun writes down that a run is abandoned, unless it gets another end first.
func endRun(ctx context.Context, s store.Store, d *state.Dataset, r *state.RunState, lease time.Duration) error {
	leases := coord.NewLeases(s, lease)
	defer leases.Close(context.WithoutCancel(ctx))
	a := r.Address()
	_, live, err := leases.Live(ctx, &a)
	if err != nil {
		return err
	}
	mine := false
	if !live {
		if mine, err = leases.Acquire(ctx, state.CommitLease(a)); err != nil { // nobody is about to publish it
			return err
		}
	}
	if !mine {
		return &coord.BusyError{Run: r.RunID}
	}
	if err := state.Fence(ctx, s, d); err != nil {
		return err
	}
	if err := state.PutAbandoned(ctx, s, r.Run); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	_, r.End, err = state.LoadEnd(ctx, s, d, a)
	r.Files.Ended = err == nil
	return err
}
