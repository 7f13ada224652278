package main

import (
	"os"
	"runtime/debug"
)

// Memory that so many workers are fine with, in bytes.
const (
	baseMemory   = 48 << 20
	workerMemory = 64 << 20
	// garbageFactor is how much garbage there may be for what is in use, in
	// percent, as long as there is that memory.
	garbageFactor = 400
)

// limitMemory makes Go collect garbage before the program takes more memory than
// its workers need. By itself it would let garbage, and the buffers that are
// kept to be used again, grow to as much as what is in use. The limit isn't a
// hard one: what needs more gets it, and is collected more often. Below it
// collecting is mostly a waste. Who has set GOMEMLIMIT or GOGC has decided
// otherwise.
func limitMemory(workers int) {
	if _, set := os.LookupEnv("GOMEMLIMIT"); set {
		return
	}
	debug.SetMemoryLimit(baseMemory + int64(workers)*workerMemory)
	if _, set := os.LookupEnv("GOGC"); !set {
		debug.SetGCPercent(garbageFactor)
	}
}
