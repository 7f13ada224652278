package run

import (
	"strings"
	"testing"
	"time"

	"github.com/macielake/macielake/pkg/stream"
)

func TestStatsText(t *testing.T) {
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
	for want, cpu := range map[string]time.Duration{known: t0.pool.CPU, unknown: 0} {
		t0.pool.CPU = cpu
		s := t0.Stats()
		var b strings.Builder
		if err := s.WriteText(&b); err != nil {
			t.Fatal(err)
		}
		if b.String() != want {
			t.Errorf("got:\n%s\nwant:\n%s", b.String(), want)
		}
	}
}
