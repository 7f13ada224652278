package summarize

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/macielake/macielake/internal/query"
	"github.com/macielake/macielake/internal/text"
)

// Write writes the groups in a format, and returns how many they are.
func (g *Groups) Write(ctx context.Context, w io.Writer, f text.Format, o text.Options) (rows int64, err error) {
	if g.Heading != "" && g.ShowsHeading(f, o) {
		d := &text.Document{}
		d.Section(g.Heading, "")
		if err := d.Write(w, f, o); err != nil {
			return 0, err
		}
	}
	out := text.NewTable(w, f, g.Columns, o)
	err = g.Each(ctx, func(cells []text.Cell) error {
		rows++
		if f == text.Table || f == text.Markdown {
			cells = forPeople(g.config, g.Columns, cells)
		}
		return out.Row(cells)
	})
	if err != nil {
		return rows, err
	}
	return rows, out.End()
}

// ShowsHeading reports whether Write writes the heading: programs that read a table
// want its columns first.
func (g *Groups) ShowsHeading(f text.Format, o text.Options) bool {
	return f == text.Markdown || f == text.Table && o.Screen.Columns > 0
}

// NoneMatch says that a filter matches none of the open findings.
func (g *Groups) NoneMatch() string {
	return noneMatch(g.Findings)
}

// Write writes the overview in a format.
func (v *Overview) Write(w io.Writer, f text.Format, o text.Options) error {
	var out bytes.Buffer
	var err error
	switch f {
	case text.JSON:
		err = v.writeJSON(&out)
	case text.NDJSON:
		err = v.writeNDJSON(&out, o)
	case text.CSV:
		err = v.writeCSV(&out, o)
	default:
		return v.Document(o.Screen.Columns).Write(w, f, o)
	}
	if err == nil {
		_, err = w.Write(out.Bytes())
	}
	return err
}

// totals is the section of all measures.
func (v *Overview) totals() *Section {
	s := &Section{Name: totalsSection, Total: 1}
	var row []text.Cell
	for _, m := range query.AllMeasures() {
		s.Columns = append(s.Columns, text.Column{Name: m.String(), Number: true})
		row = append(row, text.Of(v.Totals[m].String()))
	}
	s.Rows = [][]text.Cell{row}
	return s
}

// all are the sections, the totals first.
func (v *Overview) all() []*Section {
	list := []*Section{v.totals()}
	for i := range v.Sections {
		list = append(list, &v.Sections[i])
	}
	return list
}

// MarshalJSON returns an object with a member for each section, and in groups how
// many rows each would have.
func (v *Overview) MarshalJSON() ([]byte, error) {
	var out bytes.Buffer
	err := v.writeJSON(&out)
	return out.Bytes(), err
}

func (v *Overview) writeJSON(out *bytes.Buffer) error {
	out.WriteString("{")
	var groups []text.Column
	var counts []text.Cell
	for _, s := range v.all() {
		fmt.Fprintf(out, "%q: ", s.Name)
		format := text.JSON
		if s.Name == totalsSection {
			format = text.NDJSON // its object
		} else {
			groups = append(groups, text.Column{Name: s.Name, Number: true})
			counts = append(counts, text.Of(fmt.Sprint(s.Total)))
		}
		if err := text.WriteTable(out, format, s.Columns, s.Rows, text.Options{}); err != nil {
			return err
		}
		out.WriteString(", ")
	}
	if v.Filtered {
		fmt.Fprintf(out, "\"matched\": %s, ", v.Totals[query.Findings])
	}
	fmt.Fprintf(out, "\"open_findings\": %d, \"buckets_analysed\": %d, ", v.Findings, v.Buckets)
	fmt.Fprintf(out, "\"public_unknown\": %s, \"unencrypted_unknown\": %s, \"members_exceed_archive\": %d, ", v.PublicUnknown, v.UnencryptedUnknown, v.MembersExceed)
	out.WriteString(`"groups": `)
	if err := text.WriteTable(out, text.NDJSON, groups, [][]text.Cell{counts}, text.Options{}); err != nil {
		return err
	}
	out.WriteString("}\n")
	return nil
}

// withSection puts the section's name before each row.
func (s *Section) withSection() [][]text.Cell {
	rows := make([][]text.Cell, len(s.Rows))
	for i, row := range s.Rows {
		rows[i] = append([]text.Cell{text.Of(s.Name)}, row...)
	}
	return rows
}

func (v *Overview) writeNDJSON(out io.Writer, o text.Options) error {
	for _, s := range v.all() {
		columns := append([]text.Column{{Name: "section"}}, s.Columns...)
		if err := text.WriteTable(out, text.NDJSON, columns, s.withSection(), o); err != nil {
			return err
		}
	}
	return nil
}

// writeCSV writes one table with the columns of all sections, dimensions before
// measures, in which each section fills its own.
func (v *Overview) writeCSV(out io.Writer, o text.Options) error {
	columns := []text.Column{{Name: "section"}}
	for _, number := range []bool{false, true} {
		for _, s := range v.all() {
			for _, c := range s.Columns {
				if c.Number == number && !slices.Contains(columns, c) {
					columns = append(columns, c)
				}
			}
		}
	}
	var rows [][]text.Cell
	for _, s := range v.all() {
		own := append([]text.Column{{Name: "section"}}, s.Columns...)
		for _, cells := range s.withSection() {
			row := make([]text.Cell, len(columns))
			for i, c := range own {
				row[slices.Index(columns, c)] = cells[i]
			}
			rows = append(rows, row)
		}
	}
	return text.WriteTable(out, text.CSV, columns, rows, o)
}
