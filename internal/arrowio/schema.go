package arrowio

import (
	"github.com/apache/arrow-go/v18/arrow"

	"github.com/macielake/macielake/pkg/schema"
)

// Schema returns the Arrow schema of table t, its columns in order: utf8,
// int64, int32, bool, timestamp[us, UTC] and map<utf8, utf8>. All fields are
// nullable; so are the items of a map, its keys are not.
func Schema(t *schema.Table) *arrow.Schema {
	fields := make([]arrow.Field, len(t.Columns))
	for i, c := range t.Columns {
		fields[i] = arrow.Field{Name: c.Name, Type: Type(c.Type), Nullable: true}
	}
	return arrow.NewSchema(fields, nil)
}

// Type returns the Arrow type of a column.
func Type(t schema.Type) arrow.DataType {
	switch t {
	case schema.Int64:
		return arrow.PrimitiveTypes.Int64
	case schema.Int32:
		return arrow.PrimitiveTypes.Int32
	case schema.Bool:
		return arrow.FixedWidthTypes.Boolean
	case schema.Timestamp:
		return arrow.FixedWidthTypes.Timestamp_us // in UTC
	case schema.Map:
		return arrow.MapOf(arrow.BinaryTypes.String, arrow.BinaryTypes.String)
	default:
		return arrow.BinaryTypes.String
	}
}
