package summarize

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/macielake/macielake/internal/config"
	"github.com/macielake/macielake/internal/current"
	"github.com/macielake/macielake/internal/query"
	"github.com/macielake/macielake/internal/raw"
	"github.com/macielake/macielake/internal/sum"
	"github.com/macielake/macielake/internal/text"
	"github.com/macielake/macielake/internal/where"
)

// Section is a part of the overview: the first of some groups.
type Section struct {
	Name    string // in JSON, NDJSON and CSV
	Title   string // for people
	Columns []text.Column
	Rows    [][]text.Cell
	Total   int64 // groups
}

// Overview is the answer without dimensions. docs/current.md has what each figure
// counts, and when a sentence may reassure.
type Overview struct {
	// Totals are by measure.
	Totals [numTotals]sum.Int
	// Buckets is how many buckets have analysed objects.
	Buckets  int64
	Sections []Section
	// PublicUnknown and UnencryptedUnknown are sensitive objects of which it isn't
	// known whether they are.
	PublicUnknown, UnencryptedUnknown sum.Int
	// Origins are who produced the results, and when the newest.
	Origins []current.Origin
	// Filtered says that a filter chose among Findings open findings.
	Filtered bool
	Findings int64
	All      bool // every result counts
	// MembersExceed is the number of archives whose members sum to more than them.
	MembersExceed int64
	// Limited says that inputs are missing from the answer.
	Limited bool
	Late    int64 // results of late runs
	// Now is the time that ages are told by.
	Now time.Time

	top    int64
	config *config.Config
}

// numTotals is the number of measures.
const numTotals = 14

// Names of sections.
const (
	typesSection       = "types"
	bucketsSection     = "buckets"
	publicSection      = "public"
	unencryptedSection = "unencrypted"
	missedSection      = "not_analysed"
	unlocatedSection   = "unlocated"
	originsSection     = "origins"
	totalsSection      = "totals"
)

// question is a view of the overview.
type question struct {
	name, title, by, where string
	measures               []query.Measure
}

// questions are those of the sections.
var questions = []question{
	{typesSection, "Types of sensitive data", "category,type", "", []query.Measure{query.Occurrences, query.Confirmed, query.Unconfirmed}},
	{bucketsSection, "Buckets with sensitive data", "bucket", "", []query.Measure{query.Occurrences, query.Sensitive}},
	{publicSection, "Public, with sensitive data", "bucket", "public=yes", []query.Measure{query.Occurrences, query.Sensitive}},
	{unencryptedSection, "Unencrypted, with sensitive data", "bucket", "unencrypted=yes", []query.Measure{query.Occurrences, query.Sensitive}},
	{missedSection, "Not analysed, or in part", "status,reason", "status!=COMPLETE or status is null", []query.Measure{query.Skipped, query.Partial}},
	{unlocatedSection, "Occurrences without a location", "object,cause", "unlocated>0", []query.Measure{query.Occurrences, query.Locations, query.Unlocated}},
}

func (q *question) view() query.View {
	v := query.View{Measures: q.measures}
	if q.by != "" {
		v.By = dimensions(q.by)
	}
	if q.where != "" {
		f, err := where.Parse(q.where, query.Fields())
		if err != nil {
			panic(err) // questions are constants
		}
		v.Where = f
	}
	return v
}

// dimensions returns the dimensions with those names, which are constants.
func dimensions(names string) []query.Dimension {
	var by []query.Dimension
	for name := range strings.SplitSeq(names, ",") {
		d, err := query.ParseDimension(name)
		if err != nil {
			panic(err)
		}
		by = append(by, d)
	}
	return by
}

// overviewTop is how many rows a section has where nothing else is asked for.
const overviewTop = 5

// NewOverview makes the overview. It is nil after an error; the tally of what
// was read is returned nevertheless.
func NewOverview(ctx context.Context, o Options, in Inputs) (*Overview, *raw.Tally, error) {
	views := []query.View{
		{Measures: query.AllMeasures()},
		{By: dimensions("bucket"), Measures: []query.Measure{query.Objects}},
		(&question{where: "public=unknown", measures: []query.Measure{query.Sensitive}}).view(),
		(&question{where: "unencrypted=unknown", measures: []query.Measure{query.Sensitive}}).view(),
	}
	first := len(views)
	for i := range questions {
		views = append(views, questions[i].view())
	}
	summary := o.summary(true, views...)
	defer summary.Close()
	tally, err := in.add(ctx, summary)
	if err == nil {
		err = summary.Count(ctx)
	}
	if err == nil {
		err = summary.CheckLiterals()
	}
	if err != nil {
		return nil, tally, err
	}
	v := &Overview{Filtered: o.Where != nil, All: o.All, Now: o.Now, top: overviewTop, config: o.Config}
	if o.Top > 0 {
		v.top = o.Top
	}
	v.Findings, v.Origins, v.MembersExceed = summary.Findings(), summary.Origins(), summary.Caveats().MembersExceed
	v.Late, v.Limited = summary.Late(), o.Limited
	if tally != nil {
		v.Limited = v.Limited || tally.RejectedLines+tally.RejectedSources+tally.Unreadable > 0
	}
	// A view without dimensions has one group.
	one := func(view int) (sums []sum.Int, err error) {
		_, err = summary.Groups(ctx, view, query.Order{}, func(g *query.Group) error {
			sums = append(sums, g.Sums...)
			return nil
		})
		return sums, err
	}
	totals, err := one(0)
	if err != nil {
		return nil, tally, err
	}
	copy(v.Totals[:], totals)
	if v.Buckets, err = summary.Groups(ctx, 1, query.Order{Top: 1}, func(*query.Group) error { return nil }); err != nil {
		return nil, tally, err
	}
	for view, at := range map[int]*sum.Int{2: &v.PublicUnknown, 3: &v.UnencryptedUnknown} {
		sums, err := one(view)
		if err != nil {
			return nil, tally, err
		}
		*at = sums[0]
	}
	for i := range questions {
		s := Section{Name: questions[i].name, Title: questions[i].title, Columns: groupColumns(&views[first+i])}
		s.Total, err = summary.Groups(ctx, first+i, query.Order{Top: v.top}, func(g *query.Group) error {
			row := groupCells(nil, g)
			for i := range row {
				row[i].Text = bytes.Clone(row[i].Text)
			}
			s.Rows = append(s.Rows, row)
			return nil
		})
		if err != nil {
			return nil, tally, err
		}
		v.Sections = append(v.Sections, s)
	}
	v.Sections = append(v.Sections, v.origins())
	return v, tally, nil
}

// origins makes a section of who produced the results.
func (v *Overview) origins() Section {
	s := Section{
		Name: originsSection, Title: "Newest results", Total: int64(len(v.Origins)),
		Columns: []text.Column{{Name: "administrator"}, {Name: "region"}, {Name: "origin"}, {Name: "newest"}, {Name: "age"}},
	}
	for i := range v.Origins {
		if int64(i) == v.top {
			break
		}
		o := &v.Origins[i]
		row := []text.Cell{{}, {}, text.Of("automated discovery"), {}, {}}
		if o.Administrator != "" {
			row[0] = text.Of(o.Administrator)
		}
		if o.Region != "" {
			row[1] = text.Of(o.Region)
		}
		if o.Job != "" {
			row[2] = text.Of(jobOrigin + o.Job)
		}
		if o.Known {
			at := time.UnixMicro(o.Newest).UTC()
			row[3], row[4] = text.Of(at.Format(time.RFC3339)), text.Of(text.Age(v.Now.Sub(at)))
		}
		s.Rows = append(s.Rows, row)
	}
	return s
}

// total returns a figure of the totals.
func (v *Overview) total(m query.Measure) sum.Int { return v.Totals[m] }

func (v *Overview) count(m query.Measure) string { return text.Thousands(v.Totals[m].String()) }

// section returns a section by its name.
func (v *Overview) section(name string) *Section {
	for i := range v.Sections {
		if v.Sections[i].Name == name {
			return &v.Sections[i]
		}
	}
	return nil
}

// reassures reports whether the answer may say that all is well, as far as its
// figures are.
func (v *Overview) reassures() bool {
	return !v.Filtered && !v.All && !v.Limited && v.total(query.Subjects) != sum.Int{}
}

// none is the sentence in place of a section without rows; empty where nothing is
// to be said.
func (v *Overview) none(name string) string {
	if !v.reassures() {
		return ""
	}
	zero := sum.Int{}
	switch name {
	case typesSection:
		if v.total(query.Objects) == zero {
			return "No object was analysed"
		}
		return fmt.Sprintf("No sensitive data in the %s, in %s", objects(v.total(query.Objects), "object analysed", "objects analysed"), text.Plural(v.Buckets, "bucket"))
	case publicSection:
		if v.total(query.Sensitive) != zero && v.PublicUnknown == zero {
			return "Nothing public has sensitive data, as last seen (sharing with other accounts isn't in these results)"
		}
	case unencryptedSection:
		if v.total(query.Sensitive) != zero && v.UnencryptedUnknown == zero {
			return "Nothing unencrypted has sensitive data, as last seen"
		}
	case missedSection:
		if v.total(query.Objects) != zero {
			return "Every object in these results was analysed (objects that Macie did not select are not in them)"
		}
	case unlocatedSection:
		if v.total(query.Occurrences) != zero {
			return "Every occurrence has a location"
		}
	}
	return ""
}

func objects(n sum.Int, one, many string) string {
	if n == sum.Of(1) {
		return "1 " + one
	}
	return text.Thousands(n.String()) + " " + many
}

// Document returns the overview for people.
func (v *Overview) Document(width int) *text.Document {
	d := &text.Document{}
	one, many := "object", "objects"
	if v.All {
		one, many = "result", "results"
	}
	d.Title(fmt.Sprintf("%s of %s of sensitive data in %s", objects(v.total(query.Occurrences), "occurrence", "occurrences"),
		text.Plural(v.section(typesSection).Total, "type"), objects(v.total(query.Sensitive), one, many)))
	if !v.All {
		d.Line(fmt.Sprintf("%s: %s confirmed, %s unconfirmed (of content that was replaced since)",
			objects(v.total(query.Findings), "finding", "findings"), v.count(query.Confirmed), v.count(query.Unconfirmed)))
	}
	d.Line(fmt.Sprintf("%s analysed in %s, %s of them in part, %s bytes", objects(v.total(query.Objects), one, many),
		text.Plural(v.Buckets, "bucket"), v.count(query.Partial), v.count(query.Bytes)))
	line := v.count(query.Skipped) + " not analysed"
	if !v.All {
		line += ", " + v.count(query.Gone) + " gone"
	}
	d.Line(line)
	if v.Filtered && v.total(query.Findings) == (sum.Int{}) {
		d.Line(noneMatch(v.Findings))
	}
	if !v.Filtered && v.total(query.Subjects) == (sum.Int{}) {
		d.Line("No results: nothing is known of any object")
	}
	if v.MembersExceed > 0 {
		d.Warn(fmt.Sprintf("In %s, the members sum to more than the archive: the larger counts", text.Plural(v.MembersExceed, "archive")))
	}
	for i := range v.Sections {
		v.addSection(d, &v.Sections[i], width)
	}
	return d
}

// noneMatch says that a filter matches none of so many findings.
func noneMatch(findings int64) string {
	return fmt.Sprintf("None of the %s match the filter", text.Plural(findings, "open finding"))
}

// narrow is the width of a screen below which there is no room for categories.
const narrow = 60

func (v *Overview) addSection(d *text.Document, s *Section, width int) {
	unknown := v.unknown(s.Name)
	if len(s.Rows) == 0 {
		if none := v.none(s.Name); none != "" {
			d.Section(none, "")
		} else if unknown != "" {
			d.Section(unknown, "")
		}
		return
	}
	note := ""
	if s.Total > int64(len(s.Rows)) {
		note = fmt.Sprintf("%s of %s", text.Count(int64(len(s.Rows))), text.Count(s.Total))
	}
	d.Section(s.Title, note)
	columns, rows := s.Columns, make([][]text.Cell, len(s.Rows))
	for i, row := range s.Rows {
		rows[i] = forPeople(v.config, columns, slices.Clone(row))
	}
	if s.Name == typesSection && width > 0 && width < narrow {
		columns = columns[1:]
		for i, row := range rows {
			rows[i] = row[1:]
		}
	}
	d.Table(columns, rows)
	if unknown != "" {
		d.Line(unknown)
	}
}

// unknown says of how many sensitive objects the exposure of a section isn't known.
func (v *Overview) unknown(section string) string {
	n, what := v.PublicUnknown, "public"
	switch section {
	case publicSection:
	case unencryptedSection:
		n, what = v.UnencryptedUnknown, "unencrypted"
	default:
		return ""
	}
	if n == (sum.Int{}) {
		return ""
	}
	return fmt.Sprintf("Not known whether %s: %s", what, objects(n, "object with sensitive data", "objects with sensitive data"))
}
