package parquet

import (
	"encoding/binary"

	"github.com/macielake/macielake/internal/rows"
	"github.com/macielake/macielake/pkg/schema"
)

// intColumn is a column of integers: INT64, INT32 or timestamps.
type intColumn struct {
	dictColumn
	slot  int
	width int // of a value in the file, in bytes
	ints  intDict
	kinds [2]schema.Kind // that have an occurrence's own; twice the same if it is one

	// values are an occurrence's own integers that place has yet to add: of one
	// detection, so that they are still in a cache then.
	values []int64

	value   int64  // the last value
	index   uint32 // its index, if indexed
	indexed bool

	bounded   bool // there are low and high
	low, high int64
	lowBytes  [8]byte
	highBytes [8]byte
}

func newInt(f *Format, c schema.Column) *intColumn {
	i := &intColumn{slot: c.Slot, width: 8}
	if c.Type == schema.Int32 {
		i.width = 4
	}
	i.dictColumn = newValues(f, c.Level, newLeaf(f, physicalType(c.Type), 1, 0, c.Name), i)
	i.ints.seed = f.intSeed
	if c.Level == schema.OccurrenceLevel {
		i.kinds = intKinds(c.Slot)
		i.delta = &deltas{take: i.take}
	}
	return i
}

// intKinds are the kinds of locations that have an occurrence's integer.
func intKinds(slot int) [2]schema.Kind {
	switch slot {
	case schema.LineStart, schema.LineEnd, schema.LineStartColumn:
		return [2]schema.Kind{schema.LineKind, schema.PageKind}
	case schema.OffsetStart, schema.OffsetEnd, schema.OffsetStartColumn:
		return [2]schema.Kind{schema.OffsetKind, schema.PageKind}
	case schema.PageNumber:
		return [2]schema.Kind{schema.PageKind, schema.PageKind}
	case schema.RecordIndex:
		return [2]schema.Kind{schema.RecordKind, schema.RecordKind}
	}
	return [2]schema.Kind{schema.CellKind, schema.CellKind}
}

func (c *intColumn) count() int { return c.ints.len() }
func (c *intColumn) size() int  { return c.width * c.ints.len() }

func (c *intColumn) appendPage(dst []byte, n int) []byte {
	return c.appendAll(dst, c.ints.values[:n])
}

func (c *intColumn) expand(dst []byte, index uint32, n int) []byte {
	return c.appendOne(dst, c.ints.values[index], n)
}

// appendOne appends v n times, PLAIN.
func (c *intColumn) appendOne(dst []byte, v int64, n int) []byte {
	dst = room(dst, n*c.width)
	for range n {
		if c.width == 4 {
			dst = binary.LittleEndian.AppendUint32(dst, uint32(v))
		} else {
			dst = binary.LittleEndian.AppendUint64(dst, uint64(v))
		}
	}
	return dst
}

// appendAll appends values, PLAIN.
func (c *intColumn) appendAll(dst []byte, values []int64) []byte {
	dst = room(dst, len(values)*c.width)
	if c.width == 4 {
		for _, v := range values {
			dst = binary.LittleEndian.AppendUint32(dst, uint32(v))
		}
		return dst
	}
	at := len(dst)
	dst = dst[:at+8*len(values)]
	for i, v := range values {
		binary.LittleEndian.PutUint64(dst[at+8*i:], uint64(v))
	}
	return dst
}

func (c *intColumn) drop() {
	c.boundAll(c.ints.values)
	c.ints.reset()
	c.indexed = false
}

func (c *intColumn) bound(v int64) {
	if !c.bounded {
		c.bounded, c.low, c.high = true, v, v
		return
	}
	c.low, c.high = min(c.low, v), max(c.high, v)
}

// boundAll is bound for each of the values.
func (c *intColumn) boundAll(values []int64) {
	if len(values) == 0 {
		return
	}
	low, high := values[0], values[0]
	for _, v := range values {
		low, high = min(low, v), max(high, v)
	}
	c.bound(low)
	c.bound(high)
}

// put adds values to the open page.
func (c *intColumn) put(values []int64) {
	switch d := c.delta; {
	case !d.decided:
		n := min(len(values), sampleValues-len(d.values))
		d.values = append(d.values, values[:n]...)
		if len(d.values) == sampleValues {
			c.decide()
			c.put(values[n:])
		}
	case d.chosen:
		c.boundAll(values)
		d.add(values)
	default:
		c.take(values)
	}
}

// take adds values to the open page, as indices or in full.
func (c *intColumn) take(values []int64) {
	c.plainSize += int64(len(values) * c.width)
	if c.direct {
		c.boundAll(values)
		c.plain = c.appendAll(c.plain, values)
	} else {
		c.indices.settle()
		tokens := room(c.indices.tokens, len(values))
		for i := 0; i < len(values); {
			v, first := values[i], i
			for i++; i < len(values) && values[i] == v; i++ {
			}
			if n := i - first; n > 1 {
				tokens = append(tokens, repeated|uint32(n))
			}
			tokens = append(tokens, c.ints.index(v))
		}
		c.indices.tokens = tokens
	}
}

// addNull appends n rows that are null: fill does.
func (c *intColumn) addNull(n int) {
	if n > 0 {
		c.place()
		c.gap += n
	}
}

func (c *intColumn) add(v rows.Value, n int) {
	switch {
	case !v.Set:
		c.addNull(n)
	case c.delta != nil:
		for range n {
			c.own(v.Int)
		}
	default:
		c.addInt(v.Int, n)
	}
}

func (c *intColumn) flush() error {
	c.place()
	c.fill()
	return c.err
}

// addInt appends n rows of v.
func (c *intColumn) addInt(v int64, n int) {
	c.fill()
	if v != c.value || !c.indexed {
		c.value, c.indexed = v, false
	}
	for n > 0 {
		k := min(n, c.left())
		if c.direct {
			c.bound(v)
			c.plain = c.appendOne(c.plain, v, k)
		} else {
			if !c.indexed {
				c.index, c.indexed = c.ints.index(v), true
			}
			c.indices.add(c.index, k)
		}
		c.plainSize += int64(k * c.width)
		c.addLevels(k)
		n -= k
		c.checkPage()
	}
}

// own appends an occurrence's own integer. What becomes of it follows in place,
// for all of a detection together.
func (c *intColumn) own(v int64) {
	if c.gap > 0 {
		c.fill()
	}
	c.values = append(c.values, v)
}

// place adds the values that were put, and their levels, page by page.
func (c *intColumn) place() {
	for at := 0; at < len(c.values); {
		n := min(len(c.values)-at, c.left())
		c.addLevels(n)
		c.put(c.values[at : at+n])
		at += n
		c.checkPage()
	}
	c.values = trim(c.values)
}

// checkPage ends the open page if it is full.
func (c *intColumn) checkPage() {
	if !c.probed && c.present >= probeValues && c.level == schema.ResultLevel {
		c.probe()
	}
	if c.entries == pageEntries {
		c.closePage()
	}
}

func (c *intColumn) write(b *schema.Batch, rows *rowRuns) error {
	switch c.level {
	case schema.ResultLevel:
		for _, r := range rows.results {
			if res := &b.Results[r.row]; res.HasInt(c.slot) {
				c.addInt(res.Int[c.slot], r.n)
			} else {
				c.addNull(r.n)
			}
		}
	case schema.DetectionLevel:
		for _, r := range rows.detections {
			if det := &b.Detections[r.row]; det.HasInt(c.slot) {
				c.addInt(det.Int[c.slot], r.n)
			} else {
				c.addNull(r.n)
			}
		}
	default:
		for _, r := range rows.detections {
			det := &b.Detections[r.row]
			switch {
			case c.slot == schema.OccurrenceIndex:
				for i := range r.n {
					c.own(int64(i))
				}
				c.place()
			case det.Locations[c.kinds[0]].Len()|det.Locations[c.kinds[1]].Len() == 0:
				c.gap += r.n // as in most: nothing waits for place
			default:
				c.addLocations(b, det)
				c.place()
			}
		}
	}
	return c.flush()
}

// addLocations appends the occurrences of a detection, kind by kind.
func (c *intColumn) addLocations(b *schema.Batch, det *schema.Detection) {
	for kind, at := range det.Locations {
		n := at.Len()
		switch k := schema.Kind(kind); {
		case n == 0:
		case !k.Has(c.slot):
			c.addNull(n)
		case c.slot == schema.CellRow: // the usual ones have loops of their own
			gather(c, b.Cells[at.First:at.End], func(l *schema.Cell) (int64, bool) { return l.Row, l.Set&schema.HasRow != 0 })
		case c.slot == schema.CellColumn:
			gather(c, b.Cells[at.First:at.End], func(l *schema.Cell) (int64, bool) { return l.Column, l.Set&schema.HasColumn != 0 })
		case c.slot == schema.LineStart && k == schema.LineKind:
			gather(c, b.Lines[at.First:at.End], func(l *schema.Position) (int64, bool) { return l.Start, l.Set&schema.HasStart != 0 })
		case c.slot == schema.LineEnd && k == schema.LineKind:
			gather(c, b.Lines[at.First:at.End], func(l *schema.Position) (int64, bool) { return l.End, l.Set&schema.HasEnd != 0 })
		case c.slot == schema.LineStartColumn && k == schema.LineKind:
			gather(c, b.Lines[at.First:at.End], func(l *schema.Position) (int64, bool) { return l.StartColumn, l.Set&schema.HasStartColumn != 0 })
		case c.slot == schema.RecordIndex:
			gather(c, b.Records[at.First:at.End], func(l *schema.Record) (int64, bool) { return l.Index, l.Set&schema.HasRecordIndex != 0 })
		default:
			nulls := 0 // of pages, few have lines or offsets
			for i := at.First; i < at.End; i++ {
				v, ok := b.LocationInt(k, c.slot, i)
				if !ok {
					nulls++
					continue
				}
				c.addNull(nulls)
				nulls = 0
				c.own(v)
			}
			c.addNull(nulls)
		}
	}
}

// gather appends the integers of locations.
func gather[T any](c *intColumn, locations []T, value func(*T) (int64, bool)) {
	values := room(c.values, len(locations))
	for i := range locations {
		v, ok := value(&locations[i])
		switch {
		case !ok:
			c.values = values
			c.addNull(1)
			values = c.values
			continue
		case c.gap > 0:
			c.fill()
		}
		values = append(values, v)
	}
	c.values = values
}

func (c *intColumn) seal() error {
	err := c.dictColumn.seal()
	if c.bounded {
		binary.LittleEndian.PutUint64(c.lowBytes[:], uint64(c.low))
		binary.LittleEndian.PutUint64(c.highBytes[:], uint64(c.high))
		c.chunk.bounded, c.chunk.low, c.chunk.high = true, c.lowBytes[:c.width], c.highBytes[:c.width]
	}
	return err
}

func (c *intColumn) next() {
	c.dictColumn.next()
	c.bounded = false
}
