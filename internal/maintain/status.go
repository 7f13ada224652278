package maintain

import (
	"context"
	"time"

	"github.com/macielake/macielake/internal/lake"
	"github.com/macielake/macielake/internal/state"
	"github.com/macielake/macielake/internal/store"
)

// Status is what a dataset holds, and what limits answers from it.
type Status struct {
	state.Dataset
	URI       string `json:"uri"`
	Committed int    `json:"committed_runs"`
	Abandoned int    `json:"abandoned_runs"`
	// Open are the runs that haven't ended.
	Open []OpenRun   `json:"open_runs"`
	Last *RunSummary `json:"last_run,omitempty"` // the last one that is committed
	// Sources are those that are converted or rejected.
	Sources int64 `json:"sources"`
	// Totals are those of committed runs. Of rejects that were tried again only
	// the last time counts, so that RetriedLines and RetriedSources are 0.
	Totals  state.Totals   `json:"totals"`
	Caveats *state.Caveats `json:"caveats"`
	// Look is the last time that a convert listed its inputs; nil if none has.
	Look *state.Look `json:"last_look"`
	// Origins are who has produced results, the quietest first.
	Origins []Origin `json:"origins"`
}

// OpenRun is a run that hasn't ended.
type OpenRun struct {
	Run       string    `json:"run"` // run_id
	StartedAt time.Time `json:"started_at"`
	Sources   int64     `json:"sources"`
	Bytes     int64     `json:"bytes"`
	Parts     int       `json:"parts"`
	Done      int       `json:"parts_done"` // that have a receipt
}

// LoadStatus reads the status of a dataset: its records, which files its
// directories hold, and of its results who has produced them and when. It is a
// state.NotWholeError if they contradict each other. As many files are read at a
// time as workers says.
func LoadStatus(ctx context.Context, s store.Store, workers int) (*Status, error) {
	d, runs, err := state.Open(ctx, s, state.Everything)
	if err != nil {
		return nil, err
	}
	st := &Status{Dataset: d, URI: s.URI("."), Open: []OpenRun{}}
	for i := range runs {
		r := &runs[i]
		switch {
		case r.Open():
			st.Open = append(st.Open, OpenRun{Run: r.RunID, StartedAt: r.StartedAt, Sources: r.Sources,
				Bytes: r.Bytes, Parts: r.Parts, Done: len(r.Files.Receipts)})
		case !r.Committed():
			st.Abandoned++
		default:
			st.Committed++
			last := summarizeRun(r)
			st.Last = &last
			st.Totals.AddTotals(r.End.Totals)
			if !r.Retry {
				st.Sources += r.End.Totals.Converted + r.End.Totals.Rejected
			}
		}
	}
	if st.Committed == 0 {
		st.Totals.AddTotals(&state.Totals{}) // its maps are there
	}
	st.Totals.Settle()
	if st.Caveats, err = state.LoadCaveats(ctx, s, &d, runs); err != nil {
		return nil, err
	}
	if st.Look, _, err = state.LastLook(ctx, s, &d); err != nil {
		return nil, err
	}
	l, err := lake.Open(ctx, s)
	if err != nil {
		return nil, err
	}
	st.Origins, err = loadOrigins(ctx, l, workers)
	return st, err
}

// RunSummary is a run in a list of runs.
type RunSummary struct {
	Number    int        `json:"number"`
	RunID     string     `json:"run_id"`
	State     string     `json:"state"` // open, committed or abandoned
	Retry     bool       `json:"retry,omitempty"`
	StartedAt time.Time  `json:"started_at"`
	EndedAt   *time.Time `json:"ended_at"` // nil for an open run
	Version   string     `json:"version"`  // of macielake
	Sources   int64      `json:"sources"`  // planned
	Bytes     int64      `json:"bytes"`    // of the sources, as listed
	// Totals are those of a committed run; nil for others.
	Totals *state.Totals `json:"totals,omitempty"`
}

// StateOpen is the state of a run that hasn't ended.
const StateOpen = "open"

func summarizeRun(r *state.RunState) RunSummary {
	s := RunSummary{Number: r.Number, RunID: r.RunID, State: StateOpen, Retry: r.Retry, StartedAt: r.StartedAt,
		Version: r.Version, Sources: r.Sources, Bytes: r.Bytes}
	if r.End != nil {
		s.State, s.EndedAt, s.Totals = r.End.State, &r.End.EndedAt, r.End.Totals
	}
	return s
}

// ListRuns lists the runs of a dataset by number.
func ListRuns(ctx context.Context, s store.Store) ([]RunSummary, error) {
	_, runs, err := state.Open(ctx, s, state.Records)
	if err != nil {
		return nil, err
	}
	list := make([]RunSummary, len(runs))
	for i := range runs {
		list[i] = summarizeRun(&runs[i])
	}
	return list, nil
}
