package summarize

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/macielake/macielake/internal/cat"
	"github.com/macielake/macielake/internal/raw"
	"github.com/macielake/macielake/internal/rows"
	"github.com/macielake/macielake/internal/table"
	"github.com/macielake/macielake/internal/text"
	"github.com/macielake/macielake/internal/where"
	"github.com/macielake/macielake/pkg/schema"
)

// writeRows writes the rows of a preset that lists, in the order of the input.
func writeRows(ctx context.Context, w io.Writer, o Options, in Inputs) (*raw.Account, error) {
	t, columns := o.Preset.columns()
	options := cat.Options{Table: t, Columns: columns, Filter: o.Where, Limit: -1, Workers: o.Workers}
	if o.Top > 0 {
		options.Limit = o.Top
	}
	if o.Preset.Where != "" {
		f, err := where.Parse(o.Preset.Where, cat.Fields(t))
		if err != nil {
			return nil, err
		}
		options.Filter = where.And(f, o.Where)
	}
	format, lines := cat.NDJSON, (*lineWriter)(nil)
	switch o.Format {
	case table.NDJSON:
	case table.CSV:
		format = cat.CSV
	default:
		lines = newLineWriter(table.New(w, o.Format, rowColumns(columns), o.Table), columns)
		w = lines
	}
	csv := rows.CSVOptions{Raw: o.Table.Raw}
	if o.Table.Terminal {
		csv.Printable = text.Printable
	}
	output := cat.NewOutput(w, format, columns, csv, "")
	rows := cat.New(options, output)
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
	err := output.End()
	if err == nil && lines != nil {
		err = lines.table.End()
	}
	return account, err
}

func rowColumns(columns []schema.Column) []table.Column {
	out := make([]table.Column, len(columns))
	for i, c := range columns {
		out[i] = table.Column{Name: c.Name, Number: c.Type == schema.Int64 || c.Type == schema.Int32}
	}
	return out
}

// lineWriter turns rows as NDJSON into those of a table: for the formats that
// rows don't have themselves.
type lineWriter struct {
	table   table.Writer
	columns []schema.Column
	rest    []byte // of a line
	cells   []table.Cell
}

func newLineWriter(t table.Writer, columns []schema.Column) *lineWriter {
	return &lineWriter{table: t, columns: columns, cells: make([]table.Cell, len(columns))}
}

func (w *lineWriter) Write(p []byte) (int, error) {
	n := len(p)
	for {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			w.rest = append(w.rest, p...)
			return n, nil
		}
		line := p[:i]
		if len(w.rest) > 0 {
			line = append(w.rest, line...)
			w.rest = w.rest[:0]
		}
		if err := w.line(line); err != nil {
			return 0, err
		}
		p = p[i+1:]
	}
}

func (w *lineWriter) line(line []byte) error {
	var row map[string]any
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.UseNumber()
	if err := dec.Decode(&row); err != nil {
		return fmt.Errorf("a row: %w", err)
	}
	for i, c := range w.columns {
		switch v := row[c.Name].(type) {
		case nil:
			w.cells[i] = table.Cell{}
		case string:
			w.cells[i] = table.TextCell(v)
		default:
			w.cells[i] = table.TextCell(fmt.Sprint(v))
		}
	}
	return w.table.Row(w.cells)
}
