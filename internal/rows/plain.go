package rows

import (
	"strconv"

	"github.com/macielake/macielake/pkg/schema"
)

// AppendPlain appends a value that is not null as text, unescaped: times as RFC
// 3339 has them, maps as JSON objects.
func AppendPlain(dst []byte, t schema.Type, v Value) []byte {
	switch t {
	case schema.Text:
		return append(dst, v.Text...)
	case schema.Bool:
		return strconv.AppendBool(dst, v.Bool)
	case schema.Timestamp:
		return appendTime(dst, v.Int)
	case schema.Map:
		return appendJSONMap(dst, v.Map)
	}
	return strconv.AppendInt(dst, v.Int, 10)
}
