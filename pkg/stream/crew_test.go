package stream

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// sleepPastAlone makes a task long enough to be shared.
func sleepPastAlone() { time.Sleep(minAlone + 30*time.Microsecond) }

func TestShareAlone(t *testing.T) {
	var crew Crew
	errs := []error{errors.New("0"), errors.New("1")}
	check := func(t *testing.T) {
		before := runtime.NumGoroutine()
		for n := range 4 {
			var order []int
			err := crew.Share(n, func(i int) error {
				sleepPastAlone()
				order = append(order, i)
				if runtime.NumGoroutine() > before {
					t.Error("a goroutine was started")
				}
				if i > 0 {
					return errs[(i-1)%2]
				}
				return nil
			})
			var want error
			if n > 1 {
				want = errs[0]
			}
			if err != want || !slices.IsSorted(order) || len(order) != n {
				t.Errorf("%d pieces: %v in order %v", n, err, order)
			}
		}
	}
	t.Run("no run", check)
	t.Run("one worker", func(t *testing.T) {
		j := newFakeJob(t, 1, 1)
		j.fail = func(_ context.Context, s stage, _, _ int) error {
			if s == stageWrite {
				check(t)
			}
			return nil
		}
		o := poolOptions(1)
		o.Crew = &crew
		if err := Run(context.Background(), o, jobSource(j)); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("after a run", check)
}

// Every piece is done exactly once, also if pieces call Share.
func TestShare(t *testing.T) {
	checkLeaks(t)
	for _, workers := range []int{1, 2, 3, 8} {
		for _, finish := range []bool{false, true} {
			t.Run(fmt.Sprint(workers, finish), func(t *testing.T) {
				var crew Crew
				var outer, inner, tasks atomic.Int64
				shared := func() error {
					tasks.Add(1)
					var done [7]atomic.Int64
					err := crew.Share(len(done), func(i int) error {
						done[i].Add(1)
						outer.Add(1)
						return crew.Share(i, func(int) error {
							inner.Add(1)
							sleepPastAlone()
							return nil
						})
					})
					for i := range done {
						if n := done[i].Load(); n != 1 {
							t.Errorf("piece %d was done %d times when Share returned", i, n)
						}
					}
					return err
				}
				var jobs []*fakeJob
				for range 3 {
					j := newFakeJob(t, 4, 2)
					j.fail = func(_ context.Context, s stage, _, _ int) error {
						if s == stageWrite && !finish {
							return shared()
						}
						return nil
					}
					j.finish = func(_ context.Context, err error) (Job, error) {
						if finish {
							return nil, errors.Join(err, shared())
						}
						return nil, err
					}
					jobs = append(jobs, j)
				}
				o := poolOptions(workers)
				o.Crew = &crew
				if err := Run(context.Background(), o, jobSource(jobs...)); err != nil {
					t.Fatal(err)
				}
				if n := tasks.Load(); outer.Load() != 7*n || inner.Load() != 21*n {
					t.Errorf("%d and %d pieces of %d tasks", outer.Load(), inner.Load(), n)
				}
			})
		}
	}
}

// All workers work on one task: each piece waits until as many run at once.
func TestShareConcurrent(t *testing.T) {
	checkLeaks(t)
	const workers = 4
	var crew Crew
	j := newFakeJob(t, 1, 1)
	j.fail = func(_ context.Context, s stage, _, _ int) error {
		if s != stageWrite {
			return nil
		}
		for crew.pool.Load().idle.Load() < workers-1 {
			time.Sleep(time.Millisecond)
		}
		var together sync.WaitGroup
		together.Add(workers)
		return crew.Share(workers+1, func(i int) error {
			sleepPastAlone()
			if i > 0 { // the caller does the first alone
				together.Done()
				together.Wait()
			}
			return nil
		})
	}
	o := poolOptions(workers)
	o.Crew = &crew
	if err := Run(context.Background(), o, jobSource(j)); err != nil {
		t.Fatal(err)
	}
}

// Share returns the error of the lowest piece that fails, in whatever order they fail,
// once all pieces are done. It ends the job like any error of a task.
func TestShareErrors(t *testing.T) {
	checkLeaks(t)
	errs := []error{errors.New("0"), errors.New("1"), errors.New("2"), errors.New("3")}
	for _, workers := range []int{1, 2, 4} {
		for first := range errs {
			var crew Crew
			var done atomic.Int64
			j := newFakeJob(t, 3, 1)
			j.fail = func(_ context.Context, s stage, _, batch int) error {
				if s != stageWrite || batch != 1 {
					return nil
				}
				return crew.Share(len(errs), func(i int) error {
					time.Sleep(time.Duration(len(errs)-i) * time.Millisecond)
					done.Add(1)
					if i < first {
						return nil
					}
					return errs[i]
				})
			}
			j.finish = func(_ context.Context, err error) (Job, error) {
				if done.Load() != int64(len(errs)) {
					t.Errorf("%d pieces were done", done.Load())
				}
				return nil, err
			}
			o := poolOptions(workers)
			o.Crew = &crew
			if err := Run(context.Background(), o, jobSource(j)); err != errs[first] {
				t.Errorf("%d workers: %v, want %v", workers, err, errs[first])
			}
		}
	}
}

// A Run that is cancelled while a task is shared ends after the task's pieces.
func TestShareContext(t *testing.T) {
	checkLeaks(t)
	for _, workers := range []int{1, 2, 4} {
		ctx, cancel := context.WithCancel(context.Background())
		var crew Crew
		var done atomic.Int64
		j := newFakeJob(t, 20, 2)
		j.fail = func(ctx context.Context, s stage, _, batch int) error {
			if s != stageWrite || batch != 7 {
				return nil
			}
			return crew.Share(5, func(i int) error {
				sleepPastAlone()
				if i == 2 {
					cancel()
				}
				done.Add(1)
				return nil
			})
		}
		j.finish = func(_ context.Context, err error) (Job, error) {
			if n := done.Load(); n%5 != 0 {
				t.Errorf("Finish after %d pieces", n)
			}
			return nil, err
		}
		o := poolOptions(workers)
		o.Crew = &crew
		if err := Run(ctx, o, jobSource(j)); err != context.Canceled {
			t.Errorf("Run returns %v", err)
		}
	}
}
