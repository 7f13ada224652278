package convert

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/macielake/macielake/internal/gen"
	"github.com/macielake/macielake/pkg/stream"
)

func TestStatsText(t *testing.T) {
	ms := func(wall, cpu int) stream.Span {
		return stream.Span{Wall: time.Duration(wall) * time.Millisecond, CPU: time.Duration(cpu) * time.Millisecond}
	}
	var t0 times
	t0.fetch.add(ms(60, 10))
	t0.write.add(ms(20, 5))
	t0.sync.add(ms(300, 0))
	pool := stream.Stats{
		Next: ms(1, 1), Read: ms(200, 140), Decode: ms(150, 150), Write: ms(500, 480), Finish: ms(49, 24), Idle: ms(100, 2),
		CPU: 850 * time.Millisecond, Batches: 1234, Stolen: 5, Restarts: 1,
	}
	const known = `seconds            all             CPU      wait
fetch            0.060    6%     0.010     0.050  for stored bytes
inflate          0.140   14%     0.130     0.010
decode           0.150   15%     0.150     0.000
encode           0.530   53%     0.500     0.030
write            0.020    2%     0.005     0.015  handing files to the system
idle             0.100   10%               0.100  workers without work
behind                           0.053            prefetching, making files durable, Go's runtime
sync                                       0.300  until files are durable, behind the work
work         1,234 batches, 5 tasks stolen, 1 parts restarted
`
	const unknown = `seconds            all             CPU      wait
fetch            0.060    6%         ?         ?  for stored bytes
inflate          0.140   14%         ?         ?
decode           0.150   15%         ?         ?
encode           0.530   53%         ?         ?
write            0.020    2%         ?         ?  handing files to the system
idle             0.100   10%               0.100  workers without work
sync                                       0.300  until files are durable, behind the work
work         1,234 batches, 5 tasks stolen, 1 parts restarted
`
	for want, cpu := range map[string]time.Duration{known: pool.CPU, unknown: 0} {
		pool.CPU = cpu
		s := newStats(&pool, &t0)
		var b strings.Builder
		if err := s.WriteText(&b); err != nil {
			t.Fatal(err)
		}
		if b.String() != want {
			t.Errorf("got:\n%s\nwant:\n%s", b.String(), want)
		}
	}
}

// A core works no longer on a stage than the stage takes, and all stages that
// work are measured.
func TestStatsMeasured(t *testing.T) {
	dir, _ := sample(t, gen.Options{Profile: "mixed", Size: 2_000_000, Seed: 4, Encoding: gen.EncodingReal})
	for _, workers := range []int{1, 2} {
		o := testOptions(t, dir)
		o.Workers, o.CPUTimes = workers, true
		s := convertAll(t, o).Stats
		if s.CPU == nil {
			if runtime.GOOS == "linux" {
				t.Error("no CPU times")
			}
			continue
		}
		// Two clocks are read, one after the other.
		const slack = 1e-3
		for name, stage := range map[string][2]float64{
			"fetch": {s.Fetch, s.CPU.Fetch}, "inflate": {s.Inflate, s.CPU.Inflate}, "decode": {s.Decode, s.CPU.Decode},
			"encode": {s.Encode, s.CPU.Encode}, "write": {s.Write, s.CPU.Write},
		} {
			if stage[0] <= 0 || stage[1] < 0 || stage[1] > stage[0]+slack || stage[1] == 0 && name != "fetch" {
				t.Errorf("%d workers: %s used %g s of %g s", workers, name, stage[1], stage[0])
			}
		}
	}
}
