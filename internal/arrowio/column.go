package arrowio

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/macielake/macielake/pkg/schema"
)

// An batchRun is n rows of one result, which share all but what is at the row level
// of their table.
type batchRun struct {
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

// columnBuilder appends one column's values of runs to a builder of its type.
type columnBuilder struct {
	schema.Column
	builder array.Builder
}

func (c *columnBuilder) append(run *batchRun) {
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

func (c *columnBuilder) appendResult(run *batchRun) {
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

func (c *columnBuilder) appendDetection(run *batchRun) {
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
func (c *columnBuilder) appendText(v []byte, n int) {
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

func (c *columnBuilder) appendBool(v, ok bool, n int) {
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

func (c *columnBuilder) appendInt(v int64, ok bool, n int) {
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

func (c *columnBuilder) appendMap(b *schema.Batch, res *schema.Result) {
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

func (c *columnBuilder) appendOccurrenceText(run *batchRun) {
	b := c.builder.(*array.StringBuilder)
	if !run.kind.Has(c.Slot) {
		b.AppendNulls(run.n)
		return
	}
	b.Reserve(run.n)
	for i := range uint32(run.n) {
		if s := run.batch.LocationText(run.kind, c.Slot, run.first+i); s.Null() {
			b.AppendNull()
		} else {
			b.BinaryBuilder.Append(run.batch.Text(s))
		}
	}
}

func (c *columnBuilder) appendOccurrenceInt(run *batchRun) {
	b := c.builder.(*array.Int64Builder)
	if !run.kind.Has(c.Slot) {
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

// int returns location i's integer for a slot that its kind has, and whether it
// is not null.
func (r *batchRun) int(slot int, i uint32) (int64, bool) {
	if slot == schema.OccurrenceIndex {
		return r.index + int64(i-r.first), true
	}
	return r.batch.LocationInt(r.kind, slot, i)
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
func (c *columnBuilder) resultBytes(run *batchRun) int64 {
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
