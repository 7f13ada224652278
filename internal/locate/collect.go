package locate

import (
	"slices"
)

// Object is what is known about an object.
type Object struct {
	Bucket, Key, Partition Text
	Thing
	Members []Thing // of an archive, by their paths
}

// Thing is what is known about an object, or about a file inside an archive.
type Thing struct {
	Member   Text       // path inside the archive
	Analyses []Analysis // the current one alone, or all, the newest first; none where only members were analysed
}

// Analysis is a result, or the results that count of those of one content.
type Analysis struct {
	*Result
	Results int // that count
	// Detections are those that count, of managed identifiers before those of
	// custom ones, by category and type.
	Detections []*Detection
	// Missed, if not nil, is why the object isn't analysed as it is now.
	Missed *Result
	// Severity is the highest of the results that count.
	Severity Text
}

// detection returns the detection of that index.
func (r *Result) detection(index int64) *Detection {
	i := slices.IndexFunc(r.Detections, func(d Detection) bool { return d.Index == index })
	if i < 0 {
		return nil
	}
	return &r.Detections[i]
}

// collection holds results by what they are of, as few as are needed.
type collection struct {
	all      bool
	limit    int
	byObject map[thing]map[thing][]*Result // objects, and the things in them
	bySource map[source]*Result            // all that are held
	last     *thing                        // the greatest object that may be added; nil for any
	more     bool                          // objects were left out
}

func newCollection(all bool, limit int) *collection {
	return &collection{all: all, limit: limit, byObject: make(map[thing]map[thing][]*Result), bySource: make(map[source]*Result)}
}

// add takes a result, unless it is not needed.
func (c *collection) add(r *Result) {
	object := r.thing.object()
	if c.last != nil && object.compare(*c.last) > 0 {
		c.more = true
		return
	}
	things := c.byObject[object]
	if things == nil {
		things = make(map[thing][]*Result)
		c.byObject[object] = things
	}
	results := append(things[r.thing], r)
	c.bySource[r.source()] = r
	if !c.all {
		results = c.keepCurrent(results)
	}
	things[r.thing] = results
	// Twice the limit, so that sorting is rare.
	if len(c.byObject)/2 > c.limit {
		c.trim()
	}
}

// forget lets go of a result. Another may have its source: of a line that is in
// several datasets.
func (c *collection) forget(r *Result) {
	if c.bySource[r.source()] == r {
		delete(c.bySource, r.source())
	}
}

func (r *Result) source() source { return source{r.SourceURI, r.SourceLine} }

// keepCurrent returns of a thing's results those that may count, and the newest
// of all. Whatever comes later, the others don't matter any more: what comes may
// be of another version than the first, but not of an earlier time.
func (c *collection) keepCurrent(results []*Result) []*Result {
	standing := slices.MinFunc(results, (*Result).compare)
	newest := slices.MinFunc(results, (*Result).compareAge)
	return slices.DeleteFunc(results, func(r *Result) bool {
		if r.Modified == standing.Modified && (r.Analysed() || !standing.Analysed()) || r == newest {
			return false
		}
		c.forget(r)
		return true
	})
}

// counts reports whether a result counts where standing stands for the thing.
func counts(r, standing *Result) bool {
	return r.sameContent(standing) && (r.Analysed() || !standing.Analysed())
}

// trim leaves out the objects past the limit.
func (c *collection) trim() []thing {
	objects := make([]thing, 0, len(c.byObject))
	for o := range c.byObject {
		objects = append(objects, o)
	}
	slices.SortFunc(objects, thing.compare)
	if len(objects) <= c.limit {
		return objects
	}
	for _, o := range objects[c.limit:] {
		for _, results := range c.byObject[o] {
			for _, r := range results {
				c.forget(r)
			}
		}
		delete(c.byObject, o)
	}
	c.more = true
	objects = objects[:c.limit]
	c.last = &objects[c.limit-1]
	return objects
}

// sources returns the URIs of the sources that the results are from.
func (c *collection) sources() []string {
	var uris []string
	for s := range c.bySource {
		uris = append(uris, s.uri.Value)
	}
	slices.Sort(uris)
	return slices.Compact(uris)
}

// objects returns what was collected.
func (c *collection) objects() ([]*Object, bool) {
	var objects []*Object
	for _, o := range c.trim() {
		object := &Object{Bucket: o.bucket, Key: o.key, Partition: o.partition}
		var things []thing
		for t := range c.byObject[o] {
			things = append(things, t)
		}
		slices.SortFunc(things, thing.compare)
		for _, t := range things {
			known := Thing{Member: t.member, Analyses: c.analyses(c.byObject[o][t])}
			if t.isMember {
				object.Members = append(object.Members, known)
			} else {
				// A path without being a member is none.
				object.Analyses = append(object.Analyses, known.Analyses...)
			}
		}
		objects = append(objects, object)
	}
	return objects, c.more
}

func (c *collection) analyses(results []*Result) []Analysis {
	if !c.all {
		return []Analysis{current(results)}
	}
	slices.SortFunc(results, (*Result).compareAge)
	list := make([]Analysis, len(results))
	for i, r := range results {
		list[i] = Analysis{Result: r, Results: 1, Severity: r.Severity, Detections: r.refer()}
	}
	return list
}

// current makes one analysis of a thing's results (docs/dataset.md, "What counts
// as current").
func current(results []*Result) Analysis {
	slices.SortFunc(results, (*Result).compare)
	standing := results[0]
	a := Analysis{Result: standing, Severity: standing.Severity}
	score := standing.score
	newest := slices.MinFunc(results, (*Result).compareAge)
	if !standing.Analysed() || compareLater(newest.Modified, standing.Modified) < 0 {
		a.Missed = newest
	}
	for _, r := range results {
		if !counts(r, standing) {
			continue
		}
		a.Results++
		if by := compareLater(r.score, score); by < 0 || by == 0 && r.Severity.Set && r.Severity.Value > a.Severity.Value {
			a.Severity, score = r.Severity, r.score
		}
		for _, d := range r.refer() {
			i := slices.IndexFunc(a.Detections, d.sameType)
			if i < 0 {
				a.Detections = append(a.Detections, d)
			} else if d.compare(a.Detections[i]) < 0 {
				a.Detections[i] = d
			}
		}
	}
	slices.SortStableFunc(a.Detections, (*Detection).compareType)
	return a
}

// refer returns the detections by type, which then know what they are of.
func (r *Result) refer() []*Detection {
	list := make([]*Detection, len(r.Detections))
	for i := range r.Detections {
		r.Detections[i].Result = r
		list[i] = &r.Detections[i]
	}
	slices.SortStableFunc(list, (*Detection).compareType)
	return list
}
