// Package render writes the answers of commands as text for people: [Summary] and
// [Stats] those of convert, [Status], [Verification] and others those about a
// dataset. Tables and documents are written by internal/text. Nothing that comes from
// outside can act on a terminal.
package render

import (
	"fmt"
	"io"
	"strings"

	"github.com/macielake/macielake/internal/text"
)

// lines are lines of a name and a text, in two columns.
type lines struct{ b strings.Builder }

func (l *lines) add(name, format string, args ...any) {
	fmt.Fprintf(&l.b, "%-12s %s\n", name, text.Printable(fmt.Sprintf(format, args...)))
}

func (l *lines) flush(w io.Writer) error {
	_, err := io.WriteString(w, l.b.String())
	return err
}
