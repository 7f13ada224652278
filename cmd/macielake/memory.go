package main

import (
	"os"
	"runtime/debug"
)

// Memory that so many workers are fine with, in bytes.
const (
	baseMemory   = 64 << 20
	workerMemory = 64 << 20
)

// limitMemory makes Go collect garbage before the program takes more memory than
// its workers need. By itself it would let garbage, and the buffers that are
// kept to be used again, grow to as much as what is in use. The limit isn't a
// hard one: what needs more gets it, and is collected more often. Who has set
// GOMEMLIMIT has decided otherwise.
func limitMemory(workers int) {
	if _, set := os.LookupEnv("GOMEMLIMIT"); !set {
		debug.SetMemoryLimit(baseMemory + int64(workers)*workerMemory)
	}
}
