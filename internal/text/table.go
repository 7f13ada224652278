package text

import (
	"bytes"
	"io"
)

// Format is a format of tables.
type Format string

// Formats.
const (
	Table    Format = "table"
	JSON     Format = "json"
	NDJSON   Format = "ndjson"
	CSV      Format = "csv"
	Markdown Format = "markdown"
)

// Formats returns all formats, the default first.
func Formats() []Format { return []Format{Table, JSON, NDJSON, CSV, Markdown} }

// Column is a column of a table.
type Column struct {
	Name   string
	Number bool // its cells are decimal digits, maybe with a sign
}

// Cell is a cell. The zero Cell is null.
type Cell struct {
	Set  bool // it isn't null
	Text []byte
}

// Of returns a cell with a
func Of[T string | []byte](s T) Cell { return Cell{true, []byte(s)} }

// Writer writes the rows of a table. It is not safe for concurrent use.
type Writer interface {
	// Row writes a row, which has a cell for each column. The cells are the
	// caller's again when it returns.
	Row(cells []Cell) error
	// End writes what is left. The table is not whole without it.
	End() error
}

// Options are how a table is written.
type Options struct {
	Screen Screen // for Table
	Raw    bool   // for CSV: cells that spreadsheets take for formulas stay as they are
	// Terminal says that what is written goes to a terminal, where nothing may
	// be that acts on it.
	Terminal bool
}

// NewTable returns a writer of a table to w, which gets a write for many rows.
func NewTable(w io.Writer, f Format, columns []Column, o Options) Writer {
	out := &output{w: w}
	switch f {
	case JSON:
		return &jsonWriter{out: out, columns: columns, array: true}
	case NDJSON:
		return &jsonWriter{out: out, columns: columns}
	case CSV:
		return &csvWriter{out: out, columns: columns, o: o}
	case Markdown:
		return &markdownWriter{out: out, columns: columns}
	}
	if o.Screen.Columns == 0 {
		return &tabWriter{out: out, columns: columns}
	}
	return &screenWriter{out: out, columns: columns, screen: o.Screen}
}

// WriteTable writes all rows of a table to w.
func WriteTable(w io.Writer, f Format, columns []Column, rows [][]Cell, o Options) error {
	t := NewTable(w, f, columns, o)
	for _, row := range rows {
		if err := t.Row(row); err != nil {
			return err
		}
	}
	return t.End()
}

// output gathers what is written.
type output struct {
	w io.Writer
	bytes.Buffer
}

// flushAt is how many bytes are gathered.
const flushAt = 64 << 10

// row is called after a row was gathered.
func (o *output) row() error {
	if o.Len() < flushAt {
		return nil
	}
	return o.flush()
}

func (o *output) flush() error {
	_, err := o.w.Write(o.Bytes())
	o.Reset()
	return err
}

// none is what people see of null.
const none = "(none)"

// printable is a cell for people.
func printable(c Cell) string {
	if !c.Set {
		return none
	}
	return Printable(string(c.Text))
}
