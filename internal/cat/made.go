package cat

import (
	"github.com/macielake/macielake/internal/rows"
	"github.com/macielake/macielake/pkg/schema"
)

// madeRows are rows whose columns are fields: some are columns of other rows, some
// are made of them.
type madeRows struct {
	rows.Rows
	columns []schema.Column // of the other rows
	sources []fieldSource   // by column
	scratch []byte          // of the values that are made
	run     []runValue      // by column
}

// runValue is a value that a run's rows have in common, once it is made.
type runValue struct {
	made  bool
	value rows.Value
}

func newMadeRows(t *schema.Table, to, of []schema.Column) *madeRows {
	r := &madeRows{columns: of, run: make([]runValue, len(to))}
	for _, c := range to {
		r.sources = append(r.sources, newFieldSource(t, c.Name, of))
	}
	return r
}

func (r *madeRows) reset(in rows.Rows) {
	r.Rows, r.scratch = in, nil // values of the last batch may still be in use
	clear(r.run)
}

// Next implements rows.Rows.
func (r *madeRows) Next() bool {
	clear(r.run)
	return r.Rows.Next()
}

// Shared implements rows.Rows.
func (r *madeRows) Shared(column int) bool { return r.sources[column].shared(r.Rows) }

// Value implements rows.Rows.
func (r *madeRows) Value(column, row int) rows.Value {
	s, run := &r.sources[column], &r.run[column]
	if s.make == nil {
		return r.Rows.Value(s.places[0], row)
	}
	if run.made {
		return run.value
	}
	made := s.value(r.columns, r.Rows, row, &r.scratch)
	v := rows.Value{Set: !made.Null(), Text: made.Text()}
	if s.shared(r.Rows) {
		*run = runValue{true, v}
	}
	return v
}
