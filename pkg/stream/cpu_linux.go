package stream

import (
	"time"

	"golang.org/x/sys/unix"
)

// threadCPU is the time for which the calling thread has run.
func threadCPU() time.Duration { return cpuTime(unix.CLOCK_THREAD_CPUTIME_ID) }

// processCPU is the same of the whole process.
func processCPU() time.Duration { return cpuTime(unix.CLOCK_PROCESS_CPUTIME_ID) }

func cpuTime(clock int32) time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(clock, &t); err != nil {
		return 0 // as where there are no such clocks
	}
	return time.Duration(t.Nano())
}
