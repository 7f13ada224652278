//go:build !linux

package stream

import "time"

// CPU times are not measured on these systems.

func threadCPU() time.Duration { return 0 }

func processCPU() time.Duration { return 0 }
