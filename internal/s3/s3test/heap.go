package s3test

import (
	"runtime"
	"time"
)

// PeakHeap returns by how many bytes the heap grew at most, garbage included, while do
// ran.
func PeakHeap(do func()) int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	start := int64(m.HeapAlloc)
	stop, peak := make(chan struct{}), make(chan int64)
	go func() {
		most := start
		for {
			select {
			case <-stop:
				peak <- most
				return
			case <-time.After(2 * time.Millisecond):
				runtime.ReadMemStats(&m)
				most = max(most, int64(m.HeapAlloc))
			}
		}
	}()
	do()
	close(stop)
	return <-peak - start
}
