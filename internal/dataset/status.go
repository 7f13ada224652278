package dataset

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/macielake/macielake/internal/store"
)

// Status is what a dataset holds.
type Status struct {
	Dataset
	URI       string `json:"uri"`
	Committed int    `json:"committed_runs"`
	Abandoned int    `json:"abandoned_runs"`
	// Open are the runs that haven't ended.
	Open []OpenRun `json:"open_runs"`
	Last *End      `json:"last_run,omitempty"` // the last one that is committed
	// Sources are those that are converted or rejected.
	Sources int64 `json:"sources"`
	// Totals are those of committed runs. Of what was rejected and taken up
	// again only the last time counts, so that RetriedLines and RetriedObjects
	// are 0. Unreadable counts every time a source couldn't be read.
	Totals Totals `json:"totals"`
}

// OpenRun is a run that hasn't ended.
type OpenRun struct {
	Run       string    `json:"run"`
	StartedAt time.Time `json:"started_at"`
	Sources   int64     `json:"sources"`
	Bytes     int64     `json:"bytes"`
	Parts     int       `json:"parts"`
	Done      int       `json:"parts_done"` // that have a receipt
}

// loads is how many state files are read at a time.
const loads = 16

// LoadStatus reads a dataset's status.
func LoadStatus(ctx context.Context, s store.Store) (*Status, error) {
	d, err := Load(ctx, s)
	if err != nil {
		return nil, err
	}
	states, err := loadRuns(ctx, s)
	if err != nil {
		return nil, err
	}
	st := &Status{Dataset: d, URI: s.URI("."), Open: []OpenRun{}}
	st.Totals.init()
	for i := range states {
		r := &states[i]
		switch {
		case !r.Ended:
			st.Open = append(st.Open, OpenRun{Run: r.run.Run, StartedAt: r.run.StartedAt, Sources: r.run.Sources,
				Bytes: r.run.Bytes, Parts: r.run.Parts, Done: len(r.Parts)})
		case r.end.State == Abandoned:
			st.Abandoned++
		default:
			st.Committed++
			st.Last = &r.end
			st.Totals.AddTotals(r.end.Totals)
			if !r.run.Retry {
				st.Sources += r.end.Totals.Converted + r.end.Totals.Rejected
			}
		}
	}
	st.Totals.settle()
	return st, nil
}

// settle counts what was taken up again once.
func (t *Totals) settle() {
	t.Lines -= t.RetriedLines
	t.RejectedLines -= t.RetriedLines
	t.Rejected -= t.RetriedObjects
	t.Sources -= t.RetriedObjects
	t.RetriedLines, t.RetriedObjects = 0, 0
}

// runState is a run with what its files say.
type runState struct {
	RunFiles
	run Run
	end End // of one that has ended
}

// loadRuns reads all runs' run.json and end.json.
func loadRuns(ctx context.Context, s store.Store) ([]runState, error) {
	runs, err := ListRuns(ctx, s)
	if err != nil {
		return nil, err
	}
	states := make([]runState, len(runs))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(loads)
	for i := range runs {
		states[i].RunFiles = runs[i]
		group.Go(func() (err error) {
			r := &states[i]
			if r.run, err = LoadRun(ctx, s, r.Run); err == nil && r.Ended {
				r.end, err = LoadEnd(ctx, s, r.Run)
			}
			return err
		})
	}
	return states, group.Wait()
}
