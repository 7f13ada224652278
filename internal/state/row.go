package state

import (
	"time"

	"github.com/macielake/macielake/pkg/schema"
)

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
	text := func(name, doc string, value func(r *Run, e *End) string) RunsColumn {
		return RunsColumn{schema.Column{Name: name, Doc: doc}, func(r *Run, e *End) any { return value(r, e) }}
	}
	at := func(name, doc string, value func(r *Run, e *End) time.Time) RunsColumn {
		return RunsColumn{schema.Column{Name: name, Doc: doc, Type: schema.Timestamp}, func(r *Run, e *End) any { return value(r, e) }}
	}
	count := func(name, doc string, value func(t *Totals) int64) RunsColumn {
		return RunsColumn{schema.Column{Name: name, Doc: doc, Type: schema.Int64}, func(_ *Run, e *End) any { return value(e.Totals) }}
	}
	return []RunsColumn{
		text("run_id", "Identifier of the run, as the other tables' run_id has it", func(r *Run, _ *End) string { return r.RunID }),
		at("started_at", "When the run began, UTC", func(r *Run, _ *End) time.Time { return r.StartedAt }),
		at("ended_at", "When the run was committed, UTC", func(_ *Run, e *End) time.Time { return e.EndedAt }),
		text("version", "Version of macielake that converted", func(r *Run, _ *End) string { return r.Version }),
		count("sources", "Sources that the run was to convert", func(t *Totals) int64 { return t.Sources }),
		count("lines", "Lines in the sources that were converted", func(t *Totals) int64 { return t.Lines }),
		count("results_rows", "Rows the run added to results", func(t *Totals) int64 { return t.Rows["results"] }),
		count("detections_rows", "Rows the run added to detections", func(t *Totals) int64 { return t.Rows["detections"] }),
		count("occurrences_rows", "Rows the run added to occurrences", func(t *Totals) int64 { return t.Rows["occurrences"] }),
		count("rejects", "Lines and sources that were rejected", func(t *Totals) int64 { return t.RejectedLines + t.Rejected }),
		count("unreadable", "Sources that could not be read", func(t *Totals) int64 { return t.Unreadable }),
		count("stored_bytes", "Bytes of the sources as they are stored", func(t *Totals) int64 { return t.StoredBytes }),
		count("inflated_bytes", "Bytes of the sources, inflated", func(t *Totals) int64 { return t.InflatedBytes }),
		count("written_bytes", "Bytes of the files that the run wrote", func(t *Totals) int64 { return t.WrittenBytes }),
	}
}
