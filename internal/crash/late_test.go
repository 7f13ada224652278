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

// claimStop stops a converter directly before it creates the claim of a run, after it
// has checked that its dataset exists.
type claimStop struct {
	number           int
	once             sync.Once
	reached, release chan struct{}
}

func stopAtClaim(number int) *claimStop {
	return &claimStop{number: number, reached: make(chan struct{}), release: make(chan struct{})}
}

func (c *claimStop) onStep(op, name string, after bool) error {
	n := state.ParseName(name)
	if op != "put new" || after || n.Kind != state.ClaimFile || n.Address.Number != c.number {
		return nil
	}
	c.once.Do(func() {
		close(c.reached)
		<-c.release
	})
	return nil
}

// start converts in the background. It returns when the converter has stopped at its
// claim.
func (c *claimStop) start(t *testing.T, w *world, s store.Store) (ended chan error) {
	t.Helper()
	ended = make(chan error, 1)
	go func() {
		_, err := convert.Run(context.Background(), newOptions(w, &stepped{s, c.onStep}))
		ended <- err
	}()
	select {
	case <-c.reached:
	case err := <-ended:
		t.Fatalf("it ended before claim %d: %v", c.number, err)
	case <-time.After(time.Minute):
		t.Fatalf("it did not reach claim %d within a minute", c.number)
	}
	return ended
}

// claims returns the names of all claims in a store.
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

// A converter stops before its claim. Meanwhile its dataset is dropped and replaced by
// another, in which it then creates the claim: with a number that the new dataset
// already has, with the next one, or with a later one. The new dataset is not affected,
// and gc removes the claim.
func TestLateClaim(t *testing.T) {
	for _, late := range []int{1, 2, 3} {
		for _, runs := range []int{0, 1, 2} { // of the new dataset before the late claim
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
				// A converter of the new dataset stops before its next claim.
				next := stopAtClaim(runs + 1)
				nextEnded := next.start(t, w, s)
				before := claims(t, s)
				close(old.release)
				if err := <-oldEnded; !errors.As(err, new(*state.ReplacedError)) {
					t.Errorf("the old converter: %v", err)
				}
				came := claims(t, s)
				maps.DeleteFunc(came, func(name string, _ bool) bool { return before[name] })
				if len(came) != 1 {
					t.Fatalf("late claims: %v", slices.Collect(maps.Keys(came)))
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
								t.Errorf("gc did not remove %s", name)
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
