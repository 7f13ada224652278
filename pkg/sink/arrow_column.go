package sink

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/macielake/macielake/pkg/schema"
)

// An arrowRun is n rows of one result, which share all but what is at the row level
// of their table.
type arrowRun struct {
	batch     *schema.Batch
	result    *schema.Result
	detection *schema.Detection // nil in results
	n         int

	// In occurrences, the rows are n of the detection's locations of that kind,
	// from first on, and index is the first one's occurrence_index.
	kind  schema.Kind
	first uint32
	index int64
}

// arrowColumn appends one column's values of runs to a builder of its type.
type arrowColumn struct {
	schema.Column
	builder array.Builder
}

func (c *arrowColumn) append(run *arrowRun) {
	switch c.Level {
	case schema.ResultLevel:
		c.appendResult(run)
	case schema.DetectionLevel:
		c.appendDetection(run)
	case schema.OccurrenceLevel:
		if c.Type == schema.Text {
			c.appendOccurrenceText(run)
		} else {
			c.appendOccurrenceInt(run)
		}
	}
}

func (c *arrowColumn) appendResult(run *arrowRun) {
	res := run.result
	switch c.Type {
	case schema.Text:
		c.appendText(run.batch.Text(res.Text[c.Slot]), run.n)
	case schema.Bool:
		v, ok := res.Bool(c.Slot)
		c.appendBool(v, ok, run.n)
	case schema.Map:
		for range run.n {
			c.appendMap(run.batch, res)
		}
	default:
		c.appendInt(res.Int[c.Slot], res.HasInt(c.Slot), run.n)
	}
}

func (c *arrowColumn) appendDetection(run *arrowRun) {
	det := run.detection
	switch c.Type {
	case schema.Text:
		c.appendText(run.batch.Text(det.Text[c.Slot]), run.n)
	case schema.Bool:
		c.appendBool(det.Capped, true, run.n)
	default:
		c.appendInt(det.Int[c.Slot], det.HasInt(c.Slot), run.n)
	}
}

// appendText appends v n times; nil is null.
func (c *arrowColumn) appendText(v []byte, n int) {
	b := c.builder.(*array.StringBuilder)
	if v == nil {
		b.AppendNulls(n)
		return
	}
	b.Reserve(n)
	for range n {
		b.BinaryBuilder.Append(v)
	}
}

func (c *arrowColumn) appendBool(v, ok bool, n int) {
	b := c.builder.(*array.BooleanBuilder)
	if !ok {
		b.AppendNulls(n)
		return
	}
	b.Reserve(n)
	for range n {
		b.UnsafeAppend(v)
	}
}

func (c *arrowColumn) appendInt(v int64, ok bool, n int) {
	if !ok {
		c.builder.AppendNulls(n)
		return
	}
	c.builder.Reserve(n)
	switch b := c.builder.(type) {
	case *array.Int64Builder:
		for range n {
			b.UnsafeAppend(v)
		}
	case *array.Int32Builder:
		for range n {
			b.UnsafeAppend(int32(v))
		}
	case *array.TimestampBuilder:
		for range n {
			b.UnsafeAppend(arrow.Timestamp(v))
		}
	}
}

func (c *arrowColumn) appendMap(b *schema.Batch, res *schema.Result) {
	m := c.builder.(*array.MapBuilder)
	if res.MapSet&(1<<c.Slot) == 0 {
		m.AppendNull()
		return
	}
	m.Append(true)
	keys, values := m.KeyBuilder().(*array.StringBuilder), m.ItemBuilder().(*array.StringBuilder)
	entries := res.Maps[c.Slot]
	for _, tag := range b.Tags[entries.First:entries.End] {
		keys.BinaryBuilder.Append(b.Text(tag.Key))
		if tag.Value.Null() {
			values.AppendNull()
		} else {
			values.BinaryBuilder.Append(b.Text(tag.Value))
		}
	}
}

func (c *arrowColumn) appendOccurrenceText(run *arrowRun) {
	b := c.builder.(*array.StringBuilder)
	if !hasOwn(run.kind, c.Slot) {
		b.AppendNulls(run.n)
		return
	}
	b.Reserve(run.n)
	for i := range uint32(run.n) {
		if s := run.text(c.Slot, run.first+i); s.Null() {
			b.AppendNull()
		} else {
			b.BinaryBuilder.Append(run.batch.Text(s))
		}
	}
}

func (c *arrowColumn) appendOccurrenceInt(run *arrowRun) {
	b := c.builder.(*array.Int64Builder)
	if !hasOwn(run.kind, c.Slot) {
		b.AppendNulls(run.n)
		return
	}
	b.Reserve(run.n)
	for i := range uint32(run.n) {
		if v, ok := run.int(c.Slot, run.first+i); ok {
			b.UnsafeAppend(v)
		} else {
			b.AppendNull()
		}
	}
}

// hasOwn reports whether locations of that kind can have a value in the column
// with that slot at the level of an occurrence; otherwise it is null.
func hasOwn(kind schema.Kind, slot int) bool {
	if slot == schema.OccurrenceIndex || slot == schema.LocationKind {
		return true
	}
	switch kind {
	case schema.CellKind:
		return slot >= schema.CellRow && slot <= schema.CellReference
	case schema.LineKind:
		return slot >= schema.LineStart && slot <= schema.LineStartColumn
	case schema.OffsetKind:
		return slot >= schema.OffsetStart && slot <= schema.OffsetStartColumn
	case schema.PageKind:
		return slot >= schema.LineStart && slot <= schema.PageNumber
	default:
		return slot == schema.RecordIndex || slot == schema.JSONPath
	}
}

// text returns location i's text for a slot that its kind has.
func (r *arrowRun) text(slot int, i uint32) schema.Span {
	switch slot {
	case schema.LocationKind:
		return r.kind.Span()
	case schema.CellColumnName:
		return r.batch.Cells[i].Name
	case schema.CellReference:
		return r.batch.Cells[i].Reference
	default:
		return r.batch.Records[i].Path
	}
}

// int returns location i's integer for a slot that its kind has, and whether it
// is not null.
func (r *arrowRun) int(slot int, i uint32) (int64, bool) {
	switch slot {
	case schema.OccurrenceIndex:
		return r.index + int64(i-r.first), true
	case schema.CellRow:
		c := &r.batch.Cells[i]
		return c.Row, c.Set&schema.HasRow != 0
	case schema.CellColumn:
		c := &r.batch.Cells[i]
		return c.Column, c.Set&schema.HasColumn != 0
	case schema.PageNumber:
		p := &r.batch.Pages[i]
		return p.Number, p.HasNumber
	case schema.RecordIndex:
		rec := &r.batch.Records[i]
		return rec.Index, rec.Set&schema.HasRecordIndex != 0
	}
	p := r.position(slot, i)
	switch slot {
	case schema.LineStart, schema.OffsetStart:
		return p.Start, p.Set&schema.HasStart != 0
	case schema.LineEnd, schema.OffsetEnd:
		return p.End, p.Set&schema.HasEnd != 0
	default:
		return p.StartColumn, p.Set&schema.HasStartColumn != 0
	}
}

// position returns location i's lines or offsets, as the slot asks for.
func (r *arrowRun) position(slot int, i uint32) *schema.Position {
	lines := slot <= schema.LineStartColumn
	switch {
	case r.kind == schema.LineKind:
		return &r.batch.Lines[i]
	case r.kind == schema.OffsetKind:
		return &r.batch.Offsets[i]
	case lines:
		return &r.batch.Pages[i].Line
	default:
		return &r.batch.Pages[i].Offset
	}
}

// valueBits is what a value of that type takes in Arrow's layout, without
// validity: 32 are the offset of a text or map.
func valueBits(t schema.Type) int64 {
	switch t {
	case schema.Bool:
		return 1
	case schema.Int64, schema.Timestamp:
		return 64
	default:
		return 32
	}
}

// entryBytes is what a map entry takes besides its text: two offsets and, for
// the value, its validity.
const entryBytes = 9

// resultBytes is what a row takes for the column's value in the run's result,
// besides its fixed size.
func (c *arrowColumn) resultBytes(run *arrowRun) int64 {
	res := run.result
	switch {
	case c.Type == schema.Text:
		return int64(res.Text[c.Slot].Len)
	case c.Type == schema.Map && res.MapSet&(1<<c.Slot) != 0:
		size := int64(0)
		entries := res.Maps[c.Slot]
		for _, tag := range run.batch.Tags[entries.First:entries.End] {
			size += entryBytes + int64(tag.Key.Len) + int64(tag.Value.Len)
		}
		return size
	default:
		return 0
	}
}
