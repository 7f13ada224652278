package text

import "github.com/macielake/macielake/internal/rows"

// jsonWriter writes an object a row: a line each, or all in an array. Null is
// null, and numbers have as many digits as they need.
type jsonWriter struct {
	out     *output
	columns []Column
	array   bool
	rows    int64
	line    []byte
}

func (w *jsonWriter) Row(cells []Cell) error {
	line := w.line[:0]
	if w.array {
		switch w.rows {
		case 0:
			line = append(line, "[\n  "...)
		default:
			line = append(line, ",\n  "...)
		}
	}
	for i, c := range w.columns {
		if i == 0 {
			line = append(line, '{')
		} else {
			line = append(line, ',')
		}
		line = append(rows.AppendJSONText(line, []byte(c.Name)), ':')
		switch {
		case !cells[i].Set:
			line = append(line, "null"...)
		case c.Number:
			line = append(line, cells[i].Text...)
		default:
			line = rows.AppendJSONText(line, cells[i].Text)
		}
	}
	line = append(line, '}')
	if !w.array {
		line = append(line, '\n')
	}
	w.line = line
	w.rows++
	w.out.Write(line)
	return w.out.row()
}

func (w *jsonWriter) End() error {
	switch {
	case !w.array:
	case w.rows == 0:
		w.out.WriteString("[]\n")
	default:
		w.out.WriteString("\n]\n")
	}
	return w.out.flush()
}
