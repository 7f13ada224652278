package main

import (
	"os"
	"runtime/debug"
)

// Memory that so many workers are fine with, in bytes.
const (
	baseMemory   = 48 << 20
	workerMemory = 64 << 20
)

// collectLess makes Go collect garbage half as often as it does by itself: what answers
// hold is bounded by --memory, and collecting took up to 4% of their time. Who has set
// GOGC has decided otherwise.
func collectLess() {
	if _, set := os.LookupEnv("GOGC"); !set {
		debug.SetGCPercent(200)
	}
}

// limitMemory makes Go collect garbage when the program is about to take more
// memory than its workers need, and not before: what is worth using again is used
// again without it, and by itself it would, in a long run, let garbage grow to as
// much as what is in use. The limit isn't a hard one: what needs more gets it, and
// is collected more often. Who has set GOMEMLIMIT or GOGC has decided otherwise.
func limitMemory(workers int) {
	if _, set := os.LookupEnv("GOMEMLIMIT"); set {
		return
	}
	debug.SetMemoryLimit(baseMemory + int64(workers)*workerMemory)
	if _, set := os.LookupEnv("GOGC"); !set {
		debug.SetGCPercent(-1)
	}
}
