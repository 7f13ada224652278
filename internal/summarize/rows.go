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
// account, which may be nil, has what of the results gave none. It gives a
// *where.LiteralError, after the rows, as cat.Rows.Check does.
func WriteRows(ctx context.Context, w io.Writer, f text.Format, options text.Options, o Options, in Inputs) (*raw.Account, error) {
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
	var account *raw.Account
	if in.Results != nil {
		var err error
		if account, err = rows.AddResults(ctx, *in.Results); err != nil {
			return account, err
		}
	}
	if err := output.End(); err != nil {
		return account, err
	}
	return account, rows.Check(ctx)
}
