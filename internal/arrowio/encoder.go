package arrowio

import (
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/macielake/macielake/internal/rows"
	"github.com/macielake/macielake/pkg/schema"
)

// RecordEncoder turns rows into Arrow record batches with plain text. It is not
// safe for concurrent use.
type RecordEncoder struct {
	schema  *arrow.Schema
	columns []columnBuilder
	rows    rows.Rows
	row     int
	len     int
}

// NewRecordEncoder returns an encoder for those columns. Its record batches are
// in Go's heap: they need no release.
func NewRecordEncoder(columns []schema.Column) *RecordEncoder {
	e := &RecordEncoder{schema: Schema(&schema.Table{Columns: columns})}
	for i, c := range columns {
		b := array.NewBuilder(memory.DefaultAllocator, e.schema.Field(i).Type)
		e.columns = append(e.columns, columnBuilder{Column: c, builder: b})
	}
	return e
}

// Schema returns the schema of the record batches, that of [Schema].
func (e *RecordEncoder) Schema() *arrow.Schema { return e.schema }

// Reset begins with rows, whose columns are those of the encoder.
func (e *RecordEncoder) Reset(r rows.Rows) { e.rows, e.row, e.len = r, 0, 0 }

// Next returns the next rows: at most maxRows, and no more than about limit
// bytes but for a single row that is larger. It returns nil where there are
// none, and whether there may be more. The only error is [ErrRecordTooLarge].
func (e *RecordEncoder) Next(limit, maxRows int64) (batch arrow.RecordBatch, more bool, err error) {
	n, size := int64(0), int64(0)
	more = true
	for full := false; !full && n < maxRows; {
		if e.row == e.len {
			if more = e.rows.Next(); !more {
				break
			}
			e.row, e.len = 0, e.rows.Len()
		}
		shared := e.sharedBytes()
		k := 0
		for e.row+k < e.len && n < maxRows {
			rowSize := shared + e.ownBytes(e.row+k)
			if rowSize > math.MaxInt32 { // the offsets of text have 32 bits
				return nil, false, ErrRecordTooLarge
			}
			if full = n > 0 && size+rowSize > limit; full {
				break
			}
			k++
			n++
			size += rowSize
		}
		e.appendRows(k)
	}
	if n == 0 {
		return nil, more, nil
	}
	arrays := make([]arrow.Array, len(e.columns))
	for i := range e.columns {
		arrays[i] = e.columns[i].builder.NewArray()
	}
	return array.NewRecordBatch(e.schema, arrays, n), more, nil
}

// fixedBytes is about what a value takes besides its text.
const fixedBytes = 8

// sharedBytes is about what a row of the run takes for what is shared.
func (e *RecordEncoder) sharedBytes() int64 {
	n := int64(0)
	for i := range e.columns {
		if e.rows.Shared(i) {
			n += valueBytes(e.rows.Value(i, 0))
		}
	}
	return n
}

// ownBytes is about what a row of the run takes for the rest.
func (e *RecordEncoder) ownBytes(row int) int64 {
	n := int64(0)
	for i := range e.columns {
		if !e.rows.Shared(i) {
			n += valueBytes(e.rows.Value(i, row))
		}
	}
	return n
}

func valueBytes(v rows.Value) int64 {
	n := fixedBytes + int64(len(v.Text))
	for _, entry := range v.Map {
		n += entryBytes + int64(len(entry.Key)+len(entry.Value))
	}
	return n
}

// appendRows appends the run's next rows.
func (e *RecordEncoder) appendRows(n int) {
	for i := range e.columns {
		c := &e.columns[i]
		if e.rows.Shared(i) {
			c.appendValue(e.rows.Value(i, 0), n)
			continue
		}
		c.builder.Reserve(n)
		for row := e.row; row < e.row+n; row++ {
			c.appendValue(e.rows.Value(i, row), 1)
		}
	}
	e.row += n
}

// appendValue appends v n times.
func (c *columnBuilder) appendValue(v rows.Value, n int) {
	if !v.Set {
		c.builder.AppendNulls(n)
		return
	}
	switch c.Type {
	case schema.Text:
		c.appendText(v.Text, n)
	case schema.Bool:
		c.appendBool(v.Bool, true, n)
	case schema.Map:
		for range n {
			c.appendEntries(v.Map)
		}
	default:
		c.appendInt(v.Int, true, n)
	}
}

func (c *columnBuilder) appendEntries(entries []rows.Entry) {
	m := c.builder.(*array.MapBuilder)
	m.Append(true)
	keys, items := m.KeyBuilder().(*array.StringBuilder), m.ItemBuilder().(*array.StringBuilder)
	for _, entry := range entries {
		keys.BinaryBuilder.Append(entry.Key)
		if entry.Value == nil {
			items.AppendNull()
		} else {
			items.BinaryBuilder.Append(entry.Value)
		}
	}
}
