package summarize

import (
	"context"
	"io"

	"github.com/macielake/macielake/internal/cat"
	"github.com/macielake/macielake/internal/raw"
	"github.com/macielake/macielake/internal/text"
	"github.com/macielake/macielake/internal/where"
)

// WriteRows writes the rows of a preset that lists, in the order of the input. The
// tally counts the lines and sources that gave no rows; it is nil for datasets. After
// the rows it may return a *where.LiteralError, as cat.Rows.Check does.
func WriteRows(ctx context.Context, w io.Writer, f text.Format, options text.Options, o Options, in Inputs) (*raw.Tally, error) {
	t, columns := o.Preset.columns()
	list := cat.Options{Table: t, Columns: columns, Filter: o.Where, Limit: -1, Through: o.Through, Workers: o.Workers}
	if o.Top > 0 {
		list.Limit = o.Top
	}
	if o.Preset.Where != "" {
		own, err := where.Parse(o.Preset.Where, cat.Fields(t))
		if err != nil {
			return nil, err
		}
		list.Filter = where.And(own, o.Where)
	}
	output := cat.NewOutput(w, cat.Format(f), columns, options, "")
	rows := cat.New(list, output)
	for _, l := range in.Datasets {
		if err := rows.AddDataset(ctx, l); err != nil {
			return nil, err
		}
	}
	var tally *raw.Tally
	if in.Results != nil {
		var err error
		if tally, err = rows.AddResults(ctx, *in.Results); err != nil {
			return tally, err
		}
	}
	if err := output.End(); err != nil {
		return tally, err
	}
	return tally, rows.Check(ctx)
}
