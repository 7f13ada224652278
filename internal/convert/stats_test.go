package convert

import (
	"runtime"
	"testing"

	"github.com/macielake/macielake/internal/gen"
)

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
