package render

import (
	"bytes"
	"strings"
	"testing"

	"github.com/macielake/macielake/internal/convert"
	"github.com/macielake/macielake/internal/run"
)

func TestStatsText(t *testing.T) {
	const known = `seconds            all             CPU      wait
fetch            0.060    6%     0.010     0.050  for stored bytes
inflate          0.140   14%     0.130     0.010
decode           0.150   15%     0.150     0.000
encode           0.530   53%     0.500     0.030
write            0.020    2%     0.005     0.015  handing files to the system
idle             0.100   10%               0.100  workers without work
behind                           0.053            prefetching, making files durable, Go's runtime
sync                                       0.300  until files are durable, behind the work
work         1,234 batches, 5 tasks stolen, 1 part restarted
`
	const unknown = `seconds            all             CPU      wait
fetch            0.060    6%         ?         ?  for stored bytes
inflate          0.140   14%         ?         ?
decode           0.150   15%         ?         ?
encode           0.530   53%         ?         ?
write            0.020    2%         ?         ?  handing files to the system
idle             0.100   10%               0.100  workers without work
sync                                       0.300  until files are durable, behind the work
work         1,234 batches, 5 tasks stolen, 1 part restarted
`
	s := run.Stats{
		Fetch: 0.06, Inflate: 0.14, Decode: 0.15, Encode: 0.53, Write: 0.02, Idle: 0.1, Sync: 0.3,
		Batches: 1234, Stolen: 5, Restarts: 1,
	}
	cpu := &run.CPUStats{Fetch: 0.01, Inflate: 0.13, Decode: 0.15, Encode: 0.5, Write: 0.005, Behind: 0.053}
	for want, cpu := range map[string]*run.CPUStats{known: cpu, unknown: nil} {
		s.CPU = cpu
		var b strings.Builder
		if err := Stats(&b, &s); err != nil {
			t.Fatal(err)
		}
		if b.String() != want {
			t.Errorf("got:\n%s\nwant:\n%s", b.String(), want)
		}
	}
}

// What a summary names mustn't fill the terminal, or move its cursor.
func TestSummaryText(t *testing.T) {
	s := &convert.Summary{Runs: []string{"000001-00000000"}, UnknownFields: map[string]int64{strings.Repeat("k", 1<<20): 1}, CopiesOf: []string{"/in/\x1b[2J"}}
	s.Sources.Copies = 20
	var text bytes.Buffer
	if err := Summary(&text, s); err != nil || text.Len() > 1<<16 {
		t.Errorf("the summary has %d bytes, %v", text.Len(), err)
	}
	if !strings.Contains(text.String(), "20 already converted from /in/") || strings.Contains(text.String(), "\x1b") {
		t.Errorf("%.1000q", text.String())
	}
}
