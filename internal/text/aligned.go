package text

import (
	"slices"
	"strings"
)

// screenWriter writes a table for a terminal: aligned, and no wider than it. Its
// columns' widths are those of the first rows. Where the columns have no room
// beside each other, each row is a block of lines.
type screenWriter struct {
	out     *output
	columns []Column
	screen  Screen
	first   [][]string // rows, until the widths are chosen
	widths  []int      // nil until then, and for blocks
	begun   bool
	rows    int64
}

const (
	// measured is how many rows the widths are chosen by.
	measured = 1000
	gap      = 2 // columns between cells
	// narrowest is how far a column of text is cut before there are blocks.
	narrowest = 12
)

func (w *screenWriter) Row(cells []Cell) error {
	row := make([]string, len(w.columns))
	for i, c := range w.columns {
		row[i] = printable(shortened(cells[i]))
		if c.Number && cells[i].Set {
			row[i] = Thousands(row[i])
		}
	}
	if !w.begun {
		if w.first = append(w.first, row); len(w.first) < measured {
			return nil
		}
		return w.begin()
	}
	return w.write(row)
}

// maxShown is how many bytes of a text are looked at for a terminal, from its
// beginning and from its end.
const maxShown = 2048

func shortened(c Cell) Cell {
	if len(c.Text) <= 2*maxShown {
		return c
	}
	s := string(c.Text)
	return Of(strings.ToValidUTF8(s[:maxShown], "") + "…" + strings.ToValidUTF8(s[len(s)-maxShown:], ""))
}

func (w *screenWriter) End() error {
	if err := w.begin(); err != nil {
		return err
	}
	return w.out.flush()
}

// begin chooses the widths and writes the rows that had to wait.
func (w *screenWriter) begin() error {
	if w.begun {
		return nil
	}
	w.begun = true
	w.chooseWidths()
	if w.widths != nil {
		var line strings.Builder
		for i, c := range w.columns {
			w.cell(&line, i, Printable(c.Name))
		}
		w.out.WriteString(w.screen.Bold(strings.TrimRight(line.String(), " ")) + "\n")
	}
	for _, row := range w.first {
		if err := w.write(row); err != nil {
			return err
		}
	}
	w.first = nil
	return nil
}

func (w *screenWriter) chooseWidths() {
	widths := make([]int, len(w.columns))
	fixed := gap * (len(w.columns) - 1)
	var texts []int
	for i, c := range w.columns {
		widths[i] = Width(Printable(c.Name))
		for _, row := range w.first {
			widths[i] = max(widths[i], Width(row[i]))
		}
		if c.Number {
			fixed += widths[i]
		} else {
			texts = append(texts, widths[i])
		}
	}
	limit, ok := share(texts, w.screen.Columns-fixed)
	if !ok {
		return
	}
	for i, c := range w.columns {
		if !c.Number {
			widths[i] = min(widths[i], limit)
		}
	}
	w.widths = widths
}

// share returns the largest limit on widths with which they have room; false if
// that would be too narrow.
func share(widths []int, room int) (limit int, ok bool) {
	if len(widths) == 0 {
		return 0, room >= 0
	}
	widths = slices.Sorted(slices.Values(widths))
	for i, narrow := range widths {
		if each := room / (len(widths) - i); narrow > each {
			return each, each >= narrowest
		}
		room -= narrow
	}
	return widths[len(widths)-1], true
}

func (w *screenWriter) cell(line *strings.Builder, i int, s string) {
	if i > 0 {
		line.WriteString(strings.Repeat(" ", gap))
	}
	s = FitMiddle(s, w.widths[i])
	if w.columns[i].Number {
		line.WriteString(PadLeft(s, w.widths[i]))
	} else {
		line.WriteString(Pad(s, w.widths[i]))
	}
}

func (w *screenWriter) write(row []string) error {
	if w.widths == nil {
		return w.block(row)
	}
	var line strings.Builder
	for i, s := range row {
		// A number that is wider than those the widths were chosen by is
		// whole, rather than aligned.
		if w.columns[i].Number && Width(s) > w.widths[i] {
			line.WriteString(strings.Repeat(" ", gap) + s)
			continue
		}
		w.cell(&line, i, s)
	}
	w.out.WriteString(w.screen.Fit(0, strings.TrimRight(line.String(), " ")) + "\n")
	return w.out.row()
}

// block writes a row as a line for each column.
func (w *screenWriter) block(row []string) error {
	if w.rows++; w.rows > 1 {
		w.out.WriteByte('\n')
	}
	names := 0
	for _, c := range w.columns {
		names = max(names, Width(Printable(c.Name)))
	}
	names = min(names, w.screen.Columns/2)
	for i, c := range w.columns {
		name := Pad(Fit(Printable(c.Name), names), names)
		w.out.WriteString(w.screen.Bold(name) + " " + FitMiddle(row[i], w.screen.Columns-names-1) + "\n")
	}
	return w.out.row()
}

// FitMiddle returns printable text as it is if it takes at most columns, else its
// beginning and its end with an ellipsis between them: paths are told apart by
// their ends.
func FitMiddle(s string, columns int) string {
	if Width(s) <= columns {
		return s
	}
	head := Fit(s, columns/2+1) // with the ellipsis
	room := columns - Width(head)
	tail := len(s)
	runes := []rune(s)
	for i := len(runes) - 1; i > 0; i-- {
		size := len(string(runes[i]))
		if Width(s[tail-size:]) > room {
			break
		}
		tail -= size
	}
	return head + s[tail:]
}
