package text

import "github.com/macielake/macielake/internal/rows"

// csvWriter writes CSV (RFC 4180) with a header. Null is an empty cell, an empty
// text is "".
type csvWriter struct {
	out     *output
	columns []Column
	o       Options
	begun   bool
	line    []byte
}

func (w *csvWriter) begin() {
	if w.begun {
		return
	}
	w.begun = true
	for i, c := range w.columns {
		if i > 0 {
			w.out.WriteByte(',')
		}
		w.out.Write(w.text(nil, []byte(c.Name)))
	}
	w.out.WriteString("\r\n")
}

func (w *csvWriter) text(dst, s []byte) []byte {
	o := rows.CSVOptions{Raw: w.o.Raw}
	if w.o.Terminal {
		o.Printable = Printable
	}
	return rows.AppendCSVText(dst, s, o)
}

func (w *csvWriter) Row(cells []Cell) error {
	w.begin()
	line := w.line[:0]
	for i, c := range w.columns {
		if i > 0 {
			line = append(line, ',')
		}
		switch {
		case !cells[i].Set:
			if len(w.columns) == 1 {
				line = append(line, `""`...) // else it would be a blank line
			}
		case c.Number:
			line = append(line, cells[i].Text...)
		default:
			line = w.text(line, cells[i].Text)
		}
	}
	w.line = append(line, "\r\n"...)
	w.out.Write(w.line)
	return w.out.row()
}

func (w *csvWriter) End() error {
	w.begin()
	return w.out.flush()
}
