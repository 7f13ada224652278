package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/macielake/macielake/internal/state"
	"github.com/macielake/macielake/internal/text"
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
	late    func(run string) bool // runs that began after until; nil for none
	run     *state.RunState       // as of which it is; nil for none
	now     time.Time             // what ages are told by
}

// asOf returns what --as-of and --run choose.
func (in *inputs) asOf(asOf, run string) (point, error) {
	p := point{now: time.Now()}
	switch {
	case asOf != "" && run != "":
		return p, usagef("--as-of and --run exclude each other")
	case run != "":
		r, err := in.run("--run", run)
		if err != nil {
			return p, err
		}
		p.through = func(id string) bool { return id == r.RunID }
		return p, nil
	case asOf == "":
		return p, nil
	}
	if t, ok := parseTime(asOf); ok {
		p.until, p.now, p.late = where.IntValue(t.UnixMicro()), t, in.startedAfter(t)
		return p, nil
	}
	r, err := in.run("--as-of", asOf)
	if err != nil {
		return p, err
	}
	p.run, p.now = r, r.End.EndedAt
	p.through = in.committed(r.Includes).ids()
	return p, nil
}

// runSet is a set of committed runs, by number.
type runSet []*state.RunState

// committed returns the committed runs of the one dataset for which is holds.
func (in *inputs) committed(is func(r *state.RunState) bool) runSet {
	var set runSet
	for i := range in.datasets[0].States {
		if r := &in.datasets[0].States[i]; r.Committed() && is(r) {
			set = append(set, r)
		}
	}
	return set
}

// all is the condition of all runs.
func all(*state.RunState) bool { return true }

// ids tells the runs of the set by run_id.
func (s runSet) ids() func(run string) bool {
	ids := make(map[string]bool, len(s))
	for _, r := range s {
		ids[r.RunID] = true
	}
	return func(run string) bool { return ids[run] }
}

// last returns the run that was committed last; nil if there is none.
func (s runSet) last() *state.RunState {
	var last *state.RunState
	for _, r := range s {
		if last == nil || r.Includes(last) {
			last = r
		}
	}
	return last
}

// startedAfter tells the runs that began after a time.
func (in *inputs) startedAfter(t time.Time) func(run string) bool {
	late := make(map[string]bool)
	for _, l := range in.datasets {
		for i := range l.States {
			late[l.States[i].RunID] = l.States[i].StartedAt.After(t)
		}
	}
	if len(late) == 0 {
		return nil
	}
	return func(run string) bool { return late[run] }
}

// asOfCaveat says what an answer as of a time or a run is made of.
type asOfCaveat struct {
	AsOf        time.Time `json:"as_of"`        // of a run when it ended
	LastRun     string    `json:"last_run"`     // that was read; as of a time the last that the dataset had when the answer was made
	LateResults int64     `json:"late_results"` // that arrived in runs that began after that time
}

// sayAsOf says of an answer as of a time or a run which runs it is made of, and how
// many of its results arrived later.
func (in *inputs) sayAsOf(s *session, p point, late int64) {
	switch {
	case len(in.datasets) == 0:
	case p.run != nil:
		s.caveat(asOfCaveat{AsOf: p.run.End.EndedAt, LastRun: p.run.RunID})
		fmt.Fprintf(s.stderr, "note: as of run %s, which ended at %s\n", p.run.RunID, text.Time(p.run.End.EndedAt))
	case !p.until.Null():
		c := asOfCaveat{AsOf: time.UnixMicro(p.until.Int()).UTC(), LateResults: late}
		for _, l := range in.datasets {
			for i := range l.States {
				if l.States[i].Committed() {
					c.LastRun = l.States[i].RunID
				}
			}
		}
		s.caveat(c)
		fmt.Fprintf(s.stderr, "note: as of %s, from the runs up to %s; of the results that were read %s came in runs that began later\n",
			text.Time(c.AsOf), c.LastRun, text.Count(late))
	}
}

// parseTime parses a time, or a date, which is the end of its day.
func parseTime(s string) (time.Time, bool) {
	if t, err := time.Parse(time.DateOnly, s); err == nil {
		return t.AddDate(0, 0, 1).Add(-time.Microsecond), true
	}
	t, err := time.Parse(time.RFC3339, strings.Replace(s, " ", "T", 1))
	return t, err == nil
}

// run returns the committed run that a flag names.
func (in *inputs) run(flag, value string) (*state.RunState, error) {
	if len(in.datasets) != 1 || len(in.results) > 0 {
		return nil, usagef("%s %s names a run: name one dataset", flag, value)
	}
	n, err := strconv.Atoi(value)
	if err != nil && value != lastRun {
		return nil, usagef("%s %q: want a time such as 2026-11-22 or 2026-11-22T08:00:00Z, the number of a run, or %s", flag, value, lastRun)
	}
	found := in.committed(func(r *state.RunState) bool { return value == lastRun || r.Number == n }).last()
	if found == nil {
		return nil, &noSuchRunError{value}
	}
	return found, nil
}

// noSuchRunError says that a dataset has no committed run of that number.
type noSuchRunError struct{ run string }

func (e *noSuchRunError) Error() string {
	if e.run == lastRun {
		return "the dataset has no committed run"
	}
	return "the dataset has no committed run " + e.run
}
