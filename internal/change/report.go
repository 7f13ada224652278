package change

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/macielake/macielake/internal/awsvalues"
	"github.com/macielake/macielake/internal/config"
	"github.com/macielake/macielake/internal/spill"
	"github.com/macielake/macielake/internal/where"
)

// Record is a change as docs/changes.md has it in JSON.
type Record struct {
	Fingerprint string   `json:"fingerprint"`
	State       string   `json:"state"`
	Causes      []string `json:"causes,omitempty"`
	Object      string   `json:"object"` // s3://BUCKET/KEY
	Partition   *string  `json:"partition"`
	Bucket      *string  `json:"bucket"`
	Key         *string  `json:"key"`
	Account     *string  `json:"account_id"` // that owns the bucket
	Region      *string  `json:"region"`
	Kind        *string  `json:"identifier_kind"`
	Category    *string  `json:"category"`
	Type        *string  `json:"type"`
	Identifier  *string  `json:"identifier"` // ID of a custom identifier
	RecordFacts
	Owner     *string      `json:"owner"`
	Accepted  *Acceptance  `json:"accepted"` // null of a finding that nobody accepted
	FirstSeen *time.Time   `json:"first_seen"`
	LastSeen  *time.Time   `json:"last_seen"`
	AgeDays   *int64       `json:"age_days"`
	Before    *RecordFacts `json:"before"` // null of a finding that wasn't open before
}

// Acceptance is who accepted a finding, why, and until when.
type Acceptance struct {
	Reason  string `json:"reason"`
	Owner   string `json:"owner"`
	Expires string `json:"expires"` // a day, or never
}

// RecordFacts are Facts in JSON.
type RecordFacts struct {
	Public      string      `json:"public"`
	Unencrypted string      `json:"unencrypted"`
	Severity    *string     `json:"type_severity"`
	Count       json.Number `json:"count,omitempty"`
	Confirmed   bool        `json:"confirmed"`
}

func recordFacts(f *Facts) RecordFacts {
	r := RecordFacts{Public: f.Public, Unencrypted: f.Unencrypted, Count: json.Number(f.Count), Confirmed: f.Confirmed}
	if f.Severity != "" {
		r.Severity = &f.Severity
	}
	return r
}

// record returns the change with its age at a time.
func (c *Change) record(now time.Time) *Record {
	text := func(v where.Value) *string {
		if v.Null() {
			return nil
		}
		s := string(v.Text())
		return &s
	}
	r := &Record{
		Fingerprint: c.Fingerprint(), State: c.State.String(), Causes: c.Causes, Object: c.object(),
		Partition: text(c.Partition), Bucket: text(c.Bucket), Key: text(c.Key), Account: text(c.Account), Region: text(c.Region),
		Kind: text(c.Kind), Category: text(c.Category), Type: text(c.Type), Identifier: text(c.ID),
		RecordFacts: recordFacts(&c.After),
	}
	if c.Owner != "" {
		r.Owner = &c.Owner
	}
	if !c.FirstSeen.IsZero() {
		age := int64(now.Sub(c.FirstSeen) / (24 * time.Hour))
		r.FirstSeen, r.LastSeen, r.AgeDays = &c.FirstSeen, &c.LastSeen, &age
	}
	if c.State != New && c.State != Reappeared {
		before := recordFacts(&c.Before)
		r.Before = &before
	}
	return r
}

func (c *Change) object() string {
	return "s3://" + string(c.Bucket.Text()) + "/" + string(c.Key.Text())
}

// By is what changes are grouped by.
type By string

// What changes can be grouped by.
const (
	ByBucket  By = "bucket"
	ByObject  By = "object"
	ByPlace   By = "place"
	ByAccount By = "account"
	ByType    By = "type"
	ByOwner   By = "owner"
)

// Bys returns all of them, the default first.
func Bys() []string {
	return []string{string(ByBucket), string(ByObject), string(ByPlace), string(ByAccount), string(ByType), string(ByOwner)}
}

// of returns the group of a change. A configuration says of which buckets each object
// is a place of its own.
func (by By) of(c *Change, conf *config.Config) string {
	switch by {
	case ByPlace:
		if conf.Generalises(c.Bucket.Text()) {
			return "s3://" + string(c.Bucket.Text()) + "/" + place(string(c.Key.Text()))
		}
		return c.object()
	case ByObject:
		return c.object()
	case ByAccount:
		return string(c.Account.Text())
	case ByType:
		return string(c.Type.Text())
	case ByOwner:
		return c.Owner
	}
	return string(c.Bucket.Text())
}

// Group is what became of the findings of a bucket, object, place, account or type.
type Group struct {
	Name     string `json:"name"`
	Exposed  bool   `json:"exposed"`       // a finding that is open is public or unencrypted
	Severity string `json:"type_severity"` // the highest of a finding that is open; empty if none has one
	Tally
}

// Tally counts findings by their states.
type Tally struct {
	New          int64 `json:"new"`
	FirstLook    int64 `json:"first_look"` // of the new ones
	Reappeared   int64 `json:"reappeared"`
	Worse        int64 `json:"worse"`
	NotSeenAgain int64 `json:"not_seen_again"`
	Unchanged    int64 `json:"unchanged"`
	Resolved     int64 `json:"resolved"`
	// NoLongerDetected are those that a job that replaced another doesn't report.
	NoLongerDetected int64 `json:"no_longer_detected"`
	Gone             int64 `json:"gone"`
}

func (t *Tally) add(s State, firstLook int64) {
	*[...]*int64{&t.New, &t.Reappeared, &t.Worse, &t.NotSeenAgain, &t.Unchanged, &t.Resolved, &t.NoLongerDetected, &t.Gone}[s]++
	t.FirstLook += firstLook
}

// Turned is a bucket that became public.
type Turned struct {
	Bucket   string `json:"bucket"`
	Findings int64  `json:"findings"` // that are worse because of it
}

// Failure is a condition of the gate that findings met.
type Failure struct {
	Filter   string    `json:"filter"`
	Findings int64     `json:"findings"`
	Examples []*Record `json:"examples"` // the first of them
}

// maxExamples is how many findings of a failure are shown.
const maxExamples = 5

// Rule is a rule that accepts findings, and what it came to.
type Rule struct {
	Line int `json:"line"` // in the configuration
	Acceptance
	Expired  bool  `json:"expired"`   // it accepts nothing any more
	Findings int64 `json:"findings"`  // that it accepted
	CameBack int64 `json:"came_back"` // that it matches and that got worse
}

// Report is the answer of diff. What it lists is sorted by what matters most:
// exposed findings first, then by severity.
type Report struct {
	Since    *Point `json:"since"`     // null before the first run
	Until    *Point `json:"until"`     // null without a run
	FirstRun bool   `json:"first_run"` // of a mark: nothing was reported before
	Counts
	Tally
	// Accepted is how many findings are left out of the counts, groups and gate
	// because a rule accepts them.
	Accepted int64     `json:"accepted"`
	Rules    []Rule    `json:"rules"`
	Turned   []Turned  `json:"buckets_became_public"`
	By       By        `json:"by"`
	Groups   []Group   `json:"groups"`
	More     int64     `json:"more_groups"` // that aren't in groups
	Failures []Failure `json:"failures"`
	// Owners are what became of each owner's findings, in the order of the rules and
	// then of those that are nobody's; with ReportOptions.Split.
	Owners []Owned `json:"owners,omitempty"`
}

// Owned is what became of the findings of an owner.
type Owned struct {
	Owner string `json:"owner"` // empty for nobody
	File  string `json:"file"`  // where its changes are written
	Tally
	Accepted int64   `json:"accepted"` // findings that a rule accepts
	ByRule   []int64 `json:"-"`        // of those, by the place of the rule in the report
}

// Point is a run, as of which findings are compared.
type Point struct {
	Run     string    `json:"run"`
	EndedAt time.Time `json:"ended_at"`
}

// ReportOptions say what is reported.
type ReportOptions struct {
	// Where is the number of the filter that changes must match to be reported, and
	// counted; -1 without one. Gate are the numbers of those that must not match,
	// with how they were written.
	Where int
	Gate  map[int]string
	By    By
	// Config, if not nil, has rules that accept findings; AcceptWhere are the numbers
	// of their filters, by their place in it.
	Config      *config.Config
	AcceptWhere map[int]int
	// Top is how many groups are wanted; 0 is all.
	Top int
	// Records says that each change is wanted but unchanged ones, for EachRecord.
	Records bool
	// Split says that EachRecord gives the changes owner by owner. It needs Config.
	Split  bool
	Memory int64 // about how many bytes may be held
}

// Reporter makes a report of a comparison. Its methods are called one after the
// other.
type Reporter struct {
	o       ReportOptions
	c       *Comparison
	report  Report
	groups  *spill.Sorter
	records *spill.Sorter
	turned  map[string]int64
	failed  map[int]*Failure
	byPrint map[string]int // rules by the fingerprint that they accept
	owners  map[string]int // places in the report's owners
	key     []byte
}

// AcceptFilters adds the filters of the rules that accept findings to others, and returns
// their numbers by rule. A nil configuration has none. It gives a *config.Error for a
// filter that is wrong, or asks for nothing but an account without being broad.
func AcceptFilters(c *config.Config, filters []*where.Filter) ([]*where.Filter, map[int]int, error) {
	numbers := make(map[int]int)
	if c == nil {
		return filters, numbers, nil
	}
	for i := range c.Accept {
		a := &c.Accept[i]
		if a.Where == "" {
			continue
		}
		f, err := where.Parse(a.Where, Fields())
		if err != nil {
			return nil, nil, &config.Error{Name: c.Name, Line: a.Line, Column: 1, What: fmt.Sprintf("the rule's filter %q: %v", a.Where, err)}
		}
		if !a.Broad && OfWholeAccounts(f) {
			return nil, nil, &config.Error{Name: c.Name, Line: a.Line, Column: 1, What: "the rule accepts all of an account: say more exactly what, or write broad: true"}
		}
		numbers[i] = len(filters)
		filters = append(filters, f)
	}
	return filters, numbers, nil
}

// NewReporter returns a reporter of a comparison. The caller closes it.
func NewReporter(c *Comparison, o ReportOptions) *Reporter {
	memory := cmp.Or(o.Memory, DefaultMemory/2) / 2
	r := &Reporter{
		o: o, c: c, groups: spill.NewSorter(memory), records: spill.NewSorter(memory),
		turned: make(map[string]int64), failed: make(map[int]*Failure), byPrint: make(map[string]int),
	}
	r.report.Rules = []Rule{}
	if o.Config == nil {
		return r
	}
	if o.Split {
		r.owners = make(map[string]int)
		for i, name := range append(o.Config.OwnerNames(), "") {
			r.owners[name] = i
			r.report.Owners = append(r.report.Owners, Owned{Owner: name, ByRule: make([]int64, len(o.Config.Accept))})
		}
	}
	for i := range o.Config.Accept {
		a := &o.Config.Accept[i]
		r.report.Rules = append(r.report.Rules, Rule{Line: a.Line, Acceptance: Acceptance{a.Reason, a.Owner, a.Until()}, Expired: a.Expired(c.o.Now)})
		if a.Fingerprint != "" {
			r.byPrint[a.Fingerprint] = i
		}
	}
	return r
}

// DefaultMemory is about how many bytes a comparison and a report of it hold where
// nothing else is said.
const DefaultMemory = 256 << 20

// Close drops what the reporter holds, its temporary files included.
func (r *Reporter) Close() {
	r.groups.Close()
	r.records.Close()
}

// Report returns the report.
func (r *Reporter) Report(ctx context.Context) (*Report, error) {
	counts, err := r.c.Each(ctx, r.add)
	if err == nil && r.o.Where >= 0 {
		err = r.c.CheckLiterals(r.o.Where)
	}
	for i := range r.o.Gate {
		if err == nil {
			err = r.c.CheckLiterals(i)
		}
	}
	if err == nil {
		err = r.checkRules()
	}
	if err != nil {
		return nil, err
	}
	out := &r.report
	out.By, out.Counts = r.o.By, counts
	out.Turned, out.Groups, out.Failures = []Turned{}, []Group{}, []Failure{}
	for bucket, n := range r.turned {
		out.Turned = append(out.Turned, Turned{bucket, n})
	}
	slices.SortFunc(out.Turned, func(a, b Turned) int {
		return cmp.Or(-cmp.Compare(a.Findings, b.Findings), cmp.Compare(a.Bucket, b.Bucket))
	})
	for i := range r.o.Gate {
		if f := r.failed[i]; f != nil {
			out.Failures = append(out.Failures, *f)
		}
	}
	slices.SortFunc(out.Failures, func(a, b Failure) int { return cmp.Compare(a.Filter, b.Filter) })
	return out, r.group(ctx)
}

// checkRules returns a *config.Error for a rule that accepts more than it may.
func (r *Reporter) checkRules() error {
	for i := range r.report.Rules {
		if n := r.report.Rules[i].Findings; n > config.MaxAccepted && !r.o.Config.Accept[i].Broad {
			return &config.Error{Name: r.o.Config.Name, Line: r.report.Rules[i].Line, Column: 1,
				What: fmt.Sprintf("the rule accepts %d findings: say more exactly which, or write broad: true", n)}
		}
	}
	return nil
}

// accepted returns the rule that accepts an open finding; nil if none does. One that
// got worse is not accepted any more: than it was when it was accepted, where the rule
// says how it was, or else than at the earlier point.
func (r *Reporter) accepted(c *Change) *Rule {
	if r.o.Config == nil || !c.State.Open() {
		return nil
	}
	var found *Rule
	try := func(i int) {
		rule := &r.report.Rules[i]
		switch {
		case rule.Expired:
		case r.worse(c, r.o.Config.Accept[i].As):
			rule.CameBack++
		case found == nil:
			rule.Findings++
			found = rule
		}
	}
	if len(r.byPrint) > 0 {
		if i, ok := r.byPrint[c.Fingerprint()]; ok {
			try(i)
		}
	}
	for i := range r.report.Rules {
		if filter, ok := r.o.AcceptWhere[i]; ok && r.c.Match(filter) {
			try(i)
		}
	}
	return found
}

// worse reports whether an open finding is worse than it was when it was accepted.
func (r *Reporter) worse(c *Change, as *config.As) bool {
	if as == nil {
		return c.State == Worse
	}
	return as.Public != "" && as.Public != yes && c.After.Public == yes ||
		as.Unencrypted != "" && as.Unencrypted != yes && c.After.Unencrypted == yes ||
		as.Severity != "" && awsvalues.SeverityNamed(c.After.Severity) > awsvalues.SeverityNamed(as.Severity) ||
		as.Count > 0 && c.After.count > as.Count && float64(c.After.count) >= r.c.o.Grown*float64(as.Count)
}

// add takes a change.
func (r *Reporter) add(c *Change) error {
	reported := r.o.Where < 0 || r.c.Match(r.o.Where)
	rule := r.accepted(c)
	if rule != nil {
		for i := range r.o.Gate {
			r.c.Match(i) // its values are there
		}
		if !reported {
			return nil
		}
		r.report.Accepted++
		if r.o.Split {
			owned := &r.report.Owners[r.owners[c.Owner]]
			owned.Accepted++
			owned.ByRule[slices.IndexFunc(r.report.Rules, func(o Rule) bool { return o.Line == rule.Line })]++
		}
		if c.State == Unchanged {
			return nil
		}
		return r.addRecord(c, rule, 0)
	}
	for i, filter := range r.o.Gate {
		if !r.c.Match(i) {
			continue
		}
		f := r.failed[i]
		if f == nil {
			f = &Failure{Filter: filter}
			r.failed[i] = f
		}
		if f.Findings++; len(f.Examples) < maxExamples {
			f.Examples = append(f.Examples, c.record(r.c.o.Now))
		}
	}
	if !reported {
		return nil
	}
	firstLook := int64(0)
	if c.State == New && slices.Contains(c.Causes, FirstLook) {
		firstLook = 1
	}
	r.report.Tally.add(c.State, firstLook)
	if r.o.Split {
		r.report.Owners[r.owners[c.Owner]].add(c.State, firstLook)
	}
	if c.State == Unchanged {
		return nil
	}
	if c.BucketTurned {
		r.turned[string(c.Bucket.Text())]++
	}
	exposed, severity := byte(0), awsvalues.Severity(0)
	if c.State.Open() {
		severity = awsvalues.SeverityNamed(c.After.Severity)
		if c.Exposed() {
			exposed = 1
		}
	}
	name := r.o.By.of(c, r.o.Config)
	r.key = append(r.key[:0], name...)
	if err := r.groups.Add(first8(r.key), r.key, []byte{byte(c.State), exposed, byte(severity), byte(firstLook)}); err != nil {
		return err
	}
	return r.addRecord(c, nil, severity)
}

// addRecord adds a change, which a rule accepts if it isn't nil, to those that
// EachRecord gives.
func (r *Reporter) addRecord(c *Change, rule *Rule, severity awsvalues.Severity) error {
	if !r.o.Records {
		return nil
	}
	// Exposed objects first, then by the highest severity in them, then by their names;
	// and the findings of an object by their severity.
	exposed := byte(1)
	if c.Exposed() {
		exposed = 0
	}
	r.key = r.key[:0]
	if r.o.Split {
		r.key = binary.BigEndian.AppendUint32(r.key, uint32(r.owners[c.Owner]))
	}
	r.key = append(r.key, exposed, 255-byte(c.ObjectSeverity))
	r.key = where.AppendOrdered(where.AppendOrdered(r.key, c.Bucket), c.Key)
	r.key = append(r.key, 255-byte(severity))
	for _, v := range [...]where.Value{c.Category, c.Type, c.ID} {
		r.key = where.AppendOrdered(r.key, v)
	}
	record := c.record(r.c.o.Now)
	if rule != nil {
		record.Accepted = &rule.Acceptance
	}
	data, err := json.Marshal(record)
	if err != nil {
		return err
	}
	return r.records.Add(first8(r.key), r.key, data)
}

// first8 is the beginning of a key as a number that sorts like it.
func first8(key []byte) uint64 {
	var b [8]byte
	copy(b[:], key)
	return binary.BigEndian.Uint64(b[:])
}

// group makes the report's groups.
func (r *Reporter) group(ctx context.Context) error {
	out := &r.report
	top := r.o.Top
	var g *Group
	total := int64(0)
	end := func() {
		if g == nil {
			return
		}
		total++
		out.Groups = append(out.Groups, *g)
		if top > 0 && len(out.Groups) >= 4*top {
			out.Groups = firstGroups(out.Groups, top)
		}
	}
	var last []byte
	err := r.groups.Each(ctx, func(_ uint64, key, value []byte) error {
		if g == nil || !bytes.Equal(key, last) {
			end()
			last = append(last[:0], key...)
			g = &Group{Name: string(key)}
		}
		g.Tally.add(State(value[0]), int64(value[3]))
		g.Exposed = g.Exposed || value[1] != 0
		if s := awsvalues.Severity(value[2]); s > awsvalues.SeverityNamed(g.Severity) {
			g.Severity = s.String()
		}
		return nil
	})
	end()
	out.Groups = firstGroups(out.Groups, top)
	out.More = total - int64(len(out.Groups))
	return err
}

// firstGroups sorts groups by what matters most, and returns the first; all if top
// is 0.
func firstGroups(groups []Group, top int) []Group {
	slices.SortFunc(groups, func(a, b Group) int {
		exposed := func(g *Group) int {
			if g.Exposed {
				return 1
			}
			return 0
		}
		return cmp.Or(
			exposed(&b)-exposed(&a),
			int(awsvalues.SeverityNamed(b.Severity))-int(awsvalues.SeverityNamed(a.Severity)),
			cmp.Compare(b.New+b.Reappeared+b.Worse, a.New+a.Reappeared+a.Worse),
			cmp.Compare(a.Name, b.Name))
	})
	if top > 0 && len(groups) > top {
		groups = groups[:top]
	}
	return groups
}

// EachRecord calls each for the changes that were reported, but unchanged ones, as
// JSON: those of exposed objects first, then by the objects' severity and names, so
// that those of an object come together; with ReportOptions.Split owner by owner, in
// the order of the report's owners. owner is the place in those, 0 without Split. The
// bytes are valid until it returns. It is for after Report.
func (r *Reporter) EachRecord(ctx context.Context, each func(owner int, record []byte) error) error {
	return r.records.Each(ctx, func(_ uint64, key, value []byte) error {
		owner := 0
		if r.o.Split {
			owner = int(binary.BigEndian.Uint32(key))
		}
		return each(owner, value)
	})
}
