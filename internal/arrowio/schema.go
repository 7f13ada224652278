package arrowio

import (
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/macielake/macielake/pkg/schema"
)

// Schema returns the Arrow schema of table t, its columns in order: utf8,
// int64, int32, bool, timestamp[us, UTC] and map<utf8, utf8>. All fields are
// nullable; so are the items of a map, its keys are not. The metadata of a field
// has its field id, under the key that Arrow's and Iceberg's readers know, and
// its comment.
func Schema(t *schema.Table) *arrow.Schema {
	fields := make([]arrow.Field, len(t.Columns))
	for i, c := range t.Columns {
		fields[i] = arrow.Field{Name: c.Name, Type: Type(c), Nullable: true}
		if c.ID != 0 {
			fields[i].Metadata = arrow.NewMetadata([]string{fieldIDKey, "comment"}, []string{strconv.Itoa(int(c.ID)), c.Doc})
		}
	}
	return arrow.NewSchema(fields, nil)
}

// fieldIDKey is the key of a field's id in its metadata (Apache Arrow's Parquet
// readers and writers, PARQUET:field_id).
const fieldIDKey = "PARQUET:field_id"

// Type returns the Arrow type of a column.
func Type(c schema.Column) arrow.DataType {
	switch c.Type {
	case schema.Int64:
		return arrow.PrimitiveTypes.Int64
	case schema.Int32:
		return arrow.PrimitiveTypes.Int32
	case schema.Bool:
		return arrow.FixedWidthTypes.Boolean
	case schema.Timestamp:
		return arrow.FixedWidthTypes.Timestamp_us // in UTC
	case schema.Map:
		id := func(id int32) arrow.Metadata {
			return arrow.NewMetadata([]string{fieldIDKey}, []string{strconv.Itoa(int(id))})
		}
		return arrow.MapOfWithMetadata(arrow.BinaryTypes.String, id(c.KeyID), arrow.BinaryTypes.String, id(c.ValueID))
	default:
		return arrow.BinaryTypes.String
	}
}
