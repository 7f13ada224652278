package gen

// earlierAnalysis is an object that already has a result in the sample.
type earlierAnalysis struct {
	format  *format
	object  *object
	members []*member   // of an archive
	found   []detection // in the object itself
	created int64
	id      string
}

// owner identifies the account and Region whose objects a source has results of.
type owner struct {
	admin   *admin
	region  *region
	account int
}

func (s *site) owner() owner { return owner{s.admin, s.region, s.account} }

// maxBefore is how many objects per owner are remembered.
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
	who := g.site.owner()
	if len(g.before[who]) < maxBefore {
		g.before[who] = append(g.before[who], b)
	} else {
		g.before[who][g.r.n(maxBefore)] = b
	}
}

// pickEarlier picks an earlier analysis to repeat, for seven in ten objects of the
// repeated profile; otherwise it returns nil. It changes f to the object's format
// and draws the outcome of the new analysis.
func (g *generator) pickEarlier(f *feature) *earlierAnalysis {
	if !g.shape.repeated {
		return nil
	}
	list := g.before[g.site.owner()]
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
	case 4: // unchanged, but can't be read
		f.outcome = outcomeSkipped
	case 5: // other content, which can't be read
		f.outcome = outcomeSkipped
		o.modified += second + g.r.n(30*day)/second*second
	}
	return &b
}

// repeatAnalysis makes rec a repetition of b, unless that is nil. Half of the
// repetitions find the same types in other numbers. Some have the time, or the time
// and the id, of the earlier result.
func (g *generator) repeatAnalysis(rec *record, f feature, b *earlierAnalysis) {
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
