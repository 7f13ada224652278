package crash_test

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"sync"

	"github.com/macielake/macielake/internal/store"
)

// stepped is a store that calls onStep for every step: before and after each change. If
// onStep returns an error, so does the change.
type stepped struct {
	store.Store
	onStep func(op, name string, after bool) error
}

// do makes a change between two steps.
func (s *stepped) do(op, name string, f func() error) error {
	if err := s.onStep(op, name, false); err != nil {
		return err
	}
	err := f()
	if after := s.onStep(op, name, true); after != nil {
		return after
	}
	return err
}

func (s *stepped) Create(ctx context.Context, name string, access store.Access) (store.Output, error) {
	var out store.Output
	err := s.do("create", name, func() (err error) {
		out, err = s.Store.Create(ctx, name, access)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &steppedOutput{s, name, out}, nil
}

func (s *stepped) PutNew(ctx context.Context, name string, data []byte) error {
	return s.do("put new", name, func() error { return s.Store.PutNew(ctx, name, data) })
}

func (s *stepped) Put(ctx context.Context, name string, data []byte) error {
	return s.do("put", name, func() error { return s.Store.Put(ctx, name, data) })
}

func (s *stepped) Publish(ctx context.Context, from, to string, want store.Content) error {
	return s.do("publish", to, func() error { return s.Store.Publish(ctx, from, to, want) })
}

func (s *stepped) Sync(ctx context.Context) error {
	return s.do("sync", "", func() error { return s.Store.Sync(ctx) })
}

func (s *stepped) RemoveAll(ctx context.Context, name string) error {
	return s.do("remove", name, func() error { return s.Store.RemoveAll(ctx, name) })
}

func (s *stepped) Remove(ctx context.Context, names ...string) error {
	for _, name := range names { // one by one, so that it can stop between any two
		if err := s.RemoveAll(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

func (s *stepped) RemoveSame(ctx context.Context, name string, was store.Info) (gone bool, err error) {
	err = s.do("remove", name, func() error {
		gone, err = store.RemoveSame(ctx, s.Store, name, was)
		return err
	})
	return gone, err
}

func (s *stepped) Prune(ctx context.Context, dir string) error {
	return s.do("prune", dir, func() error { return s.Store.Prune(ctx, dir) })
}

func (s *stepped) Discard(ctx context.Context, names ...string) error {
	return s.do("discard", "", func() error { return s.Store.Discard(ctx, names...) })
}

type steppedOutput struct {
	s    *stepped
	name string
	store.Output
}

// Write isn't a step: a file that isn't committed may have any part of its content.
func (o *steppedOutput) Write(p []byte) (int, error) { return o.Output.Write(p) }

func (o *steppedOutput) Commit() error { return o.s.do("commit", o.name, o.Output.Commit) }

func (o *steppedOutput) Abort() error { return o.s.do("abort", o.name, o.Output.Abort) }

// errDead is the error of every change by a converter that was killed.
var errDead = errors.New("killed")

// killer kills a converter at a step: all changes fail from then on.
type killer struct {
	target int

	mu    sync.Mutex
	count int
	dead  bool
	op    string // at which it died
}

func (k *killer) onStep(op, name string, after bool) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.count++
	if !k.dead && k.count == k.target {
		k.dead = true
		k.op = op + " " + name
	}
	if k.dead {
		return errDead
	}
	return nil
}

// fault is a failure of a store at exactly one step.
type fault struct {
	target int
	// lost says that the change is made and only its response is lost. With retried,
	// the client retries as S3's clients do: a create-only PUT then fails, because the
	// file exists.
	lost, retried bool

	mu    sync.Mutex
	count int
	hit   string
}

var errUnavailable = errors.New("503 Service Unavailable")

func (f *fault) onStep(op, name string, after bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if after != f.lost || f.retried && op != "put new" {
		return nil
	}
	f.count++
	if f.count != f.target {
		return nil
	}
	f.hit = op + " " + name
	if f.retried {
		return &fs.PathError{Op: op, Path: name, Err: fs.ErrExist}
	}
	return errUnavailable
}

// countdownKiller kills a converter after a number of steps of one kind. The converter's
// goroutines share it.
type countdownKiller struct {
	when  func(op, name string) bool
	after int

	mu   sync.Mutex
	dead bool
}

func (d *countdownKiller) onStep(op, name string, after bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dead {
		return errDead
	}
	if after && d.when(op, name) {
		d.after--
		d.dead = d.after == 0
	}
	return nil
}

func isPublication(op, _ string) bool { return op == "publish" }

func isReceipt(op, name string) bool { return op == "put new" && strings.Contains(name, "/receipts/") }
