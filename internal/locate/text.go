package locate

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/macielake/macielake/internal/text"
)

// WriteText shows objects to people.
func WriteText(w io.Writer, objects []*Object, screen text.Screen) error {
	p := &printer{out: bufio.NewWriter(w), screen: screen}
	for i, o := range objects {
		if i > 0 {
			p.line(0, "")
		}
		p.styled(0, objectURI(o), screen.Bold)
		p.thing(1, &o.Thing)
		for j := range o.Members {
			m := &o.Members[j]
			p.line(0, "")
			p.styled(1, "in the archive: "+orNone(m.Member), screen.Bold)
			p.thing(2, m)
		}
	}
	return p.out.Flush()
}

// printer writes lines that fit the screen. What it is given may come from
// anywhere.
type printer struct {
	out    *bufio.Writer // keeps its first error
	screen text.Screen
}

const indent = 2

func (p *printer) line(level int, s string) { p.styled(level, s, nil) }

func (p *printer) styled(level int, s string, style func(string) string) {
	s = p.screen.Fit(indent*level, text.Printable(s))
	if style != nil {
		s = style(s)
	}
	if s != "" {
		p.out.WriteString(strings.Repeat(" ", indent*level))
	}
	p.out.WriteString(s)
	p.out.WriteByte('\n')
}

func (p *printer) thing(level int, t *Thing) {
	for i := range t.Analyses {
		if i > 0 {
			p.line(0, "")
		}
		p.analysis(level, &t.Analyses[i])
	}
	if len(t.Analyses) == 0 {
		p.line(level, "only files inside it were analysed")
	}
}

func (p *printer) analysis(level int, a *Analysis) {
	if m := a.Missed; m != nil {
		what := "not analysed: "
		if a.Analysed() {
			what = "not analysed as it is now, of " + timeText(m.Modified) + ": "
		}
		p.styled(level, what+status(m)+", "+origin(m), p.screen.Warn)
	}
	if a.Analysed() || a.Missed == nil {
		p.line(level, status(a.Result)+", "+origin(a.Result))
	}
	if a.Results > 1 {
		p.line(level, fmt.Sprintf("with %s of the same content taken together", text.Plural(int64(a.Results-1), "more result")))
	}
	if of := content(a.Result); len(of) > 0 {
		p.line(level, strings.Join(of, ", "))
	}
	p.found(level, a)
	for _, d := range a.Detections {
		p.line(0, "")
		p.styled(level, orNone(d.Type)+kindText(d)+": "+countText(d), p.screen.Bold)
		for i := range d.Locations {
			p.line(level+1, d.Locations[i].String())
		}
	}
}

// found is the sum of what was found.
func (p *printer) found(level int, a *Analysis) {
	if !a.Analysed() {
		return
	}
	if len(a.Detections) == 0 {
		p.line(level, "nothing was found")
		return
	}
	locations := int64(0)
	for _, d := range a.Detections {
		locations += d.LocationCount
	}
	line := text.Plural(int64(len(a.Detections)), "type") + ", " + text.Plural(locations, "location")
	if a.Severity.Set {
		line = "severity " + a.Severity.Value + ", " + line
	}
	p.line(level, line)
}

func objectURI(o *Object) string { return "s3://" + o.Bucket.Value + "/" + o.Key.Value }

func orNone(t Text) string {
	if !t.Set {
		return "(no name)"
	}
	return t.Value
}

func status(r *Result) string {
	s := "no status"
	if r.Status.Set {
		s = r.Status.Value
	}
	if r.Reason.Set {
		s += " (" + r.Reason.Value + ")"
	}
	return s
}

func origin(r *Result) string {
	s := "result of " + timeText(r.Created)
	if r.Job.Set {
		return s + " by job " + r.Job.Value
	}
	if r.Origin.Set {
		return s + " by " + r.Origin.Value
	}
	return s
}

// content is what is known of the content that was analysed.
func content(r *Result) []string {
	modified := r.Modified
	if r.thing.isMember {
		modified = r.MemberModified
	}
	var parts []string
	if modified.Set {
		parts = append(parts, "modified "+timeText(modified))
	}
	if r.Version.Set && !r.thing.isMember {
		parts = append(parts, "version "+r.Version.Value)
	}
	if r.Size.Set {
		parts = append(parts, text.Bytes(r.Size.Value))
	}
	if r.MimeType.Set {
		parts = append(parts, r.MimeType.Value)
	}
	return parts
}

func timeText(t Int) string {
	if !t.Set {
		return "an unknown time"
	}
	return time.UnixMicro(t.Value).UTC().Format(time.DateTime) + " UTC"
}

func kindText(d *Detection) string {
	if d.Kind.Value == "custom" {
		return " (custom identifier)"
	}
	if !d.Category.Set {
		return ""
	}
	return " (" + d.Category.Value + ")"
}

func countText(d *Detection) string {
	s := "an unknown number of occurrences"
	if d.Count.Set {
		s = text.Plural(d.Count.Value, "occurrence")
	}
	switch {
	case d.LocationCount == 0:
		return s + ", none located"
	case d.Capped || d.Count.Set && d.LocationCount < d.Count.Value:
		return fmt.Sprintf("%s, %s located", s, text.Count(d.LocationCount))
	}
	return s
}

// String returns where a location is, in words: `Sheet2!C5, column email`, `line
// 12, column 4`, `page 7`, `record 3, $.ssn`. What comes from outside is as it
// came.
func (l *Location) String() string {
	var parts []string
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	switch l.Kind {
	case "cell":
		switch {
		case l.Reference.Set:
			parts = append(parts, l.Reference.Value)
		case l.Row.Set && l.Column.Set && l.ColumnName.Set:
			add("row %d, column %d (%s)", l.Row.Value, l.Column.Value, l.ColumnName.Value)
			return parts[0]
		default:
			if l.Row.Set {
				add("row %d", l.Row.Value)
			}
			if l.Column.Set {
				add("column %d", l.Column.Value)
			}
		}
		if l.ColumnName.Set {
			add("column %s", l.ColumnName.Value)
		}
	case "page":
		if l.Page.Set {
			add("page %d", l.Page.Value)
		}
		parts = append(parts, l.Line.words("line")...)
		parts = append(parts, l.Offset.words("offset")...)
	case "record":
		if l.Record.Set {
			add("record %d", l.Record.Value)
		}
		if l.JSONPath.Set {
			parts = append(parts, l.JSONPath.Value)
		}
	default:
		parts = append(l.Line.words("line"), l.Offset.words("offset")...)
	}
	if len(parts) == 0 {
		return "an unknown " + l.Kind
	}
	return strings.Join(parts, ", ")
}

func (r *Range) words(unit string) []string {
	var parts []string
	number := func(n Int) string { return strconv.FormatInt(n.Value, 10) }
	switch {
	case r.Start.Set && r.End.Set && r.Start != r.End:
		parts = append(parts, unit+"s "+number(r.Start)+"-"+number(r.End))
	case r.Start.Set:
		parts = append(parts, unit+" "+number(r.Start))
	case r.End.Set:
		parts = append(parts, unit+"s up to "+number(r.End))
	}
	if r.StartColumn.Set {
		parts = append(parts, "column "+number(r.StartColumn))
	}
	return parts
}
