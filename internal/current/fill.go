package current

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/macielake/macielake/pkg/schema"
)

// filler fills the rows of a batch from columns of a dataset's tables.
type filler struct{ b *schema.Batch }

// results fills a column of the batch's results.
func (f filler) results(name string, column arrow.Array) error {
	c, ok := schema.Results().Column(name)
	if !ok {
		return fmt.Errorf("the table results has no column %s", name)
	}
	rows := f.b.Results
	switch c.Type {
	case schema.Text:
		return f.texts(column, func(i int, s schema.Span) { rows[i].Text[c.Slot] = s })
	case schema.Bool:
		return bools(column, func(i int, v bool) {
			rows[i].BoolSet |= 1 << c.Slot
			if v {
				rows[i].BoolVal |= 1 << c.Slot
			}
		})
	case schema.Map:
		return f.tags(column, func(i int, r schema.Range) {
			rows[i].MapSet |= 1 << c.Slot
			rows[i].Maps[c.Slot] = r
		})
	}
	return ints(column, func(i int, v int64) {
		rows[i].Int[c.Slot] = v
		rows[i].IntSet |= 1 << c.Slot
	})
}

// detections fills a column of the batch's detections, or lines with source_line.
func (f filler) detections(name string, column arrow.Array, lines []int64) error {
	if name == "source_line" {
		return ints(column, func(i int, v int64) { lines[i] = v })
	}
	c, ok := schema.Detections().Column(name)
	if !ok || c.Level != schema.DetectionLevel {
		return fmt.Errorf("the table detections has no column %s of its own", name)
	}
	rows := f.b.Detections
	switch c.Type {
	case schema.Text:
		return f.texts(column, func(i int, s schema.Span) { rows[i].Text[c.Slot] = s })
	case schema.Bool:
		return bools(column, func(i int, v bool) { rows[i].Capped = v })
	}
	return ints(column, func(i int, v int64) {
		rows[i].Int[c.Slot] = v
		rows[i].IntSet |= 1 << c.Slot
	})
}

// appendSpan appends a text to a batch.
func appendSpan[T string | []byte](b *schema.Batch, text T) schema.Span {
	off := len(b.Buf)
	b.Buf = append(b.Buf, text...)
	return schema.Span{Off: uint32(off), Len: uint32(len(text))}
}

// texts sets the spans of a column of text, but for nulls. A dictionary's texts
// are in the batch once.
func (f filler) texts(column arrow.Array, set func(i int, s schema.Span)) error {
	switch a := column.(type) {
	case *array.String:
		for i := range a.Len() {
			if !a.IsNull(i) {
				set(i, f.span(a.Value(i)))
			}
		}
		return nil
	case *array.Dictionary:
		if values, ok := a.Dictionary().(*array.String); ok {
			spans := make([]schema.Span, values.Len())
			for i := range a.Len() {
				if a.IsNull(i) {
					continue
				}
				s := &spans[a.GetValueIndex(i)]
				if s.Null() {
					*s = f.span(values.Value(a.GetValueIndex(i)))
				}
				set(i, *s)
			}
			return nil
		}
	case *array.Null:
		return nil
	}
	return typeError(column)
}

func (f filler) span(text string) schema.Span { return appendSpan(f.b, text) }

// tags sets the ranges of a column of maps, but for nulls.
func (f filler) tags(column arrow.Array, set func(i int, r schema.Range)) error {
	a, ok := column.(*array.Map)
	if !ok {
		return typeError(column)
	}
	keys, ok := a.Keys().(*array.String)
	if !ok {
		return typeError(column)
	}
	values, ok := a.Items().(*array.String)
	if !ok {
		return typeError(column)
	}
	for i := range a.Len() {
		if a.IsNull(i) {
			continue
		}
		first := uint32(len(f.b.Tags))
		start, end := a.ValueOffsets(i)
		for k := int(start); k < int(end); k++ {
			tag := schema.Tag{Key: f.span(keys.Value(k))}
			if !values.IsNull(k) {
				tag.Value = f.span(values.Value(k))
			}
			f.b.Tags = append(f.b.Tags, tag)
		}
		set(i, schema.Range{First: first, End: uint32(len(f.b.Tags))})
	}
	return nil
}

func bools(column arrow.Array, set func(i int, v bool)) error {
	a, ok := column.(*array.Boolean)
	if !ok {
		return typeError(column)
	}
	for i := range a.Len() {
		if !a.IsNull(i) {
			set(i, a.Value(i))
		}
	}
	return nil
}

// ints sets the numbers of a column of integers or times, but for nulls.
func ints(column arrow.Array, set func(i int, v int64)) error {
	var value func(i int) int64
	switch a := column.(type) {
	case *array.Int64:
		value = a.Value
	case *array.Int32:
		value = func(i int) int64 { return int64(a.Value(i)) }
	case *array.Timestamp:
		value = func(i int) int64 { return int64(a.Value(i)) }
	default:
		return typeError(column)
	}
	for i := range column.Len() {
		if !column.IsNull(i) {
			set(i, value(i))
		}
	}
	return nil
}

func typeError(column arrow.Array) error {
	return fmt.Errorf("a column has the type %s", column.DataType())
}
