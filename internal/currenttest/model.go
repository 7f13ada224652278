package currenttest

import (
	"bytes"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/macielake/macielake/internal/awsvalues"
)

// Model returns the state that results are in, by docs/current.md. It is written
// to be read beside that page: it looks at everything again for each question,
// except that results of other buckets and objects are put aside at first.
func Model(results []Result) []Subject {
	_, places := Lines(results)
	subjects, _ := ModelAt(results, places)
	return subjects
}

// Speaker is a detection that speaks for an open finding of an object or of an
// archive member.
type Speaker struct {
	Result    int // index among the results
	Detection int // index among those of the result
	State     string
}

// ModelAt is Model for results that are elsewhere than where Lines puts them. It
// also returns which detections speak for open findings.
func ModelAt(results []Result, places []Place) ([]Subject, []Speaker) {
	m := model{byBucket: make(map[string][]*fact), byObject: make(map[string][]*fact), facts: make(map[string]bucketFacts)}
	var objects []*fact
	for i := range results {
		f := &fact{Result: &results[i], place: places[i], number: i + 1}
		f.bucket = fmt.Sprintf("%q %q", mark(f.Partition), mark(f.Bucket))
		f.object = fmt.Sprintf("%s %q", f.bucket, mark(f.Key))
		m.all = append(m.all, f)
		m.byBucket[f.bucket] = append(m.byBucket[f.bucket], f)
		if m.byObject[f.object] == nil {
			objects = append(objects, f)
		}
		m.byObject[f.object] = append(m.byObject[f.object], f)
	}
	var subjects []Subject
	for _, f := range objects {
		subjects = append(subjects, m.object(f))
	}
	return subjects, m.speakers
}

// mark tells a text from an absent one.
func mark(s *string) string {
	if s == nil {
		return "-"
	}
	return "=" + *s
}

// fact is a result with where it is, and what it is about.
type fact struct {
	*Result
	place          Place
	number         int
	bucket, object string
}

type model struct {
	all                []*fact
	byBucket, byObject map[string][]*fact
	facts              map[string]bucketFacts
	speakers           []Speaker
}

// bucketFacts are what is known of a bucket as a whole.
type bucketFacts struct {
	changed            *string // see changedHands
	public, encryption known
}

// Comparing.

func same(a, b *string) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

func sameTime(a, b *string) bool {
	if a == nil || b == nil {
		return a == b
	}
	return Time(*a).UnixMicro() == Time(*b).UnixMicro()
}

func sameSubject(a, b *fact) bool {
	return a.object == b.object && a.IsMember == b.IsMember && same(a.Member, b.Member)
}

func sameContent(a, b *fact) bool {
	return sameTime(a.Modified, b.Modified) && same(a.Version, b.Version)
}

// later reports whether a is later than b, where an absent time is the earliest.
func later(a, b *string) bool {
	if a == nil || b == nil {
		return a != nil
	}
	return Time(*a).UnixMicro() > Time(*b).UnixMicro()
}

func (f *fact) analysis() bool {
	return f.Status != nil && (*f.Status == "COMPLETE" || *f.Status == "PARTIAL")
}

// newer reports whether a comes before b in the order of results, the newest
// first.
func newer(a, b *fact) bool {
	switch {
	case !sameTime(a.At, b.At):
		return later(a.At, b.At)
	case !sameTime(a.Modified, b.Modified):
		return later(a.Modified, b.Modified)
	case a.analysis() != b.analysis():
		return a.analysis()
	case !same(a.ID, b.ID):
		return b.ID == nil || a.ID != nil && *a.ID < *b.ID
	}
	return before(a, b)
}

// before is the order of sources and their lines.
func before(a, b *fact) bool {
	if a.place.Path != b.place.Path {
		return a.place.Path < b.place.Path
	}
	return a.place.Line < b.place.Line
}

// sorted returns those that are kept, the newest first.
func sorted(facts []*fact, keep func(*fact) bool) []*fact {
	var kept []*fact
	for _, f := range facts {
		if keep(f) {
			kept = append(kept, f)
		}
	}
	slices.SortStableFunc(kept, func(a, b *fact) int {
		switch {
		case newer(a, b):
			return -1
		case newer(b, a):
			return 1
		}
		return 0
	})
	return kept
}

// What counts.

// repeat reports whether a result is there already.
func (m *model) repeat(f *fact) bool {
	return f.ID != nil && slices.ContainsFunc(m.byObject[f.object], func(o *fact) bool {
		return o != f && sameSubject(o, f) && same(o.ID, f.ID) && sameTime(o.At, f.At) && newer(o, f)
	})
}

// changedHands returns when the last result under a former owner of a bucket was
// created; nil if none is known.
func (m *model) changedHands(bucket *fact) *string {
	if bucket.Bucket == nil {
		return nil
	}
	// The newest times of the owner, and of all others.
	inBucket := sorted(m.byBucket[bucket.bucket], func(f *fact) bool { return f.Account != nil })
	if len(inBucket) == 0 {
		return nil
	}
	owner := inBucket[0]
	var foreign *string
	for _, f := range inBucket {
		if !same(f.Account, owner.Account) && later(f.At, foreign) {
			foreign = f.At
		}
	}
	if foreign == nil || !later(owner.At, foreign) {
		return nil
	}
	return foreign
}

// formerOwner reports whether a result is of a former owner of its bucket.
func (m *model) formerOwner(f *fact) bool {
	changed := m.bucket(f).changed
	return changed != nil && !later(f.At, changed)
}

// counting returns those that count of results, the newest first; or if none does,
// all of them, which are a former owner's then.
func (m *model) counting(from []*fact, of func(*fact) bool) (facts []*fact, former bool) {
	all := sorted(from, func(f *fact) bool { return of(f) && !m.repeat(f) })
	owners := sorted(all, func(f *fact) bool { return !m.formerOwner(f) })
	if len(owners) == 0 {
		return all, true
	}
	return owners, false
}

// Objects and members.

func (m *model) object(object *fact) Subject {
	results := m.byObject[object.object]
	own, ownFormer := m.counting(results, func(f *fact) bool { return !f.IsMember })
	members, membersFormer := m.counting(results, func(f *fact) bool { return f.IsMember })
	if ownFormer && len(members) > 0 && !membersFormer {
		own = nil // the archive is known by its members
	}
	former := ownFormer && membersFormer
	implied := len(own) == 0

	standing, newest, content := standingOf(own), (*fact)(nil), (*fact)(nil)
	if implied {
		standing = standingOf(members)
		newest, content = standing, standing
	} else {
		newest, content = own[0], standing
		if ofMembers := standingOf(members); !standing.analysis() && ofMembers != nil && ofMembers.analysis() && !membersFormer {
			content = ofMembers
		}
	}
	s := Subject{Object: Name(object.Partition, object.Bucket, object.Key)}
	s.Gone = former || saysGone(newest)
	s.describe(standing, newest)
	if !s.Gone {
		s.Public, s.Unencrypted = m.exposure(object, own, standing)
	}

	mine := m.findings(own, content)
	severity := m.severities(own, content, mine)
	var combined []finding
	for _, f := range mine {
		if f.open() && !s.Gone {
			m.speak(f)
			combined = append(combined, f.alone())
		}
	}

	var done []*fact
	for _, f := range results {
		if !f.IsMember || slices.ContainsFunc(done, func(o *fact) bool { return sameSubject(o, f) }) {
			continue
		}
		done = append(done, f)
		member, found, severities := m.member(f, content, standing, implied, s)
		s.Members = append(s.Members, member)
		if implied {
			severity = append(severity, severities...)
		}
		for _, d := range found {
			i := slices.IndexFunc(combined, func(c finding) bool { return c.id == d.id })
			if i < 0 {
				combined = append(combined, finding{id: d.id, kind: d.kind})
				i = len(combined) - 1
			}
			combined[i].members = append(combined[i].members, d)
		}
	}
	for _, c := range combined {
		s.Findings = append(s.Findings, c.archive())
	}
	for _, f := range mine {
		if !slices.ContainsFunc(combined, func(c finding) bool { return c.id == f.id }) {
			s.Closed = append(s.Closed, f.closed(s.Gone))
		}
	}
	if !s.Gone {
		s.Severity = highest(severity)
	}
	return s
}

// member returns the state of an archive member, its open findings, and the
// results that its severity is of. content is what stands for the archive.
func (m *model) member(member, content, archive *fact, implied bool, object Subject) (Subject, []finding, []*fact) {
	facts, former := m.counting(m.byObject[member.object], func(f *fact) bool { return sameSubject(f, member) })
	ofContent := sorted(facts, func(f *fact) bool { return sameContent(f, content) })
	standing := standingOf(ofContent)
	if standing == nil {
		standing = standingOf(facts)
	}
	// A complete analysis of the archive that came later doesn't have it.
	lacking := len(ofContent) == 0 && !implied && archive.Status != nil && *archive.Status == "COMPLETE"
	for _, f := range facts {
		lacking = lacking && f.At != nil && later(archive.At, f.At)
	}
	s := Subject{Object: object.Object, Member: text(member.Member)}
	s.Gone = object.Gone || former || saysGone(facts[0]) || lacking
	s.describe(standing, facts[0])
	mine := m.findings(facts, content)
	var open []finding
	for _, f := range mine {
		if s.Gone || !f.open() {
			s.Closed = append(s.Closed, f.closed(s.Gone))
			continue
		}
		m.speak(f)
		open = append(open, f)
		s.Findings = append(s.Findings, f.alone().archive())
	}
	if s.Gone {
		return s, nil, nil
	}
	s.Public, s.Unencrypted = object.Public, object.Unencrypted
	severity := m.severities(facts, content, mine)
	s.Severity = highest(severity)
	return s, open, severity
}

// standingOf returns the newest analysis of results that are sorted; without one
// the newest result, or nil if there is none.
func standingOf(facts []*fact) *fact {
	for _, f := range facts {
		if f.analysis() {
			return f
		}
	}
	if len(facts) == 0 {
		return nil
	}
	return facts[0]
}

// describe says how a subject was analysed, of which is known whether it is gone.
func (s *Subject) describe(standing, newest *fact) {
	s.Standing = fmt.Sprintf("r%d", standing.number)
	s.Analysed = "no"
	if standing.analysis() {
		s.Analysed = strings.ToLower(*standing.Status)
	}
	s.Public, s.Unencrypted = "unknown", "unknown"
	why := func(f *fact) string {
		switch {
		case f.Reason != nil:
			return *f.Reason
		case f.Status != nil:
			return *f.Status
		}
		return "unknown"
	}
	switch {
	case s.Gone:
	case !standing.analysis():
		s.NotAnalysed = why(standing)
	case !newest.analysis() && !sameContent(newest, standing):
		s.NotAnalysed = why(newest)
	}
}

func saysGone(f *fact) bool {
	return !f.analysis() && f.Reason != nil &&
		(*f.Reason == "SOURCE_OBJECT_NO_LONGER_AVAILABLE" || *f.Reason == "NO_SUCH_BUCKET_AVAILABLE")
}

// Findings.

// finding is an identifier with the detections that stand for it.
type finding struct {
	id, kind string // as Identifier gives it; of managed identifiers the type
	state    string
	count    *big.Int // nil where the archive itself has none
	located  int
	result   *fact // that its detection is in,
	at       int   // and where
	members  []finding
}

func (f finding) open() bool { return f.state == "confirmed" || f.state == "unconfirmed" }

func (m *model) speak(f finding) {
	m.speakers = append(m.speakers, Speaker{f.result.number - 1, f.at, f.state})
}

// closed returns the finding of a subject that is gone, or that was resolved.
func (f finding) closed(gone bool) Closed {
	if gone {
		return Closed{f.id, "gone"}
	}
	return Closed{f.id, "resolved"}
}

func (f finding) alone() finding { f.members = nil; return f }

// idOf names what a detection is of.
func idOf(d Detection) string {
	name := d.Type
	if d.Custom && d.ARN != nil {
		bare := (*d.ARN)[strings.LastIndex(*d.ARN, "/")+1:]
		name = &bare
	}
	return Identifier(d.Custom, d.Category, name)
}

// findings returns the findings of a subject, of which all results are given,
// where content is the result whose content stands.
func (m *model) findings(facts []*fact, content *fact) []finding {
	var found []finding
	for _, f := range facts {
		for _, d := range f.Found {
			id := idOf(d)
			if f.analysis() && !slices.ContainsFunc(found, func(o finding) bool { return o.id == id }) {
				found = append(found, m.finding(id, facts, content))
			}
		}
	}
	return found
}

func reports(f *fact, id string) bool {
	return f.analysis() && slices.ContainsFunc(f.Found, func(d Detection) bool { return idOf(d) == id })
}

func (m *model) finding(id string, facts []*fact, content *fact) finding {
	reporting := sorted(facts, func(f *fact) bool { return reports(f, id) })
	out := finding{id: id, state: "unconfirmed"}
	of := reporting[0]
	if i := slices.IndexFunc(reporting, func(f *fact) bool { return sameContent(f, content) }); i >= 0 {
		of, out.state = reporting[i], "confirmed"
	} else if m.resolved(id, facts, reporting) {
		out.state = "resolved"
	}
	// The largest count of the analyses of that content; of equal ones the first.
	var best *Detection
	for _, f := range reporting {
		if !sameContent(f, of) {
			continue
		}
		for i := range f.Found {
			d := &f.Found[i]
			if idOf(*d) != id {
				continue
			}
			if best == nil || d.Count != nil && (best.Count == nil || *d.Count > *best.Count) {
				best, out.result, out.at = d, f, i
			}
		}
	}
	out.count = new(big.Int)
	if best.Count != nil {
		out.count.SetInt64(*best.Count)
	}
	out.located = best.Locations
	if !best.Custom && best.Type != nil {
		out.kind = *best.Type
	}
	return out
}

// resolved reports whether a complete analysis of other content, by an origin
// known to look for the identifier then, came after all that is known of the
// contents it was reported in.
func (m *model) resolved(id string, facts, reporting []*fact) bool {
	for _, a := range facts {
		if a.Status == nil || *a.Status != "COMPLETE" || a.At == nil || !m.looksFor(a, id) {
			continue
		}
		after := true
		for _, f := range facts {
			inIt := slices.ContainsFunc(reporting, func(r *fact) bool { return sameContent(r, f) })
			if inIt && (f.At == nil || !later(a.At, f.At)) {
				after = false
			}
		}
		if after {
			return true
		}
	}
	return false
}

// looksFor reports whether the origin of an analysis reported an identifier then
// or later, in whatever object.
func (m *model) looksFor(a *fact, id string) bool {
	return slices.ContainsFunc(m.all, func(f *fact) bool {
		return sameOrigin(a, f) && reports(f, id) && f.At != nil && !later(a.At, f.At)
	})
}

func sameOrigin(a, b *fact) bool {
	if a.Job != nil || b.Job != nil {
		return same(a.Job, b.Job)
	}
	admin := func(f *fact) *string {
		if f.Admin != nil {
			return f.Admin
		}
		return f.Account
	}
	return same(admin(a), admin(b)) && same(a.Region, b.Region)
}

// archive returns the finding of an archive, or of anything without members.
func (f finding) archive() Finding {
	out := Finding{Identifier: f.id, State: "unconfirmed"}
	parts := slices.Clone(f.members)
	if f.count != nil {
		parts = append(parts, finding{state: f.state})
	}
	for _, p := range parts {
		if p.state == "confirmed" {
			out.State = "confirmed"
		}
	}
	count, located := new(big.Int), 0
	ofMembers, membersLocated := new(big.Int), 0
	limit := false
	if f.count != nil && f.state == out.State {
		count, located = f.count, f.located
		limit = f.located >= 1000
	}
	counted := 0
	for _, p := range f.members {
		if p.state == out.State {
			ofMembers.Add(ofMembers, p.count)
			membersLocated += p.located
			limit = limit || p.located >= 1000
			counted++
		}
	}
	if counted > 0 {
		if ofMembers.Cmp(count) > 0 || f.count == nil || f.state != out.State {
			count = ofMembers
		}
		located = max(located, membersLocated)
	}
	out.Count, out.Locations, out.Unlocated = Number(count.String()), Number(fmt.Sprint(located)), "0"
	if left := new(big.Int).Sub(count, big.NewInt(int64(located))); left.Sign() > 0 {
		out.Unlocated = Number(left.String())
		switch {
		case limit:
			out.Cause = "limit"
		case located == 0:
			out.Cause = "none"
		default:
			out.Cause = "unknown"
		}
	}
	kind := f.kind
	if kind == "" && len(f.members) > 0 {
		kind = f.members[0].kind
	}
	if !count.IsInt64() { // beyond every threshold
		count = big.NewInt(1 << 62)
	}
	out.Severity = awsvalues.TypeSeverity(kind, count.Int64()).String()
	return out
}

// Severity.

// severities returns the results whose highest severity is the subject's: the
// analyses of the standing content, and those that its open findings are from.
func (m *model) severities(facts []*fact, content *fact, found []finding) []*fact {
	if content == nil {
		return nil
	}
	results := sorted(facts, func(f *fact) bool { return f.analysis() && sameContent(f, content) })
	for _, f := range found {
		if f.open() {
			results = append(results, f.result)
		}
	}
	return results
}

// highest returns the highest severity among results.
func highest(results []*fact) string {
	var top *int64
	name := ""
	for _, f := range results {
		score := f.Score
		if score == nil && f.Severity != nil {
			if s := awsvalues.SeverityNamed(*f.Severity); s > 0 {
				n := int64(s)
				score = &n
			}
		}
		if score == nil {
			continue
		}
		said := ""
		if f.Severity != nil {
			said = *f.Severity
		}
		switch {
		case top == nil || *score > *top:
			top, name = score, said
		case *score == *top && bytes.Compare([]byte(said), []byte(name)) > 0:
			name = said
		}
	}
	if top == nil {
		return ""
	}
	if s := awsvalues.Severity(*top).String(); s != "" {
		return s
	}
	return name
}

// Exposure.

// known is a value of a fact: exposed, safe or unknown.
type known int

const (
	unknown known = iota
	exposed
	safe
)

// newestKnown goes through results, the newest first. An unknown newest value is
// exposed where the last known one was, and otherwise stays unknown.
func newestKnown(facts []*fact, value func(*fact) known) known {
	for i, f := range facts {
		switch value(f) {
		case exposed:
			return exposed
		case safe:
			if i == 0 {
				return safe
			}
			return unknown
		}
	}
	return unknown
}

func encryption(kind *string) known {
	switch text(kind) {
	case Absent, "", "UNKNOWN":
		return unknown
	case "NONE":
		return exposed
	}
	return safe
}

// bucket returns what is known of a bucket.
func (m *model) bucket(of *fact) bucketFacts {
	if known, ok := m.facts[of.bucket]; ok {
		return known
	}
	b := bucketFacts{changed: m.changedHands(of)}
	m.facts[of.bucket] = b
	results, _ := m.counting(m.byBucket[of.bucket], func(*fact) bool { return true })
	b.public = newestKnown(results, func(f *fact) known {
		switch text(f.BucketPublic) {
		case "PUBLIC":
			return exposed
		case "NOT_PUBLIC":
			return safe
		}
		return unknown
	})
	b.encryption = newestKnown(results, func(f *fact) known { return encryption(f.BucketEncryption) })
	m.facts[of.bucket] = b
	return b
}

// exposure says whether an object is public and unencrypted.
func (m *model) exposure(object *fact, own []*fact, standing *fact) (public, unencrypted string) {
	bucket := m.bucket(object)
	if len(own) == 0 {
		own = []*fact{standing}
	}
	objectPublic := newestKnown(own, func(f *fact) known {
		switch {
		case f.ObjectPublic == nil:
			return unknown
		case *f.ObjectPublic:
			return exposed
		}
		return safe
	})
	public = "unknown"
	if bucket.public == exposed || objectPublic == exposed {
		public = "yes"
	} else if bucket.public == safe && objectPublic == safe {
		public = "no"
	}
	switch newestKnown(own, func(f *fact) known { return encryption(f.Encryption) }) {
	case exposed:
		return public, "yes"
	case safe:
		return public, "no"
	}
	if bucket.encryption == exposed {
		return public, "yes"
	}
	return public, "unknown"
}
