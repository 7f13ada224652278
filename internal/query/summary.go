package query

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"hash/maphash"
	"slices"

	"github.com/macielake/macielake/internal/config"
	"github.com/macielake/macielake/internal/current"
	"github.com/macielake/macielake/internal/lake"
	"github.com/macielake/macielake/internal/raw"
	"github.com/macielake/macielake/internal/spill"
	"github.com/macielake/macielake/internal/sum"
	"github.com/macielake/macielake/internal/where"
	"github.com/macielake/macielake/pkg/schema"
)

// Options say what a summary adds up.
type Options struct {
	Views []View
	// Where, if not nil, is a filter on Fields, for all views.
	Where *where.Filter
	// Origins says that it is wanted who produced the results.
	Origins bool
	// All counts every result instead of the current state of each subject.
	All bool
	// Members counts members of archives besides the archives, which hold their
	// totals.
	Members bool
	// Months counts the states at the end of each month; the dimension month is
	// then that month.
	Months bool
	// Until, if not null, is the time as of which subjects are counted.
	Until where.Value
	// Through, if not nil, reports whether a run of a dataset exists.
	Through func(run string) bool
	// Late, if not nil, reports whether a run began after Until.
	Late func(run string) bool
	// Config, if not nil, says whose objects are, and what else docs/config.md has.
	Config *config.Config
	// Memory is about how many bytes may be held in memory; the rest
	// goes to temporary files. 0 is DefaultMemory.
	Memory int64
	// Workers is how many cores are used; 0 is one.
	Workers int
}

// DefaultMemory is the memory that is used where none is given.
const DefaultMemory = 256 << 20

// Summary adds up results. Its methods are called one after the other.
type Summary struct {
	o        Options
	state    *current.State
	views    []*grouping
	literals *where.Literals
	counted  bool // all subjects are in the groupings
	findings int64
	caveats  Caveats
}

// Caveats are facts about subjects that limit an answer.
type Caveats struct {
	// MembersExceed is the number of archives whose members sum to more than them.
	MembersExceed int64
}

// NewSummary returns a summary of nothing yet. The caller closes it.
func NewSummary(o Options) *Summary {
	if o.Memory <= 0 {
		o.Memory = DefaultMemory
	}
	s := &Summary{o: o, literals: where.NewLiterals(o.Where, Fields())}
	p := &plan{months: o.Months, config: o.Config}
	seed := maphash.MakeSeed()
	findings := false
	for i := range o.Views {
		var all *filter
		if o.Where != nil {
			all = p.newFilter(o.Where)
			if i == 0 {
				all.literals = s.literals
			}
		}
		g := p.newGrouping(&o.Views[i], all, seed, o.Memory/4/int64(len(o.Views)))
		findings = findings || g.needsFindings()
		s.views = append(s.views, g)
	}
	s.state = current.New(current.Options{
		Columns: p.options(), Findings: findings, Severity: p.needs&severity != 0, Exposure: p.needs&exposure != 0,
		Origins: o.Origins, All: o.All, Members: o.Members, Months: o.Months,
		Until: o.Until, Through: o.Through, Late: o.Late, Config: o.Config, Memory: o.Memory / 2, Workers: o.Workers,
	})
	return s
}

// Close drops what the summary holds, its temporary files included.
func (s *Summary) Close() {
	s.state.Close()
	for _, v := range s.views {
		v.groups.close()
	}
}

// AddResults adds discovery results, except lines and sources that can't be read or
// decoded: the tally counts them.
func (s *Summary) AddResults(ctx context.Context, o raw.Options) (*raw.Tally, error) {
	return s.state.AddResults(ctx, o)
}

// AddDataset adds the results of a dataset, reading the columns that are needed.
// It gives a *lake.NoTableError for a dataset without the tables for that.
func (s *Summary) AddDataset(ctx context.Context, l *lake.Lake) error {
	return s.state.AddDataset(ctx, l)
}

// AddBatch adds the results of a decoded batch.
func (s *Summary) AddBatch(b *schema.Batch) error { return s.state.AddBatch(b) }

// Origins returns who produced the results that were added; nobody without
// Options.Origins.
func (s *Summary) Origins() []current.Origin { return s.state.Origins() }

// Late returns how many results are of late runs.
func (s *Summary) Late() int64 { return s.state.Late() }

// Count counts all subjects. No results may be added afterwards.
func (s *Summary) Count(ctx context.Context) error {
	if s.counted {
		return nil
	}
	s.counted = true
	if err := s.state.CheckMonths(); err != nil {
		return err
	}
	defer s.state.Close() // the groups have it all
	return s.state.Each(ctx, func(subject *current.Subject) error {
		if subject.MembersExceed {
			s.caveats.MembersExceed++
		}
		s.findings += int64(len(subject.Findings))
		s.views[0].look(subject)
		for _, v := range s.views {
			if err := v.add(subject); err != nil {
				return err
			}
		}
		return nil
	})
}

// Findings returns how many open findings there are, whatever the filter, once
// everything is counted.
func (s *Summary) Findings() int64 { return s.findings }

// Caveats returns what limits the answer, once everything is counted.
func (s *Summary) Caveats() Caveats { return s.caveats }

// CheckLiterals returns a *where.LiteralError for the first value in the filter that
// nothing has, and that isn't a known value of its field either, once everything
// is counted.
func (s *Summary) CheckLiterals() error { return s.literals.Check() }

// Group is a group of a view.
type Group struct {
	// Values are those of the view's dimensions.
	Values []where.Value
	// Sums are those of the view's measures.
	Sums []sum.Int
}

// Order says how the groups of a view are sorted, and how many are wanted.
// Groups that it doesn't tell apart are sorted by their values.
type Order struct {
	// By is the index of a measure, the largest first, or behind the measures
	// that of a dimension; values compare byte by byte, and null comes last.
	By int
	// Top is how many groups are wanted, 0 for all.
	Top int64
}

// Groups calls each for the groups of a view in order, and returns how many it
// has. Groups whose sums are all 0 are left out, unless the view has no
// dimension: then there is always one. The group is valid until each returns.
// It can be called once per view, and no results may be added afterwards.
func (s *Summary) Groups(ctx context.Context, view int, order Order, each func(*Group) error) (total int64, err error) {
	if err := s.Count(ctx); err != nil {
		return 0, err
	}
	g := s.views[view]
	if len(g.by) == 0 {
		g.groups.at(nil) // exists, if nothing else
		return 1, g.groups.each(ctx, func(_ []byte, sums []sum.Int) error { return each(&Group{Sums: sums}) })
	}
	out := spill.NewSorter(s.o.Memory / 4)
	defer out.Close()
	var sortKey, value []byte
	group := Group{Values: make([]where.Value, len(g.by)), Sums: make([]sum.Int, len(g.view.Measures))}
	err = g.groups.each(ctx, func(key []byte, sums []sum.Int) error {
		if !slices.ContainsFunc(sums, func(n sum.Int) bool { return n != sum.Int{} }) {
			return nil
		}
		total++
		sortKey = order.appendKey(sortKey[:0], key, sums, group.Values)
		value = value[:0]
		for _, n := range sums {
			value = sum.Append(value, n)
		}
		return out.Add(binary.BigEndian.Uint64(sortKey), sortKey, append(value, key...))
	})
	if err != nil {
		return total, err
	}
	left := cmp.Or(order.Top, total)
	err = out.Each(ctx, func(_ uint64, _, value []byte) error {
		if left == 0 {
			return errEnough
		}
		left--
		for i := range group.Sums {
			group.Sums[i] = sum.Decode(value[i*sum.Bytes:])
		}
		takeValues(value[len(group.Sums)*sum.Bytes:], group.Values)
		return each(&group)
	})
	if err == errEnough {
		err = nil
	}
	return total, err
}

// errEnough ends a reading that wants no more.
var errEnough = errors.New("enough")

// takeValues takes a group's values out of its key.
func takeValues(key []byte, values []where.Value) {
	for i := range values {
		values[i], key = where.TakeValue(key, where.Text)
	}
}

// appendKey appends what sorts a group, byte by byte: at least eight of them.
func (o Order) appendKey(out, key []byte, sums []sum.Int, scratch []where.Value) []byte {
	takeValues(key, scratch)
	if o.By < len(sums) {
		out = sum.AppendDescending(out, sums[o.By])
	} else {
		out = where.AppendOrdered(out, scratch[o.By-len(sums)])
	}
	for _, v := range scratch {
		out = where.AppendOrdered(out, v)
	}
	return append(out, make([]byte, max(0, 8-len(out)))...)
}
