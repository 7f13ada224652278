package current

import (
	"bytes"

	"github.com/macielake/macielake/internal/sum"
	"github.com/macielake/macielake/internal/where"
)

// object makes the states of an object and of its members, whose records come one
// after the other: own results, one result of its members in case it has none,
// and then the members' results, a member at a time.
type object struct {
	o      *Options
	emit   func(*Subject) error
	looked func(origin, identifier []byte, at int64) bool

	begun   bool
	key     []byte  // of the object
	facts   *bucket // nil where nothing is known
	cutoff  int64   // only results created later count,
	changed bool    // if the bucket changed hands
	// The same as a value; null if it didn't.
	ownedSince where.Value
	// What is known of the bucket's exposure.
	publicAccess, bucketEncryption where.Value

	settled bool // the object's own results are through
	pool    pool
	own     fold // of own results
	hint    fold // of the result of a member in their place
	// The same of results from before the bucket changed hands, which stand where
	// there are no others.
	formerOwn, formerHint fold

	subject  Subject // the object's
	implied  bool    // the object has no own result that counts
	complete bool    // its own standing result is COMPLETE
	analysed bool    // it has an analysis of its own
	content  content // that counts of members
	member   member
	sums     map[string]*memberSum
	order    []string // the keys of sums, as they came
}

// memberSum is what members of an archive have of a finding; [0] of confirmed
// ones, [1] of others.
type memberSum struct {
	typ, id   where.Value
	count     [2]sum.Int
	locations [2]int64
	has       [2]bool // there are any
	appeared  bool    // all of them have
	doubt     Doubt   // about one that isn't confirmed
	// When the oldest and the newest result was created that reports it.
	firstSeen, lastSeen int64
	counted             [2]bool // with a count
	limit               [2]bool
}

// member makes the state of a member.
type member struct {
	begun   bool
	key     []byte
	path    where.Value
	pool    pool
	fold    fold
	former  fold // of results from before the bucket changed hands
	subject Subject
}

func (x *object) init(o *Options, stable bool) {
	x.o = o
	// Records of several points are kept in a buffer that is used again.
	x.pool.stable = stable && !o.points()
	x.member.pool.stable = x.pool.stable
	d := &decoder{o: o, stored: o.stored()}
	x.pool.decoder, x.member.pool.decoder = d, d
	for _, f := range x.folds() {
		f.pool = &x.pool
	}
	x.member.fold.pool, x.member.former.pool = &x.member.pool, &x.member.pool
}

func (x *object) folds() []*fold { return []*fold{&x.own, &x.hint, &x.formerOwn, &x.formerHint} }

// begin begins with the next object.
func (x *object) begin(key []byte, facts *bucket) {
	x.begun, x.settled, x.implied = true, false, false
	x.key = append(x.key[:0], key...)
	if facts == nil || facts != x.facts {
		x.know(facts, key)
	}
	x.pool.reset()
	for _, f := range x.folds() {
		f.reset()
	}
	clear(x.sums)
	x.order = x.order[:0]
	x.member.begun = false
}

// know notes what is known of the bucket of an object.
func (x *object) know(facts *bucket, key []byte) {
	x.facts = facts
	x.cutoff, x.changed, x.ownedSince = 0, false, where.Value{}
	x.publicAccess, x.bucketEncryption = where.Value{}, where.Value{}
	if facts == nil {
		return
	}
	if !nullBucket(key) {
		if x.cutoff, x.changed = facts.cutoff(); x.changed {
			x.ownedSince = where.IntValue(x.cutoff)
		}
	}
	x.publicAccess = lastKnown(x.value(&facts.permission), x.value(&facts.knownPermission), publicFact)
	x.bucketEncryption = lastKnown(x.value(&facts.encryption), x.value(&facts.knownEncryption), unencryptedFact)
}

// nullBucket reports whether the key of an object names no bucket.
func nullBucket(key []byte) bool {
	_, _, rest := where.TakeBytes(key)
	return rest[0] == 0
}

// counts reports whether a result counts, as far as the bucket's owner goes.
func (x *object) counts(h *head) bool {
	return !x.changed || !h.created.Null() && h.created.Int() > x.cutoff
}

// add takes the next record of the object.
func (x *object) add(key []byte, h *head, record []byte) error {
	counts := x.counts(h)
	switch section := key[h.object]; {
	case section == ownSection && counts:
		x.own.add(h, record)
		return nil
	case section == ownSection:
		x.formerOwn.add(h, record)
		return nil
	case section == hintSection && counts:
		x.hint.addHint(h, record)
		return nil
	case section == hintSection:
		x.formerHint.addHint(h, record)
		return nil
	}
	x.settle()
	m := &x.member
	if !m.begun || !bytes.Equal(key[:h.subject], m.key) {
		if err := x.endMember(); err != nil {
			return err
		}
		m.begin(key[:h.subject], h.object)
		m.fold.fix(x.content.modified, x.content.version)
		m.former.fix(x.content.modified, x.content.version)
	}
	if counts {
		m.fold.add(h, record)
	} else {
		m.former.add(h, record)
	}
	return nil
}

func (m *member) begin(key []byte, object int) {
	m.begun = true
	m.key = append(m.key[:0], key...)
	m.path, _ = where.TakeValue(m.key[object+1:], where.Text)
	m.pool.reset()
	m.fold.reset()
	m.former.reset()
}

// addHint takes a result of a member: the newest analysis, or the newest result
// where there is none, may stand for an archive without results.
func (f *fold) addHint(h *head, record []byte) {
	if f.newest == nil || h.flags&flagAnalysis != 0 && !f.newest.Analysis {
		f.reset()
		f.add(h, record)
	}
}

// settle makes the object's own state.
func (x *object) settle() {
	if x.settled {
		return
	}
	x.settled = true
	s := &x.subject
	*s = Subject{Findings: s.Findings[:0], Closed: s.Closed[:0], Values: s.Values[:0]}
	own, gone := &x.own, NotGone
	if own.newest == nil {
		own, x.implied = &x.hint, true
	}
	if own.newest == nil {
		own, x.implied, gone = &x.formerOwn, false, OtherOwner
	}
	if own.newest == nil {
		own, x.implied = &x.formerHint, true
	}
	if x.implied {
		own.found = own.found[:0] // its members say what they have
	}
	own.end(s, gone, x.looked)
	if x.implied {
		s.Results, s.Analyses = 0, 0
	}
	x.analysed = !x.implied && own.standing != nil
	x.complete = x.analysed && !own.standing.Partial
	of := s.Standing
	if x.hint.standing != nil && own.standing == nil {
		of = x.hint.standing
	}
	x.content = content{modified: of.modified, version: of.version}
	x.expose(s, s)
	x.fill(s, s.Standing, own.newest)
}

// expose gives a subject the exposure of the object that of is.
func (x *object) expose(s, of *Subject) {
	s.ObjectPublic, s.ObjectEncryption = of.ObjectPublic, of.ObjectEncryption
	s.PublicAccess, s.BucketEncryption = x.publicAccess, x.bucketEncryption
	s.OwnedSince = x.ownedSince
	s.derive()
}

// derive derives the exposure from the facts about the bucket and the object.
func (s *Subject) derive() {
	s.Public = publicFact(s.PublicAccess).or(s.ObjectPublic)
	s.Unencrypted = unencrypted(unencryptedFact(s.ObjectEncryption), unencryptedFact(s.BucketEncryption))
}

// value returns what a result of the bucket says, if that result counts.
func (x *object) value(s *slot) where.Value {
	if s.order != nil && x.changed {
		if created, _ := where.TakeLatest(s.order); created.Null() || created.Int() <= x.cutoff {
			return where.Value{}
		}
	}
	return s.get()
}

// fill fills the values of columns.
func (x *object) fill(s *Subject, standing, newest *Result) {
	s.Values = s.Values[:0]
	k := 0
	for i := range x.o.Columns {
		switch x.o.Columns[i].From {
		case FromStanding:
			s.Values = append(s.Values, standing.Values[i])
		case FromNewest:
			s.Values = append(s.Values, newest.Values[i])
		case FromBucket:
			var v where.Value
			if x.facts != nil && k < len(x.facts.columns) {
				v = x.value(&x.facts.columns[k])
			}
			s.Values = append(s.Values, v)
			k++
		}
	}
}

// endMember makes the state of the member whose results came.
func (x *object) endMember() error {
	m := &x.member
	if !m.begun {
		return nil
	}
	m.begun = false
	s := &m.subject
	*s = Subject{Member: true, Path: m.path, Findings: s.Findings[:0], Closed: s.Closed[:0], Values: s.Values[:0]}
	from, gone := &m.fold, NotGone
	if at := x.subject.Standing.Created; from.newest == nil {
		from, gone = &m.former, OtherOwner
	} else if from.newestOf == nil && x.complete && !at.Null() && !from.undated && from.newest.Created.Int() < at.Int() {
		gone = NotInArchive
	}
	if x.subject.Gone != NotGone {
		gone = ArchiveGone
	}
	from.end(s, gone, x.looked)
	x.sum(s)
	if !x.o.Members {
		return nil
	}
	x.expose(s, &x.subject)
	x.fill(s, s.Standing, s.Standing)
	for i := range x.o.Columns {
		if x.o.Columns[i].From == FromNewest {
			s.Values[i] = x.subject.Values[i]
		}
	}
	return x.emit(s)
}

// sum adds a member's findings to those of its archive.
func (x *object) sum(s *Subject) {
	for i := range s.Findings {
		x.sumFinding(&s.Findings[i])
	}
	if x.implied && s.Gone == NotGone {
		x.raise(s)
	}
}

func (x *object) sumFinding(f *Finding) {
	at := x.sums[string(f.id)]
	if at == nil {
		if x.sums == nil {
			x.sums = make(map[string]*memberSum)
		}
		at = &memberSum{typ: clone(f.Type), id: clone(f.Identifier)}
		id := string(f.id)
		x.sums[id] = at
		x.order = append(x.order, id)
	}
	k := 0
	if !f.Confirmed {
		k = 1
	}
	if !at.has[0] && !at.has[1] {
		at.firstSeen, at.appeared = f.FirstSeen, f.Appeared
	}
	at.see(f)
	at.count[k].AddInt(f.Count)
	at.locations[k] += f.Locations
	at.has[k] = true
	at.counted[k] = at.counted[k] || f.HasCount
	at.limit[k] = at.limit[k] || f.limit
}

// see takes when a member's finding was seen.
func (m *memberSum) see(f *Finding) {
	if f.FirstSeen != 0 && (m.firstSeen == 0 || f.FirstSeen < m.firstSeen) {
		m.firstSeen = f.FirstSeen
	}
	m.lastSeen = max(m.lastSeen, f.LastSeen)
	m.appeared = m.appeared && f.Appeared
	if !f.Confirmed {
		m.doubt = f.Doubt
	}
}

// clone returns a text that refers to memory of its own.
func clone(v where.Value) where.Value {
	if v.Null() {
		return v
	}
	return where.TextValue(append([]byte{}, v.Text()...))
}

// raise gives an archive without results the severity of a member, if that is
// higher.
func (x *object) raise(s *Subject) {
	of := func(s *Subject) severity {
		return severity{score: s.Score.Int(), rated: !s.Score.Null(), name: s.Severity.Text()}
	}
	if own := of(s); own.higher(of(&x.subject)) {
		own.name = bytes.Clone(own.name)
		x.subject.setSeverity(own)
	}
}

// end makes the states that are left.
func (x *object) end() error {
	if !x.begun {
		return nil
	}
	x.begun = false
	x.settle()
	if err := x.endMember(); err != nil {
		return err
	}
	x.join()
	return x.emit(&x.subject)
}

// join joins the findings of an archive with those of its members.
func (x *object) join() {
	s := &x.subject
	for i := range s.Findings {
		x.joinFinding(&s.Findings[i])
	}
	for _, id := range x.order {
		at := x.sums[id]
		if !at.has[0] && !at.has[1] {
			continue // it is joined
		}
		f := Finding{id: []byte(id), Type: at.typ, Identifier: at.id}
		closed := -1
		for i := range s.Closed {
			if bytes.Equal(s.Closed[i].id, f.id) {
				closed = i
			}
		}
		x.joinFinding(&f)
		s.Findings = append(s.Findings, f)
		if closed >= 0 {
			s.Closed = append(s.Closed[:closed], s.Closed[closed+1:]...)
		}
	}
}

// joinFinding gives a finding what members have of it: of one that the archive
// doesn't have itself, in the state in which they have it.
func (x *object) joinFinding(f *Finding) {
	at := x.sums[string(f.id)]
	if at == nil {
		return
	}
	own := f.By != nil
	if !f.Confirmed && (at.has[0] || !own) {
		confirmed := at.has[0]
		if confirmed {
			own = false // what the archive has is of replaced content
		}
		if !own {
			*f = Finding{
				id: f.id, Type: f.Type, Identifier: f.Identifier, Confirmed: confirmed,
				FirstSeen: f.FirstSeen, LastSeen: f.LastSeen, Appeared: at.appeared,
			}
			if !confirmed {
				f.Doubt = at.doubt
			}
			f.rate(x.o.Config)
		}
	}
	if at.firstSeen != 0 && (f.FirstSeen == 0 || at.firstSeen < f.FirstSeen) {
		f.FirstSeen = at.firstSeen
	}
	f.LastSeen = max(f.LastSeen, at.lastSeen)
	k := 0
	if !f.Confirmed {
		k = 1
	}
	has := at.has[k]
	at.has = [2]bool{} // it is joined
	if !has {
		return
	}
	if at.count[k].Compare(f.Count) > 0 || !own {
		x.exceed(at.count[k], f.Count)
		f.Count = at.count[k]
	}
	f.HasCount = f.HasCount || at.counted[k]
	f.Locations = max(f.Locations, at.locations[k])
	f.limit = f.limit || at.limit[k]
}

// exceed notes that members sum to more than an archive that was analysed.
func (x *object) exceed(members, own sum.Int) {
	if x.analysed && members.Compare(own) > 0 {
		x.subject.MembersExceed = true
	}
}

// single makes a state of one result by itself.
func (x *object) single(key []byte, h *head, record []byte) error {
	x.pool.reset()
	res := x.pool.take(h, record)
	s := &x.subject
	*s = Subject{Findings: s.Findings[:0], Closed: s.Closed[:0], Values: append(s.Values[:0], res.Values...), Results: 1, Standing: res}
	if s.Member = key[h.object] == memberSection; s.Member {
		s.Path, _ = where.TakeValue(key[h.object+1:h.subject], where.Text)
	}
	if !res.Analysis {
		s.Missed = res
	}
	s.setSeverity(res.severity)
	s.ObjectPublic, s.ObjectEncryption = res.public, res.encryption
	s.PublicAccess, s.BucketEncryption = res.permission, res.bucketEncryption
	s.derive()
	for i := range res.detections {
		var c candidate
		c.speaks(res, i)
		c.finding.Confirmed = true
		c.finding.rate(x.o.Config)
		s.Findings = append(s.Findings, c.finding)
	}
	return x.emit(s)
}

// repeats tells results that are repeats of those before.
type repeats struct {
	last []byte // key of the last result that wasn't of the same subject and time
	ids  [][]byte
	many map[string]struct{}
}

// is reports whether a result was there already.
func (r *repeats) is(key []byte, h *head) bool {
	created, id := identityOf(key[h.subject:])
	if same := key[:h.subject+len(created)]; !bytes.Equal(same, r.last) {
		r.last = append(r.last[:0], same...)
		r.ids, r.many = r.ids[:0], nil
	}
	if id == nil {
		return false
	}
	if r.many != nil {
		_, there := r.many[string(id)]
		r.many[string(id)] = struct{}{}
		return there
	}
	for _, other := range r.ids {
		if bytes.Equal(other, id) {
			return true
		}
	}
	if n := len(r.ids); n < cap(r.ids) {
		r.ids = r.ids[:n+1]
		r.ids[n] = append(r.ids[n][:0], id...)
	} else {
		r.ids = append(r.ids, bytes.Clone(id))
	}
	if len(r.ids) > manyTypes {
		r.many = make(map[string]struct{})
		for _, other := range r.ids {
			r.many[string(other)] = struct{}{}
		}
	}
	return false
}

// recorded keeps an object's records, to make its states of several months.
type recorded struct {
	buf  []byte
	ends []int // of keys and records, in turn
}

func (r *recorded) add(key, record []byte) {
	r.buf = append(r.buf, key...)
	r.ends = append(r.ends, len(r.buf))
	r.buf = append(r.buf, record...)
	r.ends = append(r.ends, len(r.buf))
}

func (r *recorded) each(do func(key, record []byte) error) error {
	start := 0
	for i := 0; i < len(r.ends); i += 2 {
		key, record := r.buf[start:r.ends[i]], r.buf[r.ends[i]:r.ends[i+1]]
		start = r.ends[i+1]
		if err := do(key, record); err != nil {
			return err
		}
	}
	return nil
}

func (r *recorded) reset() { r.buf, r.ends = r.buf[:0], r.ends[:0] }
