package query

import (
	"bytes"
	"context"
	"hash/maphash"

	"github.com/macielake/macielake/internal/spill"
	"github.com/macielake/macielake/internal/sum"
)

// groups adds up measures by key, for any number of keys in bounded memory. It
// is not safe for concurrent use.
type groups struct {
	measures int
	seed     maphash.Seed
	limit    int64    // bytes in memory
	slots    []uint32 // 1 + number of the group, 0 where there is none; a power of two
	list     []group
	last     int       // the number of the group that was asked for last
	sums     []sum.Int // those of each group, one after the other
	keys     spill.Arena
	spilled  *spill.Sorter // of groups that had to leave; the same may be in it again
}

// group is a key in memory.
type group struct {
	hash       uint64
	subject    int64 // number of the subject that was counted last
	chunk, off uint32
	klen       uint32
}

const groupBytes = 32 + 2*4 // with its slots

func newGroups(measures int, seed maphash.Seed, limit int64) *groups {
	return &groups{measures: measures, seed: seed, limit: limit, slots: make([]uint32, 64), spilled: spill.NewSorter(limit / 2)}
}

// at returns the group of a key, which it copies. Both results are valid until
// the next at.
func (g *groups) at(key []byte) (*group, []sum.Int) {
	if g.last < len(g.list) { // subjects of a bucket come together
		if c := &g.list[g.last]; bytes.Equal(g.key(c), key) {
			return c, g.sums[g.last*g.measures : (g.last+1)*g.measures]
		}
	}
	if 2*len(g.list) >= len(g.slots) {
		g.grow()
	}
	hash := maphash.Bytes(g.seed, key)
	mask := uint64(len(g.slots) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		n := int(g.slots[i])
		if n == 0 {
			g.slots[i] = uint32(len(g.list) + 1)
			chunk, off := g.keys.Add(key)
			g.list = append(g.list, group{hash: hash, subject: -1, chunk: chunk, off: off, klen: uint32(len(key))})
			for range g.measures {
				g.sums = append(g.sums, sum.Int{})
			}
			n = len(g.list)
		} else if c := &g.list[n-1]; c.hash != hash || !bytes.Equal(g.key(c), key) {
			continue
		}
		g.last = n - 1
		return &g.list[n-1], g.sums[(n-1)*g.measures : n*g.measures]
	}
}

func (g *groups) key(c *group) []byte {
	return g.keys.At(c.chunk, c.off, c.klen)
}

func (g *groups) grow() {
	g.slots = make([]uint32, 2*len(g.slots))
	mask := uint64(len(g.slots) - 1)
	for n := range g.list {
		i := g.list[n].hash & mask
		for g.slots[i] != 0 {
			i = (i + 1) & mask
		}
		g.slots[i] = uint32(n + 1)
	}
}

// settle moves the groups out of memory if they take too much. Their marks are
// lost then, so it is called between objects.
func (g *groups) settle() error {
	if g.keys.Used()+int64(len(g.list))*int64(groupBytes+sum.Bytes*g.measures) <= g.limit {
		return nil
	}
	return g.spill()
}

func (g *groups) spill() error {
	var value []byte
	for n := range g.list {
		value = value[:0]
		for _, s := range g.sums[n*g.measures : (n+1)*g.measures] {
			value = sum.Append(value, s)
		}
		if err := g.spilled.Add(g.list[n].hash, g.key(&g.list[n]), value); err != nil {
			return err
		}
	}
	clear(g.slots)
	g.list, g.sums = g.list[:0], g.sums[:0]
	g.keys.Reset()
	return nil
}

// merge adds the groups of o, which is then empty. Both have the same seed.
func (g *groups) merge(o *groups) error {
	for n := range o.list {
		_, sums := g.at(o.key(&o.list[n]))
		for i, s := range o.sums[n*o.measures : (n+1)*o.measures] {
			sums[i].AddInt(s)
		}
		if err := g.settle(); err != nil {
			return err
		}
	}
	o.list, o.sums = nil, nil
	return g.spilled.Absorb(o.spilled)
}

// each calls do for each group once, in no order. The bytes and sums are valid
// until do returns. The groups are gone afterwards.
func (g *groups) each(ctx context.Context, do func(key []byte, sums []sum.Int) error) error {
	if g.spilled.Empty() {
		for n := range g.list {
			if n%spill.CheckEvery == 0 && ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err := do(g.key(&g.list[n]), g.sums[n*g.measures:(n+1)*g.measures]); err != nil {
				return err
			}
		}
		return nil
	}
	if err := g.spill(); err != nil {
		return err
	}
	g.slots, g.list, g.sums, g.keys = nil, nil, nil, spill.Arena{}
	var last []byte
	sums := make([]sum.Int, g.measures)
	first := true
	err := g.spilled.Each(ctx, func(_ uint64, key, value []byte) error {
		if first || !bytes.Equal(key, last) {
			if !first {
				if err := do(last, sums); err != nil {
					return err
				}
			}
			first = false
			last = append(last[:0], key...)
			clear(sums)
		}
		for i := range sums {
			sums[i].AddInt(sum.Decode(value[i*sum.Bytes:]))
		}
		return nil
	})
	if err == nil && !first {
		err = do(last, sums)
	}
	return err
}

func (g *groups) close() { g.spilled.Close() }
