package report

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/macielake/macielake/internal/change"
	"github.com/macielake/macielake/internal/config"
	"github.com/macielake/macielake/internal/current"
	"github.com/macielake/macielake/internal/lake"
	"github.com/macielake/macielake/internal/query"
	"github.com/macielake/macielake/internal/sum"
	"github.com/macielake/macielake/internal/where"
)

// Options say what is reported.
type Options struct {
	// Through, if not nil, reports whether a run had been committed.
	Through func(run string) bool
	// Compare asks for changes. Since reports whether a run existed before, and FirstRun
	// says that nothing was reported before.
	Compare  bool
	Since    func(run string) bool
	FirstRun bool
	// Config, if not nil, has owners, accepted findings and names.
	Config *config.Config
	// Split asks for one page per owner, in the order of the rules, and a last one for
	// objects without an owner. It needs Config.
	Split bool
	// Keys says that objects may be named.
	Keys bool
	// Now is the time that ages are told by.
	Now     time.Time
	Grown   float64 // as change.Options has it
	Memory  int64   // about how many bytes may be held; 0 is query.DefaultMemory
	Workers int
}

// How long lists are.
const (
	maxRows    = 10 // of exposed and other buckets
	maxFirst   = 15
	maxHeat    = 25
	maxRecords = 20
	maxTurned  = 20
	maxRules   = 50
	maxOrigins = 20
	maxMissed  = 30
	maxMonths  = 12
)

// maker makes pages.
type maker struct {
	o     Options
	pages []*Page
	by    map[string]*Page // by owner
	// categories that findings have, the best known first.
	categories []string
}

// New reports on a dataset: one page, or one for each owner. The caller fills in the
// Source of each. It reads the dataset twice, and once more for what changed or is
// accepted.
func New(ctx context.Context, o Options, l *lake.Lake) ([]*Page, error) {
	if o.Memory <= 0 {
		o.Memory = query.DefaultMemory
	}
	m := &maker{o: o, by: make(map[string]*Page), categories: []string{"FINANCIAL_INFORMATION", "PERSONAL_INFORMATION", "CREDENTIALS", "CUSTOM_IDENTIFIER"}}
	owners := []string{""}
	if o.Split {
		owners = append(o.Config.OwnerNames(), "")
	}
	for _, name := range owners {
		p := &Page{Keys: o.Keys, Configured: o.Config != nil && len(o.Config.Owners) > 0}
		if o.Split {
			p.Owner = &name
		}
		for _, kind := range []string{Public, Unencrypted, Credentials} {
			e := Exposure{Kind: kind}
			for i, days := range ages {
				e.Ages[i].Days = days
			}
			p.Exposed = append(p.Exposed, e)
		}
		m.pages, m.by[name] = append(m.pages, p), p
	}
	for _, step := range []func(context.Context, *lake.Lake) error{m.state, m.history, m.changes} {
		if err := step(ctx, l); err != nil {
			return nil, err
		}
	}
	for _, p := range m.pages {
		p.finish(m.categories)
	}
	return m.pages, nil
}

// finish makes nil lists empty, so that JSON has no null, and gives each row a count per
// category.
func (p *Page) finish(categories []string) {
	p.Categories = categories
	p.First.More = max(p.fixable-int64(len(p.First.Rows)), 0)
	for _, l := range []*List{&p.First, &p.Accounts, &p.Owners, &p.MissedIn, &p.Exposed[0].Buckets, &p.Exposed[1].Buckets, &p.Exposed[2].Buckets} {
		l.Rows = notNil(l.Rows)
	}
	p.Buckets.Rows, p.Missed, p.Months = notNil(p.Buckets.Rows), notNil(p.Missed), notNil(p.Months)
	p.Accepted.Rules, p.Unknown.Origins = notNil(p.Accepted.Rules), notNil(p.Unknown.Origins)
	pad := func(counts *[]int64) {
		*counts = append(*counts, make([]int64, len(categories)-len(*counts))...)
	}
	for i := range p.Buckets.Rows {
		pad(&p.Buckets.Rows[i].Counts)
	}
	for i := range p.Months {
		pad(&p.Months[i].Counts)
	}
}

func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// section is a view and what becomes of its groups. take gets the page that a group
// belongs to, its values without the owner that pages are told apart by, and its sums.
type section struct {
	by, where string
	measures  []query.Measure
	// sorted is the measure that groups are sorted by.
	sorted int
	take   func(p *Page, values []string, sums []sum.Int)
}

// views makes the views of sections.
func (m *maker) views(sections []section) ([]query.View, error) {
	var views []query.View
	for _, s := range sections {
		v := query.View{Measures: s.measures}
		names := []string{}
		if m.o.Split {
			names = append(names, query.OwnerField)
		}
		for _, name := range append(names, fieldsOf(s.by)...) {
			d, err := query.ParseDimension(name)
			if err != nil {
				return nil, err
			}
			v.By = append(v.By, d)
		}
		if s.where != "" {
			f, err := where.Parse(s.where, query.Fields())
			if err != nil {
				return nil, err
			}
			v.Where = f
		}
		views = append(views, v)
	}
	return views, nil
}

// give gives the groups of a summary's views to their sections.
func (m *maker) give(ctx context.Context, s *query.Summary, sections []section) error {
	for i, section := range sections {
		order := query.Order{By: section.sorted}
		if section.sorted < 0 { // by the first value
			order.By = len(section.measures)
			if m.o.Split {
				order.By++
			}
		}
		_, err := s.Groups(ctx, i, order, func(g *query.Group) error {
			values := make([]string, 0, len(g.Values))
			for _, v := range g.Values {
				values = append(values, string(v.Text()))
			}
			owner := ""
			if m.o.Split {
				owner, values = values[0], values[1:]
			}
			if p := m.by[owner]; p != nil {
				section.take(p, values, g.Sums)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// add adds a row to a list, or counts it.
func (l *List) add(r Row, most int) {
	if len(l.Rows) == most {
		l.More++
		return
	}
	l.Rows = append(l.Rows, r)
}

// category returns the number of a category, which it gets if it has none.
func (m *maker) category(name string) int {
	i := slices.Index(m.categories, name)
	if i < 0 {
		i = len(m.categories)
		m.categories = append(m.categories, name)
	}
	return i
}

// count sets the count of a category in a row of them.
func (m *maker) count(counts *[]int64, category string, n int64) {
	i := m.category(category)
	for len(*counts) <= i {
		*counts = append(*counts, 0)
	}
	(*counts)[i] += n
}

// state fills in the state as of the report.
func (m *maker) state(ctx context.Context, l *lake.Lake) error {
	sections := m.sections()
	views, err := m.views(sections)
	if err != nil {
		return err
	}
	s := query.NewSummary(query.Options{
		Views: views, Origins: true, Through: m.o.Through, Config: m.o.Config, Memory: m.o.Memory, Workers: m.o.Workers,
	})
	defer s.Close()
	if err := s.AddDataset(ctx, l); err != nil {
		return err
	}
	if err := m.give(ctx, s, sections); err != nil {
		return err
	}
	for _, p := range m.pages {
		u := &p.Unknown
		if !m.o.Split {
			u.MembersExceed = s.Caveats().MembersExceed
		}
		for _, o := range s.Origins() {
			u.Sampled = u.Sampled || o.Job == ""
			if m.o.Split {
				continue // others' accounts
			}
			if len(u.Origins) == maxOrigins {
				u.More++
				continue
			}
			origin := Origin{Administrator: o.Administrator, Region: o.Region, Job: o.Job}
			if o.Known {
				at := time.UnixMicro(o.Newest).UTC()
				origin.Newest = &at
			}
			u.Origins = append(u.Origins, origin)
		}
	}
	return nil
}

// sections are what state fills in, in the order of their views.
func (m *maker) sections() []section {
	found := []query.Measure{query.Findings, query.Sensitive}
	of := "bucket,account"
	if m.o.Config != nil && len(m.o.Config.Owners) > 0 && !m.o.Split {
		of += "," + query.OwnerField
	}
	what := "object"
	if !m.o.Keys {
		what = "bucket"
	}
	owner := func(values []string, at int) string {
		if at < len(values) {
			return values[at]
		}
		return ""
	}
	list := []section{
		{"", "", query.AllMeasures(), 0, func(p *Page, _ []string, n []sum.Int) {
			p.Totals = Totals{
				Objects: n[query.Objects].Clamped(), Sensitive: n[query.Sensitive].Clamped(), Findings: n[query.Findings].Clamped(),
				Confirmed: n[query.Confirmed].Clamped(), Unconfirmed: n[query.Unconfirmed].Clamped(), Occurrences: json.Number(n[query.Occurrences].String()),
				Partial: n[query.Partial].Clamped(), Skipped: n[query.Skipped].Clamped(), Gone: n[query.Gone].Clamped(),
				Unlocated: json.Number(n[query.Unlocated].String()), Results: n[query.Results].Clamped(),
			}
		}},
		{"", "public=unknown", found, 0, func(p *Page, _ []string, n []sum.Int) { p.Unknown.PublicUnknown = n[1].Clamped() }},
		{"", "unencrypted=unknown", found, 0, func(p *Page, _ []string, n []sum.Int) { p.Unknown.UnencryptedUnknown = n[1].Clamped() }},
		{"bucket,public_access", "", found, 0, func(p *Page, v []string, n []sum.Int) {
			if len(p.Buckets.Rows) == maxHeat {
				p.Buckets.More++
				return
			}
			p.Buckets.Rows = append(p.Buckets.Rows, HeatRow{Bucket: v[0], Public: v[1] == "PUBLIC", Findings: n[0].Clamped(), Sensitive: n[1].Clamped()})
		}},
		{"bucket,category", "", found, 0, func(p *Page, v []string, n []sum.Int) {
			i := slices.IndexFunc(p.Buckets.Rows, func(r HeatRow) bool { return r.Bucket == v[0] })
			if i >= 0 {
				m.count(&p.Buckets.Rows[i].Counts, v[1], n[0].Clamped())
			}
		}},
		{"account", "", found, 0, func(p *Page, v []string, n []sum.Int) {
			p.Accounts.add(Row{Name: v[0], Findings: n[0].Clamped(), Sensitive: n[1].Clamped()}, maxRows)
		}},
		{"status,reason", "status!=COMPLETE or status is null", []query.Measure{query.Skipped, query.Partial}, 0, func(p *Page, v []string, n []sum.Int) {
			if len(p.Missed) == maxMissed {
				p.MissedMore++
				return
			}
			p.Missed = append(p.Missed, Missed{v[0], v[1], n[0].Clamped(), n[1].Clamped()})
		}},
		{of, "status!=COMPLETE or status is null", []query.Measure{query.Skipped}, 0, func(p *Page, v []string, n []sum.Int) {
			p.MissedIn.add(Row{Name: v[0], Account: v[1], Owner: owner(v, 2), Skipped: n[0].Clamped()}, maxRows)
		}},
	}
	if p := m.pages[0]; p.Configured && !m.o.Split {
		list = append(list, section{query.OwnerField, "", found, 0, func(p *Page, v []string, n []sum.Int) {
			p.Owners.add(Row{Name: v[0], Findings: n[0].Clamped(), Sensitive: n[1].Clamped()}, maxRows)
		}})
	}
	for i := range m.pages[0].Exposed {
		filter := Filter(m.pages[0].Exposed[i].Kind)
		list = append(list, section{"date", filter, found, 0, func(p *Page, v []string, n []sum.Int) {
			p.Exposed[i].add(m.o.Now, v[0], n[0].Clamped(), n[1].Clamped())
		}}, section{of, filter, found, 0, func(p *Page, v []string, n []sum.Int) {
			p.Exposed[i].Buckets.add(Row{Name: v[0], Account: v[1], Owner: owner(v, 2), Findings: n[0].Clamped(), Sensitive: n[1].Clamped()}, maxRows)
		}})
	}
	// What to fix first, from the worst on. An object can be there for several reasons and
	// counts once, so what is left out is told by how many there are for any reason.
	whats, places := what, "bucket"
	if of != "bucket,account" {
		whats += "," + query.OwnerField
		places += "," + query.OwnerField
	}
	for _, f := range []struct{ why, where string }{
		{"public, high severity", "public=yes and type_severity=High"},
		{"unencrypted, high severity", "unencrypted=yes and type_severity=High and public!=yes"},
		{"public", "public=yes and (type_severity!=High or type_severity is null)"},
		{"credentials", "category=CREDENTIALS and public!=yes and (unencrypted!=yes or type_severity!=High or type_severity is null)"},
	} {
		list = append(list, section{whats, f.where, found, 0, func(p *Page, v []string, n []sum.Int) {
			if i := slices.IndexFunc(p.First.Rows, func(r Row) bool { return r.Name == v[0] && r.Owner == owner(v, 1) }); i >= 0 {
				p.First.Rows[i].Findings += n[0].Clamped() // it is there for a better reason
				return
			}
			p.First.add(Row{Name: v[0], Why: f.why, Owner: owner(v, 1), Findings: n[0].Clamped(), Sensitive: n[1].Clamped()}, maxFirst)
		}})
	}
	list = append(list, section{places, FixFirst, found, 0, func(p *Page, _ []string, n []sum.Int) {
		if m.o.Keys {
			p.fixable += n[1].Clamped()
		} else {
			p.fixable++
		}
	}})
	return list
}

// fieldsOf splits names of dimensions.
func fieldsOf(names string) []string {
	if names == "" {
		return nil
	}
	var list []string
	for name := range strings.SplitSeq(names, ",") {
		list = append(list, name)
	}
	return list
}

// add counts what was analysed on a day, which is empty where it isn't known.
func (e *Exposure) add(now time.Time, day string, findings, sensitive int64) {
	at := len(ages) - 1
	if t, err := time.Parse(time.DateOnly, day); err == nil {
		old := int(now.UTC().Truncate(24*time.Hour).Sub(t) / (24 * time.Hour))
		at = slices.IndexFunc(ages[:], func(days int) bool { return days == 0 || old <= days })
	}
	for _, a := range []*Age{&e.Ages[at], &e.Total} {
		a.Findings += findings
		a.Sensitive += sensitive
	}
}

// history fills in the months.
func (m *maker) history(ctx context.Context, l *lake.Lake) error {
	sections := []section{
		{"month", "", []query.Measure{query.Objects, query.Sensitive, query.Findings}, -1, func(p *Page, v []string, n []sum.Int) {
			p.Months = append(p.Months, Month{Month: v[0], Objects: n[0].Clamped(), Sensitive: n[1].Clamped(), Findings: n[2].Clamped()})
		}},
		{"month,category", "", []query.Measure{query.Findings}, -1, func(p *Page, v []string, n []sum.Int) {
			if i := slices.IndexFunc(p.Months, func(r Month) bool { return r.Month == v[0] }); i >= 0 {
				m.count(&p.Months[i].Counts, v[1], n[0].Clamped())
			}
		}},
	}
	views, err := m.views(sections)
	if err != nil {
		return err
	}
	s := query.NewSummary(query.Options{Views: views, Months: true, Through: m.o.Through, Config: m.o.Config, Memory: m.o.Memory, Workers: m.o.Workers})
	defer s.Close()
	if err := s.AddDataset(ctx, l); err != nil {
		return err
	}
	err = m.give(ctx, s, sections)
	if errors.Is(err, current.ErrMonths) { // one wrong time is no reason for no report
		for _, p := range m.pages {
			p.Unknown.TooLong = true
		}
		return nil
	}
	for _, p := range m.pages {
		p.Months = p.Months[max(0, len(p.Months)-maxMonths):]
	}
	return err
}

// changes fills in changes and accepted findings.
func (m *maker) changes(ctx context.Context, l *lake.Lake) error {
	accepts := m.o.Config != nil && len(m.o.Config.Accept) > 0
	if !m.o.Compare && !accepts {
		return nil
	}
	since := m.o.Since
	if !m.o.Compare {
		since = func(string) bool { return false }
	}
	filters, rules, err := change.AcceptFilters(m.o.Config, nil)
	if err != nil {
		return err
	}
	c := change.NewComparison(change.Options{
		Since: since, Through: m.o.Through, Config: m.o.Config, Now: m.o.Now, Grown: m.o.Grown, Filters: filters,
		Memory: m.o.Memory / 2, Workers: m.o.Workers,
	})
	defer c.Close()
	if err := c.AddDataset(ctx, l); err != nil {
		return err
	}
	r := change.NewReporter(c, change.ReportOptions{
		Where: -1, By: change.ByBucket, Top: 1, Config: m.o.Config, AcceptWhere: rules, Records: m.o.Compare, Split: m.o.Split,
		Memory: m.o.Memory / 2,
	})
	defer r.Close()
	answer, err := r.Report(ctx)
	if err != nil {
		return err
	}
	for i, p := range m.pages {
		tally, accepted, counts := answer.Tally, answer.Accepted, []int64(nil)
		if m.o.Split {
			tally, accepted, counts = answer.Owners[i].Tally, answer.Owners[i].Accepted, answer.Owners[i].ByRule
		}
		p.accept(answer.Rules, accepted, counts)
		if !m.o.Compare {
			continue
		}
		p.Changes = &Changes{FirstRun: m.o.FirstRun, Tally: tally, Turned: []change.Turned{}, Records: []change.Record{}}
		if !m.o.Split {
			p.Changes.Analysed = answer.Analysed
			p.Changes.Turned = append(p.Changes.Turned, answer.Turned[:min(len(answer.Turned), maxTurned)]...)
			p.Changes.TurnedMore = int64(len(answer.Turned) - len(p.Changes.Turned))
		}
	}
	if !m.o.Compare || m.o.FirstRun {
		return nil
	}
	return r.EachRecord(ctx, func(owner int, data []byte) error {
		ch := m.pages[owner].Changes
		var record change.Record
		if err := json.Unmarshal(data, &record); err != nil {
			return fmt.Errorf("reading a change back: %w", err)
		}
		if state := record.State; state == change.Resolved.String() || state == change.NoLongerDetected.String() || state == change.Gone.String() {
			return nil // it is counted, and nothing is to be done
		}
		if len(ch.Records) == maxRecords {
			ch.More++
			return nil
		}
		if !m.o.Keys {
			record.Object, record.Key = "s3://"+*orEmpty(record.Bucket), nil
		}
		ch.Records = append(ch.Records, record)
		return nil
	})
}

func orEmpty(s *string) *string {
	if s == nil {
		return new(string)
	}
	return s
}

// accept fills in what is accepted. counts, if not nil, are how many of the page's
// findings each rule accepts: the page then has no others.
func (p *Page) accept(rules []change.Rule, findings int64, counts []int64) {
	p.Accepted.Findings = findings
	for i, r := range rules {
		if counts != nil {
			if counts[i] == 0 {
				continue
			}
			r.Findings, r.CameBack = counts[i], 0
		}
		if len(p.Accepted.Rules) == maxRules {
			p.Accepted.More++
			continue
		}
		p.Accepted.Rules = append(p.Accepted.Rules, r)
	}
}
