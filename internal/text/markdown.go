package text

import (
	"strings"
)

// markdownWriter writes a table as GitHub and others have it in Markdown.
type markdownWriter struct {
	out     *output
	columns []Column
	begun   bool
}

func (w *markdownWriter) begin() {
	if w.begun {
		return
	}
	w.begun = true
	rule := ""
	for _, c := range w.columns {
		w.out.WriteString("| " + EscapeMarkdown(c.Name) + " ")
		if c.Number {
			rule += "| ---: "
		} else {
			rule += "| --- "
		}
	}
	w.out.WriteString("|\n" + rule + "|\n")
}

func (w *markdownWriter) Row(cells []Cell) error {
	w.begin()
	for i := range w.columns {
		w.out.WriteString("| " + EscapeMarkdown(printable(cells[i])) + " ")
	}
	w.out.WriteString("|\n")
	return w.out.row()
}

func (w *markdownWriter) End() error {
	w.begin()
	return w.out.flush()
}

// EscapeMarkdown makes text printable and escapes what is markup anywhere in Markdown,
// a table's cell included (CommonMark 0.31, section 2.4), so that a name shows as what
// it is: no links, no images, no HTML, no further cells.
func EscapeMarkdown(s string) string {
	var out strings.Builder
	for _, r := range Printable(s) {
		if strings.ContainsRune("\\`*_{}[]<>()#!|~&:@", r) {
			// Also what makes bare addresses into links where that is done.
			out.WriteByte('\\')
		}
		out.WriteRune(r)
	}
	return out.String()
}
