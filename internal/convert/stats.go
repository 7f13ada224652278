package convert

import (
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"time"

	"github.com/macielake/macielake/internal/text"
	"github.com/macielake/macielake/pkg/sink"
	"github.com/macielake/macielake/pkg/stream"
)

// Stats says where the time went, in seconds. Fetch to Idle add up over the
// workers; Sync goes on behind them.
type Stats struct {
	Fetch   float64 `json:"fetch_seconds"` // waiting for stored bytes
	Inflate float64 `json:"inflate_seconds"`
	Decode  float64 `json:"decode_seconds"`
	Encode  float64 `json:"encode_seconds"`
	Write   float64 `json:"write_seconds"` // handing files to the system
	Idle    float64 `json:"idle_seconds"`  // nothing to do
	Sync    float64 `json:"sync_seconds"`  // waiting until files are durable

	Batches  int64 `json:"batches"`
	Stolen   int64 `json:"stolen"`   // tasks done for another worker's part
	Restarts int64 `json:"restarts"` // parts begun again without a broken object
}

// times are what a run measures itself, besides the worker pool.
type times struct{ fetch, write, sync span }

// span is a duration that several goroutines add to.
type span struct{ ns atomic.Int64 }

func (s *span) add(d time.Duration)   { s.ns.Add(int64(d)) }
func (s *span) since(start time.Time) { s.add(time.Since(start)) }
func (s *span) load() time.Duration   { return time.Duration(s.ns.Load()) }

func newStats(s *stream.Stats, t *times) Stats {
	fetch, write := t.fetch.load(), t.write.load()
	return Stats{
		Fetch:    fetch.Seconds(),
		Inflate:  (s.Read - fetch).Seconds(),
		Decode:   s.Decode.Seconds(),
		Encode:   (s.Write + s.Finish + s.Next - write).Seconds(),
		Write:    write.Seconds(),
		Idle:     s.Idle.Seconds(),
		Sync:     t.sync.load().Seconds(),
		Batches:  s.Batches,
		Stolen:   s.Stolen,
		Restarts: s.Restarts,
	}
}

// WriteText writes the statistics for people.
func (s *Stats) WriteText(w io.Writer) error {
	workers := s.Fetch + s.Inflate + s.Decode + s.Encode + s.Write + s.Idle
	var b strings.Builder
	for _, stage := range []struct {
		name    string
		seconds float64
		what    string
	}{
		{"fetch", s.Fetch, "wait  for stored bytes"},
		{"inflate", s.Inflate, "CPU"},
		{"decode", s.Decode, "CPU"},
		{"encode", s.Encode, "CPU"},
		{"write", s.Write, "CPU   handing files to the system"},
		{"idle", s.Idle, "wait  for work"},
	} {
		fmt.Fprintf(&b, "%-12s %8.3f s  %3.0f%%  %s\n", stage.name, stage.seconds, 100*stage.seconds/max(workers, 1e-9), stage.what)
	}
	fmt.Fprintf(&b, "%-12s %8.3f s        wait  until files are durable, behind the work\n", "sync", s.Sync)
	fmt.Fprintf(&b, "%-12s %s batches, %s tasks stolen, %s parts restarted\n", "work",
		text.Count(s.Batches), text.Count(s.Stolen), text.Count(s.Restarts))
	_, err := io.WriteString(w, b.String())
	return err
}

// timedOutput measures the time that a file's writing and syncing takes.
type timedOutput struct {
	sink.Output
	times *times
}

func (o *timedOutput) Write(p []byte) (int, error) {
	defer o.times.write.since(time.Now())
	return o.Output.Write(p)
}

func (o *timedOutput) Commit() error {
	defer o.times.sync.since(time.Now())
	return o.Output.Commit()
}
