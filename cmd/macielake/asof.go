package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/macielake/macielake/internal/where"
)

func addAsOf(f *pflag.FlagSet, value *string) {
	f.StringVar(value, "as-of", "", "answer as of a `TIME` (2026-11-22 is the end of that day, UTC) or of a run of a dataset")
}

// lastRun is the name of a dataset's last committed run.
const lastRun = "last"

// point is what results an answer is made of.
type point struct {
	until   where.Value           // no later results; null for all
	through func(run string) bool // only of such runs; nil for all
	now     time.Time             // what ages are told by
}

// asOf returns what --as-of and --run choose.
func (in *inputs) asOf(asOf, run string) (point, error) {
	p := point{now: time.Now()}
	switch {
	case asOf != "" && run != "":
		return p, usagef("--as-of and --run exclude each other")
	case run != "":
		name, err := in.run("--run", run)
		if err != nil {
			return p, err
		}
		p.through = func(r string) bool { return r == name }
		return p, nil
	case asOf == "":
		return p, nil
	}
	if t, ok := parseTime(asOf); ok {
		p.until, p.now = where.IntValue(t.UnixMicro()), t
		return p, nil
	}
	name, err := in.run("--as-of", asOf)
	if err != nil {
		return p, err
	}
	p.through = func(r string) bool { return r <= name }
	return p, nil
}

// parseTime parses a time, or a date, which is the end of its day.
func parseTime(s string) (time.Time, bool) {
	if t, err := time.Parse(time.DateOnly, s); err == nil {
		return t.AddDate(0, 0, 1).Add(-time.Microsecond), true
	}
	t, err := time.Parse(time.RFC3339, strings.Replace(s, " ", "T", 1))
	return t, err == nil
}

// run returns the name of a run that a flag gives, as files are named by it.
func (in *inputs) run(flag, value string) (string, error) {
	if len(in.datasets) != 1 || len(in.results) > 0 {
		return "", usagef("%s %s names a run: name one dataset", flag, value)
	}
	runs := in.datasets[0].Runs()
	if value == lastRun && len(runs) > 0 {
		return runs[len(runs)-1], nil
	}
	if n, err := strconv.Atoi(value); err == nil {
		for _, r := range runs {
			number, _, _ := strings.Cut(r, "-")
			if m, err := strconv.Atoi(number); err == nil && m == n {
				return r, nil
			}
		}
		return "", &noSuchRunError{value, len(runs)}
	}
	return "", usagef("%s %q: want a time such as 2026-11-22 or 2026-11-22T08:00:00Z, the number of a run, or %s", flag, value, lastRun)
}

// noSuchRunError says that a dataset has no committed run of that number.
type noSuchRunError struct {
	run  string
	runs int
}

func (e *noSuchRunError) Error() string {
	return fmt.Sprintf("the dataset has no committed run %s", e.run)
}
