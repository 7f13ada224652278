package maintain

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/macielake/macielake/internal/lake"
	"github.com/macielake/macielake/internal/store"
)

// Origin is who produces results: a job, or automated discovery, of one
// administrator and Region.
type Origin struct {
	Administrator string    `json:"administrator,omitempty"` // otherwise the account of its results
	Region        string    `json:"region,omitempty"`
	Job           string    `json:"job,omitempty"` // empty for automated discovery
	Newest        time.Time `json:"newest"`        // when its newest result was created
	Results       int64     `json:"results"`
}

// String names the origin for people.
func (o *Origin) String() string {
	what := "automated discovery"
	if o.Job != "" {
		what = "job " + o.Job
	}
	return fmt.Sprintf("%s of %s in %s", what, cmp.Or(o.Administrator, "an unknown administrator"), cmp.Or(o.Region, "an unknown Region"))
}

// originKey tells origins apart.
type originKey struct{ administrator, region, job string }

// originsOf are the origins in a batch of results, with their newest times in
// microseconds and their numbers of results.
type originsOf map[originKey]originSum

type originSum struct{ newest, results int64 }

// LoadOrigins reads the origins of a dataset's results, the one whose newest result
// is oldest first. Results without a time of creation are left out. A dataset
// without the table of results has none.
func LoadOrigins(ctx context.Context, s store.Store, workers int) ([]Origin, error) {
	l, err := lake.Open(ctx, s)
	if err != nil {
		return nil, err
	}
	if !l.Has("results") {
		return []Origin{}, nil
	}
	all := originsOf{}
	q := lake.Query{Table: "results", Columns: []string{"admin_account_id", "account_id", "region", "job_id", "created_at"}, Workers: workers}
	err = lake.Scan(ctx, l, q, func(_ int, batch arrow.RecordBatch) (originsOf, error) {
		defer batch.Release()
		return addOrigins(batch)
	}, func(of originsOf) error {
		for key, sum := range of {
			was := all[key]
			all[key] = originSum{max(was.newest, sum.newest), was.results + sum.results}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	origins := make([]Origin, 0, len(all))
	for key, sum := range all {
		origins = append(origins, Origin{key.administrator, key.region, key.job, time.UnixMicro(sum.newest).UTC(), sum.results})
	}
	slices.SortFunc(origins, func(a, b Origin) int {
		return cmp.Or(a.Newest.Compare(b.Newest), cmp.Compare(a.Administrator, b.Administrator), cmp.Compare(a.Region, b.Region), cmp.Compare(a.Job, b.Job))
	})
	return origins, nil
}

// addOrigins sums up a batch.
func addOrigins(batch arrow.RecordBatch) (originsOf, error) {
	of := originsOf{}
	created, ok := batch.Column(4).(*array.Timestamp)
	if !ok {
		return nil, fmt.Errorf("column created_at has the type %s", batch.Column(4).DataType())
	}
	value := func(column, row int) string {
		c := batch.Column(column)
		if c.IsNull(row) {
			return ""
		}
		return c.ValueStr(row)
	}
	for row := range int(batch.NumRows()) {
		if created.IsNull(row) {
			continue
		}
		key := originKey{cmp.Or(value(0, row), value(1, row)), value(2, row), value(3, row)}
		sum, known := of[key]
		if at := int64(created.Value(row)); !known || at > sum.newest {
			sum.newest = at
		}
		sum.results++
		of[key] = sum
	}
	return of, nil
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
