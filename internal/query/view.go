package query

import (
	"hash/maphash"
	"slices"

	"github.com/macielake/macielake/internal/where"
)

// View is one way to group and add up what a summary reads. A summary may have
// several.
type View struct {
	// By are the dimensions; without any there is one group.
	By []Dimension
	// Measures are the figures of each group, in this order.
	Measures []Measure
	// Where, if not nil, is a filter on Fields besides the summary's own.
	Where *where.Filter
}

// OfTypes reports whether the view groups by types of sensitive data: it then
// has objects only where they have detections.
func (v *View) OfTypes() bool { return slices.ContainsFunc(v.By, Dimension.OfTypes) }

// grouping is a view at work: what it needs of objects, and its groups.
type grouping struct {
	view    *View
	ofTypes bool
	filters []*filter
	by      []source
	at      [numMeasures]int // of each measure in the view; -1 where it isn't
	groups  *groups
	objects int64 // that were added
	key     []byte
	keep    []bool // by detection
}

// source is where a dimension's value comes from.
type source struct {
	column int                          // of the plan
	ofType func(*detection) where.Value // or this
}

// filter is a filter with where its fields are.
type filter struct {
	*where.Filter
	ofTypes bool
	sources map[int][]keyed // by field
	// The row it looks at.
	values []where.Value
	det    *detection
	get    func(field int, key string) where.Value
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
		if field.ofType != nil {
			out.ofTypes = true
			out.sources[i] = []keyed{{source: source{ofType: field.ofType}}}
			continue
		}
		keys := []string{""}
		if field.kind == where.Map {
			keys = f.Keys(i)
		}
		for _, key := range keys {
			out.sources[i] = append(out.sources[i], keyed{key, source{column: p.column(field, key)}})
		}
	}
	out.get = out.value
	return out
}

func (f *filter) value(field int, key string) where.Value {
	for _, k := range f.sources[field] {
		if k.key != key {
			continue
		}
		if k.ofType == nil {
			return f.values[k.column]
		}
		return k.ofType(f.det)
	}
	return where.Value{}
}

func (f *filter) match(values []where.Value, d *detection) bool {
	f.values, f.det = values, d
	return f.Match(f.get)
}

// newGrouping returns a view at work with so many bytes of memory. What it needs
// is in the plan.
func (p *plan) newGrouping(v *View, all *where.Filter, seed maphash.Seed, memory int64) *grouping {
	g := &grouping{view: v, ofTypes: v.OfTypes(), groups: newGroups(len(v.Measures), seed, memory)}
	for _, f := range []*where.Filter{all, v.Where} {
		if f != nil {
			g.filters = append(g.filters, p.newFilter(f))
		}
	}
	for _, d := range v.By {
		if d.OfTypes() {
			g.by = append(g.by, source{ofType: d.field.ofType})
		} else {
			g.by = append(g.by, source{column: p.column(d.field, d.key)})
		}
	}
	for m := range g.at {
		g.at[m] = slices.Index(v.Measures, Measure(m))
	}
	return g
}

// filtersTypes reports whether a filter is on types.
func (g *grouping) filtersTypes() bool {
	return slices.ContainsFunc(g.filters, func(f *filter) bool { return f.ofTypes })
}

func (g *grouping) matches(values []where.Value, d *detection) bool {
	for _, f := range g.filters {
		if !f.match(values, d) {
			return false
		}
	}
	return true
}

// group returns the group of a row.
func (g *grouping) group(values []where.Value, d *detection) (*group, []Sum) {
	g.key = g.key[:0]
	for _, s := range g.by {
		if s.ofType != nil {
			g.key = appendValue(g.key, s.ofType(d), where.Text)
		} else {
			g.key = appendValue(g.key, values[s.column], where.Text)
		}
	}
	return g.groups.at(g.key)
}

func (g *grouping) count(sums []Sum, m Measure, n int64) {
	if i := g.at[m]; i >= 0 {
		sums[i].add(n)
	}
}

// add adds an object.
//
// A filter on types keeps detections, and objects that have one that is kept.
// Other filters keep objects and detections, each by its own values. A view by
// types has an object once in each group that its detections are in.
func (g *grouping) add(o *object) error {
	g.objects++
	any := false
	g.keep = g.keep[:0]
	for i := range o.detections {
		keep := g.matches(o.detections[i].values, &o.detections[i])
		g.keep = append(g.keep, keep)
		any = any || keep
	}
	if !g.ofTypes {
		g.addObject(o, any)
	}
	for i := range o.detections {
		if !g.keep[i] {
			continue
		}
		d := &o.detections[i]
		group, sums := g.group(d.values, d)
		g.count(sums, Occurrences, d.count.Int())
		g.count(sums, Locations, d.locations)
		g.count(sums, Detections, 1)
		if d.capped {
			g.count(sums, Capped, 1)
		}
		if group.object == g.objects {
			continue
		}
		group.object = g.objects
		g.count(sums, Sensitive, 1)
		if g.ofTypes {
			g.countObject(sums, o.standing)
		}
	}
	return g.groups.settle()
}

// addObject adds what isn't of detections, of which any or none was kept.
func (g *grouping) addObject(o *object, any bool) {
	ofTypes := g.filtersTypes()
	if ofTypes && any || !ofTypes && g.matches(o.standing.values, nil) {
		_, sums := g.group(o.standing.values, nil)
		g.countObject(sums, o.standing)
	}
	if o.missed != nil && !ofTypes && g.matches(o.missed.values, nil) {
		_, sums := g.group(o.missed.values, nil)
		g.count(sums, Skipped, 1)
	}
}

func (g *grouping) countObject(sums []Sum, standing *result) {
	g.count(sums, Results, 1)
	g.count(sums, Bytes, standing.size)
	if standing.analysed {
		g.count(sums, Objects, 1)
	}
	if standing.partial {
		g.count(sums, Partial, 1)
	}
}
