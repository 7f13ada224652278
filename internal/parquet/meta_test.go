package parquet

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	pqschema "github.com/apache/arrow-go/v18/parquet/schema"

	"github.com/macielake/macielake/internal/batchtest"
	"github.com/macielake/macielake/pkg/schema"
)

// bounds are the smallest and the largest value of a leaf column, as PLAIN
// bytes without a length, and its nulls.
type bounds struct {
	nulls     int64
	low, high []byte
	less      func(a, b []byte) bool
}

func (b *bounds) add(value []byte) {
	if b.low == nil || b.less(value, b.low) {
		b.low = append([]byte{}, value...)
	}
	if b.high == nil || b.less(b.high, value) {
		b.high = append([]byte{}, value...)
	}
}

// leaves scans a column of a row group, value by value.
func leaves(t testing.TB, chunks []arrow.Array) []*bounds {
	t.Helper()
	lessInt := func(a, b []byte) bool {
		if len(a) == 4 {
			return int32(binary.LittleEndian.Uint32(a)) < int32(binary.LittleEndian.Uint32(b))
		}
		return int64(binary.LittleEndian.Uint64(a)) < int64(binary.LittleEndian.Uint64(b))
	}
	lessBytes := func(a, b []byte) bool { return bytes.Compare(a, b) < 0 }
	first, second := &bounds{less: lessBytes}, &bounds{less: lessBytes}
	result := []*bounds{first}
	for _, chunk := range chunks {
		if _, ok := chunk.(*array.Map); ok {
			result = []*bounds{first, second}
		}
		for i := range chunk.Len() {
			if chunk.IsNull(i) {
				first.nulls++
				second.nulls++
				continue
			}
			switch a := chunk.(type) {
			case *array.String:
				first.add([]byte(a.Value(i)))
			case *array.Int64:
				first.less = lessInt
				first.add(binary.LittleEndian.AppendUint64(nil, uint64(a.Value(i))))
			case *array.Timestamp:
				first.less = lessInt
				first.add(binary.LittleEndian.AppendUint64(nil, uint64(a.Value(i))))
			case *array.Int32:
				first.less = lessInt
				first.add(binary.LittleEndian.AppendUint32(nil, uint32(a.Value(i))))
			case *array.Boolean:
				v := byte(0)
				if a.Value(i) {
					v = 1
				}
				first.add([]byte{v})
			case *array.Map:
				from, to := a.ValueOffsets(i)
				if from == to {
					first.nulls++
					second.nulls++
				}
				for j := int(from); j < int(to); j++ {
					first.add([]byte(a.Keys().(*array.String).Value(j)))
					if a.Items().IsNull(j) {
						second.nulls++
					} else {
						second.add([]byte(a.Items().(*array.String).Value(j)))
					}
				}
			default:
				t.Fatalf("unexpected %T", chunk)
			}
		}
	}
	return result
}

// checkStatistics compares the statistics of every column chunk with its
// values.
func checkStatistics(t testing.TB, data []byte) {
	t.Helper()
	r := openParquet(t, data)
	ar, err := pqarrow.NewFileReader(r, pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
	if err != nil {
		t.Fatal(err)
	}
	for g := range r.NumRowGroups() {
		group := r.MetaData().RowGroup(g)
		var all []int
		for i := range group.NumColumns() {
			all = append(all, i)
		}
		table, err := ar.ReadRowGroups(context.Background(), all, []int{g})
		if err != nil {
			t.Fatal(err)
		}
		leaf := 0
		for i := range int(table.NumCols()) {
			for _, want := range leaves(t, table.Column(i).Data().Chunks()) {
				chunk, err := group.ColumnChunk(leaf)
				if err != nil {
					t.Fatal(err)
				}
				leaf++
				name := fmt.Sprintf("row group %d, %s", g, chunk.PathInSchema())
				stats, err := chunk.Statistics()
				if err != nil || stats == nil {
					t.Fatalf("%s: no statistics: %v", name, err)
				}
				if !stats.HasNullCount() || stats.NullCount() != want.nulls {
					t.Fatalf("%s: %d nulls, want %d", name, stats.NullCount(), want.nulls)
				}
				if stats.HasDistinctCount() {
					t.Fatalf("%s has a distinct count", name)
				}
				if want.low == nil || len(want.low) > 1024 || len(want.high) > 1024 {
					if stats.HasMinMax() {
						t.Fatalf("%s has bounds", name)
					}
					continue
				}
				if !stats.HasMinMax() || !bytes.Equal(stats.EncodeMin(), want.low) || !bytes.Equal(stats.EncodeMax(), want.high) {
					t.Fatalf("%s: bounds %.100q and %.100q, want %.100q and %.100q", name, stats.EncodeMin(), stats.EncodeMax(), want.low, want.high)
				}
			}
		}
		table.Release()
	}
}

func TestParquetStatistics(t *testing.T) {
	b := schema.NewBatch()
	text := func(s string) schema.Span {
		b.Buf = append(b.Buf, s...)
		return schema.Span{Off: uint32(len(b.Buf) - len(s)), Len: uint32(len(s))}
	}
	values := map[int][]schema.Span{
		schema.ResultID:    {text("b"), text(""), text("ab"), text("b\x00")},
		schema.Title:       {text("é"), text("z"), text("\U0010ffff"), text("\uffff")},
		schema.Description: {text(strings.Repeat("m", 1024)), text("a"), {}, text("z")},
		schema.Region:      {text("m"), text(strings.Repeat("z", 1024)), text("a"), {}},
		schema.JobARN:      {text("m"), text(strings.Repeat("z", 1025)), text("a"), {}},
		schema.JobID:       {text("a"), text(strings.Repeat("a", 1025)), text("m"), text("")},
		schema.MimeType:    {text(strings.Repeat("m", 5000)), text("a"), text("z"), text("zz")},
		schema.ObjectKey:   {text("12345678a"), text("12345678"), text("1234567"), text("12345678\x00")},
	}
	ints := map[int][]int64{
		schema.CreatedAt:          {-1, 1, -1000, 5},
		schema.SeverityScore:      {-3, 2, -1, 0},
		schema.ObjectSize:         {5, 5, 5, 5},
		schema.ObjectLastModified: {-62_135_596_800_000_000, 253_402_300_799_999_999, 0, 1},
	}
	for i := range 4 {
		res := schema.Result{BoolSet: 0b1111, BoolVal: uint32(0b0100 | i&1)}
		for slot, spans := range values {
			res.Text[slot] = spans[i]
		}
		for slot, v := range ints {
			res.Int[slot] = v[i]
			res.IntSet |= 1 << slot
		}
		b.Results = append(b.Results, res)
	}
	table := schema.Results()
	data := parquetFile(t, Options{}, table, nil, b)
	checkParquet(t, data, table, b)
	checkStatistics(t, data)
	for seed := range uint64(5) {
		for _, table := range schema.Tables() {
			checkStatistics(t, parquetFile(t, Options{}, table, nil, batchtest.Random(seed, 60), batchtest.NewEstate(seed).Batch(60)))
		}
	}
}

// The files have the types, encodings and pages that all readers know, and
// nothing else.
func TestParquetPhysical(t *testing.T) {
	codecs := map[string]compress.Compression{"zstd": compress.Codecs.Zstd, "snappy": compress.Codecs.Snappy, "none": compress.Codecs.Uncompressed}
	ownInts := map[string]bool{}
	for _, c := range schema.Occurrences().Columns {
		ownInts["occurrences."+c.Name] = c.Level == schema.OccurrenceLevel && c.Type == schema.Int64
	}
	for _, table := range schema.Tables() {
		for compression, codec := range codecs {
			data := parquetFile(t, Options{Compression: compression}, table, nil, batchtest.NewEstate(1).Batch(400), batchtest.Random(1, 20))
			r := openParquet(t, data)
			meta := r.MetaData()
			checkParquetSchema(t, meta.Schema, table)
			var comments map[string]string
			if err := json.Unmarshal([]byte(*meta.KeyValueMetadata().FindValue("comments")), &comments); err != nil {
				t.Fatal(err)
			}
			for _, c := range table.Columns {
				if comments[c.Name] != c.Doc {
					t.Errorf("%s.%s has the comment %q", table.Name, c.Name, comments[c.Name])
				}
			}
			group := meta.RowGroup(0)
			end := int64(4)
			for i := range group.NumColumns() {
				chunk, err := group.ColumnChunk(i)
				if err != nil {
					t.Fatal(err)
				}
				name := table.Name + "." + chunk.PathInSchema().String()
				if chunk.Compression() != codec {
					t.Errorf("%s: codec %v", name, chunk.Compression())
				}
				first := chunk.DataPageOffset()
				if chunk.HasDictionaryPage() {
					first = chunk.DictionaryPageOffset()
				}
				if first != end {
					t.Errorf("%s begins at %d, want %d", name, first, end)
				}
				end += chunk.TotalCompressedSize()
				checkEncodings(t, name, chunk.Encodings(), chunk.HasDictionaryPage(), ownInts[name])
				if chunk.GetColumnIndexLocation() != nil || chunk.GetOffsetIndexLocation() != nil || chunk.BloomFilterOffset() != 0 {
					t.Errorf("%s has an index or a bloom filter", name)
				}
				pages, err := r.RowGroup(0).GetColumnPageReader(i)
				if err != nil {
					t.Fatal(err)
				}
				for pages.Next() {
					page := pages.Page()
					if page.Type() != 0 && page.Type() != 2 {
						t.Errorf("%s has a page of type %v", name, page.Type())
					}
				}
				if err := pages.Err(); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
	}
}

func checkEncodings(t *testing.T, name string, encodings []parquet.Encoding, dictionary, delta bool) {
	t.Helper()
	indexed := false
	for _, e := range encodings {
		switch e {
		case parquet.Encodings.Plain, parquet.Encodings.RLE:
		case parquet.Encodings.RLEDict:
			indexed = true
		case parquet.Encodings.DeltaBinaryPacked:
			if !delta {
				t.Errorf("%s is no integer of occurrences, and encoded as deltas", name)
			}
		default:
			t.Errorf("%s: encoding %v", name, e)
		}
	}
	if indexed != dictionary {
		t.Errorf("%s: encodings %v, dictionary page %v", name, encodings, dictionary)
	}
}

func checkParquetSchema(t *testing.T, s *pqschema.Schema, table *schema.Table) {
	t.Helper()
	root := s.Root()
	if root.Name() != "schema" || root.NumFields() != len(table.Columns) {
		t.Fatalf("%s: root %s of %d fields", table.Name, root.Name(), root.NumFields())
	}
	for i, c := range table.Columns {
		node := root.Field(i)
		name := table.Name + "." + c.Name
		if node.FieldID() != c.ID {
			t.Errorf("%s has the field id %d, not %d", name, node.FieldID(), c.ID)
		}
		if node.Name() != c.Name || node.RepetitionType() != parquet.Repetitions.Optional {
			t.Errorf("%s is %s %v", name, node.Name(), node.RepetitionType())
		}
		if c.Type == schema.Map {
			entry := node.(*pqschema.GroupNode).Field(0).(*pqschema.GroupNode)
			if !node.LogicalType().Equals(pqschema.MapLogicalType{}) || node.ConvertedType() != pqschema.ConvertedTypes.Map ||
				entry.Name() != "key_value" || entry.RepetitionType() != parquet.Repetitions.Repeated || entry.NumFields() != 2 {
				t.Errorf("%s is %v", name, node)
			}
			key, value := entry.Field(0), entry.Field(1)
			if key.Name() != "key" || key.RepetitionType() != parquet.Repetitions.Required ||
				value.Name() != "value" || value.RepetitionType() != parquet.Repetitions.Optional {
				t.Errorf("%s has entries of %v and %v", name, key, value)
			}
			if key.FieldID() != c.KeyID || value.FieldID() != c.ValueID {
				t.Errorf("%s: field ids %d and %d, not %d and %d", name, key.FieldID(), value.FieldID(), c.KeyID, c.ValueID)
			}
			checkLeaf(t, name, key, schema.Text)
			checkLeaf(t, name, value, schema.Text)
			continue
		}
		checkLeaf(t, name, node, c.Type)
	}
	for i := range s.NumColumns() {
		if s.Column(i).ColumnOrder() != parquet.ColumnOrders.TypeDefinedOrder {
			t.Errorf("%s has no order", s.Column(i).Path())
		}
	}
}

func checkLeaf(t *testing.T, name string, node pqschema.Node, kind schema.Type) {
	t.Helper()
	physical := map[schema.Type]parquet.Type{
		schema.Text: parquet.Types.ByteArray, schema.Int64: parquet.Types.Int64, schema.Int32: parquet.Types.Int32,
		schema.Bool: parquet.Types.Boolean, schema.Timestamp: parquet.Types.Int64,
	}
	converted, logical := pqschema.ConvertedTypes.None, pqschema.LogicalType(pqschema.NoLogicalType{})
	switch kind {
	case schema.Text:
		converted, logical = pqschema.ConvertedTypes.UTF8, pqschema.StringLogicalType{}
	case schema.Timestamp:
		converted, logical = pqschema.ConvertedTypes.TimestampMicros, pqschema.NewTimestampLogicalType(true, pqschema.TimeUnitMicros)
	}
	leaf, ok := node.(*pqschema.PrimitiveNode)
	if !ok || leaf.PhysicalType() != physical[kind] || leaf.ConvertedType() != converted || !leaf.LogicalType().Equals(logical) {
		t.Errorf("%s: %v", name, node)
	}
}
