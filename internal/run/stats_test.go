package run

import (
	"reflect"
	"testing"
	"time"

	"github.com/macielake/macielake/pkg/stream"
)

func TestStats(t *testing.T) {
	ms := func(wall, cpu int) stream.Span {
		return stream.Span{Wall: time.Duration(wall) * time.Millisecond, CPU: time.Duration(cpu) * time.Millisecond}
	}
	var t0 Times
	t0.fetch.add(ms(60, 10))
	t0.write.add(ms(20, 5))
	t0.sync.add(ms(300, 0))
	t0.pool = stream.Stats{
		Next: ms(1, 1), Read: ms(200, 140), Decode: ms(150, 150), Write: ms(500, 480), Finish: ms(49, 24), Idle: ms(100, 2),
		CPU: 850 * time.Millisecond, Batches: 1234, Stolen: 5, Restarts: 1,
	}
	want := Stats{
		Fetch: 0.06, Inflate: 0.14, Decode: 0.15, Encode: 0.53, Write: 0.02, Idle: 0.1, Sync: 0.3,
		CPU:     &CPUStats{Fetch: 0.01, Inflate: 0.13, Decode: 0.15, Encode: 0.5, Write: 0.005, Behind: 0.053},
		Batches: 1234, Stolen: 5, Restarts: 1,
	}
	if got := t0.Stats(); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %+v, want %+v", got, got.CPU, want)
	}
	t0.pool.CPU, want.CPU = 0, nil // the system doesn't tell
	if got := t0.Stats(); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}
