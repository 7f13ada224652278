package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Peak memory of a conversion with two workers, and of each further one.
const (
	peakOfTwo   = 256 << 20
	peakOfOther = 128 << 20
)

// peak is the most memory that a process has had since it began its program.
func (p *program) peak(t *testing.T) int64 {
	t.Helper()
	most := int64(0)
	for {
		status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Process.Pid)) // gone with the process
		for line := range strings.Lines(string(status)) {
			if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
				kb, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
				if err != nil {
					t.Fatal(err)
				}
				most = max(most, kb<<10)
			}
		}
		select {
		case <-p.ended:
			return most
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// A line that was made to take memory takes no more than any other, whatever the
// kind of its values: longer than the limit on its bytes, and just below it.
func TestMemoryOfHostileLines(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("reads /proc")
	}
	const detection = `{"classificationDetails":{"result":{"sensitiveData":[{"detections":[`
	for _, test := range []struct{ name, before, value, after, class string }{
		{"cells", detection + `{"occurrences":{"cells":[`, `{}`, `]}}]}]}}}`, "too_many_values"},
		{"detections", detection, `{}`, `]}]}}}`, "too_many_values"},
		{"tags", `{"resourcesAffected":{"s3Bucket":{"tags":[`, `{"key":"%d"}`, `]}}}`, "too_many_values"},
		{"unknown fields", detection + `{`, `"u%d":0`, `}]}]}}}`, "too_many_values"},
		{"an unknown field", `{"u":[`, `12345`, `]}`, ""},
		{"text", `{"title":"`, `x\n`, `"}`, ""},
	} {
		for _, size := range []int{64 << 20, 23 << 20} {
			line := []byte(test.before)
			for i := 0; len(line) < size-32; i++ {
				if i > 0 && test.name != "text" {
					line = append(line, ',')
				}
				if strings.Contains(test.value, "%d") {
					line = fmt.Appendf(line, test.value, i)
				} else {
					line = append(line, test.value...)
				}
			}
			line = append(append(line, test.after...), '\n')
			workers := 2
			if test.name == "text" {
				workers = 3
			}
			dir := t.TempDir()
			source := filepath.Join(dir, "in.jsonl.gz")
			if err := os.WriteFile(source, gzipped(line), 0o600); err != nil {
				t.Fatal(err)
			}
			p := start(t, nil, "convert", source, "--out", filepath.Join(dir, "lake"), "--json", "-q", "--workers", strconv.Itoa(workers))
			got := p.peak(t)
			if most := int64(peakOfTwo + (workers-2)*peakOfOther); got > most || got == 0 {
				t.Errorf("%s of %d MiB: %d MB with %d workers", test.name, size>>20, got>>20, workers)
			}
			class := test.class
			if size == 64<<20 {
				class = "line_too_long"
			}
			if out := p.stdout.String(); class != "" && !strings.Contains(out, `"`+class+`"`) {
				t.Errorf("%s of %d MiB: no %s in %s", test.name, size>>20, class, out)
			}
		}
	}
}
