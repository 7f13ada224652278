package parquet

import (
	"encoding/binary"
	"hash/crc32"
	"slices"

	"github.com/macielake/macielake/internal/rows"
	"github.com/macielake/macielake/pkg/schema"
)

// Numbers of the Parquet format (parquet.thrift).
const (
	typeBoolean   = 0
	typeInt32     = 1
	typeInt64     = 2
	typeByteArray = 6

	encodingPlain         = 0
	encodingRLE           = 3
	encodingDelta         = 5
	encodingRLEDictionary = 8

	pageData       = 0
	pageDictionary = 2

	repetitionRequired = 0
	repetitionOptional = 1
	repetitionRepeated = 2

	convertedUTF8            = 0
	convertedMap             = 1
	convertedTimestampMicros = 10

	logicalString    = 1
	logicalMap       = 2
	logicalTimestamp = 8
)

const magic = "PAR1"

// maxBound is how long a text may be to stand in the statistics. A longer one
// is left out whole: readers may take a bound for a value that is there.
const maxBound = 1024

// chunk is what the footer says about a column chunk.
type chunk struct {
	physical   int32
	path       []string
	codec      int32
	entries    int64 // values and nulls
	nulls      int64
	offset     int64 // of its first page in the file
	dictionary int64 // bytes of the dictionary page and its header; 0 for none
	size       int64 // of all pages with their headers
	rawSize    int64 // the same, before compression
	dictPages  int32 // data pages that are dictionary-encoded
	plainPages int32
	deltaPages int32
	bounded    bool // there are low and high
	low, high  []byte
}

// appendPageHeader appends a PageHeader to dst, for a page whose compressed form
// is packed. Encoding is that of a data page's values.
func appendPageHeader(t *thrift, dst []byte, page, encoding int32, rawSize int, packed []byte, values int) []byte {
	t.reset(dst)
	t.i32(1, page)
	t.i32(2, int32(rawSize))
	t.i32(3, int32(len(packed)))
	t.i32(4, int32(crc32.ChecksumIEEE(packed)))
	if page == pageDictionary {
		t.begin(7)
		t.i32(1, int32(values))
		t.i32(2, encodingPlain)
		t.end()
	} else {
		t.begin(5)
		t.i32(1, int32(values))
		t.i32(2, encoding)
		t.i32(3, encodingRLE) // definition levels
		t.i32(4, encodingRLE) // repetition levels
		t.end()
	}
	t.end()
	return t.buf
}

// appendRowGroup appends a RowGroup to dst.
func appendRowGroup(t *thrift, dst []byte, rows int64, leaves []*leaf) []byte {
	t.reset(dst)
	t.list(1, thriftStruct, len(leaves))
	var size, rawSize int64
	for _, l := range leaves {
		c := &l.chunk
		size += c.size
		rawSize += c.rawSize
		t.beginElement()
		t.i64(2, c.offset)
		t.begin(3)
		c.write(t)
		t.end()
		t.end()
	}
	t.i64(2, rawSize)
	t.i64(3, rows)
	t.i64(5, leaves[0].chunk.offset)
	t.i64(6, size)
	t.end()
	return t.buf
}

// write writes the fields of a ColumnMetaData.
func (c *chunk) write(t *thrift) {
	t.i32(1, c.physical)
	encodings := []int32{encodingPlain, encodingRLE} // PLAIN is the dictionary page's encoding too
	if c.deltaPages > 0 {
		encodings = append(encodings, encodingDelta)
	}
	if c.dictPages > 0 {
		encodings = append(encodings, encodingRLEDictionary)
	}
	t.list(2, thriftI32, len(encodings))
	for _, e := range encodings {
		t.i32Element(e)
	}
	t.list(3, thriftBinary, len(c.path))
	for _, name := range c.path {
		t.textElement(name)
	}
	t.i32(4, c.codec)
	t.i64(5, c.entries)
	t.i64(6, c.rawSize)
	t.i64(7, c.size)
	t.i64(9, c.offset+c.dictionary)
	if c.dictionary > 0 {
		t.i64(11, c.offset)
	}
	t.begin(12)
	t.i64(3, c.nulls)
	if c.bounded {
		t.bytes(5, c.high)
		t.bytes(6, c.low)
		t.boolean(7, true) // both are exact
		t.boolean(8, true)
	}
	t.end()
	stats := []struct{ page, encoding, count int32 }{
		{pageDictionary, encodingPlain, int32(min(c.dictionary, 1))},
		{pageData, encodingRLEDictionary, c.dictPages},
		{pageData, encodingDelta, c.deltaPages},
		{pageData, encodingPlain, c.plainPages},
	}
	stats = slices.DeleteFunc(stats, func(s struct{ page, encoding, count int32 }) bool { return s.count == 0 })
	t.list(13, thriftStruct, len(stats))
	for _, s := range stats {
		t.beginElement()
		t.i32(1, s.page)
		t.i32(2, s.encoding)
		t.i32(3, s.count)
		t.end()
	}
}

// commentsKey is the key of the file metadata that holds the comments of the
// columns: a JSON object from name to comment.
const commentsKey = "comments"

// appendFooter appends all that follows the last page: the FileMetaData of a
// file with those row groups, as appendRowGroup gave them, its length, and the
// magic bytes.
func appendFooter(t *thrift, dst []byte, table *schema.Table, createdBy string, rows int64, groups int, rowGroups []byte) []byte {
	start := len(dst)
	t.reset(dst)
	t.i32(1, 2)
	elements, leaves := 1, 0
	for _, c := range table.Columns {
		if c.Type == schema.Map {
			elements += 4
			leaves += 2
		} else {
			elements++
			leaves++
		}
	}
	t.list(2, thriftStruct, elements)
	group := func(name string, children int32) {
		t.text(4, name)
		t.i32(5, children)
	}
	t.beginElement()
	group("schema", int32(len(table.Columns)))
	t.end()
	for _, c := range table.Columns {
		if c.Type != schema.Map {
			leafElement(t, c.Name, c.Type, repetitionOptional, c.ID)
			continue
		}
		t.beginElement()
		t.i32(3, repetitionOptional)
		group(c.Name, 1)
		t.i32(6, convertedMap)
		t.fieldID(c.ID)
		t.begin(10)
		t.empty(logicalMap)
		t.end()
		t.end()
		t.beginElement()
		t.i32(3, repetitionRepeated)
		group("key_value", 2)
		t.end()
		leafElement(t, "key", schema.Text, repetitionRequired, c.KeyID)
		leafElement(t, "value", schema.Text, repetitionOptional, c.ValueID)
	}
	t.i64(3, rows)
	t.list(4, thriftStruct, groups)
	t.buf = append(t.buf, rowGroups...)
	t.list(5, thriftStruct, 1)
	t.beginElement()
	t.text(1, commentsKey)
	t.bytes(2, comments(table))
	t.end()
	t.text(6, createdBy)
	t.list(7, thriftStruct, leaves)
	for range leaves {
		t.beginElement()
		t.empty(1) // TypeDefinedOrder
		t.end()
	}
	t.end()
	dst = binary.LittleEndian.AppendUint32(t.buf, uint32(len(t.buf)-start))
	return append(dst, magic...)
}

// leafElement writes the SchemaElement of a column that has values.
func leafElement(t *thrift, name string, kind schema.Type, repetition, id int32) {
	t.beginElement()
	t.i32(1, physicalType(kind))
	t.i32(3, repetition)
	t.text(4, name)
	switch kind {
	case schema.Text:
		t.i32(6, convertedUTF8)
		t.fieldID(id)
		t.begin(10)
		t.empty(logicalString)
		t.end()
	case schema.Timestamp:
		t.i32(6, convertedTimestampMicros)
		t.fieldID(id)
		t.begin(10)
		t.begin(logicalTimestamp)
		t.boolean(1, true) // adjusted to UTC
		t.begin(2)
		t.empty(2) // microseconds
		t.end()
		t.end()
		t.end()
	default:
		t.fieldID(id)
	}
	t.end()
}

// fieldID writes the field_id of a SchemaElement, if it has one.
func (t *thrift) fieldID(id int32) {
	if id != 0 {
		t.i32(9, id)
	}
}

// comments returns the comments of a table's columns as JSON.
func comments(table *schema.Table) []byte {
	dst := []byte{'{'}
	for i, c := range table.Columns {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = rows.AppendJSONText(dst, []byte(c.Name))
		dst = append(dst, ':')
		dst = rows.AppendJSONText(dst, []byte(c.Doc))
	}
	return append(dst, '}')
}

func physicalType(kind schema.Type) int32 {
	switch kind {
	case schema.Text:
		return typeByteArray
	case schema.Int32:
		return typeInt32
	case schema.Bool:
		return typeBoolean
	default:
		return typeInt64
	}
}
