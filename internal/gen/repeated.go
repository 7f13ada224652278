package gen

// analysedBefore is an object that a sample has results of already.
type analysedBefore struct {
	format  *format
	object  *analysed
	members []*member   // of an archive
	found   []detection // in the object itself
	created int64
	id      string
}

// owner is whose objects a place's results are of.
type owner struct {
	admin   *admin
	region  *region
	account int
}

func (p *place) owner() owner { return owner{p.admin, p.region, p.account} }

// maxBefore is how many objects of an owner are remembered.
const maxBefore = 64

// remember keeps what was written of an object, so that it can be analysed again.
func (g *generator) remember(rec *record, f *format, members []record) {
	if !g.shape.repeated {
		return
	}
	b := analysedBefore{format: f, object: rec.object, found: rec.detected, created: rec.created, id: rec.id}
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

// analyseAgain chooses an object that was analysed before, for seven in ten
// lines of samples with repetition: nil for a new one. It changes f to what the
// object is and to what becomes of it this time.
func (g *generator) analyseAgain(f *feature) *analysedBefore {
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
	case 3: // what it was before, whose result comes late
		o.modified -= second + g.r.n(30*day)/second*second
	case 4: // can't be read this time
		f.outcome = outcomeSkipped
	case 5: // has changed, and the new content can't be read
		f.outcome = outcomeSkipped
		o.modified += second + g.r.n(30*day)/second*second
	}
	return &b
}

// analyseOf makes rec, the result of an object that was analysed before, look
// like one: half the time the same types are found, in other numbers, and some
// results were created at the same moment or have the same identifier.
func (g *generator) analyseOf(rec *record, f feature, b *analysedBefore) {
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
