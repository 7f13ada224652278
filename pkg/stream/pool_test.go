package stream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/macielake/macielake/pkg/schema"
)

type fakeDecoder struct{ busy atomic.Bool }

func (*fakeDecoder) Decode(*schema.Batch) {}

// fakeJob counts batches and checks the guarantees that Job documents.
type fakeJob struct {
	t       testing.TB
	batches int
	lanes   int
	// fail, if not nil, returns the error of each task. lane is -1 except in Write.
	fail   func(ctx context.Context, s stage, lane, batch int) error
	finish func(ctx context.Context, err error) (Job, error)

	read     int
	reading  atomic.Bool
	running  atomic.Int64
	decoded  atomic.Int64
	writing  []atomic.Bool
	written  []int // batches, by lane
	finished atomic.Int64
	err      error // argument of Finish
}

func newFakeJob(t testing.TB, batches, lanes int) *fakeJob {
	return &fakeJob{t: t, batches: batches, lanes: lanes, writing: make([]atomic.Bool, lanes), written: make([]int, lanes)}
}

func (j *fakeJob) task(ctx context.Context, s stage, lane, batch int) error {
	j.running.Add(1)
	defer j.running.Add(-1)
	if j.finished.Load() > 0 {
		j.t.Error("a task began after Finish")
	}
	if j.fail != nil {
		return j.fail(ctx, s, lane, batch)
	}
	return nil
}

func (j *fakeJob) Read(ctx context.Context, b *schema.Batch) error {
	if j.reading.Swap(true) {
		j.t.Error("two reads at a time")
	}
	defer j.reading.Store(false)
	b.Reset()
	if j.read == j.batches {
		return io.EOF
	}
	if err := j.task(ctx, stageRead, -1, j.read); err != nil {
		return err
	}
	b.AppendLines(schema.Source{}, int64(j.read), 0, []byte("x\n"))
	j.read++
	return nil
}

func (j *fakeJob) Decode(ctx context.Context, dec schema.Decoder, b *schema.Batch) error {
	d := dec.(*fakeDecoder)
	if d.busy.Swap(true) {
		j.t.Error("two goroutines use one decoder")
	}
	defer d.busy.Store(false)
	if b.LineCount != 0 {
		j.t.Error("a batch is decoded twice")
	}
	b.LineCount = b.Segments[0].Line + 1
	j.decoded.Add(1)
	return j.task(ctx, stageDecode, -1, int(b.Segments[0].Line))
}

func (j *fakeJob) Lanes() int { return j.lanes }

func (j *fakeJob) Write(ctx context.Context, lane int, b *schema.Batch) error {
	if j.writing[lane].Swap(true) {
		j.t.Error("two writes to a lane at a time")
	}
	defer j.writing[lane].Store(false)
	n := int(b.Segments[0].Line)
	if n != j.written[lane] || b.LineCount != int64(n+1) {
		j.t.Errorf("lane %d: batch %d (decoded: %d) after %d", lane, n, b.LineCount, j.written[lane])
	}
	j.written[lane]++
	return j.task(ctx, stageWrite, lane, n)
}

func (j *fakeJob) Finish(ctx context.Context, err error) (Job, error) {
	if j.finished.Add(1) > 1 {
		j.t.Error("finished twice")
	}
	if n := j.running.Load(); n > 0 {
		j.t.Errorf("finished while %d tasks run", n)
	}
	j.err = err
	if err == nil {
		for lane, n := range j.written {
			if n != j.batches {
				j.t.Errorf("lane %d has %d of %d batches", lane, n, j.batches)
			}
		}
		if j.decoded.Load() != int64(j.batches) {
			j.t.Errorf("decoded %d of %d batches", j.decoded.Load(), j.batches)
		}
	}
	if j.finish != nil {
		return j.finish(ctx, err)
	}
	return nil, err
}

// jobSource returns a next for Run that returns the jobs in order.
func jobSource(jobs ...*fakeJob) func() (Job, bool) {
	var busy atomic.Bool
	i := 0
	return func() (Job, bool) {
		if busy.Swap(true) {
			panic("two calls of next at a time")
		}
		defer busy.Store(false)
		if i == len(jobs) {
			return nil, false
		}
		i++
		return jobs[i-1], true
	}
}

func poolOptions(workers int) PoolOptions {
	return PoolOptions{Workers: workers, NewDecoder: func() schema.Decoder { return new(fakeDecoder) }}
}

func TestRun(t *testing.T) {
	checkLeaks(t)
	for _, workers := range []int{0, 1, 2, 3, 8} {
		for _, bound := range []int{0, 1, 2} {
			for _, lanes := range []int{0, 1, 3} {
				for _, count := range []int{0, 1, 2, 7} {
					var jobs []*fakeJob
					batches := 0
					for i := range count {
						j := newFakeJob(t, i*i*3%40, lanes)
						jobs, batches = append(jobs, j), batches+j.batches
					}
					var stats Stats
					o := poolOptions(workers)
					o.MaxBatches, o.Stats = bound, &stats
					if err := Run(context.Background(), o, jobSource(jobs...)); err != nil {
						t.Fatal(err)
					}
					for i, j := range jobs {
						if j.finished.Load() != 1 || j.err != nil {
							t.Errorf("job %d: finished %d times with %v", i, j.finished.Load(), j.err)
						}
					}
					if stats.Batches != int64(batches) {
						t.Errorf("%d batches, want %d", stats.Batches, batches)
					}
				}
			}
		}
	}
}

// With one worker only the caller's goroutine runs, and a batch is written before the
// next one is read.
func TestRunOneWorker(t *testing.T) {
	before := runtime.NumGoroutine()
	j := newFakeJob(t, 20, 2)
	var order []string
	j.fail = func(_ context.Context, s stage, lane, batch int) error {
		if n := runtime.NumGoroutine(); n > before {
			t.Errorf("%d goroutines, %d before", n, before)
		}
		order = append(order, fmt.Sprint(s, lane, batch))
		return nil
	}
	if err := Run(context.Background(), poolOptions(1), jobSource(j)); err != nil {
		t.Fatal(err)
	}
	var want []string
	for i := range 20 {
		want = append(want, fmt.Sprint(stageRead, -1, i), fmt.Sprint(stageDecode, -1, i), fmt.Sprint(stageWrite, 0, i), fmt.Sprint(stageWrite, 1, i))
	}
	if !slices.Equal(order, want) {
		t.Errorf("order %v", order)
	}
}

// All workers work on one job: each stage waits until others run at the same time.
func TestRunSharesOneJob(t *testing.T) {
	checkLeaks(t)
	const workers = 4
	t.Run("decode", func(t *testing.T) {
		j := newFakeJob(t, 40, 1)
		var together sync.WaitGroup
		together.Add(workers)
		var begun atomic.Int64
		j.fail = func(_ context.Context, s stage, _, _ int) error {
			if s == stageDecode && begun.Add(1) <= workers {
				together.Done()
				together.Wait()
			}
			return nil
		}
		var stats Stats
		o := poolOptions(workers)
		o.Stats = &stats
		if err := Run(context.Background(), o, jobSource(j)); err != nil {
			t.Fatal(err)
		}
		if stats.Stolen == 0 {
			t.Error("nothing was stolen")
		}
	})
	t.Run("lanes, decode and read", func(t *testing.T) {
		j := newFakeJob(t, 40, 2)
		var together sync.WaitGroup
		together.Add(workers)
		var seen [4]atomic.Bool // write to lane 0 and 1, decode, read
		j.fail = func(_ context.Context, s stage, lane, batch int) error {
			kind := -1
			switch {
			case s == stageWrite:
				kind = lane
			case s == stageDecode && batch > 0:
				kind = 2
			case s == stageRead && batch > 1:
				kind = 3
			}
			if kind >= 0 && !seen[kind].Swap(true) {
				together.Done()
				together.Wait()
			}
			return nil
		}
		if err := Run(context.Background(), poolOptions(workers), jobSource(j)); err != nil {
			t.Fatal(err)
		}
	})
}

// A slow lane stops reading once there are MaxBatches batches.
func TestRunMaxBatches(t *testing.T) {
	checkLeaks(t)
	for _, bound := range []int{1, 3, 9} {
		j := newFakeJob(t, 50, 2)
		var ahead, most atomic.Int64
		j.fail = func(_ context.Context, s stage, lane, _ int) error {
			switch {
			case s == stageRead:
				if n := ahead.Add(1); n > most.Load() {
					most.Store(n)
				}
			case s == stageWrite && lane == 1:
				time.Sleep(100 * time.Microsecond)
				ahead.Add(-1)
			}
			return nil
		}
		o := poolOptions(4)
		o.MaxBatches = bound
		if err := Run(context.Background(), o, jobSource(j)); err != nil {
			t.Fatal(err)
		}
		if most.Load() > int64(bound) {
			t.Errorf("%d batches at a time, bound %d", most.Load(), bound)
		}
	}
}

func TestRunErrors(t *testing.T) {
	checkLeaks(t)
	errTask, errFinish := errors.New("task"), errors.New("finish")
	for _, workers := range []int{1, 2, 5} {
		for s := range numStages {
			for _, batch := range []int{0, 5, 19} {
				for _, handled := range []bool{false, true} {
					t.Run(fmt.Sprint(workers, s, batch, handled), func(t *testing.T) {
						var jobs []*fakeJob
						for range 6 {
							jobs = append(jobs, newFakeJob(t, 20, 2))
						}
						bad := jobs[2]
						bad.fail = func(_ context.Context, at stage, lane, n int) error {
							if at == s && n == batch && lane < 1 {
								return errTask
							}
							return nil
						}
						bad.finish = func(ctx context.Context, err error) (Job, error) {
							if ctx.Err() != nil {
								t.Error("Finish has a context that ended")
							}
							if s == stageFinish {
								err = errFinish
							} else if err != errTask {
								t.Errorf("Finish with %v", err)
							}
							if handled {
								err = nil
							}
							return nil, err
						}
						for _, j := range jobs {
							if j != bad {
								j.finish = func(ctx context.Context, err error) (Job, error) {
									if err != nil && ctx.Err() != nil {
										t.Error("clean-up with a context that ended")
									}
									return nil, nil
								}
							}
						}
						err := Run(context.Background(), poolOptions(workers), jobSource(jobs...))
						want := errTask
						if s == stageFinish {
							want = errFinish
						}
						if handled {
							want = nil
						}
						if err != want {
							t.Errorf("Run returns %v, want %v", err, want)
						}
						for i, j := range jobs {
							begun := j.read > 0
							if (begun || handled) && j.finished.Load() != 1 {
								t.Errorf("job %d: begun %t, finished %d times", i, begun, j.finished.Load())
							}
							if j.err != nil && j != bad && j.err != want {
								t.Errorf("job %d ended with %v", i, j.err)
							}
							if handled && j != bad && j.err != nil {
								t.Errorf("job %d ended with the error %v of another", i, j.err)
							}
						}
					})
				}
			}
		}
	}
}

// The context of a task ends when another task of its job fails.
func TestRunStopsTasks(t *testing.T) {
	checkLeaks(t)
	errTask := errors.New("task")
	j := newFakeJob(t, 20, 2)
	hangs := make(chan struct{})
	j.fail = func(ctx context.Context, s stage, lane, batch int) error {
		switch {
		case s == stageRead && batch == 3:
			close(hangs)
			<-ctx.Done()
			return ctx.Err()
		case s == stageWrite && batch == 2 && lane == 1:
			<-hangs
			return errTask
		}
		return nil
	}
	if err := Run(context.Background(), poolOptions(3), jobSource(j)); err != errTask {
		t.Errorf("Run returns %v", err)
	}
	if j.err != errTask {
		t.Errorf("Finish with %v", j.err)
	}
}

func TestRunRestart(t *testing.T) {
	checkLeaks(t)
	for _, workers := range []int{1, 2, 4} {
		errSpoiled := errors.New("spoiled")
		var jobs, restarted []*fakeJob
		for i := range 5 {
			j, second, third := newFakeJob(t, 30, 2), newFakeJob(t, 25, 3), newFakeJob(t, 20, 1)
			j.fail = func(_ context.Context, s stage, _, n int) error {
				if i%2 == 0 && s == stageRead && n == 10*i {
					return errSpoiled
				}
				return nil
			}
			j.finish = func(_ context.Context, err error) (Job, error) {
				if err == errSpoiled {
					return second, nil
				}
				return nil, err
			}
			second.finish = func(_ context.Context, err error) (Job, error) { return third, err }
			jobs = append(jobs, j)
			if i%2 == 0 && 10*i < 30 {
				restarted = append(restarted, second, third)
			}
		}
		var stats Stats
		o := poolOptions(workers)
		o.Stats = &stats
		if err := Run(context.Background(), o, jobSource(jobs...)); err != nil {
			t.Fatal(err)
		}
		for i, j := range slices.Concat(jobs, restarted) {
			if j.finished.Load() != 1 {
				t.Errorf("job %d: finished %d times", i, j.finished.Load())
			}
		}
		if stats.Restarts != int64(len(restarted)) {
			t.Errorf("%d restarts, want %d", stats.Restarts, len(restarted))
		}
	}
}

func TestRunContext(t *testing.T) {
	checkLeaks(t)
	for _, workers := range []int{1, 2, 4} {
		for s := range numStages {
			cause := errors.New("interrupted")
			ctx, cancel := context.WithCancelCause(context.Background())
			var jobs []*fakeJob
			for range 6 {
				j := newFakeJob(t, 20, 2)
				j.fail = func(ctx context.Context, at stage, _, n int) error {
					if at == s && n == 7 {
						cancel(cause)
						<-ctx.Done()
						if s == stageDecode {
							return nil // a task may ignore the context
						}
						return ctx.Err()
					}
					return nil
				}
				j.finish = func(ctx context.Context, err error) (Job, error) {
					if s == stageFinish {
						cancel(cause)
						return nil, ctx.Err()
					}
					if ctx.Err() != nil {
						t.Error("clean-up with a context that ended")
					}
					return newFakeJob(t, 1, 1), err // must not run
				}
				jobs = append(jobs, j)
			}
			if err := Run(ctx, poolOptions(workers), jobSource(jobs...)); err != cause {
				t.Errorf("%d workers, stage %d: Run returns %v", workers, s, err)
			}
			for i, j := range jobs {
				if begun := j.read > 0; begun && j.finished.Load() != 1 {
					t.Errorf("job %d: finished %d times", i, j.finished.Load())
				}
			}
			cancel(nil)
		}
	}
	t.Run("before", func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		j := newFakeJob(t, 20, 2)
		j.finish = func(_ context.Context, err error) (Job, error) { return nil, nil }
		if err := Run(ctx, poolOptions(2), jobSource(j)); err != context.Canceled {
			t.Errorf("Run returns %v", err)
		}
	})
	t.Run("after", func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		if err := Run(ctx, poolOptions(2), jobSource(newFakeJob(t, 3, 1))); err != nil {
			t.Errorf("Run returns %v", err)
		}
		cancel()
	})
}

// Batches are reused, except one that grew for a long line.
func TestRunRecycles(t *testing.T) {
	j := newFakeJob(t, 30, 1)
	seen := map[*schema.Batch]int{}
	job := &recycleJob{fakeJob: j, seen: seen}
	o := poolOptions(1)
	o.KeepBytes = 1 << 20
	given := false
	if err := Run(context.Background(), o, func() (Job, bool) {
		defer func() { given = true }()
		return job, !given
	}); err != nil {
		t.Fatal(err)
	}
	if len(seen) != 2 {
		t.Errorf("%d batches were made, want 2", len(seen))
	}
}

type recycleJob struct {
	*fakeJob
	seen map[*schema.Batch]int
}

func (j *recycleJob) Read(ctx context.Context, b *schema.Batch) error {
	j.seen[b]++
	err := j.fakeJob.Read(ctx, b)
	if j.read == 10 {
		b.Buf = append(make([]byte, 0, 2<<20), b.Buf...)
	}
	return err
}

// A panic in a task ends the program. It is neither recovered nor a deadlock.
func TestRunPanic(t *testing.T) {
	const env = "STREAM_TEST_PANIC"
	if os.Getenv(env) != "" {
		j := newFakeJob(t, 20, 1)
		j.fail = func(_ context.Context, s stage, _, n int) error {
			if s == stageDecode && n == 5 {
				panic("in a task")
			}
			return nil
		}
		_ = Run(context.Background(), poolOptions(2), jobSource(j, newFakeJob(t, 20, 1)))
		t.Skip("no panic")
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestRunPanic$")
	cmd.Env = append(os.Environ(), env+"=1")
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "panic: in a task") {
		t.Errorf("%v: %s", err, out)
	}
	func() {
		defer func() {
			if p := recover(); p != "in the caller" {
				t.Errorf("recovered %v", p)
			}
		}()
		j := newFakeJob(t, 20, 1)
		j.fail = func(context.Context, stage, int, int) error { panic("in the caller") }
		_ = Run(context.Background(), poolOptions(1), jobSource(j))
	}()
}

// A worker writes to a lane of another worker only if it has no other task.
func TestPickPrefersOwnLanes(t *testing.T) {
	mine, other := new(worker), new(worker)
	r := &jobState{
		eof:   true,
		lanes: []lane{{last: other}, {last: mine}, {next: 1}},
		items: []*item{{taken: true, decoded: true, lanesLeft: 2}, {taken: true, decoded: true, lanesLeft: 3}, {lanesLeft: 3}},
	}
	p := &pool{o: PoolOptions{Workers: 1}, active: []*jobState{r}}
	for i, want := range []task{
		{stage: stageWrite, lane: 1},
		{stage: stageWrite, lane: 2}, // without a worker
		{stage: stageDecode},
		{stage: stageWrite, lane: 0}, // of the other worker
	} {
		got, ok := p.pickTask(mine)
		if !ok || got.stage != want.stage || got.lane != want.lane {
			t.Errorf("task %d: stage %d of lane %d (%v), want %d of %d", i, got.stage, got.lane, ok, want.stage, want.lane)
		}
	}
	if got, ok := p.pickTask(mine); ok {
		t.Errorf("stage %d of lane %d, though all are busy", got.stage, got.lane)
	}
}
