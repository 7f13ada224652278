package stream

import (
	"context"
	"runtime"
	"testing"
	"time"
)

// spin keeps a core busy for about d by the thread's clock.
func spin(d time.Duration) {
	for watch, all := NewStopwatch(true), time.Duration(0); all < d; {
		lap := watch.Lap()
		if all += lap.CPU; lap.CPU == 0 {
			all += lap.Wall // threads have no clock here
		}
	}
}

// Working adds to the CPU time of a task's stage; waiting doesn't.
func TestStatsCPU(t *testing.T) {
	const each, batches = 3 * time.Millisecond, 5
	for _, workers := range []int{1, 3} {
		j := newFakeJob(t, batches, 1)
		j.fail = func(_ context.Context, s stage, _, _ int) error {
			switch s {
			case stageRead:
				time.Sleep(each)
			case stageDecode, stageWrite:
				spin(each)
			}
			return nil
		}
		j.finish = func(_ context.Context, err error) (Job, error) {
			time.Sleep(each)
			return nil, err
		}
		var stats Stats
		o := poolOptions(workers)
		o.Stats, o.CPU = &stats, true
		start := time.Now()
		if err := Run(context.Background(), o, jobSource(j)); err != nil {
			t.Fatal(err)
		}
		took := time.Since(start) * time.Duration(workers)
		all := Span{}
		for _, s := range []struct {
			name  string
			span  Span
			least time.Duration
			busy  bool
		}{
			{"next", stats.Next, 0, false},
			{"read", stats.Read, batches * each, false},
			{"decode", stats.Decode, batches * each, true},
			{"write", stats.Write, batches * each, true},
			{"finish", stats.Finish, each, false},
			{"idle", stats.Idle, 0, false},
		} {
			all.Add(s.span)
			if s.span.Wall < s.least {
				t.Errorf("%d workers: %s took %v, at least %v was needed", workers, s.name, s.span.Wall, s.least)
			}
			if runtime.GOOS != "linux" {
				continue
			}
			if s.busy && s.span.CPU < s.least || !s.busy && s.least > 0 && s.span.CPU > s.least/2 {
				t.Errorf("%d workers: %s used %v of %v", workers, s.name, s.span.CPU, s.span.Wall)
			}
		}
		if all.Wall > took {
			t.Errorf("%d workers had %v and took %v", workers, took, all.Wall)
		}
		if stats.CPU < all.CPU || (stats.CPU == 0) == (runtime.GOOS == "linux") {
			t.Errorf("the process used %v, its workers %v", stats.CPU, all.CPU)
		}
	}
}

// Pieces that other workers do add to the time of the task's stage.
func TestStatsOfPieces(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("threads have no clock here")
	}
	const each = 3 * time.Millisecond
	const pieces = 12
	var crew Crew
	var stats Stats
	j := newFakeJob(t, 1, 1)
	j.fail = func(_ context.Context, s stage, _, _ int) error {
		if s != stageWrite {
			return nil
		}
		return crew.Share(pieces, func(int) error { spin(each); return nil })
	}
	o := poolOptions(3)
	o.Crew, o.Stats, o.CPU = &crew, &stats, true
	if err := Run(context.Background(), o, jobSource(j)); err != nil {
		t.Fatal(err)
	}
	if s := stats.Write; s.CPU < pieces*each || s.CPU > 2*pieces*each {
		t.Errorf("%d pieces of %v used %v", pieces, each, s.CPU)
	}
}
