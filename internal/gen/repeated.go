package gen

// earlierAnalysis is an object of which the sample already has a result.
type earlierAnalysis struct {
	format  *format
	object  *object
	members []*member   // of an archive
	found   []detection // in the object itself
	created int64
	id      string
}

// owner is the account, in a Region of an administrator, whose objects a place has
// results of.
type owner struct {
	admin   *admin
	region  *region
	account int
}

func (p *place) owner() owner { return owner{p.admin, p.region, p.account} }

// maxBefore is the number of objects per owner that are remembered.
const maxBefore = 64

// remember keeps an object that was written, so that it can be analysed again.
func (g *generator) remember(rec *record, f *format, members []record) {
	if !g.shape.repeated {
		return
	}
	b := earlierAnalysis{format: f, object: rec.object, found: rec.detected, created: rec.created, id: rec.id}
	for i := range members {
		b.members = append(b.members, members[i].member)
	}
	who := g.place.owner()
	if len(g.before[who]) < maxBefore {
		g.before[who] = append(g.before[who], b)
	} else {
		g.before[who][g.r.n(maxBefore)] = b
	}
}

// analyseAgain picks an earlier analysis to repeat, for seven in ten lines of the
// repeated profile; otherwise it returns nil. It changes f to the object's format
// and draws the outcome of the new analysis.
func (g *generator) analyseAgain(f *feature) *earlierAnalysis {
	if !g.shape.repeated {
		return nil
	}
	list := g.before[g.place.owner()]
	if len(list) == 0 || g.r.n(10) >= 7 {
		return nil
	}
	b := list[g.r.n(int64(len(list)))] // a copy
	o := *b.object
	b.object = &o
	f.format = b.format
	f.outcome = pick(g.r, []outcome{outcomeFound, outcomeFound, outcomeFound, outcomeClean, outcomePartial})
	f.traits &^= bigSize // the object has its size
	switch g.r.n(10) {
	case 0, 1: // other content
		o.modified += second + g.r.n(30*day)/second*second
		o.etag = g.r.hex(32)
		if o.version != "" {
			o.version = g.r.hex(32)
		}
	case 2: // another version of the same second
		o.version = g.r.hex(32)
	case 3: // older content, in a result that arrives late
		o.modified -= second + g.r.n(30*day)/second*second
	case 4: // can't be read this time
		f.outcome = outcomeSkipped
	case 5: // has changed, and the new content can't be read
		f.outcome = outcomeSkipped
		o.modified += second + g.r.n(30*day)/second*second
	}
	return &b
}

// analyseOf makes rec a repeated analysis: half of the time it finds the same types
// in other numbers, and some results have the time or the id of the earlier one.
func (g *generator) analyseOf(rec *record, f feature, b *earlierAnalysis) {
	if b == nil {
		return
	}
	switch g.r.n(12) {
	case 0:
		rec.created = b.created
	case 1:
		rec.created, rec.id = b.created, b.id
	}
	if len(rec.detected) == 0 || len(b.found) == 0 || g.r.n(2) == 0 {
		return
	}
	rec.detected, rec.anyCapped = nil, false
	for i := range b.found {
		d := g.newDetection(f, b.found[i].managed, b.found[i].custom)
		rec.anyCapped = rec.anyCapped || d.count > d.locations()
		rec.detected = append(rec.detected, d)
	}
}
