package text

// tabWriter writes lines with tabs between the cells, and a header: a table that
// isn't looked at on a terminal.
type tabWriter struct {
	out     *output
	columns []Column
	begun   bool
}

func (w *tabWriter) begin() {
	if w.begun {
		return
	}
	w.begun = true
	for i, c := range w.columns {
		w.cell(i, Printable(c.Name))
	}
	w.out.WriteByte('\n')
}

func (w *tabWriter) cell(i int, s string) {
	if i > 0 {
		w.out.WriteByte('\t')
	}
	w.out.WriteString(s)
}

func (w *tabWriter) Row(cells []Cell) error {
	w.begin()
	for i := range w.columns {
		w.cell(i, printable(cells[i]))
	}
	w.out.WriteByte('\n')
	return w.out.row()
}

func (w *tabWriter) End() error {
	w.begin()
	return w.out.flush()
}
