package crash_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/macielake/macielake/internal/convert"
	"github.com/macielake/macielake/internal/store"
)

// shortLease is the lease of converters that run alone.
const shortLease = 6 * time.Millisecond

// scenario is a command that is stopped at every step.
type scenario struct {
	name string
	base *volatile // the dataset before
	act  func(ctx context.Context, s store.Store) error
	heal func(ctx context.Context, s store.Store) error // the command with which a user resumes
	want rows                                           // after heal; readers never see others
}

// scenarios returns small scenarios, with their sources below dir.
func scenarios(t testing.TB, dir string) []scenario {
	t.Helper()
	ctx := context.Background()
	archive := func(name string, regions ...string) *world {
		w := newWorld(t, filepath.Join(dir, name))
		for i, region := range regions {
			w.add(t, region, 2*i, 9)
			w.add(t, region, 2*i+1, 3)
		}
		return w
	}
	convertTo := func(w *world, change func(*convert.Options)) func(context.Context, store.Store) error {
		return func(ctx context.Context, s store.Store) error {
			o := newOptions(w, s)
			o.Lease = shortLease
			if change != nil {
				change(&o)
			}
			_, err := convert.Run(ctx, o)
			return err
		}
	}
	heal := func(w *world, change func(*convert.Options)) func(context.Context, store.Store) error {
		return func(ctx context.Context, s store.Store) error {
			o := newOptions(w, s)
			o.Lease = shortLease
			if change != nil {
				change(&o)
			}
			return convertAll(ctx, o)
		}
	}
	built := func(act func(context.Context, store.Store) error) *volatile {
		v := newVolatile()
		if err := act(ctx, v); err != nil {
			t.Fatal(err)
		}
		return v.clone()
	}
	var all []scenario

	first := archive("first", "eu-west-1", "us-east-1", "us-west-2")
	all = append(all, scenario{name: "first run", base: newVolatile(), act: convertTo(first, nil), heal: heal(first, nil), want: first.want})

	more := archive("more", "eu-west-1", "us-east-1")
	moreBase := built(convertTo(more, nil))
	more.add(t, "eu-west-1", 100, 8)
	more.add(t, "ap-south-1", 101, 8)
	all = append(all, scenario{name: "second run", base: moreBase, act: convertTo(more, nil), heal: heal(more, nil), want: more.want})

	backlog := archive("backlog", "eu-west-1", "us-east-1", "us-west-2")
	few := func(o *convert.Options) { o.MaxSources = 2 }
	all = append(all, scenario{name: "backlog", base: newVolatile(), act: convertTo(backlog, few), heal: heal(backlog, few), want: backlog.want})

	// Plan, work and commit, which are repeated.
	apart := archive("apart", "eu-west-1", "us-east-1", "us-west-2")
	allApart := func(ctx context.Context, s store.Store) error { return stepByStep(ctx, apart, s, shortLease) }
	all = append(all,
		scenario{name: "apart", base: newVolatile(), act: allApart, heal: allApart, want: apart.want},
		scenario{name: "apart, then convert", base: newVolatile(), act: allApart, heal: heal(apart, nil), want: apart.want})

	// Lines that were rejected as too long are retried with a larger limit.
	retried := archive("retried", "eu-west-1", "us-east-1")
	strict := func(o *convert.Options) { o.Limits.MaxLineBytes = shortLine }
	again := func(o *convert.Options) { o.RetryRejected = true }
	all = append(all, scenario{name: "retry", base: built(convertTo(retried, strict)), act: convertTo(retried, again), heal: heal(retried, again), want: retried.want})

	// A run that was stopped while it published is abandoned.
	left := archive("left", "eu-west-1", "us-east-1")
	half := newVolatile()
	stop := &countdownKiller{when: isPublication, after: 4}
	if err := convertTo(left, nil)(ctx, &stepped{half, stop.onStep}); !errors.Is(err, errDead) {
		t.Fatal(err)
	}
	all = append(all, scenario{name: "abandon", base: half.clone(), act: func(ctx context.Context, s store.Store) error {
		return abandonRun(ctx, s, "1", shortLease)
	}, heal: heal(left, nil), want: left.want})

	// A dropped dataset is created again.
	dropped := archive("dropped", "eu-west-1", "us-east-1")
	all = append(all, scenario{name: "drop", base: built(convertTo(dropped, nil)), act: func(ctx context.Context, s store.Store) error {
		return dropAll(ctx, s, shortLease)
	}, heal: func(ctx context.Context, s store.Store) error {
		return errors.Join(finishDrop(ctx, s, shortLease), heal(dropped, nil)(ctx, s))
	}, want: dropped.want})
	return all
}

// check checks the dataset that a stopped command left, resumes, and checks again.
func (s *scenario) check(t *testing.T, what string, left store.Store) {
	t.Helper()
	ctx := context.Background()
	if err := checkUnfinished(ctx, left, s.want); err != nil {
		t.Errorf("%s: before resuming: %v", what, err)
	}
	if err := s.heal(ctx, left); err != nil {
		t.Errorf("%s: %v", what, err)
		return
	}
	if err := checkComplete(ctx, left, s.want); err != nil {
		t.Errorf("%s: after resuming: %v", what, err)
	}
}

// stepStride returns the distance between the steps that are tried.
func stepStride() int {
	if isLong() {
		return 1
	}
	return 7
}

// powerCuts returns how many random outcomes of a power cut are tried per step.
func powerCuts() int {
	if isLong() {
		return 5
	}
	return 1
}

// A command that stops at any step loses and doubles no row, whether it is killed or
// the power is cut, with the loss of changes that weren't synced.
func TestEveryStep(t *testing.T) {
	for _, s := range scenarios(t, t.TempDir()) {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			cases := 0
			for n := 1; !t.Failed(); n += stepStride() {
				k := &killer{target: n}
				st := s.base.clone()
				err := s.act(context.Background(), &stepped{st, k.onStep})
				if !k.dead {
					if err != nil {
						t.Fatalf("it failed although nothing stopped it: %v", err)
					}
					s.check(t, "not stopped", st)
					t.Logf("%d steps, %d cases", n-1, cases)
					report(t, "steps", cases)
					return
				}
				for i := range powerCuts() {
					cases++
					s.check(t, fmt.Sprintf("step %d (%s), power cut %d", n, k.op, i), st.cut(rand.New(rand.NewPCG(uint64(n), uint64(i)))))
				}
				cases++
				s.check(t, fmt.Sprintf("step %d (%s)", n, k.op), st)
			}
		})
	}
}

// One converter is stopped at a step, and the next one at another.
func TestStoppedTwice(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	tries := 30
	if isLong() {
		tries = 3000
	}
	all := scenarios(t, t.TempDir())
	for i := range tries {
		s := &all[i%len(all)]
		st := s.base.clone()
		what := s.name
		for range 2 + r.IntN(3) {
			k := &killer{target: 1 + r.IntN(120)}
			act := s.act
			if s.name == "abandon" && r.IntN(2) == 0 {
				act = s.heal
			}
			_ = act(context.Background(), &stepped{st, k.onStep}) // dies or completes
			what += fmt.Sprintf(", step %d (%s)", k.target, k.op)
			if r.IntN(2) == 0 {
				st = st.cut(r)
				what += " and a power cut"
			}
		}
		if s.name != "abandon" {
			s.check(t, what, st)
			continue
		}
		// The run may have been committed instead.
		if err := s.heal(context.Background(), st); err != nil {
			t.Errorf("%s: %v", what, err)
		} else if err := checkComplete(context.Background(), st, s.want); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	report(t, "stopped several times", tries)
}

// A store refuses any one change, or makes it and loses the response.
func TestEveryFault(t *testing.T) {
	kinds := []struct {
		name          string
		lost, retried bool
	}{{"refused", false, false}, {"answer lost", true, false}, {"answer lost, asked again", true, true}}
	for _, s := range scenarios(t, t.TempDir()) {
		for _, kind := range kinds {
			t.Run(s.name+"/"+kind.name, func(t *testing.T) {
				t.Parallel()
				for n := 1; !t.Failed(); n += stepStride() {
					f := &fault{target: n, lost: kind.lost, retried: kind.retried}
					st := s.base.clone()
					err := s.act(context.Background(), &stepped{st, f.onStep})
					if f.hit == "" {
						report(t, "faults", (n-1)/stepStride())
						return
					}
					what := fmt.Sprintf("%s %d (%s)", kind.name, n, f.hit)
					if err != nil && (kind.retried || !errors.Is(err, errUnavailable)) {
						t.Errorf("%s: %v", what, err)
					}
					s.check(t, what, st)
				}
			})
		}
	}
}

// A store that can't be written to stays unchanged.
func TestReadOnly(t *testing.T) {
	for _, s := range scenarios(t, t.TempDir()) {
		st := s.base.clone()
		before, err := listSizes(context.Background(), st)
		if err != nil {
			t.Fatal(err)
		}
		err = s.act(context.Background(), &stepped{st, func(op, name string, _ bool) error {
			if op == "discard" {
				return nil
			}
			return &os.PathError{Op: op, Path: name, Err: os.ErrPermission}
		}})
		if !errors.Is(err, os.ErrPermission) {
			t.Errorf("%s: %v", s.name, err)
		}
		if after, _ := listSizes(context.Background(), st); !maps.Equal(before, after) {
			t.Errorf("%s: changed", s.name)
		}
		s.check(t, s.name, st)
	}
}

// report prints figures for docs/reliability.md, in the long form.
func report(t *testing.T, what string, cases int) {
	if !isLong() || t.Failed() {
		return
	}
	fmt.Printf("torture: %s: %s: %d cases, no row lost, doubled or invented\n", t.Name(), what, cases)
}
