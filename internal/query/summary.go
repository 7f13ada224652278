package query

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"hash/maphash"
	"slices"

	"github.com/macielake/macielake/internal/where"
	"github.com/macielake/macielake/pkg/schema"
)

// Options say what a summary adds up.
type Options struct {
	Views []View
	// Where, if not nil, is a filter on Fields, for all views.
	Where *where.Filter
	// All counts every result, instead of what is current of each object.
	All bool
	// Members counts files inside archives besides the archives, whose own
	// results hold the totals.
	Members bool
	// Memory is about how many bytes of what is kept may be in memory; the rest
	// goes to temporary files. 0 is DefaultMemory.
	Memory int64
	// Workers is how many cores are used; 0 is one.
	Workers int
}

// DefaultMemory is the memory that is used where none is given.
const DefaultMemory = 256 << 20

// Summary adds up results. Its methods are called one after the other.
type Summary struct {
	o    Options
	plan *plan
	seed maphash.Seed
	read bool // all results are in the groupings
	kept *keeper
}

// NewSummary returns a summary of nothing yet. The caller closes it.
func NewSummary(o Options) *Summary {
	o.Workers = max(o.Workers, 1)
	if o.Memory <= 0 {
		o.Memory = DefaultMemory
	}
	s := &Summary{o: o, plan: newPlan(), seed: maphash.MakeSeed()}
	s.kept = s.newKeeper(o.Memory, true)
	return s
}

// Close drops what the summary holds, its temporary files included.
func (s *Summary) Close() { s.kept.close() }

// keeper keeps what a summary needs of results: under the current rule the
// results themselves, for their objects are known at the end, and otherwise
// the views' groups. One goroutine at a time uses it.
type keeper struct {
	things *sorter // nil where every result counts
	views  []*grouping
}

// newKeeper returns a keeper that takes so many bytes of memory: half of them
// for things, and half for groups. Those of a part of the results, which aren't
// all, has no groups if it has things.
func (s *Summary) newKeeper(memory int64, all bool) *keeper {
	k := &keeper{}
	if !s.o.All {
		k.things = newSorter(memory / 2)
		if !all {
			return k
		}
	}
	for i := range s.o.Views {
		k.views = append(k.views, s.plan.newGrouping(&s.o.Views[i], s.o.Where, s.seed, memory/4/int64(len(s.o.Views))))
	}
	return k
}

func (k *keeper) close() {
	if k.things != nil {
		k.things.close()
	}
	for _, v := range k.views {
		v.groups.close()
	}
}

// merge takes over what o keeps. It closes o.
func (k *keeper) merge(o *keeper) error {
	defer o.close()
	if k.things != nil {
		return k.things.absorb(o.things)
	}
	for i, v := range k.views {
		if err := v.groups.merge(o.views[i].groups); err != nil {
			return err
		}
	}
	return nil
}

// taker takes the results of batches for a keeper. One goroutine at a time uses
// it.
type taker struct {
	s           *Summary
	reader      reader
	object      object
	key, record []byte
}

func (s *Summary) newTaker() *taker { return &taker{s: s, reader: reader{plan: s.plan}} }

// take gives the results of a decoded batch to a keeper.
func (t *taker) take(b *schema.Batch, k *keeper) error {
	for i := range b.Results {
		r := &b.Results[i]
		if isMember(r) && !t.s.o.Members {
			continue
		}
		res := t.reader.read(b, r)
		if k.things != nil {
			var thing int
			t.key, thing = appendThing(t.key[:0], b, r, res.analysed)
			t.record = t.s.plan.appendRecord(t.record[:0], thing, res)
			if err := k.things.add(maphash.Bytes(t.s.seed, t.key[:thing]), t.key, t.record); err != nil {
				return err
			}
			continue
		}
		o := res.single(&t.object)
		for _, v := range k.views {
			if err := v.add(o); err != nil {
				return err
			}
		}
	}
	return nil
}

// settle makes objects of the things and adds them to the views.
func (s *Summary) settle(ctx context.Context) error {
	if s.read {
		return nil
	}
	s.read = true
	if s.kept.things == nil {
		return nil
	}
	c := &current{plan: s.plan, emit: func(o *object) error {
		for _, v := range s.kept.views {
			if err := v.add(o); err != nil {
				return err
			}
		}
		return nil
	}}
	err := s.kept.things.each(ctx, func(_ uint64, key, record []byte) error { return c.add(key, record) })
	if err == nil {
		err = c.flush()
	}
	s.kept.things.close()
	return err
}

// Group is a group of a view.
type Group struct {
	// Values are those of the view's dimensions.
	Values []where.Value
	// Sums are those of the view's measures.
	Sums []Sum
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
// It can be called once a view, and no results may be added afterwards.
func (s *Summary) Groups(ctx context.Context, view int, order Order, each func(*Group) error) (total int64, err error) {
	if err := s.settle(ctx); err != nil {
		return 0, err
	}
	g := s.kept.views[view]
	if len(g.by) == 0 {
		g.groups.at(nil) // is there, if nothing else
		return 1, g.groups.each(ctx, func(_ []byte, sums []Sum) error { return each(&Group{Sums: sums}) })
	}
	out := newSorter(s.o.Memory / 4)
	defer out.close()
	var sortKey, value []byte
	group := Group{Values: make([]where.Value, len(g.by)), Sums: make([]Sum, len(g.view.Measures))}
	err = g.groups.each(ctx, func(key []byte, sums []Sum) error {
		if !slices.ContainsFunc(sums, func(s Sum) bool { return s != Sum{} }) {
			return nil
		}
		total++
		sortKey = order.appendKey(sortKey[:0], key, sums, group.Values)
		value = value[:0]
		for _, sum := range sums {
			value = appendSum(value, sum)
		}
		return out.add(binary.BigEndian.Uint64(sortKey), sortKey, append(value, key...))
	})
	if err != nil {
		return total, err
	}
	left := cmp.Or(order.Top, total)
	err = out.each(ctx, func(_ uint64, _, value []byte) error {
		if left == 0 {
			return errEnough
		}
		left--
		for i := range group.Sums {
			group.Sums[i] = sumOf(value[i*sumBytes:])
		}
		takeValues(value[len(group.Sums)*sumBytes:], group.Values)
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
		values[i], key = takeValue(key, where.Text)
	}
}

// appendKey appends what sorts a group, byte by byte: at least eight of them.
func (o Order) appendKey(out, key []byte, sums []Sum, scratch []where.Value) []byte {
	takeValues(key, scratch)
	if o.By < len(sums) {
		out = appendDescending(out, sums[o.By])
	} else {
		out = appendOrdered(out, scratch[o.By-len(sums)])
	}
	for _, v := range scratch {
		out = appendOrdered(out, v)
	}
	return append(out, make([]byte, max(0, 8-len(out)))...)
}
