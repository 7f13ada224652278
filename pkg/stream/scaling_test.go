package stream

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// makespan returns how long a Run takes whose tasks take the given times. Only sleeping
// advances the clock, so the result is that of a machine with a core per worker.
func makespan(t *testing.T, workers, jobs, batches int, read, decode time.Duration, lanes ...time.Duration) (took time.Duration, stats Stats) {
	synctest.Test(t, func(t *testing.T) {
		var all []*fakeJob
		for range jobs {
			j := newFakeJob(t, batches, len(lanes))
			j.fail = func(_ context.Context, s stage, lane, _ int) error {
				switch s {
				case stageRead:
					time.Sleep(read)
				case stageDecode:
					time.Sleep(decode)
				case stageWrite:
					time.Sleep(lanes[lane])
				}
				return nil
			}
			all = append(all, j)
		}
		start := time.Now()
		o := poolOptions(workers)
		o.Stats = &stats
		if err := Run(context.Background(), o, jobSource(all...)); err != nil {
			t.Error(err)
		}
		took = time.Since(start)
	})
	return took, stats
}

// Workers share the work evenly, as far as possible: reading and each lane are one
// task at a time.
func TestRunScales(t *testing.T) {
	const us = time.Microsecond
	for _, tt := range []struct {
		name         string
		jobs         int
		read, decode time.Duration
		lanes        []time.Duration
		workers      int
		efficiency   float64 // best possible time / time, at least
	}{
		{"one job, lanes alike", 1, 300 * us, 200 * us, []time.Duration{170 * us, 170 * us, 160 * us}, 2, 0.97},
		{"one job, a heavy lane", 1, 300 * us, 200 * us, []time.Duration{10 * us, 50 * us, 50 * us, 400 * us}, 2, 0.95},
		{"one job, lane-bound", 1, 200 * us, 100 * us, []time.Duration{20 * us, 600 * us}, 2, 0.97},
		{"one job, read-bound", 1, 600 * us, 200 * us, []time.Duration{100 * us, 100 * us}, 4, 0.9},
		{"one job, many workers", 1, 250 * us, 800 * us, []time.Duration{100 * us, 100 * us}, 8, 0.9},
		{"two jobs", 2, 300 * us, 200 * us, []time.Duration{100 * us, 400 * us}, 2, 0.999},
		{"three jobs", 3, 300 * us, 200 * us, []time.Duration{100 * us, 400 * us}, 2, 0.97},
		{"nine jobs", 9, 300 * us, 200 * us, []time.Duration{100 * us, 400 * us}, 4, 0.93},
	} {
		t.Run(tt.name, func(t *testing.T) {
			const batches = 400
			one, _ := makespan(t, 1, tt.jobs, batches, tt.read, tt.decode, tt.lanes...)
			took, stats := makespan(t, tt.workers, tt.jobs, batches, tt.read, tt.decode, tt.lanes...)
			best := one / time.Duration(tt.workers)
			for _, serial := range append([]time.Duration{tt.read}, tt.lanes...) {
				best = max(best, batches*serial)
			}
			got := float64(best) / float64(took)
			t.Logf("one worker %v, %d workers %v (%.2f x), efficiency %.3f, stolen %d", one, tt.workers, took, float64(one)/float64(took), got, stats.Stolen)
			if got < tt.efficiency {
				t.Errorf("took %v, %v is possible", took, best)
			}
		})
	}
}
