package change

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/macielake/macielake/internal/awsvalues"
	"github.com/macielake/macielake/internal/config"
	"github.com/macielake/macielake/internal/current"
	"github.com/macielake/macielake/internal/lake"
	"github.com/macielake/macielake/internal/query"
	"github.com/macielake/macielake/internal/where"
)

// Options say what is compared.
type Options struct {
	// Since reports whether a run of the dataset existed at the earlier point, and
	// Through whether it does at the later one; nil is all.
	Since, Through func(run string) bool
	// Config, if not nil, says whose objects are, and what else docs/config.md has.
	Config *config.Config
	// Now is what ages are told by.
	Now time.Time
	// Grown is from which factor on a count that grew makes a finding worse.
	Grown float64
	// Filters are filters on Fields; Comparison.Match takes their numbers.
	Filters []*where.Filter
	Memory  int64 // about how many bytes may be held; 0 is current.DefaultMemory
	Workers int   // 0 is one
}

// Counts count findings and objects.
type Counts struct {
	Findings [States]int64 `json:"-"`
	Open     int64         `json:"open"`           // now
	Before   int64         `json:"open_before"`    // before
	Analysed int64         `json:"analysed"`       // objects, since then
	First    int64         `json:"analysed_first"` // of those, for the first time
}

// Comparison compares the states of a dataset at two points. Its methods are called
// one after the other.
type Comparison struct {
	o       Options
	state   *current.State
	picker  *query.Picker
	picked  map[pick]int
	columns [numColumns]int // of the state, as Picker.Value takes them
	counts  Counts

	emit     func(*Change) error
	prior    prior
	members  map[string]ending  // findings that members no longer have, by their IDs
	was      map[string]bool    // the same before
	highest  awsvalues.Severity // of what is open in the object
	change   Change
	at       position
	scratch  []byte
	get      func(field int, key string) where.Value // of the change that was given last
	literals []*where.Literals                       // by filter
}

// Columns that every change has.
const (
	partition = iota
	bucket
	key
	account
	region
	owner
	numColumns
)

var columnNames = [numColumns]string{"partition", "bucket", "key", "account", "region", "owner"}

// pick is a field of query's with a key.
type pick struct {
	field int
	key   string
}

// position is the finding that filters look at.
type position struct {
	subject *current.Subject
	finding *current.Finding
}

// prior is what an object was before.
type prior struct {
	there      bool
	analyses   int64
	findings   map[string]finding // that were open, by their IDs
	closed     map[string]bool    // that had been
	turned     bool               // the bucket was public
	ownedSince where.Value        // as Subject.OwnedSince has it
	account    []byte             // that owned the bucket
}

// finding is what is kept of a finding that was open.
type finding struct {
	current.Finding // without what refers to others
	counted         *current.Counted
	facts           Facts
	done            bool // it is compared
}

// NewComparison returns a comparison of nothing yet. The caller closes it.
func NewComparison(o Options) *Comparison {
	c := &Comparison{o: o, picked: make(map[pick]int), picker: query.NewPicker(o.Config), members: make(map[string]ending), was: make(map[string]bool)}
	c.prior.findings, c.prior.closed = make(map[string]finding), make(map[string]bool)
	for i, name := range columnNames {
		c.columns[i] = c.pick(queryField(name), "")
	}
	for _, f := range o.Filters {
		for _, i := range f.Fields() {
			field := fields[i]
			if field.value != nil {
				continue
			}
			keys := []string{""}
			if field.Kind == where.Map {
				keys = f.Keys(i)
			}
			for _, key := range keys {
				c.pick(field.query, key)
			}
		}
	}
	c.get = c.value
	for _, f := range o.Filters {
		c.literals = append(c.literals, where.NewLiterals(f, Fields()))
	}
	var so current.Options
	c.picker.Options(&so)
	so.Findings, so.Exposure, so.Members = true, true, true
	so.Since, so.Through, so.Config, so.Memory, so.Workers = o.Since, o.Through, o.Config, o.Memory, o.Workers
	c.state = current.New(so)
	return c
}

func (c *Comparison) pick(field int, key string) int {
	p := pick{field, key}
	i, ok := c.picked[p]
	if !ok {
		i = c.picker.Add(field, key)
		c.picked[p] = i
	}
	return i
}

// Close drops what the comparison holds, its temporary files included.
func (c *Comparison) Close() { c.state.Close() }

// AddDataset adds the results of a dataset. It gives a *lake.NoTableError for one
// without the tables for that.
func (c *Comparison) AddDataset(ctx context.Context, l *lake.Lake) error {
	return c.state.AddDataset(ctx, l)
}

// Each calls each for every finding that is open at one of the points, in no order,
// and returns how many there are. It can be called once.
func (c *Comparison) Each(ctx context.Context, each func(*Change) error) (Counts, error) {
	c.emit = each
	err := c.state.Each(ctx, c.subject)
	return c.counts, err
}

// subject takes the next state: of an object's members as they were, of the object
// as it was, and the same as they are.
func (c *Comparison) subject(s *current.Subject) error {
	switch {
	case s.Member && s.Point == current.Before:
		for i := range s.Closed {
			c.was[string(s.Closed[i].ID())] = true
		}
	case s.Member:
		for i := range s.Closed {
			f := &s.Closed[i]
			c.members[string(f.ID())] = endingOf(s, f)
		}
	case s.Point == current.Before:
		c.remember(s)
	default:
		err := c.compare(s)
		c.forget()
		return err
	}
	return nil
}

// ending is what became of a finding that is no longer open, and why.
type ending struct {
	state State
	cause string
}

func endingOf(s *current.Subject, f *current.Closed) ending {
	switch f.End {
	case current.Resolved:
		return ending{Resolved, "a later content doesn't have it"}
	case current.NoLongerDetected:
		return ending{NoLongerDetected, "the job that replaced the one that reported it doesn't report it in the same content"}
	}
	return ending{Gone, s.Gone.String()}
}

// remember notes what an object was.
func (c *Comparison) remember(s *current.Subject) {
	p := &c.prior
	p.there, p.analyses, p.turned = true, s.Analyses, string(s.PublicAccess.Text()) == public
	p.ownedSince = s.OwnedSince
	p.account = append(p.account[:0], c.text(s, account)...)
	for i := range s.Findings {
		f := &s.Findings[i]
		p.findings[string(f.ID())] = finding{Finding: f.Clone(), counted: f.Counted(), facts: factsOf(s, f)}
	}
	for i := range s.Closed {
		p.closed[string(s.Closed[i].ID())] = true
	}
	for id := range c.was {
		p.closed[id] = true
	}
}

func (c *Comparison) forget() {
	p := &c.prior
	clear(p.findings)
	clear(p.closed)
	clear(c.members)
	clear(c.was)
	p.there, p.analyses, p.turned, p.ownedSince = false, 0, false, where.Value{}
}

// public is the effective permission of a bucket that is public.
const public = "PUBLIC"

func factsOf(s *current.Subject, f *current.Finding) Facts {
	facts := Facts{Public: s.Public.String(), Unencrypted: s.Unencrypted.String(), Severity: f.Severity().String(), Confirmed: f.Confirmed}
	if f.HasCount {
		facts.Count, facts.count = f.Count.String(), f.Count.Clamped()
	}
	return facts
}

// compare compares what an object was with what it is.
func (c *Comparison) compare(s *current.Subject) error {
	p := &c.prior
	c.highest = 0
	for i := range s.Findings {
		c.highest = max(c.highest, s.Findings[i].Severity())
	}
	if s.Analyses > p.analyses {
		c.counts.Analysed++
		if p.analyses == 0 {
			c.counts.First++
		}
	}
	// Findings of a bucket's former owner are gone, and the new owner's are new.
	moved := p.there && !where.EqualInts(p.ownedSince, s.OwnedSince)
	changedHands := moved && !bytes.Equal(p.account, c.text(s, account))
	for i := range s.Findings {
		f := &s.Findings[i]
		was, open := p.findings[string(f.ID())]
		if open && !changedHands {
			was.done = true
			p.findings[string(f.ID())] = was
			if err := c.stayed(s, f, &was); err != nil {
				return err
			}
			continue
		}
		state, cause := New, FirstLook
		if f.Appeared {
			cause = Appeared
		}
		if p.closed[string(f.ID())] && !changedHands {
			state, cause = Reappeared, "it was closed before"
		}
		if err := c.give(s, f, state, Facts{}, cause); err != nil {
			return err
		}
	}
	return c.closed(s, changedHands, moved)
}

// closed gives what was open and is no longer. moved says that other results count
// since another account had the bucket.
func (c *Comparison) closed(s *current.Subject, changedHands, moved bool) error {
	for i := range s.Closed {
		f := &s.Closed[i]
		id := string(f.ID())
		if was, open := c.prior.findings[id]; open && !was.done && !changedHands {
			was.done = true
			c.prior.findings[id] = was
			if err := c.close(s, &f.Finding, &was, endingOf(s, f)); err != nil {
				return err
			}
		}
	}
	// What only members had, and what the former owner's results said.
	for id, was := range c.prior.findings {
		if was.done {
			continue
		}
		end, ofMembers := c.members[id]
		switch {
		case changedHands, !ofMembers && moved:
			end = ending{Gone, current.OtherOwner.String()}
		case !ofMembers:
			return fmt.Errorf("a finding of s3://%s/%s is lost from one state to the next", c.text(s, bucket), c.text(s, key))
		}
		if err := c.close(s, &was.Finding, &was, end); err != nil {
			return err
		}
	}
	return nil
}

func (c *Comparison) close(s *current.Subject, f *current.Finding, was *finding, end ending) error {
	return c.give(s, f, end.state, was.facts, end.cause)
}

// stayed gives a finding that is open as before.
func (c *Comparison) stayed(s *current.Subject, f *current.Finding, was *finding) error {
	now := factsOf(s, f)
	var causes []string
	add := func(format string, args ...any) { causes = append(causes, fmt.Sprintf(format, args...)) }
	turned := false
	switch {
	case now.Public != yes || was.facts.Public == yes:
	case string(s.PublicAccess.Text()) == public && !c.prior.turned:
		turned = true
		add("the bucket became public")
	default:
		add("the object became public")
	}
	if now.Unencrypted == yes && was.facts.Unencrypted != yes {
		add("it is no longer encrypted")
	}
	if awsvalues.SeverityNamed(now.Severity) > awsvalues.SeverityNamed(was.facts.Severity) {
		add("its severity rose from %s to %s", orNone(was.facts.Severity), now.Severity)
	}
	if f.HasCount && was.HasCount && float64(f.Count.Clamped()) >= c.o.Grown*float64(was.Count.Clamped()) && f.Count.Compare(was.Count) > 0 && f.Counted().SameOrigin(was.counted) {
		add("it grew from %s to %s occurrences", was.facts.Count, now.Count)
	}
	state := Unchanged
	switch {
	case len(causes) > 0:
		state = Worse
	case !f.Confirmed && s.Analyses > c.prior.analyses:
		state = NotSeenAgain
		add("%s", f.Doubt)
	}
	c.change.BucketTurned = turned
	err := c.give(s, f, state, was.facts, causes...)
	c.change.BucketTurned = false
	return err
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

func (c *Comparison) text(s *current.Subject, column int) []byte {
	return c.picker.Value(c.columns[column], s, nil, &c.scratch).Text()
}

// give gives a change of a finding, which is open now or was.
func (c *Comparison) give(s *current.Subject, f *current.Finding, state State, before Facts, causes ...string) error {
	c.counts.Findings[state]++
	if state.Open() {
		c.counts.Open++
	}
	if state > Reappeared {
		c.counts.Before++
	}
	c.scratch = c.scratch[:0]
	column := func(i int) where.Value { return c.picker.Value(c.columns[i], s, nil, &c.scratch) }
	turned := c.change.BucketTurned
	c.change = Change{
		State: state, Causes: slices.DeleteFunc(causes, func(s string) bool { return s == "" }), BucketTurned: turned,
		Partition: column(partition), Bucket: column(bucket), Key: column(key), Account: column(account), Region: column(region),
		Kind: f.Kind(), Category: f.Category(), Type: f.Type, ID: f.Identifier,
		ObjectSeverity: c.highest,
		FirstSeen:      timeOf(f.FirstSeen), LastSeen: timeOf(f.LastSeen), Before: before, After: factsOf(s, f),
	}
	c.at = position{s, f}
	c.change.Owner = string(column(owner).Text())
	return c.emit(&c.change)
}

// Match reports whether the change that was given last matches a filter.
func (c *Comparison) Match(filter int) bool {
	c.literals[filter].Look(c.get)
	return c.o.Filters[filter].Match(c.get)
}

func (c *Comparison) value(i int, key string) where.Value {
	f := &fields[i]
	if f.value != nil {
		return f.value(c, &c.change)
	}
	return c.picker.Value(c.picked[pick{f.query, key}], c.at.subject, c.at.finding, &c.scratch)
}

// CheckLiterals returns a *where.LiteralError for the first value in a filter that
// nothing has and that isn't a known value of its field either, once Match was asked
// of every change.
func (c *Comparison) CheckLiterals(filter int) error { return c.literals[filter].Check() }
