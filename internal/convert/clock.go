package convert

import (
	"sync"
	"time"

	"github.com/macielake/macielake/pkg/sink"
)

// clock measures for how long at least one of several goroutines is at
// something.
type clock struct {
	mu    sync.Mutex
	busy  int
	since time.Time
	total time.Duration
}

func (c *clock) start() {
	c.mu.Lock()
	if c.busy++; c.busy == 1 {
		c.since = time.Now()
	}
	c.mu.Unlock()
}

func (c *clock) stop() {
	c.mu.Lock()
	if c.busy--; c.busy == 0 {
		c.total += time.Since(c.since)
	}
	c.mu.Unlock()
}

// timedOutput measures the time that a file's writing and syncing takes.
type timedOutput struct {
	sink.Output
	clock *clock
}

func (o *timedOutput) Write(p []byte) (int, error) {
	o.clock.start()
	defer o.clock.stop()
	return o.Output.Write(p)
}

func (o *timedOutput) Commit() error {
	o.clock.start()
	defer o.clock.stop()
	return o.Output.Commit()
}
