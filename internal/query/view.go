package query

import (
	"hash/maphash"
	"slices"

	"github.com/macielake/macielake/internal/config"
	"github.com/macielake/macielake/internal/current"
	"github.com/macielake/macielake/internal/sum"
	"github.com/macielake/macielake/internal/where"
)

// View is one way to group and add up subjects. A summary may have several.
type View struct {
	// By are the dimensions; without any there is one group.
	By []Dimension
	// Measures are the figures of each group, in this order.
	Measures []Measure
	// Where, if not nil, is a filter on Fields besides the summary's own.
	Where *where.Filter
}

// OfFindings reports whether the view groups by what findings have: it then has
// subjects only where they have findings.
func (v *View) OfFindings() bool { return slices.ContainsFunc(v.By, Dimension.OfFindings) }

// plan says which values of results are needed.
type plan struct {
	months  bool // states of months: the month is the one as of whose end they are
	config  *config.Config
	columns []needed
	needs   facts
}

// needed is a value of results that a summary needs.
type needed struct {
	field *field
	key   string
}

// source returns where a field's value comes from, which it adds to the plan.
func (p *plan) source(f *field, key string) source {
	p.needs |= f.needs
	if p.months && f.name == monthField {
		return source{ofSubject: func(s *current.Subject, scratch *[]byte) where.Value {
			return made(scratch, func(out []byte) []byte { return append(out, current.MonthName(s.Point)...) })
		}}
	}
	if f.name == OwnerField {
		return source{ofSubject: p.ownerOf()}
	}
	if f.column == nil {
		return source{ofFinding: f.ofFinding, ofSubject: f.ofSubject}
	}
	i := slices.Index(p.columns, needed{f, key})
	if i < 0 {
		i = len(p.columns)
		p.columns = append(p.columns, needed{f, key})
	}
	return source{column: i, own: f.own, standing: f.from == current.FromStanding}
}

// ownerOf returns a function that says whose subjects are. What it needs is in the plan.
func (p *plan) ownerOf() func(*current.Subject, *[]byte) where.Value {
	if p.config == nil || len(p.config.Owners) == 0 {
		return func(*current.Subject, *[]byte) where.Value { return where.Value{} }
	}
	named := func(name, key string) source {
		return p.source(&fields[slices.IndexFunc(fields, func(f field) bool { return f.name == name })], key)
	}
	account, bucket, key := named("account", ""), named("bucket", ""), named("key", "")
	tags := make(map[string][2]source) // of the object, or else of its bucket
	for i := range p.config.Owners {
		for key := range p.config.Owners[i].Tags {
			tags[key] = [2]source{named("tag", key), named("bucket_tag", key)}
		}
	}
	var s *current.Subject
	var buf []byte
	text := func(from source) string { return string(from.value(row{subject: s}, &buf).Text()) }
	tag := func(key string) (string, bool) {
		for _, from := range tags[key] {
			if v := from.value(row{subject: s}, &buf); !v.Null() {
				return string(v.Text()), true
			}
		}
		return "", false
	}
	return func(subject *current.Subject, scratch *[]byte) where.Value {
		s, buf = subject, buf[:0]
		name := p.config.OwnerOf(&config.Object{Account: text(account), Bucket: text(bucket), Key: text(key), Tag: tag})
		if name == "" {
			return where.Value{}
		}
		return made(scratch, func(out []byte) []byte { return append(out, name...) })
	}
}

// options returns the columns for the state.
func (p *plan) options() []current.Column {
	columns := make([]current.Column, len(p.columns))
	for i, c := range p.columns {
		columns[i] = c.field.column(c.key)
		columns[i].From, columns[i].Kind = c.field.from, c.field.kind
	}
	return columns
}

// source is where a field's value comes from: a finding, a subject, or a column of
// the state.
type source struct {
	ofFinding func(*current.Finding, *[]byte) where.Value
	ofSubject func(*current.Subject, *[]byte) where.Value
	column    int
	own       bool // findings have the value of the result that speaks for them
	standing  bool // it is the standing result's
}

// perFinding reports whether findings of a subject may have different values.
func (s *source) perFinding() bool { return s.ofFinding != nil || s.own }

// row is a subject, or one of its findings, or the result that says why it wasn't
// analysed.
type row struct {
	subject *current.Subject
	finding *current.Finding // nil for the subject
	missed  bool
}

func (s *source) value(r row, scratch *[]byte) where.Value {
	switch {
	case s.ofFinding != nil:
		if r.finding == nil {
			return where.Value{}
		}
		return s.ofFinding(r.finding, scratch)
	case s.ofSubject != nil:
		return s.ofSubject(r.subject, scratch)
	case s.own && r.finding != nil && r.finding.By != nil:
		return r.finding.By.Values[s.column]
	case s.standing && r.missed:
		return r.subject.Missed.Values[s.column]
	}
	return r.subject.Values[s.column]
}

// filter is a filter with where its fields come from.
type filter struct {
	*where.Filter
	ofFindings bool
	perFinding bool            // it may be true of some findings of a subject and not of others
	sources    map[int][]keyed // by field
	row        row             // that it looks at
	scratch    []byte
	get        func(field int, key string) where.Value
	literals   *where.Literals
}

type keyed struct {
	key string
	source
}

// newFilter returns f for use by one goroutine. What it needs is in the plan.
func (p *plan) newFilter(f *where.Filter) *filter {
	out := &filter{Filter: f, sources: make(map[int][]keyed)}
	for _, i := range f.Fields() {
		field := &fields[i]
		if field.ofFinding != nil {
			out.ofFindings = true
		}
		keys := []string{""}
		if field.kind == where.Map {
			keys = f.Keys(i)
		}
		for _, key := range keys {
			src := p.source(field, key)
			out.perFinding = out.perFinding || src.perFinding()
			out.sources[i] = append(out.sources[i], keyed{key, src})
		}
	}
	out.get = out.value
	return out
}

func (f *filter) value(field int, key string) where.Value {
	for _, k := range f.sources[field] {
		if k.key == key {
			return k.value(f.row, &f.scratch)
		}
	}
	return where.Value{}
}

func (f *filter) match(r row) bool {
	f.row, f.scratch = r, f.scratch[:0]
	f.literals.Look(f.get)
	return f.Match(f.get)
}

// grouping is a view at work: what it needs of subjects, and its groups.
type grouping struct {
	view       *View
	ofFindings bool
	filters    []*filter
	by         []source
	// perFinding says that findings of a subject may be in different groups, and
	// choosy that filters may keep some of them.
	perFinding, choosy bool
	// onlyFindings says that nothing is counted of subjects without findings.
	onlyFindings bool
	filtersOf    bool             // a filter is on findings
	counts       bool             // there is something to count of findings, or subjects by them
	at           [numMeasures]int // of each measure in the view; -1 where it isn't
	groups       *groups
	subjects     int64 // that were added
	key          []byte
	scratch      []byte
	keep         []bool // by finding
}

// newGrouping returns a view at work with so many bytes of memory. What it needs
// is in the plan.
func (p *plan) newGrouping(v *View, all *filter, seed maphash.Seed, memory int64) *grouping {
	g := &grouping{view: v, ofFindings: v.OfFindings(), groups: newGroups(len(v.Measures), seed, memory)}
	if all != nil {
		g.filters = append(g.filters, all)
	}
	if v.Where != nil {
		g.filters = append(g.filters, p.newFilter(v.Where))
	}
	for _, d := range v.By {
		g.by = append(g.by, p.source(d.field, d.key))
		g.perFinding = g.perFinding || g.by[len(g.by)-1].perFinding()
	}
	g.onlyFindings = g.ofFindings || !slices.ContainsFunc(v.Measures, func(m Measure) bool { return !m.ofFindings() })
	g.choosy = slices.ContainsFunc(g.filters, func(f *filter) bool { return f.perFinding })
	g.filtersOf = slices.ContainsFunc(g.filters, func(f *filter) bool { return f.ofFindings })
	g.counts = g.ofFindings || slices.ContainsFunc(v.Measures, func(m Measure) bool { return m != Sensitive && m.ofFindings() })
	for m := range g.at {
		g.at[m] = slices.Index(v.Measures, Measure(m))
	}
	return g
}

// needsFindings reports whether the view counts, groups or filters findings.
func (g *grouping) needsFindings() bool {
	return g.ofFindings || g.filtersOf || slices.ContainsFunc(g.view.Measures, Measure.ofFindings)
}

func (g *grouping) matches(r row) bool {
	for _, f := range g.filters {
		if !f.match(r) {
			return false
		}
	}
	return true
}

// group returns the group of a row.
func (g *grouping) group(r row) (*group, []sum.Int) {
	g.key, g.scratch = g.key[:0], g.scratch[:0]
	for i := range g.by {
		g.key = where.AppendValue(g.key, g.by[i].value(r, &g.scratch), where.Text)
	}
	return g.groups.at(g.key)
}

func (g *grouping) count(sums []sum.Int, m Measure, n int64) {
	if i := g.at[m]; i >= 0 {
		sums[i].Add(n)
	}
}

func (g *grouping) countInt(sums []sum.Int, m Measure, n sum.Int) {
	if i := g.at[m]; i >= 0 {
		sums[i].AddInt(n)
	}
}

// add adds a subject.
//
// A filter on findings keeps findings, and subjects that have one that is kept.
// Other filters keep subjects with all their findings, unless they are on what
// findings have of the results that speak for them. A view by what findings have
// counts a subject once in each group that its findings are in; any other counts
// it in the group of its standing result.
func (g *grouping) add(s *current.Subject) error {
	g.subjects++
	if g.onlyFindings && len(s.Findings) == 0 && !g.looksForLiterals() {
		return nil
	}
	any, kept := false, false
	g.keep = g.keep[:0]
	if !g.choosy && (len(s.Findings) > 0 || !g.ofFindings) {
		// Filters see nothing of a finding that its subject hasn't.
		kept = g.matches(row{subject: s})
		any = kept && len(s.Findings) > 0
	} else {
		for i := range s.Findings {
			keep := g.matches(row{subject: s, finding: &s.Findings[i]})
			g.keep = append(g.keep, keep)
			any = any || keep
		}
		if !g.ofFindings {
			kept = any
			if !g.filtersOf {
				kept = g.matches(row{subject: s})
			}
		}
	}
	if !g.ofFindings {
		g.addSubject(s, kept, any)
	}
	if !any || !g.counts {
		return g.groups.settle()
	}
	var group *group
	var sums []sum.Int
	for i := range s.Findings {
		if g.choosy && !g.keep[i] {
			continue
		}
		f := &s.Findings[i]
		if group == nil || g.perFinding {
			group, sums = g.group(row{subject: s, finding: f})
		}
		g.countInt(sums, Occurrences, f.Count)
		g.count(sums, Locations, f.Locations)
		if g.at[Unlocated] >= 0 {
			g.countInt(sums, Unlocated, f.Unlocated())
		}
		g.count(sums, Findings, 1)
		if f.Confirmed {
			g.count(sums, Confirmed, 1)
		} else {
			g.count(sums, Unconfirmed, 1)
		}
		if !g.ofFindings || group.subject == g.subjects {
			continue
		}
		group.subject = g.subjects
		g.count(sums, Sensitive, 1)
		g.countSubject(sums, s)
	}
	return g.groups.settle()
}

// addSubject adds what isn't of findings, of which any or none was kept, if the
// subject is kept itself.
func (g *grouping) addSubject(s *current.Subject, kept, any bool) {
	if kept || any {
		_, sums := g.group(row{subject: s})
		if kept {
			g.countSubject(sums, s)
		}
		if any {
			g.count(sums, Sensitive, 1)
		}
	}
	if missed := (row{subject: s, missed: true}); s.Missed != nil && s.Gone == current.NotGone && !g.filtersOf && g.matches(missed) {
		_, sums := g.group(missed)
		g.count(sums, Skipped, 1)
	}
}

func (g *grouping) countSubject(sums []sum.Int, s *current.Subject) {
	g.count(sums, Subjects, 1)
	g.count(sums, Results, s.Results)
	if s.Gone != current.NotGone {
		g.count(sums, Gone, 1)
	}
	if !s.Analysed() {
		return
	}
	g.count(sums, Objects, 1)
	g.count(sums, Bytes, s.Standing.Bytes)
	if s.Standing.Partial {
		g.count(sums, Partial, 1)
	}
}

// looksForLiterals reports whether filters still look for values that they compare
// with.
func (g *grouping) looksForLiterals() bool {
	return slices.ContainsFunc(g.filters, func(f *filter) bool { return f.literals.Left() })
}

// look looks for a filter's literals in findings that aren't open any more: what
// was read has their values, too.
func (g *grouping) look(s *current.Subject) {
	for _, f := range g.filters {
		for i := range s.Closed {
			f.row, f.scratch = row{subject: s, finding: &s.Closed[i].Finding}, f.scratch[:0]
			f.literals.Look(f.get)
		}
	}
}
