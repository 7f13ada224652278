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
	i.wide = i.width == intBytes && c.Level == schema.OccurrenceLevel
	i.ints.seed, i.ints.memory = f.intSeed, &f.memory
	if c.Level == schema.OccurrenceLevel {
		i.kinds = intKinds(c.Slot)
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
	dst = c.format.memory.bytes.room(dst, n*c.width)
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
	dst = c.format.memory.bytes.room(dst, len(values)*c.width)
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

// take adds values to the open page, as indices or in full.
func (c *intColumn) take(values []int64) {
	c.plainSize += int64(len(values) * c.width)
	if c.direct {
		c.boundAll(values)
		c.plain = c.appendAll(c.plain, values)
	} else {
		c.indices.tokens = c.appendTokens(c.format.memory.words.room(c.indices.tokens, len(values)), values)
	}
}

// appendTokens appends values as runs of indices to tokens, which has space for
// as many.
func (c *intColumn) appendTokens(tokens []uint32, values []int64) []uint32 {
	at := len(tokens)
	tokens = tokens[:at+len(values)]
	direct := c.ints.direct
	for i := 0; i < len(values); at++ {
		v, first := values[i], i
		for i++; i < len(values) && values[i] == v; i++ {
		}
		if n := i - first; n > 1 {
			tokens[at] = repeated | uint32(n)
			at++
		}
		if uint64(v) < uint64(len(direct)) && direct[v] != 0 { // as in nearly all cases
			tokens[at] = direct[v] - 1
			continue
		}
		tokens[at] = c.ints.index(v)
		direct = c.ints.direct
	}
	return tokens[:at]
}

// addNull appends n rows that are null: fill does.
func (c *intColumn) addNull(n int) {
	c.place()
	c.gap += n
}

func (c *intColumn) add(v rows.Value, n int) {
	if v.Set {
		c.addInt(v.Int, n)
	} else {
		c.addNull(n)
	}
}

func (c *intColumn) flush() error {
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

// space returns where the next n values go, if none of them is null: kept says how
// many do.
func (c *intColumn) space(n int) []int64 {
	if c.gap > 0 {
		c.fill()
	}
	c.values = c.format.memory.ints.room(c.values, n)
	return c.values[len(c.values) : len(c.values)+n]
}

func (c *intColumn) kept(n int) { c.values = c.values[:len(c.values)+n] }

// put appends an occurrence's own integer. What becomes of it follows in place,
// for all of a detection together.
func (c *intColumn) put(v int64, ok bool) {
	if !ok {
		c.addNull(1)
		return
	}
	if c.gap > 0 {
		c.fill()
	}
	c.values = append(c.format.memory.ints.room(c.values, 1), v)
}

// place adds the values that were put, and their levels, page by page.
func (c *intColumn) place() {
	for at := 0; at < len(c.values); {
		n := min(len(c.values)-at, c.left())
		c.take(c.values[at : at+n])
		c.addLevels(n)
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
				c.addCount(r.n)
			case det.Locations[c.kinds[0]].Len()|det.Locations[c.kinds[1]].Len() == 0:
				c.gap += r.n // as in most: nothing waits for place
			default:
				c.addLocations(b, det, r.n)
				c.place()
			}
		}
	}
	return c.flush()
}

// addLocations appends the n occurrences of a detection, kind by kind.
func (c *intColumn) addLocations(b *schema.Batch, det *schema.Detection, n int) {
	at := &det.Locations
	switch c.slot {
	case schema.CellRow:
		cells := b.Cells[at[schema.CellKind].First:at[schema.CellKind].End]
		values, k := c.space(len(cells)), 0
		for ; k < len(values) && cells[k].Set&schema.HasRow != 0; k++ {
			values[k] = cells[k].Row
		}
		c.kept(k)
		for ; k < len(cells); k++ {
			c.put(cells[k].Row, cells[k].Set&schema.HasRow != 0)
		}
		c.addNull(n - len(cells))
	case schema.CellColumn:
		cells := b.Cells[at[schema.CellKind].First:at[schema.CellKind].End]
		values, k := c.space(len(cells)), 0
		for ; k < len(values) && cells[k].Set&schema.HasColumn != 0; k++ {
			values[k] = cells[k].Column
		}
		c.kept(k)
		for ; k < len(cells); k++ {
			c.put(cells[k].Column, cells[k].Set&schema.HasColumn != 0)
		}
		c.addNull(n - len(cells))
	case schema.LineStart, schema.LineEnd, schema.LineStartColumn:
		part := c.slot - schema.LineStart
		c.addNull(at[schema.CellKind].Len())
		lines := b.Lines[at[schema.LineKind].First:at[schema.LineKind].End]
		c.putPositions(lines, part)
		c.addNull(at[schema.OffsetKind].Len())
		pages := b.Pages[at[schema.PageKind].First:at[schema.PageKind].End]
		c.putPages(pages, false, part)
		c.addNull(at[schema.RecordKind].Len())
	case schema.OffsetStart, schema.OffsetEnd, schema.OffsetStartColumn:
		part := c.slot - schema.OffsetStart
		c.addNull(at[schema.CellKind].Len() + at[schema.LineKind].Len())
		offsets := b.Offsets[at[schema.OffsetKind].First:at[schema.OffsetKind].End]
		c.putPositions(offsets, part)
		pages := b.Pages[at[schema.PageKind].First:at[schema.PageKind].End]
		c.putPages(pages, true, part)
		c.addNull(at[schema.RecordKind].Len())
	case schema.PageNumber:
		pages := b.Pages[at[schema.PageKind].First:at[schema.PageKind].End]
		c.addNull(n - len(pages) - at[schema.RecordKind].Len())
		values, k := c.space(len(pages)), 0
		for ; k < len(values) && pages[k].HasNumber; k++ {
			values[k] = pages[k].Number
		}
		c.kept(k)
		for ; k < len(pages); k++ {
			c.put(pages[k].Number, pages[k].HasNumber)
		}
		c.addNull(at[schema.RecordKind].Len())
	case schema.RecordIndex:
		records := b.Records[at[schema.RecordKind].First:at[schema.RecordKind].End]
		c.addNull(n - len(records))
		values, k := c.space(len(records)), 0
		for ; k < len(values) && records[k].Set&schema.HasRecordIndex != 0; k++ {
			values[k] = records[k].Index
		}
		c.kept(k)
		for ; k < len(records); k++ {
			c.put(records[k].Index, records[k].Set&schema.HasRecordIndex != 0)
		}
	}
}

// addCount appends n rows that count from 0. In a column of nothing else, each
// number's index is the number.
func (c *intColumn) addCount(n int) {
	for first := 0; first < n; {
		end := first + min(n-first, c.left())
		if c.direct {
			for v := first; v < end; v++ {
				c.values = append(c.values, int64(v))
			}
			c.take(c.values)
			c.values = c.values[:0]
		} else {
			for v := c.ints.len(); v < end; v++ {
				c.ints.index(int64(v))
			}
			at := len(c.indices.tokens)
			c.indices.tokens = c.format.memory.words.room(c.indices.tokens, end-first)[:at+end-first]
			for i, tokens := 0, c.indices.tokens[at:]; i < len(tokens); i++ {
				tokens[i] = uint32(first + i)
			}
			c.plainSize += int64((end - first) * c.width)
		}
		c.addLevels(end - first)
		first = end
		c.checkPage()
	}
}

// putPositions is putPosition for each of the positions.
func (c *intColumn) putPositions(positions []schema.Position, part int) {
	values, k := c.space(len(positions)), 0
	switch part {
	case 0:
		for ; k < len(values) && positions[k].Set&schema.HasStart != 0; k++ {
			values[k] = positions[k].Start
		}
	case 1:
		for ; k < len(values) && positions[k].Set&schema.HasEnd != 0; k++ {
			values[k] = positions[k].End
		}
	default:
		for ; k < len(values) && positions[k].Set&schema.HasStartColumn != 0; k++ {
			values[k] = positions[k].StartColumn
		}
	}
	c.kept(k)
	for ; k < len(positions); k++ {
		c.putPosition(&positions[k], part)
	}
}

// putPages is putPositions for the offsets or lines of pages, which few have.
func (c *intColumn) putPages(pages []schema.Page, offsets bool, part int) {
	nulls := 0
	for i := range pages {
		p := &pages[i].Line
		if offsets {
			p = &pages[i].Offset
		}
		if p.Set == 0 {
			nulls++
			continue
		}
		if nulls > 0 {
			c.addNull(nulls)
			nulls = 0
		}
		c.putPosition(p, part)
	}
	c.addNull(nulls)
}

// putPosition puts Start, End or StartColumn, whose bits in Set are 0, 1 and 2.
func (c *intColumn) putPosition(p *schema.Position, part int) {
	switch part {
	case 0:
		c.put(p.Start, p.Set&schema.HasStart != 0)
	case 1:
		c.put(p.End, p.Set&schema.HasEnd != 0)
	default:
		c.put(p.StartColumn, p.Set&schema.HasStartColumn != 0)
	}
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
