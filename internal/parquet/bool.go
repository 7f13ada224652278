package parquet

import (
	"github.com/macielake/macielake/internal/rows"
	"github.com/macielake/macielake/pkg/schema"
)

// boolColumn is a column of booleans.
type boolColumn struct {
	leaf
	level  schema.Level
	slot   int
	truths runs
	seen   [2]bool // false, true
}

func newBool(f *Format, c schema.Column) *boolColumn {
	return &boolColumn{
		leaf:  newLeaf(f, typeBoolean, 1, 0, c.Name),
		level: c.Level, slot: c.Slot,
	}
}

func (c *boolColumn) add(v rows.Value, n int) { c.addBool(v.Bool, v.Set, n) }

func (c *boolColumn) flush() error { return c.err }

func (c *boolColumn) addBool(v, ok bool, n int) {
	for n > 0 {
		k := min(n, c.left())
		switch {
		case !ok:
			c.addNulls(k)
		case v:
			c.truths.add(1, k)
			c.seen[1] = true
			c.addLevels(k)
		default:
			c.truths.add(0, k)
			c.seen[0] = true
			c.addLevels(k)
		}
		n -= k
		if c.entries == pageEntries {
			c.closePage()
		}
	}
}

func (c *boolColumn) closePage() {
	s := c.format.scratch()
	defer c.format.release(s)
	s.body = c.appendLevels(s.body[:0])
	c.truths.settle()
	s.body = appendBits(s.body, c.truths.tokens)
	c.addPage(s, encodingPlain, len(s.body), s.compress(s.body))
	c.truths.reset()
}

func (c *boolColumn) write(b *schema.Batch, rows *rowRuns) error {
	switch c.level {
	case schema.ResultLevel:
		for _, r := range rows.results {
			v, ok := b.Results[r.row].Bool(c.slot)
			c.addBool(v, ok, r.n)
		}
	default:
		for _, r := range rows.detections {
			c.addBool(b.Detections[r.row].Capped, true, r.n)
		}
	}
	return c.err
}

func (c *boolColumn) bytes() int64 { return c.leaf.bytes() + int64(4*len(c.truths.tokens)) }

func (c *boolColumn) seal() error {
	if c.entries > 0 {
		c.closePage()
	}
	c.leaf.seal()
	truths := []byte{0, 1}
	if c.seen[0] || c.seen[1] {
		c.chunk.bounded, c.chunk.low, c.chunk.high = true, truths[:1], truths[1:]
		if !c.seen[0] {
			c.chunk.low = truths[1:]
		}
		if !c.seen[1] {
			c.chunk.high = truths[:1]
		}
	}
	return c.err
}

func (c *boolColumn) next() {
	c.leaf.next()
	c.seen = [2]bool{}
}

func (c *boolColumn) restart() {} // it learns nothing
