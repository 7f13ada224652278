package arrowio

import (
	"fmt"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/macielake/macielake/internal/rows"
	"github.com/macielake/macielake/pkg/schema"
)

// Rows are the rows of an Arrow record batch, whose text may come plain or
// in dictionaries. In a table of occurrences it finds the runs of rows that have
// a detection in common.
type Rows struct {
	level   schema.Level
	columns []cells
	rows    int
	first   int // row of the run
	end     int
	entries []rows.Entry
}

// cells is a column of a record batch. Of the arrays one is not nil.
type cells struct {
	schema.Column
	all    arrow.Array // any of those below
	text   *array.String
	places *array.Int32 // of a dictionary, whose texts are in text
	ints   []int64
	ints32 []int32
	bools  *array.Boolean
	maps   *array.Map
	empty  bool // all null
	shared bool // in the run
}

// NewRows returns rows of a table with that row level, with those columns of
// it. Reset gives it a record batch.
func NewRows(level schema.Level, columns []schema.Column) *Rows {
	r := &Rows{level: level, columns: make([]cells, len(columns))}
	for i, c := range columns {
		r.columns[i].Column = c
	}
	return r
}

// Reset begins with the rows of a record batch, which has the columns in their
// order, with types of Schema or text in a dictionary with int32 indices.
func (r *Rows) Reset(batch arrow.RecordBatch) error {
	r.rows, r.first, r.end = int(batch.NumRows()), 0, 0
	if int(batch.NumCols()) != len(r.columns) {
		return fmt.Errorf("a record batch has %d columns, not %d", batch.NumCols(), len(r.columns))
	}
	for i := range r.columns {
		c := &r.columns[i]
		*c = cells{Column: c.Column, all: batch.Column(i)}
		if !c.set() {
			return fmt.Errorf("column %s has the type %s", c.Name, c.all.DataType())
		}
		c.empty = c.all.NullN() == c.all.Len()
	}
	return nil
}

// set takes the array by its type, and reports whether the type is right.
func (c *cells) set() bool {
	switch a := c.all.(type) {
	case *array.String:
		c.text = a
		return c.Type == schema.Text
	case *array.Dictionary:
		var ok, indices bool
		c.text, ok = a.Dictionary().(*array.String)
		c.places, indices = a.Indices().(*array.Int32)
		return c.Type == schema.Text && ok && indices
	case *array.Int64:
		c.ints = a.Int64Values()
		return c.Type == schema.Int64
	case *array.Int32:
		c.ints32 = a.Int32Values()
		return c.Type == schema.Int32
	case *array.Timestamp:
		c.ints = timestamps(a.TimestampValues())
		return c.Type == schema.Timestamp
	case *array.Boolean:
		c.bools = a
		return c.Type == schema.Bool
	case *array.Map:
		c.maps = a
		_, keys := a.Keys().(*array.String)
		_, items := a.Items().(*array.String)
		return c.Type == schema.Map && keys && items
	}
	return false
}

// timestamps are the same values, which are int64 underneath.
func timestamps(v []arrow.Timestamp) []int64 {
	return unsafe.Slice((*int64)(unsafe.SliceData(v)), len(v))
}

// Next implements rows.Rows.
func (r *Rows) Next() bool {
	if r.first = r.end; r.first == r.rows {
		return false
	}
	r.end = r.first + 1
	if r.level != schema.OccurrenceLevel {
		return true
	}
	r.end = r.rows
	for i := range r.columns {
		if c := &r.columns[i]; c.Level != schema.OccurrenceLevel {
			r.end = c.same(r.first, r.end)
		}
	}
	for i := range r.columns {
		c := &r.columns[i]
		c.shared = c.Level != schema.OccurrenceLevel || c.Type == schema.Text && c.same(r.first, r.end) == r.end ||
			c.all.NullN() > 0 && c.all.IsNull(r.first) && c.same(r.first, r.end) == r.end
	}
	return true
}

// same returns the end of the rows from first on, before end, that have the same
// value as the first.
func (c *cells) same(first, end int) int {
	if c.empty {
		return end
	}
	i := first + 1
	nulls := c.all.NullN() > 0
	switch {
	case nulls && c.all.IsNull(first):
		for i < end && c.all.IsNull(i) {
			i++
		}
	case c.places != nil:
		places := c.places.Int32Values()
		for i < end && places[i] == places[first] && (!nulls || c.all.IsValid(i)) {
			i++
		}
	case c.text != nil:
		for v := c.text.Value(first); i < end && c.text.Value(i) == v && (!nulls || c.all.IsValid(i)); {
			i++
		}
	case c.ints != nil:
		for i < end && c.ints[i] == c.ints[first] && (!nulls || c.all.IsValid(i)) {
			i++
		}
	case c.ints32 != nil:
		for i < end && c.ints32[i] == c.ints32[first] && (!nulls || c.all.IsValid(i)) {
			i++
		}
	case c.bools != nil:
		for v := c.bools.Value(first); i < end && c.bools.Value(i) == v && (!nulls || c.all.IsValid(i)); {
			i++
		}
	}
	return i
}

// Len implements rows.Rows.
func (r *Rows) Len() int { return r.end - r.first }

// Shared implements rows.Rows.
func (r *Rows) Shared(column int) bool {
	return r.level != schema.OccurrenceLevel || r.columns[column].shared
}

// Value implements rows.Rows. A map's entries are valid until the next call.
func (r *Rows) Value(column, row int) rows.Value {
	c := &r.columns[column]
	i := r.first + row
	if c.empty || c.all.IsNull(i) {
		return rows.Value{}
	}
	switch {
	case c.places != nil:
		return rows.Value{Set: true, Text: bytesOf(c.text.Value(int(c.places.Value(i))))}
	case c.text != nil:
		return rows.Value{Set: true, Text: bytesOf(c.text.Value(i))}
	case c.ints != nil:
		return rows.Value{Set: true, Int: c.ints[i]}
	case c.ints32 != nil:
		return rows.Value{Set: true, Int: int64(c.ints32[i])}
	case c.bools != nil:
		return rows.Value{Set: true, Bool: c.bools.Value(i)}
	}
	return r.mapValue(c.maps, i)
}

func (r *Rows) mapValue(maps *array.Map, i int) rows.Value {
	keys, items := maps.Keys().(*array.String), maps.Items().(*array.String)
	first, end := maps.ValueOffsets(i)
	r.entries = r.entries[:0]
	for k := int(first); k < int(end); k++ {
		e := rows.Entry{Key: bytesOf(keys.Value(k))}
		if items.IsValid(k) {
			e.Value = bytesOf(items.Value(k))
		}
		r.entries = append(r.entries, e)
	}
	return rows.Value{Set: true, Map: r.entries}
}

// bytesOf is a text of an array without copying it; never nil.
func bytesOf(s string) []byte {
	if s == "" {
		return []byte{}
	}
	return unsafe.Slice(unsafe.StringData(s), len(s))
}
