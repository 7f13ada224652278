package stream

import "time"

// Stats says where the time of a Run went, added up over its workers. Each
// moment of a worker is in one of the spans.
type Stats struct {
	Next   Span // getting jobs
	Read   Span // in Job.Read, waiting for stored bytes included (see Reader.FetchWait)
	Decode Span // in Job.Decode
	Write  Span // in Job.Write, and doing pieces for others (see Crew)
	Finish Span // in Job.Finish
	Idle   Span // nothing to do

	// CPU is what the whole process used during the Run, for anything: what the
	// spans don't have went to collecting garbage, to prefetching and to whatever
	// else the process did. 0 where PoolOptions.CPU isn't set or the system doesn't
	// tell, and so are the CPU times of the spans.
	CPU time.Duration

	Batches  int64 // batches that were read
	Stolen   int64 // tasks done for another worker's job
	Restarts int64 // jobs that gave another one to run in their place
}

// Span is a time, and for how much of it a core worked: the rest was waiting,
// for a disk, for another worker, or for a core.
type Span struct{ Wall, CPU time.Duration }

// Add adds o to s.
func (s *Span) Add(o Span) {
	s.Wall += o.Wall
	s.CPU += o.CPU
}

// Sub takes o, a part of s, from it.
func (s *Span) Sub(o Span) {
	s.Wall -= o.Wall
	s.CPU -= o.CPU
}

// Stopwatch measures a part of a task: tasks, and the pieces of those that are
// shared, stay on a thread each, whose clock it reads.
type Stopwatch struct {
	wall    time.Time
	cpu     time.Duration
	withCPU bool
}

// NewStopwatch returns a stopwatch whose first lap has begun, which measures CPU
// times or leaves them 0.
func NewStopwatch(withCPU bool) Stopwatch {
	w := Stopwatch{wall: time.Now(), withCPU: withCPU}
	if withCPU {
		w.cpu = threadCPU()
	}
	return w
}

// Lap returns the time since the last lap ended, or the first one began.
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
