package summarize

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/macielake/macielake/internal/query"
	"github.com/macielake/macielake/internal/raw"
	"github.com/macielake/macielake/internal/table"
	"github.com/macielake/macielake/internal/text"
	"github.com/macielake/macielake/internal/where"
)

// section is a part of the overview.
type section struct {
	name  string // in JSON, NDJSON and CSV
	title string // for people
	none  string // instead of an empty table
	by    string
	where string
	query.View
	// What came of it.
	rows  [][]table.Cell
	total int64 // groups
}

// Filters of the overview's sections.
const (
	publicFilter      = "public_access=PUBLIC or object_public=true"
	unencryptedFilter = "encryption=NONE or encryption is null and bucket_encryption=NONE"
	missedFilter      = "status!=COMPLETE or status is null"
	cappedFilter      = "capped=true"
)

const totalsSection = "totals"

// newSections returns the sections, the totals first.
func newSections() []*section {
	sections := []*section{
		{name: totalsSection, View: query.View{Measures: query.Measures()}},
		{
			name: "types", title: "Types of sensitive data", none: "No sensitive data", by: "category,type",
			View: query.View{Measures: []query.Measure{query.Occurrences, query.Sensitive}},
		},
		{
			name: "buckets", title: "Buckets with sensitive data", by: "bucket",
			View: query.View{Measures: []query.Measure{query.Occurrences, query.Sensitive}},
		},
		{
			name: "public", title: "Public, with sensitive data", none: "Nothing public has sensitive data", by: "bucket", where: publicFilter,
			View: query.View{Measures: []query.Measure{query.Occurrences, query.Sensitive}},
		},
		{
			name: "unencrypted", title: "Unencrypted, with sensitive data", none: "Nothing unencrypted has sensitive data", by: "bucket", where: unencryptedFilter,
			View: query.View{Measures: []query.Measure{query.Occurrences, query.Sensitive}},
		},
		{
			name: "not_analysed", title: "Not analysed, or in part", none: "All was analysed", by: "status,reason", where: missedFilter,
			View: query.View{Measures: []query.Measure{query.Skipped, query.Partial}},
		},
		{
			name: "capped", title: "More occurrences than locations", none: "All locations are known", by: "object", where: cappedFilter,
			View: query.View{Measures: []query.Measure{query.Occurrences, query.Locations}},
		},
	}
	for _, s := range sections[1:] {
		for name := range strings.SplitSeq(s.by, ",") {
			d, err := query.ParseDimension(name)
			if err != nil {
				panic(err) // sections are constants
			}
			s.By = append(s.By, d)
		}
		if s.where != "" {
			f, err := where.Parse(s.where, query.Fields())
			if err != nil {
				panic(err)
			}
			s.View.Where = f
		}
	}
	return sections
}

// overviewTop is how many rows a section has where nothing else is asked for.
const overviewTop = 5

func writeOverview(ctx context.Context, w io.Writer, o Options, in Inputs) (*raw.Account, error) {
	sections := newSections()
	views := make([]query.View, len(sections))
	for i, s := range sections {
		views[i] = s.View
	}
	summary := o.summary(views...)
	defer summary.Close()
	account, err := in.add(ctx, summary)
	if err != nil {
		return account, err
	}
	order := query.Order{Top: o.Top}
	if order.Top == 0 {
		order.Top = overviewTop
	}
	for i, s := range sections {
		s.total, err = summary.Groups(ctx, i, order, func(g *query.Group) error {
			row := groupCells(nil, g)
			for i := range row {
				row[i].Text = bytes.Clone(row[i].Text)
			}
			s.rows = append(s.rows, row)
			return nil
		})
		if err != nil {
			return account, err
		}
	}
	v := &overview{o: o, sections: sections}
	switch o.Format {
	case table.JSON:
		err = v.writeJSON()
	case table.NDJSON:
		err = v.writeNDJSON()
	case table.CSV:
		err = v.writeCSV()
	default:
		err = v.writeText()
	}
	if err == nil {
		_, err = w.Write(v.out.Bytes())
	}
	return account, err
}

// overview is the answer on its way to the output. It is small.
type overview struct {
	o        Options
	sections []*section
	out      bytes.Buffer
}

// table writes a section's rows.
func (v *overview) table(f table.Format, columns []table.Column, rows [][]table.Cell) error {
	t := table.New(&v.out, f, columns, v.o.Table)
	for _, row := range rows {
		if err := t.Row(row); err != nil {
			return err
		}
	}
	return t.End()
}

// writeJSON writes an object with a member for each section, and in groups how
// many rows each would have.
func (v *overview) writeJSON() error {
	v.out.WriteString("{")
	var groups []table.Column
	var counts []table.Cell
	for _, s := range v.sections {
		fmt.Fprintf(&v.out, "%q: ", s.name)
		format := table.JSON
		if s.name == totalsSection {
			format = table.NDJSON // its object
		} else {
			groups = append(groups, table.Column{Name: s.name, Number: true})
			counts = append(counts, table.TextCell(fmt.Sprint(s.total)))
		}
		if err := v.table(format, groupColumns(&s.View), s.rows); err != nil {
			return err
		}
		v.out.WriteString(", ")
	}
	v.out.WriteString(`"groups": `)
	if err := v.table(table.NDJSON, groups, [][]table.Cell{counts}); err != nil {
		return err
	}
	v.out.WriteString("}\n")
	return nil
}

// withSection puts the section's name before each row.
func (s *section) withSection() [][]table.Cell {
	rows := make([][]table.Cell, len(s.rows))
	for i, row := range s.rows {
		rows[i] = append([]table.Cell{table.TextCell(s.name)}, row...)
	}
	return rows
}

func (v *overview) writeNDJSON() error {
	for _, s := range v.sections {
		columns := append([]table.Column{{Name: "section"}}, groupColumns(&s.View)...)
		if err := v.table(table.NDJSON, columns, s.withSection()); err != nil {
			return err
		}
	}
	return nil
}

// writeCSV writes one table with the columns of all sections, dimensions before
// measures, in which each section fills its own.
func (v *overview) writeCSV() error {
	columns := []table.Column{{Name: "section"}}
	for _, number := range []bool{false, true} {
		for _, s := range v.sections {
			for _, c := range groupColumns(&s.View) {
				if c.Number == number && !slices.Contains(columns, c) {
					columns = append(columns, c)
				}
			}
		}
	}
	var rows [][]table.Cell
	for _, s := range v.sections {
		own := append([]table.Column{{Name: "section"}}, groupColumns(&s.View)...)
		for _, cells := range s.withSection() {
			row := make([]table.Cell, len(columns))
			for i, c := range own {
				row[slices.Index(columns, c)] = cells[i]
			}
			rows = append(rows, row)
		}
	}
	return v.table(table.CSV, columns, rows)
}

// writeText writes the overview for people, or as Markdown.
func (v *overview) writeText() error {
	for i, line := range v.headlines() {
		if v.o.Format == table.Markdown {
			line = "- " + line
		}
		v.wrap(line, i == 0)
	}
	for _, s := range v.sections[1:] {
		v.out.WriteByte('\n')
		if len(s.rows) == 0 {
			if s.none != "" {
				v.heading(s.none, "")
			} else {
				v.out.Truncate(v.out.Len() - 1)
			}
			continue
		}
		more := ""
		if s.total > int64(len(s.rows)) {
			more = fmt.Sprintf(" (%d of %s)", len(s.rows), text.Count(s.total))
		}
		v.heading(s.title, more)
		columns, rows := groupColumns(&s.View), s.rows
		if width := v.o.Table.Screen.Columns; s.name == "types" && width > 0 && width < 60 {
			// There is no room for the category.
			columns = columns[1:]
			rows = slices.Clone(rows)
			for i := range rows {
				rows[i] = rows[i][1:]
			}
		}
		if err := v.table(v.o.Format, columns, rows); err != nil {
			return err
		}
	}
	return nil
}

func (v *overview) heading(title, more string) {
	if v.o.Format == table.Markdown {
		fmt.Fprintf(&v.out, "## %s%s\n\n", title, more)
		return
	}
	screen := v.o.Table.Screen
	fmt.Fprintf(&v.out, "%s%s\n", screen.Bold(screen.Fit(0, title)), screen.Dim(screen.Fit(text.Width(title), more)))
}

// headlines are the totals in words.
func (v *overview) headlines() []string {
	total := func(m query.Measure) string {
		s := string(v.sections[0].rows[0][m].Text)
		return table.Thousands(s)
	}
	objects := "objects"
	if v.o.All {
		objects = "results"
	}
	return []string{
		fmt.Sprintf("%s occurrences of %s types of sensitive data in %s %s", total(query.Occurrences), text.Count(v.sections[1].total), total(query.Sensitive), objects),
		fmt.Sprintf("%s %s analysed, %s of them in part, %s bytes", total(query.Objects), objects, total(query.Partial), total(query.Bytes)),
		fmt.Sprintf("%s not analysed", total(query.Skipped)),
	}
}

// wrap writes a line of words in as many as the screen needs.
func (v *overview) wrap(line string, bold bool) {
	screen := v.o.Table.Screen
	width := 0
	var out strings.Builder
	flush := func() {
		s := out.String()
		if bold {
			s = screen.Bold(s)
		}
		v.out.WriteString(s + "\n")
		out.Reset()
		width = 0
	}
	for word := range strings.FieldsSeq(line) {
		if width > 0 && screen.Columns > 0 && width+1+text.Width(word) > screen.Columns {
			flush()
		}
		if width > 0 {
			out.WriteByte(' ')
			width++
		}
		out.WriteString(word)
		width += text.Width(word)
	}
	flush()
}
