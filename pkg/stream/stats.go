package stream

import "time"

// Stats is the time that a Run took, by what it was used for, and added up over the
// workers. Each moment of a worker is in exactly one of the spans.
type Stats struct {
	Next   Span // in next, the argument of Run
	Read   Span // in Job.Read; includes Reader.FetchWait
	Decode Span // in Job.Decode
	Write  Span // in Job.Write, and in pieces of other workers' tasks (see Crew)
	Finish Span // in Job.Finish
	Idle   Span // without a task

	// CPU is the CPU time of the whole process during the Run. It is more than that
	// of the spans: it includes garbage collection, prefetching and everything else.
	// All CPU times are 0 without PoolOptions.CPU, and where the system has no
	// clocks for threads.
	CPU time.Duration

	Batches  int64 // batches that were read
	Stolen   int64 // tasks that a worker did for another worker's job
	Restarts int64 // jobs that were replaced by another one after Finish
}

// Span is an elapsed time, and the part of it in which a core worked. The rest was
// spent waiting for a disk, for another worker, or for a core.
type Span struct{ Wall, CPU time.Duration }

// Add adds o to s.
func (s *Span) Add(o Span) {
	s.Wall += o.Wall
	s.CPU += o.CPU
}

// Sub subtracts o, which is a part of s, from s.
func (s *Span) Sub(o Span) {
	s.Wall -= o.Wall
	s.CPU -= o.CPU
}

// Stopwatch measures laps of the calling goroutine, which must stay on its thread:
// CPU time is that of the thread's clock. Tasks of a Run with PoolOptions.CPU do. It
// is not safe for concurrent use.
type Stopwatch struct {
	wall    time.Time
	cpu     time.Duration
	withCPU bool
}

// NewStopwatch returns a stopwatch whose first lap begins now. Without withCPU, the
// CPU times of its laps are 0.
func NewStopwatch(withCPU bool) Stopwatch {
	w := Stopwatch{wall: time.Now(), withCPU: withCPU}
	if withCPU {
		w.cpu = threadCPU()
	}
	return w
}

// Lap ends a lap and returns its time. The next lap begins at once.
func (w *Stopwatch) Lap() Span {
	now := NewStopwatch(w.withCPU)
	s := Span{now.wall.Sub(w.wall), now.cpu - w.cpu}
	*w = now
	return s
}

func (s *Stats) add(o *Stats) {
	s.Next.Add(o.Next)
	s.Read.Add(o.Read)
	s.Decode.Add(o.Decode)
	s.Write.Add(o.Write)
	s.Finish.Add(o.Finish)
	s.Idle.Add(o.Idle)
	s.Batches += o.Batches
	s.Stolen += o.Stolen
	s.Restarts += o.Restarts
}
