package run

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sync/errgroup"

	"github.com/macielake/macielake/internal/coord"
	"github.com/macielake/macielake/internal/state"
	"github.com/macielake/macielake/internal/store"
)

// AbandonedError says that a run was abandoned while it was worked on.
type AbandonedError struct{ Run string }

func (e *AbandonedError) Error() string {
	return fmt.Sprintf("run %s was abandoned while it was worked on", e.Run)
}

// SpoiledError says that a staged file was removed or changed before it was
// published: by a lifecycle rule of a bucket, or something that cleans up temporary
// files. The run can never be finished.
type SpoiledError struct {
	Run  string
	Part int
	Name string // its URI
	Err  error  // fs.ErrNotExist or a *store.ContentError
}

func (e *SpoiledError) Error() string {
	what := fmt.Sprintf("%s, a file of part %d, was removed before it was published", e.Name, e.Part)
	if changed := (*store.ContentError)(nil); errors.As(e.Err, &changed) {
		what = fmt.Sprintf("%v, and is a file of part %d that isn't published yet", changed, e.Part)
	}
	return fmt.Sprintf("%s; no further file of the run is published, and `macielake abandon DATASET %s` frees its sources for another run", what, e.Run)
}

func (e *SpoiledError) Unwrap() error { return e.Err }

// spoiled makes a SpoiledError of an error that says so.
func spoiled(s store.Store, run *Run, part int, f *state.Staged, err error) error {
	changed := (*store.ContentError)(nil)
	switch {
	case errors.As(err, &changed):
		err = changed
	case errors.Is(err, fs.ErrNotExist):
		err = fs.ErrNotExist // without what the store said: it isn't about a request
	default:
		return err
	}
	return &SpoiledError{Run: run.RunID, Part: part, Name: s.URI(f.From), Err: err}
}

// publishes is how many files are looked at or published at a time.
const publishes = 64

// Commit publishes all parts of a run, ends it, and writes its row of the runs
// table. Any number of processes may do it at a time, and again: each does what is
// missing.
func Commit(ctx context.Context, env *Env, run *Run, done *Done) error {
	if done.left > 0 {
		return fmt.Errorf("%d parts of run %s have no receipt", done.left, run.RunID)
	}
	lease := state.CommitLease(run.Address())
	for told := false; ; told = true {
		mine, err := env.Leases.Acquire(ctx, lease)
		if err != nil {
			return err
		}
		if mine {
			break
		}
		if env.NoWait && env.Leases.Alive(lease) {
			return &coord.BusyError{Run: run.RunID}
		}
		if !told {
			(&work{Env: env, run: run}).waiting("the end")
		}
		if err := coord.Sleep(ctx, env.Leases.Watch()); err != nil {
			return err
		}
	}
	defer env.Leases.Release(context.WithoutCancel(ctx), lease)
	s := env.Store
	end, err := endOf(ctx, s, run)
	if err != nil {
		return err
	}
	if end == nil {
		// Each process counts only what it has read itself.
		if t, limit := done.End.Totals, run.Options.MaxRejects; limit >= 0 && t.RejectedLines+t.Rejected > limit {
			return &TooManyRejectsError{Limit: limit}
		}
		if end, err = commit(ctx, s, run, done); err != nil {
			return err
		}
	}
	if end.State == state.Abandoned {
		if err := Unpublish(ctx, s, done.staged); err != nil {
			return err
		}
		return &AbandonedError{Run: run.RunID}
	}
	if err := PutRow(ctx, s, run.Run, end); err != nil {
		return err
	}
	var names []string
	for _, files := range done.staged {
		for i := range files {
			names = append(names, files[i].From)
		}
	}
	if s.Remove(ctx, names...) == nil { // who may not remove leaves it to maintenance
		_ = s.Prune(ctx, state.StagingDir)
	}
	return nil
}

// endOf reads the end record of a run, nil if it hasn't ended.
func endOf(ctx context.Context, s store.Store, run *Run) (*state.End, error) {
	_, end, err := state.LoadEnd(ctx, s, &run.Dataset, run.Address())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return end, err
}

// commit publishes a run's files and ends it; what it returns is how the run
// ended.
func commit(ctx context.Context, s store.Store, run *Run, done *Done) (*state.End, error) {
	if err := look(ctx, s, run, done); err != nil {
		return nil, err
	}
	if err := state.Fence(ctx, s, &run.Dataset); err != nil {
		return nil, err
	}
	err := each(ctx, done.staged, func(ctx context.Context, part int, f *state.Staged) error {
		if err := s.Publish(ctx, f.From, f.To, f.Content); err != nil {
			return fmt.Errorf("publishing %s: %w", f.To, spoiled(s, run, part, f, err))
		}
		return nil
	})
	if err == nil {
		err = state.Fence(ctx, s, &run.Dataset)
	}
	if err != nil {
		return nil, err
	}
	if err = done.End.Place(ctx, s, &run.Dataset, run.Number); err != nil {
		return nil, err
	}
	err = state.PutEnd(ctx, s, run.Run, done.End)
	if errors.Is(err, fs.ErrExist) { // another ended it meanwhile
		return endOf(ctx, s, run)
	}
	return done.End, err
}

// look makes sure that every file is in staging, or published already, and has the
// bytes of its receipt, before the first is published. Where files have ETags, listing
// the staged ones tells of a thousand in a request; only what the list doesn't have as
// it should be is asked for by itself.
func look(ctx context.Context, s store.Store, run *Run, done *Done) error {
	listed := map[string]bool{} // as they should be
	if store.IsRemote(s) {
		wanted := map[string]store.Content{}
		for _, files := range done.staged {
			for i := range files {
				wanted[files[i].From] = files[i].Content
			}
		}
		err := s.List(ctx, state.StagingDir, func(name string, info fs.FileInfo) error {
			if want, ok := wanted[name]; ok && info.Size() == want.Size && want.ETag != "" && store.ETagOf(info) == want.ETag {
				listed[name] = true
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return each(ctx, done.staged, func(ctx context.Context, part int, f *state.Staged) error {
		if listed[f.From] {
			return nil
		}
		return spoiled(s, run, part, f, s.Check(ctx, f.From, f.To, f.Content))
	})
}

// each calls do for all files of all parts, several at a time.
func each(ctx context.Context, staged [][]state.Staged, do func(ctx context.Context, part int, f *state.Staged) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(publishes)
	for part, files := range staged {
		for i := range files {
			group.Go(func() error { return do(ctx, part, &files[i]) })
		}
	}
	return group.Wait()
}

// Unpublish removes the files of an abandoned run, published or staged.
func Unpublish(ctx context.Context, s store.Store, staged [][]state.Staged) error {
	var names []string
	for _, files := range staged {
		for i := range files {
			names = append(names, files[i].To, files[i].From)
		}
	}
	return s.Remove(ctx, names...)
}

// Remove removes what an abandoned run has published and staged, and writes down
// that it has.
func Remove(ctx context.Context, s store.Store, r *state.RunState) error {
	var staged [][]state.Staged
	for part := range r.Parts {
		receipt, _, err := state.LoadReceipt(ctx, s, r.Run, part)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		staged = append(staged, receipt.Staged(r.Address()))
	}
	if err := Unpublish(ctx, s, staged); err != nil {
		return err
	}
	// Creating a file makes durable what was removed before.
	return state.PutRemoved(ctx, s, r.Run)
}

// Settle does what is left to do for a run that has ended: the process that ended
// it may have died then. Of a committed run that is its row of the runs table, of an
// abandoned one removing what it has published.
func Settle(ctx context.Context, s store.Store, d *state.Dataset, files *state.RunFiles) error {
	if !files.Ended || files.Row || files.Removed {
		return nil
	}
	r, err := state.ReadRun(ctx, s, d, files)
	if err != nil {
		return err
	}
	if r.Committed() {
		return PutRow(ctx, s, r.Run, r.End)
	}
	return Remove(ctx, s, &r)
}
