//go:build !linux

package stream

import "time"

// What threads and the process use isn't measured here.

func threadCPU() time.Duration { return 0 }

func processCPU() time.Duration { return 0 }
