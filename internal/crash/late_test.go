package crash_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/macielake/macielake/internal/convert"
	"github.com/macielake/macielake/internal/state"
	"github.com/macielake/macielake/internal/store"
)

// stop stops a converter directly before a step on a file of a run.
type stop struct {
	op               string
	kind             state.Kind
	number           int
	once             sync.Once
	reached, release chan struct{}
}

func stopAt(op string, kind state.Kind, number int) *stop {
	return &stop{op: op, kind: kind, number: number, reached: make(chan struct{}), release: make(chan struct{})}
}

// stopAtClaim stops a converter directly before it creates the claim of a run, when it
// has made sure that its dataset is still there.
func stopAtClaim(number int) *stop { return stopAt("put new", state.ClaimFile, number) }

func (c *stop) onStep(op, name string, after bool) error {
	n := state.ParseName(name)
	if op != c.op || after || n.Kind != c.kind || n.Address.Number != c.number {
		return nil
	}
	c.once.Do(func() {
		close(c.reached)
		<-c.release
	})
	return nil
}

// start converts in the background until it stops.
func (c *stop) start(t *testing.T, w *world, s store.Store) (ended chan error) {
	t.Helper()
	ended = make(chan error, 1)
	go func() {
		_, err := convert.Run(context.Background(), newOptions(w, &stepped{s, c.onStep}))
		ended <- err
	}()
	select {
	case <-c.reached:
	case err := <-ended:
		t.Fatalf("it has not come to %s of run %d: %v", c.op, c.number, err)
	case <-time.After(time.Minute):
		t.Fatalf("it has not come to %s of run %d in a minute", c.op, c.number)
	}
	return ended
}

// claims are the names of all claims in a place.
func claims(t *testing.T, s store.Store) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	err := s.List(t.Context(), state.RunsDir, func(name string, _ fs.FileInfo) error {
		if state.ParseName(name).Kind == state.ClaimFile {
			names[name] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// A converter that is stopped before its claim, whose dataset is dropped meanwhile
// and replaced by another, then creates the claim in the midst of that one: under a
// number that the new dataset has, under the next one, or under one after that. The
// new dataset goes on as if nothing had happened, and gc removes the claim.
func TestLateClaim(t *testing.T) {
	for _, late := range []int{1, 2, 3} {
		for _, runs := range []int{0, 1, 2} { // of the new dataset when the claim comes
			t.Run(fmt.Sprintf("claim %d, and %d runs", late, runs), func(t *testing.T) {
				ctx := t.Context()
				w := newWorld(t, filepath.Join(tempDir(t), "in"))
				s := newVolatile()
				added := 0
				add := func() {
					w.add(t, "eu-west-1", added, 9)
					added++
				}
				run := func() {
					t.Helper()
					if _, err := convert.Run(ctx, newOptions(w, s)); err != nil {
						t.Fatal(err)
					}
				}
				add()
				for range late - 1 {
					run()
					add()
				}
				old := stopAtClaim(late)
				oldEnded := old.start(t, w, s)
				if err := dropAll(ctx, s, pairLease); err != nil {
					t.Fatal(err)
				}
				for range runs {
					run()
					add()
				}
				// The new dataset is about to make its next run.
				next := stopAtClaim(runs + 1)
				nextEnded := next.start(t, w, s)
				before := claims(t, s)
				close(old.release)
				if err := <-oldEnded; !errors.As(err, new(*state.ReplacedError)) {
					t.Errorf("the old converter says %v", err)
				}
				came := claims(t, s)
				maps.DeleteFunc(came, func(name string, _ bool) bool { return before[name] })
				if len(came) != 1 {
					t.Fatalf("%v came late", slices.Collect(maps.Keys(came)))
				}
				close(next.release)
				if err := <-nextEnded; err != nil {
					t.Fatal(err)
				}
				for _, what := range []string{"in its presence", "with one more source", "without it"} {
					switch what {
					case "with one more source":
						add()
					case "without it":
						if err := collectAll(ctx, s); err != nil {
							t.Fatal(err)
						}
						for name := range claims(t, s) {
							if came[name] {
								t.Errorf("gc has left %s", name)
							}
						}
					}
					if err := convertAll(ctx, newOptions(w, s)); err != nil {
						t.Fatalf("%s: %v", what, err)
					}
					if err := checkComplete(ctx, s, w.want); err != nil {
						t.Errorf("%s: %v", what, err)
					}
					if err := askStatus(ctx, s); err != nil {
						t.Errorf("%s: status: %v", what, err)
					}
					if got, err := catRows(ctx, s); err != nil || checkEqual(got, w.want) != nil {
						t.Errorf("%s: cat: %v, %v", what, err, checkEqual(got, w.want))
					}
				}
				if _, files, err := state.Open(ctx, s, state.Everything); err != nil || len(files) != runs+2 {
					t.Errorf("%d runs, %v", len(files), err)
				}
			})
		}
	}
}

// A converter that is stopped between the end record of its run and its row of the runs
// table, whose dataset is dropped meanwhile and replaced by another of the same sources,
// and in which gc has run, adds no row to that one: its rows would have the same run_id.
func TestLateRow(t *testing.T) {
	for _, op := range []string{"create", "publish"} {
		for _, replaced := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, replaced %v", op, replaced), func(t *testing.T) {
				ctx := t.Context()
				w := newWorld(t, filepath.Join(tempDir(t), "in"))
				w.add(t, "eu-west-1", 0, 9)
				s := newVolatile()
				kind := map[string]state.Kind{"create": state.StagedRow, "publish": state.RowFile}[op]
				late := stopAt(op, kind, 1)
				ended := late.start(t, w, s)
				if err := dropAll(ctx, s, pairLease); err != nil {
					t.Fatal(err)
				}
				if replaced {
					if _, err := convert.Run(ctx, newOptions(w, s)); err != nil {
						t.Fatal(err)
					}
					if err := collectAll(ctx, s); err != nil {
						t.Fatal(err)
					}
				}
				before, err := listSizes(ctx, s)
				if err != nil {
					t.Fatal(err)
				}
				close(late.release)
				if err := <-ended; op == "create" && !errors.As(err, new(*state.ReplacedError)) || op == "publish" && !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("the old converter says %v", err)
				}
				after, err := listSizes(ctx, s)
				if err != nil || !maps.Equal(before, after) {
					t.Errorf("it has left %v in place of %v, %v", after, before, err)
				}
				if !replaced {
					return
				}
				if err := checkComplete(ctx, s, w.want); err != nil {
					t.Error(err)
				}
			})
		}
	}
}
