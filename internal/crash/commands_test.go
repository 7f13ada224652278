package crash_test

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/macielake/macielake/internal/convert"
	"github.com/macielake/macielake/internal/coord"
	"github.com/macielake/macielake/internal/maintain"
	"github.com/macielake/macielake/internal/state"
	"github.com/macielake/macielake/internal/store"
)

func abandonRun(ctx context.Context, s store.Store, run string, lease time.Duration) error {
	_, err := maintain.Abandon(ctx, s, run, lease)
	return err
}

// stepOptions returns the options of work and commit.
func stepOptions(w *world, s store.Store, lease time.Duration) convert.StepOptions {
	o := newOptions(w, s)
	return convert.StepOptions{Dataset: s, Origins: o.Origins, Workers: o.Workers, Lease: lease, Log: o.Log}
}

func planRuns(ctx context.Context, w *world, s store.Store, lease time.Duration) error {
	o := newOptions(w, s)
	o.Lease, o.PlanOnly, o.NoWait, o.MaxSources = lease, true, true, 4
	_, err := convert.Run(ctx, o)
	return err
}

func workParts(ctx context.Context, w *world, s store.Store, lease time.Duration) error {
	_, err := convert.Work(ctx, stepOptions(w, s, lease))
	return err
}

func commitRuns(ctx context.Context, w *world, s store.Store, lease time.Duration) error {
	_, err := convert.Commit(ctx, stepOptions(w, s, lease))
	return err
}

// stepByStep plans, works and commits as a scheduler does: it repeats work and commit
// while parts are missing because a task has died.
func stepByStep(ctx context.Context, w *world, s store.Store, lease time.Duration) error {
	if err := planRuns(ctx, w, s, lease); err != nil {
		return err
	}
	for again := 0; ; again++ {
		err := workParts(ctx, w, s, lease)
		if err == nil {
			err = commitRuns(ctx, w, s, lease)
		}
		if missing := (*convert.MissingPartsError)(nil); !errors.As(err, &missing) || again == 20 {
			return err
		}
		if err := coord.Sleep(ctx, 2*lease); err != nil {
			return err
		}
	}
}

// collectAll removes garbage of any age.
func collectAll(ctx context.Context, s store.Store) error {
	_, err := maintain.CollectGarbage(ctx, s, maintain.GarbageOptions{Delete: true, Age: 1, Log: slog.New(slog.DiscardHandler)})
	return err
}

func askStatus(ctx context.Context, s store.Store) error {
	_, err := maintain.LoadStatus(ctx, s, 2)
	return err
}

func dropAll(ctx context.Context, s store.Store, lease time.Duration) error {
	_, err := maintain.Drop(ctx, s, maintain.DropOptions{Delete: true, Lease: lease})
	return err
}

// finishDrop drops a dataset if an earlier drop of it was interrupted.
func finishDrop(ctx context.Context, s store.Store, lease time.Duration) error {
	_, err := s.Stat(ctx, state.DroppedName)
	if err != nil {
		return nil // no drop was started
	}
	return dropAll(ctx, s, lease)
}

// refusesTogether reports whether a command may fail with err while another one runs or
// after another one was stopped.
func refusesTogether(err error) bool {
	return errors.As(err, new(*coord.BusyError)) || errors.As(err, new(*state.DroppedError)) || errors.As(err, new(*state.ReplacedError)) ||
		errors.Is(err, state.ErrForeign) || errors.As(err, new(*state.NotWholeError)) || errors.As(err, new(*maintain.NotWholeError))
}
