package run

import (
	"sync/atomic"
	"time"

	"github.com/macielake/macielake/pkg/sink"
	"github.com/macielake/macielake/pkg/stream"
)

// Stats says where the time went, in seconds. Fetch to Idle add up over the
// workers; Sync goes on behind them.
type Stats struct {
	Fetch   float64 `json:"fetch_seconds"` // opening objects, and reading or waiting for stored bytes
	Inflate float64 `json:"inflate_seconds"`
	Decode  float64 `json:"decode_seconds"`
	Encode  float64 `json:"encode_seconds"`
	Write   float64 `json:"write_seconds"` // handing files to the system
	Idle    float64 `json:"idle_seconds"`  // nothing to do
	Sync    float64 `json:"sync_seconds"`  // waiting until files are durable

	// CPU is for how much of that a core worked; nil where it wasn't asked for, or
	// the system doesn't tell. The rest was waiting: for a disk, a network,
	// another worker or a core.
	CPU *CPUStats `json:"cpu,omitempty"`

	Batches  int64 `json:"batches"`
	Stolen   int64 `json:"stolen"`   // tasks done for another worker's part
	Restarts int64 `json:"restarts"` // parts begun again without a broken object
}

// CPUStats says what the time that a core worked went to, in seconds, by the
// clocks of the workers' threads.
type CPUStats struct {
	Fetch   float64 `json:"fetch_seconds"`
	Inflate float64 `json:"inflate_seconds"`
	Decode  float64 `json:"decode_seconds"`
	Encode  float64 `json:"encode_seconds"`
	Write   float64 `json:"write_seconds"`
	// Behind is what the process used beside its workers: to prefetch, to make
	// files durable, and what Go's runtime took, to collect garbage above all.
	Behind float64 `json:"behind_seconds"`
}

// Times is what runs measure while they work. The zero value has measured nothing;
// it may be shared by runs that follow each other.
type Times struct {
	pool stream.Stats
	// What a run measures itself, besides the worker pool.
	fetch, write, sync span
}

// span is a time that several goroutines add to.
type span struct{ wall, cpu atomic.Int64 }

func (s *span) add(o stream.Span) {
	s.wall.Add(int64(o.Wall))
	s.cpu.Add(int64(o.CPU))
}

func (s *span) load() stream.Span {
	return stream.Span{Wall: time.Duration(s.wall.Load()), CPU: time.Duration(s.cpu.Load())}
}

// Stats says where the time went. It may be called when no run is at work.
func (t *Times) Stats() Stats {
	s := &t.pool
	encode := s.Write
	encode.Add(s.Finish)
	encode.Add(s.Next)
	fetch, write := t.fetch.load(), t.write.load()
	encode.Sub(write)
	inflate := s.Read
	inflate.Sub(fetch)
	stats := Stats{
		Fetch:    fetch.Wall.Seconds(),
		Inflate:  inflate.Wall.Seconds(),
		Decode:   s.Decode.Wall.Seconds(),
		Encode:   encode.Wall.Seconds(),
		Write:    write.Wall.Seconds(),
		Idle:     s.Idle.Wall.Seconds(),
		Sync:     t.sync.load().Wall.Seconds(),
		Batches:  s.Batches,
		Stolen:   s.Stolen,
		Restarts: s.Restarts,
	}
	if s.CPU > 0 {
		workers := s.Read.CPU + s.Decode.CPU + s.Write.CPU + s.Finish.CPU + s.Next.CPU + s.Idle.CPU
		stats.CPU = &CPUStats{
			Fetch:   fetch.CPU.Seconds(),
			Inflate: inflate.CPU.Seconds(),
			Decode:  s.Decode.CPU.Seconds(),
			Encode:  encode.CPU.Seconds(),
			Write:   write.CPU.Seconds(),
			Behind:  max(0, s.CPU-workers).Seconds(),
		}
	}
	return stats
}

// timedOutput measures the time that a file's writing and syncing takes.
type timedOutput struct {
	sink.Output
	times   *Times
	withCPU bool
}

func (o *timedOutput) Write(p []byte) (int, error) {
	watch := stream.NewStopwatch(o.withCPU)
	n, err := o.Output.Write(p)
	o.times.write.add(watch.Lap())
	return n, err
}

// Commit is mostly called beside the workers, where threads change.
func (o *timedOutput) Commit() error {
	start := time.Now()
	err := o.Output.Commit()
	o.times.sync.add(stream.Span{Wall: time.Since(start)})
	return err
}
