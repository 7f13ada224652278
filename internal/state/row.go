package state

import "github.com/macielake/macielake/pkg/schema"

// RunsColumn is a column of the runs table, which has a row per committed run.
// The table is derived from end records and never read back.
type RunsColumn struct {
	schema.Column
	// Value is the column's value in a run's row: a string, an int64 or a
	// time.Time, by the column's type.
	Value func(r *Run, e *End) any
}

// RunsColumns are the columns of the runs table, in order.
func RunsColumns() []RunsColumn {
	count := func(value func(t *Totals) int64) func(r *Run, e *End) any {
		return func(_ *Run, e *End) any { return value(e.Totals) }
	}
	values := map[string]func(r *Run, e *End) any{
		"run_id":           func(r *Run, _ *End) any { return r.RunID },
		"started_at":       func(r *Run, _ *End) any { return r.StartedAt },
		"ended_at":         func(_ *Run, e *End) any { return e.EndedAt },
		"version":          func(r *Run, _ *End) any { return r.Version },
		"sources":          count(func(t *Totals) int64 { return t.Sources }),
		"lines":            count(func(t *Totals) int64 { return t.Lines }),
		"results_rows":     count(func(t *Totals) int64 { return t.Rows["results"] }),
		"detections_rows":  count(func(t *Totals) int64 { return t.Rows["detections"] }),
		"occurrences_rows": count(func(t *Totals) int64 { return t.Rows["occurrences"] }),
		"rejects":          count(func(t *Totals) int64 { return t.RejectedLines + t.Rejected }),
		"unreadable":       count(func(t *Totals) int64 { return t.Unreadable }),
		"stored_bytes":     count(func(t *Totals) int64 { return t.StoredBytes }),
		"inflated_bytes":   count(func(t *Totals) int64 { return t.InflatedBytes }),
		"written_bytes":    count(func(t *Totals) int64 { return t.WrittenBytes }),
	}
	var columns []RunsColumn
	for _, c := range schema.Runs().Columns {
		columns = append(columns, RunsColumn{c, values[c.Name]})
	}
	return columns
}
