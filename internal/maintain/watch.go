package maintain

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/macielake/macielake/internal/current"
	"github.com/macielake/macielake/internal/lake"
)

// Origin is who produces results: a job, or automated discovery, of one
// administrator and Region.
type Origin struct {
	Administrator string    `json:"administrator,omitempty"` // otherwise the account of its results
	Region        string    `json:"region,omitempty"`
	Job           string    `json:"job,omitempty"` // empty for automated discovery
	Newest        time.Time `json:"newest"`        // when its newest result was created
}

// String names the origin for people.
func (o *Origin) String() string {
	what := "automated discovery"
	if o.Job != "" {
		what = "job " + o.Job
	}
	return fmt.Sprintf("%s of %s in %s", what, cmp.Or(o.Administrator, "an unknown administrator"), cmp.Or(o.Region, "an unknown Region"))
}

// loadOrigins reads the origins of a dataset's results, the one whose newest result
// is oldest first. Those without a time are left out; without the table of results
// there are none.
func loadOrigins(ctx context.Context, l *lake.Lake, workers int) ([]Origin, error) {
	if !l.Has("results") {
		return []Origin{}, nil
	}
	all, err := current.OriginsOf(ctx, l, workers)
	if err != nil {
		return nil, err
	}
	origins := make([]Origin, 0, len(all))
	for i := range all {
		if o := &all[i]; o.Known {
			origins = append(origins, Origin{o.Administrator, o.Region, o.Job, time.UnixMicro(o.Newest).UTC()})
		}
	}
	slices.SortStableFunc(origins, func(a, b Origin) int { return a.Newest.Compare(b.Newest) })
	return origins, nil
}

// silentAfter is how long an origin is expected to go on: one whose newest result
// is older has ended, and isn't missed.
const silentAfter = 90 * 24 * time.Hour

// Overdue lists what has been quiet for too long, for people: the last completed
// look, if it is older than maxAge; and origins that were heard of in the last 90
// days, but not within maxSilence. 0 leaves out either.
func (st *Status) Overdue(now time.Time, maxAge, maxSilence time.Duration) []string {
	late := []string{}
	switch {
	case maxAge <= 0:
	case st.Look == nil:
		late = append(late, "no convert has completed a look at its inputs")
	case now.Sub(st.Look.EndedAt) > maxAge:
		late = append(late, fmt.Sprintf("the last completed look at the inputs ended %s ago, at %s",
			now.Sub(st.Look.EndedAt).Round(time.Minute), st.Look.EndedAt.UTC().Format(time.RFC3339)))
	}
	if maxSilence <= 0 {
		return late
	}
	for i := range st.Origins {
		o := &st.Origins[i]
		if silence := now.Sub(o.Newest); silence > maxSilence && silence <= silentAfter {
			late = append(late, fmt.Sprintf("%s has been silent for %s, since %s", o, silence.Round(time.Minute), o.Newest.Format(time.RFC3339)))
		}
	}
	return late
}
