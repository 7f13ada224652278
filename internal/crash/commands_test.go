package crash_test

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/macielake/macielake/internal/coord"
	"github.com/macielake/macielake/internal/maintain"
	"github.com/macielake/macielake/internal/state"
	"github.com/macielake/macielake/internal/store"
)

// What the commands do that maintain a dataset.

func abandonRun(ctx context.Context, s store.Store, run string, lease time.Duration) error {
	_, err := maintain.Abandon(ctx, s, run, lease)
	return err
}

// collectAll removes garbage of any age: every file is as old as it may ever be.
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

// finishDrop drops a dataset whose dropping was begun.
func finishDrop(ctx context.Context, s store.Store, lease time.Duration) error {
	_, err := s.Stat(ctx, state.DroppedName)
	if err != nil {
		return nil // nobody began
	}
	return dropAll(ctx, s, lease)
}

// refusesTogether reports whether a command may say so while another is at work,
// or has been stopped in the middle of it.
func refusesTogether(err error) bool {
	return errors.As(err, new(*coord.BusyError)) || errors.As(err, new(*state.DroppedError)) || errors.As(err, new(*state.ReplacedError)) ||
		errors.Is(err, state.ErrForeign) || errors.As(err, new(*state.NotWholeError)) || errors.As(err, new(*maintain.NotWholeError))
}
