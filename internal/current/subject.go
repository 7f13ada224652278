package current

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"github.com/macielake/macielake/internal/awsvalues"
	"github.com/macielake/macielake/internal/config"
	"github.com/macielake/macielake/internal/sum"
	"github.com/macielake/macielake/internal/where"
)

// Gone is why a subject is gone. The zero Gone says that it isn't.
type Gone uint8

// Why subjects are gone.
const (
	NotGone      Gone = iota
	Deleted           // its newest result says so
	OtherOwner        // its bucket changed hands
	NotInArchive      // a newer content of its archive doesn't have it
	ArchiveGone       // its archive is gone
)

// String says in words why a subject is gone.
func (g Gone) String() string {
	return [...]string{"", "deleted", "bucket changed hands", "no longer in the archive", "archive is gone"}[g]
}

// Subject is the state of an object, or of a member of an archive. It and what it
// refers to are valid until the function that it was given to returns.
type Subject struct {
	// Member reports whether it is a member, and Path is its path in the archive.
	Member bool
	Path   where.Value
	// Point is what the state is as of, where states of several points are asked for:
	// the end of a month, as MonthOf has it, or Before or After.
	Point int32

	Standing *Result
	// Missed is the result that says why a subject isn't analysed as it is now, or
	// never was; nil otherwise. A subject that is gone has none.
	Missed *Result
	Gone   Gone
	// Results is how many results the state is made of, and Analyses how many of them
	// are analyses.
	Results, Analyses int64
	// Values are those of the state's columns.
	Values []where.Value
	// OwnedSince is the time after which results count, because the bucket was another
	// account's before; null where it wasn't.
	OwnedSince where.Value

	Public, Unencrypted Fact
	// What is known of the bucket and of the object, as results spell it.
	PublicAccess, BucketEncryption where.Value
	ObjectPublic                   Fact
	ObjectEncryption               where.Value

	Severity where.Value // Low, Medium, High or what else was reported
	Score    where.Value // 1, 2, 3
	Findings []Finding   // open ones
	// Closed are findings that an analysis reported and that aren't open.
	Closed []Closed
	// MembersExceed says that members of an archive sum to more than it.
	MembersExceed bool
}

// Analysed reports whether the subject counts as analysed.
func (s *Subject) Analysed() bool { return s.Gone == NotGone && s.Standing.Analysis }

// Finding is an identifier that matched in a subject.
type Finding struct {
	id []byte
	// Type is the type of sensitive data, or the name of a custom identifier.
	Type where.Value
	// Identifier is the ID of a custom identifier; null for others.
	Identifier where.Value
	Confirmed  bool
	// Count is 0 if HasCount isn't set: no result has a count.
	Count     sum.Int
	HasCount  bool
	Locations int64
	// By is the result that speaks for the finding, and Index the number of the
	// detection in it; By is nil for a finding of an archive that only members
	// report.
	By    *Result
	Index int
	// FirstSeen and LastSeen are when the oldest and the newest result that reports it
	// were created, in microseconds since 1970; 0 where none says when it was.
	FirstSeen, LastSeen int64
	// Appeared says that it wasn't there before: an analysis by an origin that looked
	// for it did not find it, or the object was modified after an analysis. Otherwise
	// nobody is known to have looked before FirstSeen. It is set with Options.Since.
	Appeared bool
	// Doubt is why a later content doesn't resolve a finding that isn't confirmed.
	Doubt Doubt

	limit bool               // a detection has all the locations that Macie reports
	rated awsvalues.Severity // what the configuration says of it; 0 for nothing
}

// Doubt is why a finding isn't resolved. The zero Doubt is none.
type Doubt uint8

// Doubts about a finding that isn't confirmed.
const (
	NoDoubt      Doubt = iota
	Undated            // it isn't known which result is the latest
	InPart             // nothing later was analysed as a whole
	NotLookedFor       // who analysed it later isn't known to look for it
)

// String says in words why a finding isn't resolved.
func (d Doubt) String() string {
	return [...]string{"", "a result without a time", "analysed in part", "not known to be looked for"}[d]
}

// ID tells the finding from others of its subject: the same bytes in every state.
func (f *Finding) ID() []byte { return f.id }

// Clone returns a finding that refers to nothing of its subject, and has no result
// that speaks for it.
func (f *Finding) Clone() Finding {
	c := *f
	c.id, c.Type, c.Identifier, c.By = bytes.Clone(f.id), clone(f.Type), clone(f.Identifier), nil
	return c
}

// Counted is who counted a finding, and in which content.
type Counted struct {
	origin            string
	modified, version where.Value
}

// Counted returns who counted it; nil where no result speaks for it. The result stays
// valid.
func (f *Finding) Counted() *Counted {
	if f.By == nil {
		return nil
	}
	c := &Counted{origin: string(f.By.origin), modified: f.By.modified, version: f.By.version}
	if !c.version.Null() {
		c.version = clone(c.version)
	}
	return c
}

// SameOrigin reports whether the same origin counted both in different contents.
func (c *Counted) SameOrigin(o *Counted) bool {
	return c != nil && o != nil && c.origin == o.origin && !(&content{modified: c.modified, version: c.version}).is(o.modified, o.version)
}

// Part returns one of the texts that tell findings of a subject apart.
func (f *Finding) part(n int) where.Value {
	rest := f.id
	for ; n > 0; n-- {
		_, _, rest = where.TakeBytes(rest)
	}
	v, _ := where.TakeValue(rest, where.Text)
	return v
}

// Fingerprint identifies a finding over runs, datasets and programs: "v1:" and the
// SHA-256, in hexadecimal, of the partition, bucket, key, path in the archive (absent
// for an object), identifier kind, category, and name: the ID of a custom identifier or
// else the type. Each is preceded by its length plus one as an unsigned varint; 0
// stands for one that is absent.
func Fingerprint(partition, bucket, key, path, kind, category, name where.Value) string {
	var data []byte
	for _, v := range [...]where.Value{partition, bucket, key, path, kind, category, name} {
		data = where.AppendValue(data, v, where.Text)
	}
	hash := sha256.Sum256(data)
	return "v1:" + hex.EncodeToString(hash[:])
}

// Fingerprint is that of the finding in an object, or with a path in a member of it.
func (f *Finding) Fingerprint(partition, bucket, key, path where.Value) string {
	return Fingerprint(partition, bucket, key, path, f.Kind(), f.Category(), f.part(2))
}

// Kind is managed or custom.
func (f *Finding) Kind() where.Value { return f.part(0) }

// Category is the category of sensitive data.
func (f *Finding) Category() where.Value { return f.part(1) }

// Unlocated is how many occurrences have no location.
func (f *Finding) Unlocated() sum.Int {
	n := f.Count.Sub(sum.Of(f.Locations))
	if n.Compare(sum.Int{}) < 0 {
		return sum.Int{}
	}
	return n
}

// maxLocations is how many locations of a type Macie reports in a result (Macie
// API reference, Occurrences).
const maxLocations = 1000

// Cause is why occurrences have no location: limit, none or unknown; empty where
// all have one.
func (f *Finding) Cause() string {
	switch {
	case f.Unlocated() == sum.Int{}:
		return ""
	case f.limit:
		return "limit"
	case f.Locations == 0:
		return "none"
	}
	return "unknown"
}

// Severity is what the configuration says of the type, or else what AWS publishes of
// it and the count; 0 where it publishes none.
func (f *Finding) Severity() awsvalues.Severity {
	if f.rated != 0 {
		return f.rated
	}
	if string(f.Kind().Text()) != "managed" {
		return 0
	}
	return awsvalues.TypeSeverity(string(f.Type.Text()), f.Count.Clamped())
}

// rate notes what a configuration says of a finding.
func (f *Finding) rate(c *config.Config) {
	if c == nil {
		return
	}
	level := c.Severity(f.part(2).Text())
	if level == "" {
		level = c.Severity(f.Type.Text())
	}
	f.rated = awsvalues.SeverityNamed(level)
}

// Closed is a finding that isn't open.
type Closed struct {
	Finding
	End End
}

// End is why a finding isn't open any more.
type End uint8

// Why findings aren't open.
const (
	SubjectGone      End = iota
	Resolved             // a later content doesn't have it
	NoLongerDetected     // the content has it, but the jobs that replaced others don't look for it
)

// String is the end as answers have it.
func (e End) String() string {
	return [...]string{"gone", "resolved", "no_longer_detected"}[e]
}

// content is a content that results of a subject are about.
type content struct {
	modified, version where.Value
	newest            where.Value // when the newest result of it was created
	undated           bool        // a result of it doesn't say
}

func (c *content) is(modified, version where.Value) bool {
	return where.EqualInts(c.modified, modified) && where.EqualTexts(c.version, version)
}

// closer is a complete analysis, which may resolve findings.
type closer struct {
	origin  []byte
	created int64
	content int // in contents
}

// candidate is a finding in the making.
type candidate struct {
	finding Finding
	content int // that it is in, in contents
	count   where.Value
	others  []int // contents in which it was reported, too

	firstSeen, lastSeen int64
	firstModified       where.Value // of the content in which it was seen first

	// Where jobs replace others, who reported it; undated says that a result of theirs
	// doesn't say when.
	origins [][]byte
	undated bool
}

// fold makes a state of the results of a subject, which come the newest first.
type fold struct {
	pool *pool
	// Of a member the content that counts is its archive's.
	fixed   bool
	current content

	results  int64
	analyses int64
	undated  bool // a result doesn't say when it was created
	newest   *Result
	standing *Result // the newest analysis
	// The same among the results of the content that counts, where it is fixed.
	newestOf, standingOf *Result
	at                   int // of the standing content in contents; -1
	contents             []content
	found                []candidate
	byID                 map[string]int // found, of a subject that has many
	closers              []closer
	oldest               int64    // when the oldest analysis was created; 0 if none says
	severity             severity // the highest among analyses of the standing content

	public           [2]Fact // the newest, the newest known
	encryption       [2]where.Value
	knownPub, knownE bool
}

// manyTypes is the number of findings from which on they are looked up in a map.
const manyTypes = 16

func (f *fold) reset() {
	*f = fold{pool: f.pool, at: -1, contents: f.contents[:0], found: f.found[:0], closers: f.closers[:0]}
}

// fix makes the content current that an archive has.
func (f *fold) fix(modified, version where.Value) {
	f.fixed, f.current = true, content{modified: modified, version: version}
}

// contentAt returns where a content is in contents, which gets it.
func (f *fold) contentAt(res *Result) int {
	for i := range f.contents {
		if c := &f.contents[i]; c.is(res.modified, res.version) {
			c.undated = c.undated || res.Created.Null()
			return i
		}
	}
	f.contents = append(f.contents, content{res.modified, res.version, res.Created, res.Created.Null()})
	i := len(f.contents) - 1
	if f.fixed && f.current.is(res.modified, res.version) {
		f.at = i
	}
	return i
}

// add takes the next result, which is older than those before.
func (f *fold) add(h *head, record []byte) {
	res := f.pool.take(h, record)
	f.results++
	f.undated = f.undated || res.Created.Null()
	at := f.contentAt(res)
	if f.newest == nil {
		f.newest = res
	}
	if at == f.at && f.newestOf == nil {
		f.newestOf = res
	}
	f.addFacts(res)
	if !res.Analysis {
		return
	}
	f.analyses++
	if at == f.at && f.standingOf == nil {
		f.standingOf = res
	}
	if f.standing == nil {
		f.standing = res
		if !f.fixed {
			f.at = at
		}
	}
	if !res.Created.Null() {
		f.oldest = res.Created.Int()
	}
	if !res.Partial && !res.Created.Null() {
		f.closers = append(f.closers, closer{res.origin, res.Created.Int(), at})
	}
	if at == f.at && res.severity.higher(f.severity) {
		f.severity = res.severity
	}
	for i := range res.detections {
		f.detect(res, i, at)
	}
}

// addFacts takes what a result says about the exposure of the object.
func (f *fold) addFacts(res *Result) {
	if f.results == 1 {
		f.public[0], f.encryption[0] = res.public, res.encryption
	}
	if !f.knownPub && res.public != Unknown {
		f.knownPub, f.public[1] = true, res.public
	}
	if !f.knownE && unencryptedFact(res.encryption) != Unknown {
		f.knownE, f.encryption[1] = true, res.encryption
	}
}

// detect takes a detection of an analysis of a content.
func (f *fold) detect(res *Result, index, at int) {
	d := &res.detections[index]
	i := f.find(d.id)
	if i < 0 {
		i = len(f.found)
		if f.byID != nil {
			f.byID[string(d.id)] = i
		}
		f.found = append(f.found, candidate{content: at})
		f.found[i].speaks(res, index)
	}
	c := &f.found[i]
	if at := res.Created; !at.Null() {
		if c.firstSeen, c.firstModified = at.Int(), res.modified; c.lastSeen == 0 {
			c.lastSeen = at.Int()
		}
	}
	if f.pool.decoder.o.Config.Replacing() {
		c.undated = c.undated || res.Created.Null()
		if !slices.ContainsFunc(c.origins, func(o []byte) bool { return bytes.Equal(o, res.origin) }) {
			c.origins = append(c.origins, res.origin)
		}
	}
	switch {
	case at == f.at && c.content != at, c.content == at && later(d.count, c.count):
		c.content = at
		c.speaks(res, index)
	}
	if at != c.content && !slices.Contains(c.others, at) {
		c.others = append(c.others, at)
	}
}

// speaks makes a detection speak for the finding.
func (c *candidate) speaks(res *Result, index int) {
	d := &res.detections[index]
	c.count = d.count
	c.finding = Finding{
		id: d.id, Type: d.typ, Identifier: d.custom, Count: sum.Of(d.count.Int()), HasCount: !d.count.Null(), Locations: d.locations,
		By: res, Index: index, limit: d.locations >= maxLocations,
	}
}

// later reports whether a number is greater than another; none is the least.
func later(a, b where.Value) bool {
	return !a.Null() && (b.Null() || a.Int() > b.Int())
}

// find returns where the finding of an identity is in found; -1 if it isn't there.
func (f *fold) find(id []byte) int {
	if len(f.found) < manyTypes {
		for i := range f.found {
			if bytes.Equal(f.found[i].finding.id, id) {
				return i
			}
		}
		return -1
	}
	if f.byID == nil {
		f.byID = make(map[string]int)
		for i := range f.found {
			f.byID[string(f.found[i].finding.id)] = i
		}
	}
	if i, ok := f.byID[string(id)]; ok {
		return i
	}
	return -1
}

// end makes the state. looked reports whether an origin looked for an identifier
// at a time.
func (f *fold) end(s *Subject, gone Gone, looked func(origin, identifier []byte, at int64) bool) {
	s.Results, s.Analyses, s.Standing = f.results, f.analyses, f.stands()
	if gone == NotGone && f.newest.gone {
		gone = Deleted
	}
	s.Gone = gone
	switch {
	case gone != NotGone:
	case !s.Standing.Analysis:
		s.Missed = s.Standing
	case !f.newest.Analysis && !(&content{modified: s.Standing.modified, version: s.Standing.version}).is(f.newest.modified, f.newest.version):
		s.Missed = f.newest
	}
	highest := f.severity
	for i := range f.found {
		c := &f.found[i]
		c.finding.Confirmed = c.content == f.at
		c.finding.FirstSeen, c.finding.LastSeen = c.firstSeen, c.lastSeen
		if f.pool.decoder.o.Since != nil {
			c.finding.Appeared = f.appeared(c, looked)
		}
		c.finding.rate(f.pool.decoder.o.Config)
		closed := gone != NotGone
		end := SubjectGone
		switch {
		case closed:
		case f.undetected(c):
			closed, end = true, NoLongerDetected
		case !c.finding.Confirmed:
			c.finding.Doubt, closed = f.resolved(c, looked)
			end = Resolved
		}
		if closed {
			s.Closed = append(s.Closed, Closed{c.finding, end})
			continue
		}
		s.Findings = append(s.Findings, c.finding)
		if c.finding.By.severity.higher(highest) {
			highest = c.finding.By.severity
		}
	}
	if gone == NotGone {
		s.setSeverity(highest)
	}
	s.ObjectPublic = f.public[0]
	if s.ObjectPublic == Unknown && f.public[1] == Yes {
		s.ObjectPublic = Yes
	}
	s.ObjectEncryption = lastKnown(f.encryption[0], f.encryption[1], unencryptedFact)
}

// stands returns the result that stands.
func (f *fold) stands() *Result {
	for _, res := range [...]*Result{f.standingOf, f.newestOf, f.standing} {
		if res != nil && (f.fixed || res == f.standing) {
			return res
		}
	}
	return f.newest
}

func (s *Subject) setSeverity(v severity) {
	s.Severity, s.Score = where.Value{}, where.Value{}
	if !v.rated {
		return
	}
	s.Score = where.IntValue(v.score)
	if v.name != nil {
		s.Severity = where.TextValue(v.name)
	}
}

// appeared reports whether a finding is known not to have been there before it was
// seen first.
func (f *fold) appeared(c *candidate, looked func(origin, identifier []byte, at int64) bool) bool {
	if f.oldest == 0 || f.oldest >= c.firstSeen {
		return false
	}
	if !c.firstModified.Null() && f.oldest < c.firstModified.Int() {
		return true
	}
	return slices.ContainsFunc(f.closers, func(by closer) bool {
		return by.created < c.firstSeen && looked(by.origin, c.finding.id, by.created)
	})
}

// resolved reports whether an analysis shows that a finding of replaced content is
// gone (docs/current.md, "8. Findings: confirmed, unconfirmed, resolved"), and why not
// if none does.
func (f *fold) resolved(c *candidate, looked func(origin, identifier []byte, at int64) bool) (Doubt, bool) {
	seen := f.contents[c.content].newest
	undated := f.contents[c.content].undated
	for _, i := range c.others {
		undated = undated || f.contents[i].undated
		if later(f.contents[i].newest, seen) {
			seen = f.contents[i].newest
		}
	}
	if undated {
		return Undated, false
	}
	doubt := InPart
	for _, by := range f.closers {
		if by.created <= seen.Int() {
			break // the others are older
		}
		if looked(by.origin, c.finding.id, by.created) {
			return NoDoubt, true
		}
		doubt = NotLookedFor
	}
	return doubt, false
}

// undetected reports whether whoever reported a finding is a job that another
// replaced, by the configuration, which analysed the content that has it later and as
// a whole, and doesn't report it.
func (f *fold) undetected(c *candidate) bool {
	if c.undated || len(c.origins) == 0 {
		return false
	}
	for _, origin := range c.origins {
		if !slices.ContainsFunc(f.closers, func(by closer) bool {
			return by.created > c.lastSeen && by.content == c.content && f.pool.decoder.o.Config.Replaces(jobOf(by.origin), jobOf(origin))
		}) {
			return false
		}
	}
	return true
}

// pool holds copies of results, to be used again for the next object.
type pool struct {
	decoder *decoder
	stable  bool // records stay as they are: no copy is needed
	used    int
	results []*Result
	arena   [][]byte
	at      int
}

// chunkBytes is the size of a pool's chunk, except for larger records.
const chunkBytes = 64 << 10

// take returns a result, of whose record it makes a copy.
func (p *pool) take(h *head, record []byte) *Result {
	if p.used == len(p.results) {
		p.results = append(p.results, &Result{})
	}
	res := p.results[p.used]
	p.used++
	if p.stable {
		p.decoder.result(h, res)
		return res
	}
	own := *h
	own.take(p.copy(record))
	p.decoder.result(&own, res)
	return res
}

func (p *pool) copy(b []byte) []byte {
	for p.at < len(p.arena) && cap(p.arena[p.at])-len(p.arena[p.at]) < len(b) {
		p.at++
	}
	if p.at == len(p.arena) {
		p.arena = append(p.arena, make([]byte, 0, max(chunkBytes, len(b))))
	}
	c := &p.arena[p.at]
	n := len(*c)
	*c = append(*c, b...)
	return (*c)[n:len(*c):len(*c)]
}

// keptChunks is how many chunks stay for the next object.
const keptChunks = 16

func (p *pool) reset() {
	if len(p.arena) > keptChunks {
		p.arena, p.results = p.arena[:keptChunks], p.results[:min(len(p.results), 1024)]
	}
	for i := range p.arena {
		p.arena[i] = p.arena[i][:0]
	}
	p.used, p.at = 0, 0
}
