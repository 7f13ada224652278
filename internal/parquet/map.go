package parquet

import (
	"github.com/macielake/macielake/internal/rows"
	"github.com/macielake/macielake/pkg/schema"
)

// mapColumn is a column of maps: its keys and its values (Parquet specification,
// LogicalTypes, MAP). The definition level of a row is 0 for null, 1 for an
// empty map, 2 for an entry, 3 where the entry has a value.
type mapColumn struct {
	slot         int
	keys, values *textColumn
}

func newMap(f *Format, c schema.Column) *mapColumn {
	return &mapColumn{
		slot:   c.Slot,
		keys:   newText(f, c.Level, c.Slot, 2, 1, c.Name, "key_value", "key"),
		values: newText(f, c.Level, c.Slot, 3, 1, c.Name, "key_value", "value"),
	}
}

func (c *mapColumn) write(b *schema.Batch, rows *rowRuns) error {
	c.keys.begin()
	c.values.begin()
	for _, r := range rows.results {
		res := &b.Results[r.row]
		for range r.n {
			if res.MapSet&(1<<c.slot) == 0 {
				c.addEmpty(0)
			} else if tags := res.Maps[c.slot]; tags.Len() == 0 {
				c.addEmpty(1)
			} else {
				c.addTags(b, b.Tags[tags.First:tags.End])
			}
			c.keys.checkPage()
			c.values.checkPage()
		}
	}
	return c.flush()
}

func (c *mapColumn) flush() error {
	if c.keys.err != nil {
		return c.keys.err
	}
	return c.values.err
}

func (c *mapColumn) add(v rows.Value, n int) {
	for range n {
		switch {
		case !v.Set:
			c.addEmpty(0)
		case len(v.Map) == 0:
			c.addEmpty(1)
		}
		for i, entry := range v.Map {
			rep := uint32(min(i, 1))
			c.keys.setText(entry.Key)
			c.keys.pushEntry(rep)
			if entry.Value == nil {
				c.values.addEntry(rep, 2)
				continue
			}
			c.values.setText(entry.Value)
			c.values.pushEntry(rep)
		}
		c.keys.checkPage()
		c.values.checkPage()
	}
}

// addEmpty adds a row without entries.
func (c *mapColumn) addEmpty(def uint32) {
	c.keys.addEntry(0, def)
	c.values.addEntry(0, def)
}

func (c *mapColumn) addTags(b *schema.Batch, tags []schema.Tag) {
	for i, tag := range tags {
		rep := uint32(min(i, 1))
		c.keys.addTag(b, tag.Key, rep)
		if tag.Value.Null() {
			c.values.addEntry(rep, 2)
		} else {
			c.values.addTag(b, tag.Value, rep)
		}
	}
}

// addTag adds an entry with a text.
func (t *textColumn) addTag(b *schema.Batch, s schema.Span, rep uint32) {
	if s != t.span {
		t.set(b, s)
	}
	t.pushEntry(rep)
}

// pushEntry adds an entry with the current value.
func (t *textColumn) pushEntry(rep uint32) {
	t.push(1)
	t.present++
	t.addEntry(rep, t.maxDef)
}

// addEntry adds the levels of an entry.
func (t *textColumn) addEntry(rep, def uint32) {
	t.reps.add(rep, 1)
	t.defs.add(def, 1)
	t.entries++
}

func (c *mapColumn) bytes() int64 { return c.keys.bytes() + c.values.bytes() }

func (c *mapColumn) seal() error {
	if err := c.keys.seal(); err != nil {
		return err
	}
	return c.values.seal()
}

func (c *mapColumn) next() {
	c.keys.next()
	c.values.next()
}

func (c *mapColumn) appendLeaves(leaves []*leaf) []*leaf {
	return append(leaves, &c.keys.leaf, &c.values.leaf)
}

func (c *mapColumn) restart() {
	c.keys.restart()
	c.values.restart()
}
