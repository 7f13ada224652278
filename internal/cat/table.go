package cat

import (
	"slices"

	"github.com/macielake/macielake/internal/rows"
	"github.com/macielake/macielake/internal/text"
	"github.com/macielake/macielake/pkg/schema"
)

// tableColumns are the columns of a table of rows.
func tableColumns(columns []schema.Column) []text.Column {
	out := make([]text.Column, len(columns))
	for i, c := range columns {
		out[i] = text.Column{Name: c.Name, Number: c.Type == schema.Int64 || c.Type == schema.Int32}
	}
	return out
}

// cellEncoder makes rows cells of a table.
type cellEncoder struct {
	columns []schema.Column
	rows    rows.Rows
	row     int // of the run that is next
	buf     []byte
	cells   []cellSpan // row by row
	scratch []text.Cell
}

// cellSpan is a cell's text in a buffer.
type cellSpan struct {
	from, to int
	set      bool
}

func (e *cellEncoder) reset(rows rows.Rows) { e.rows, e.row = rows, 0 }

func (e *cellEncoder) next(maxRows int64) (n int64, more bool, err error) {
	if cap(e.buf) > maxKept {
		e.buf = nil
	}
	e.buf, e.cells = e.buf[:0], e.cells[:0]
	for n < maxRows && len(e.buf) < maxText {
		if e.row == 0 && !e.rows.Next() {
			return n, false, nil
		}
		for i, c := range e.columns {
			v := e.rows.Value(i, e.row)
			from := len(e.buf)
			if v.Set {
				e.buf = rows.AppendPlain(e.buf, c.Type, v)
			}
			e.cells = append(e.cells, cellSpan{from, len(e.buf), v.Set})
		}
		n++
		if e.row++; e.row == e.rows.Len() {
			e.row = 0
		}
	}
	return n, true, nil
}

func (e *cellEncoder) write(o *Output) error {
	if err := o.start(); err != nil {
		return err
	}
	for row := range slices.Chunk(e.cells, len(e.columns)) {
		e.scratch = e.scratch[:0]
		for _, c := range row {
			e.scratch = append(e.scratch, text.Cell{Set: c.set, Text: e.buf[c.from:c.to]})
		}
		if err := o.table.Row(e.scratch); err != nil {
			return writing(err)
		}
	}
	return nil
}
