// Package pqread reads Parquet files as Arrow record batches, with arrow-go's
// reader of column chunks. It leaves out arrow-go's pqarrow, which brings Flight,
// gRPC and protobuf into the program.
//
// Start with [Open], which also has the checksum of every page checked.
package pqread

import (
	"context"
	"fmt"
	"io"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/schema"
)

// File is an open Parquet file. Its row groups may be read side by side.
type File struct {
	*file.Reader
	// Dictionaries leaves text that a column chunk has in a dictionary in one, with
	// int32 indices; otherwise text is plain.
	Dictionaries bool

	columns map[string]*column
}

// column is a column of the file: of texts, numbers, times or truth values, or a
// map of texts.
type column struct {
	field  arrow.Field
	leaves []int // one; of a map those of its keys and values
	err    error // for a column of another type, once it is wanted
}

// Open opens the file in r, which stays the caller's. Each page that has a checksum
// is compared with it when its column chunk is read.
func Open(r *io.SectionReader) (*File, error) {
	checked := &checkedSource{SectionReader: r}
	reader, err := file.NewParquetReader(checked)
	if err != nil {
		return nil, err
	}
	f := &File{Reader: reader, columns: map[string]*column{}}
	s := reader.MetaData().Schema
	for i := range s.Root().NumFields() {
		node := s.Root().Field(i)
		c := &column{field: arrow.Field{Name: node.Name(), Nullable: true}}
		for leaf := range s.NumColumns() {
			if s.Column(leaf).ColumnPath()[0] == node.Name() {
				c.leaves = append(c.leaves, leaf)
			}
		}
		c.field.Type, c.err = typeOf(node)
		f.columns[node.Name()] = c
	}
	checked.chunks = map[int64]int64{}
	for g := range reader.NumRowGroups() {
		group := reader.MetaData().RowGroup(g)
		for i := range group.NumColumns() {
			chunk, err := group.ColumnChunk(i)
			if err != nil {
				return nil, err
			}
			start := chunk.DataPageOffset()
			if d := chunk.DictionaryPageOffset(); chunk.HasDictionaryPage() && d > 0 && d < start {
				start = d
			}
			// arrow-go takes as much memory as the footer says.
			length := chunk.TotalCompressedSize()
			if start < 0 || length < 0 || start > r.Size() || length > r.Size()-start {
				return nil, fmt.Errorf("the column chunk at %d has %d bytes, and the file %d", start, length, r.Size())
			}
			checked.chunks[start] = length
		}
	}
	return f, nil
}

// typeOf is the Arrow type of a column.
func typeOf(node schema.Node) (arrow.DataType, error) {
	if group, ok := node.(*schema.GroupNode); ok {
		if entry, ok := child(group, 0).(*schema.GroupNode); ok && group.NumFields() == 1 && entry.NumFields() == 2 &&
			entry.RepetitionType() == parquet.Repetitions.Repeated && group.RepetitionType() == parquet.Repetitions.Optional &&
			isText(entry.Field(0), parquet.Repetitions.Required) && isText(entry.Field(1), parquet.Repetitions.Optional) {
			return arrow.MapOf(arrow.BinaryTypes.String, arrow.BinaryTypes.String), nil
		}
		return nil, fmt.Errorf("column %s is a group that is no map of texts", node.Name())
	}
	p := node.(*schema.PrimitiveNode)
	if p.RepetitionType() == parquet.Repetitions.Repeated {
		return nil, fmt.Errorf("column %s is repeated", node.Name())
	}
	at, isTime := p.LogicalType().(schema.TimestampLogicalType)
	switch {
	case isTime && p.PhysicalType() == parquet.Types.Int64:
		t := &arrow.TimestampType{Unit: arrow.Microsecond}
		switch at.TimeUnit() {
		case schema.TimeUnitMillis:
			t.Unit = arrow.Millisecond
		case schema.TimeUnitNanos:
			t.Unit = arrow.Nanosecond
		}
		if at.IsAdjustedToUTC() {
			t.TimeZone = "UTC"
		}
		return t, nil
	case p.PhysicalType() == parquet.Types.ByteArray:
		return arrow.BinaryTypes.String, nil
	case p.PhysicalType() == parquet.Types.Int64:
		return arrow.PrimitiveTypes.Int64, nil
	case p.PhysicalType() == parquet.Types.Int32:
		return arrow.PrimitiveTypes.Int32, nil
	case p.PhysicalType() == parquet.Types.Boolean:
		return arrow.FixedWidthTypes.Boolean, nil
	}
	return nil, fmt.Errorf("column %s has the type %v, which isn't known", node.Name(), p.PhysicalType())
}

// child is a group's field, or nil.
func child(group *schema.GroupNode, i int) schema.Node {
	if i < group.NumFields() {
		return group.Field(i)
	}
	return nil
}

func isText(node schema.Node, repetition parquet.Repetition) bool {
	p, ok := node.(*schema.PrimitiveNode)
	return ok && p.PhysicalType() == parquet.Types.ByteArray && p.RepetitionType() == repetition
}

// Leaves are the numbers of a column's leaf columns: none if there is no such
// column, two of a map.
func (f *File) Leaves(name string) []int {
	if c, ok := f.columns[name]; ok {
		return c.leaves
	}
	return nil
}

// Read calls each for the record batches of a row group, of at most rows rows each,
// with those of the named columns that the file has, in that order. Each owns a
// batch.
func (f *File) Read(ctx context.Context, group int, names []string, rows int64, each func(arrow.RecordBatch) error) error {
	var fields []arrow.Field
	var readers []columnReader
	defer func() {
		for _, r := range readers {
			r.release()
		}
	}()
	for _, name := range names {
		c, ok := f.columns[name]
		if !ok {
			continue
		}
		if c.err != nil {
			return c.err
		}
		r, err := f.reader(c, group)
		if err != nil {
			return fmt.Errorf("column %s: %w", name, err)
		}
		readers = append(readers, r)
		field := c.field
		field.Type = r.typ()
		fields = append(fields, field)
	}
	s := arrow.NewSchema(fields, nil)
	for left := f.MetaData().RowGroup(group).NumRows(); left > 0; {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		n := min(left, rows)
		left -= n
		batch, err := read(s, readers, n)
		if err != nil {
			return err
		}
		if err := each(batch); err != nil {
			return err
		}
	}
	return nil
}

// read reads the next n rows.
func read(s *arrow.Schema, readers []columnReader, n int64) (batch arrow.RecordBatch, err error) {
	arrays := make([]arrow.Array, 0, len(readers))
	defer func() {
		if p := recover(); p != nil { // arrow-go trusts the headers of pages
			batch, err = nil, fmt.Errorf("the file is damaged: %v", p)
		}
		for _, a := range arrays {
			a.Release()
		}
	}()
	for i, r := range readers {
		a, err := r.next(n)
		if err == nil && int64(a.Len()) != n {
			a.Release()
			err = fmt.Errorf("it has %d rows where others have %d", a.Len(), n)
		}
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", s.Field(i).Name, err)
		}
		arrays = append(arrays, a)
	}
	return array.NewRecordBatch(s, arrays, n), nil
}

// columnReader reads a column of a row group.
type columnReader interface {
	typ() arrow.DataType
	// next reads the next n rows.
	next(n int64) (arrow.Array, error)
	release()
}

func (f *File) reader(c *column, group int) (columnReader, error) {
	if _, ok := c.field.Type.(*arrow.MapType); ok {
		m := &mapReader{dataType: c.field.Type}
		var err error
		if m.keys, err = f.leaf(c.leaves[0], group, arrow.BinaryTypes.String, 2); err != nil {
			return nil, err
		}
		m.items, err = f.leaf(c.leaves[1], group, arrow.BinaryTypes.String, 2)
		return m, err
	}
	typ := c.field.Type
	chunk, err := f.MetaData().RowGroup(group).ColumnChunk(c.leaves[0])
	if err != nil {
		return nil, err
	}
	if f.Dictionaries && typ.ID() == arrow.STRING && chunk.HasDictionaryPage() {
		typ = &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}
	}
	return f.leaf(c.leaves[0], group, typ, 0)
}

// leafReader reads a leaf column.
type leafReader struct {
	dataType arrow.DataType
	records  file.RecordReader
}

// leaf returns a reader of a leaf whose closest repeated group has values from the
// definition level ancestor on.
func (f *File) leaf(leaf, group int, typ arrow.DataType, ancestor int16) (*leafReader, error) {
	descr := f.MetaData().Schema.Column(leaf)
	pages, err := f.RowGroup(group).GetColumnPageReader(leaf)
	if err != nil {
		return nil, err
	}
	info := file.LevelInfo{
		NullSlotUsage: 1, DefLevel: descr.MaxDefinitionLevel(), RepLevel: descr.MaxRepetitionLevel(), RepeatedAncestorDefLevel: ancestor,
	}
	r := &leafReader{dataType: typ, records: file.NewRecordReader(descr, info, typ, memory.DefaultAllocator, buffers())}
	r.records.SetPageReader(pages)
	return r, nil
}

// buffers is a pool of what page headers and levels are decoded in.
func buffers() *sync.Pool {
	return &sync.Pool{New: func() any { return memory.NewResizableBuffer(memory.DefaultAllocator) }}
}

func (r *leafReader) typ() arrow.DataType { return r.dataType }
func (r *leafReader) release()            { r.records.Release() }

func (r *leafReader) next(n int64) (arrow.Array, error) {
	if err := r.advance(n); err != nil {
		return nil, err
	}
	return r.array()
}

// advance decodes the next n rows.
func (r *leafReader) advance(n int64) error {
	r.records.Reset()
	if err := r.records.Reserve(n); err != nil {
		return err
	}
	for n > 0 && r.records.HasMore() {
		k, err := r.records.ReadRecords(n)
		if err != nil {
			return err
		}
		if k == 0 {
			break
		}
		n -= k
	}
	return nil
}

// array returns the decoded values.
func (r *leafReader) array() (arrow.Array, error) {
	if b, ok := r.records.(file.BinaryRecordReader); ok {
		chunks := b.GetBuilderChunks()
		defer func() {
			for _, c := range chunks {
				c.Release()
			}
		}()
		for i, c := range chunks { // the builders make arrays of bytes
			chunks[i] = asText(c, r.dataType)
			c.Release()
		}
		switch len(chunks) {
		case 0:
			return array.MakeArrayOfNull(memory.DefaultAllocator, r.dataType, 0), nil
		case 1:
			chunks[0].Retain()
			return chunks[0], nil
		}
		return array.Concatenate(chunks, memory.DefaultAllocator)
	}
	valid := r.records.ReleaseValidBits()
	if valid != nil {
		defer valid.Release()
	}
	length, nulls := r.records.ValuesWritten(), int(r.records.NullCount())
	var values *memory.Buffer
	if b, ok := r.records.(file.BooleanRecordReader); ok {
		values = b.ReleaseValueBitmap()
	} else {
		values = r.records.ReleaseValues()
	}
	if values != nil {
		defer values.Release()
	}
	data := array.NewData(r.dataType, length, []*memory.Buffer{valid, values}, nil, nulls, 0)
	defer data.Release()
	return array.MakeFromData(data), nil
}

// asText is an array of bytes, or a dictionary of them, as text.
func asText(a arrow.Array, typ arrow.DataType) arrow.Array {
	data := a.Data()
	if d, ok := a.(*array.Dictionary); ok {
		text := asText(d.Dictionary(), arrow.BinaryTypes.String)
		defer text.Release()
		whole := array.NewDataWithDictionary(typ, data.Len(), data.Buffers(), data.NullN(), data.Offset(), text.Data().(*array.Data))
		defer whole.Release()
		return array.MakeFromData(whole)
	}
	plain := array.NewData(arrow.BinaryTypes.String, data.Len(), data.Buffers(), nil, data.NullN(), data.Offset())
	defer plain.Release()
	return array.MakeFromData(plain)
}

// mapReader reads a map of texts (Parquet specification, LogicalTypes, MAP): of a
// row the definition level is 0 for null, 1 for an empty map, 2 or 3 for entries,
// whose repetition level is 1 except for the first.
type mapReader struct {
	dataType    arrow.DataType
	keys, items *leafReader
}

func (m *mapReader) typ() arrow.DataType { return m.dataType }

func (m *mapReader) release() {
	m.keys.release()
	m.items.release()
}

func (m *mapReader) next(n int64) (arrow.Array, error) {
	if err := m.keys.advance(n); err != nil {
		return nil, err
	}
	if err := m.items.advance(n); err != nil {
		return nil, err
	}
	levels := m.keys.records.LevelsPos()
	defs, reps := m.keys.records.DefLevels()[:levels], m.keys.records.RepLevels()[:levels]
	offsets := make([]int32, 1, n+1)
	valid := make([]byte, bitutil.BytesForBits(n))
	nulls, entries := 0, int32(0)
	for i, def := range defs {
		if reps[i] == 0 {
			if i > 0 {
				offsets = append(offsets, entries)
			}
			if row := len(offsets) - 1; int64(row) >= n {
				return nil, fmt.Errorf("it has more than %d rows", n)
			} else if def > 0 {
				bitutil.SetBit(valid, row)
			} else {
				nulls++
			}
		}
		if def > 1 {
			entries++
		}
	}
	if len(defs) > 0 {
		offsets = append(offsets, entries)
	}
	keys, err := m.keys.array()
	if err != nil {
		return nil, err
	}
	defer keys.Release()
	items, err := m.items.array()
	if err != nil {
		return nil, err
	}
	defer items.Release()
	if keys.Len() != int(entries) || items.Len() != int(entries) {
		return nil, fmt.Errorf("%d entries have %d keys and %d values", entries, keys.Len(), items.Len())
	}
	pairs := array.NewData(m.dataType.(*arrow.MapType).Elem(), int(entries), []*memory.Buffer{nil}, []arrow.ArrayData{keys.Data(), items.Data()}, 0, 0)
	defer pairs.Release()
	data := array.NewData(m.dataType, len(offsets)-1,
		[]*memory.Buffer{memory.NewBufferBytes(valid), memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(offsets))}, []arrow.ArrayData{pairs}, nulls, 0)
	defer data.Release()
	return array.MakeFromData(data), nil
}
