package rows

import (
	"encoding/binary"
	"math/bits"
	"strconv"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/macielake/macielake/pkg/schema"
)

// NewNDJSON returns an encoder of rows to newline-delimited JSON: an object per
// row with all the columns, in their order. Null is null, so that every row has
// the same members. Integers are numbers, times texts as RFC 3339 has them with
// microseconds and Z, maps objects. Text is UTF-8; characters that can't be seen
// or that act on a terminal are escaped.
func NewNDJSON(columns []schema.Column) *TextEncoder {
	f := &ndjson{}
	for i, c := range columns {
		name := []byte{','}
		if i == 0 {
			name[0] = '{'
		}
		f.names = append(f.names, append(AppendJSONText(name, []byte(c.Name)), ':'))
	}
	return &TextEncoder{columns: columns, format: f}
}

type ndjson struct{ names [][]byte }

func (f *ndjson) header(dst []byte) []byte { return dst }

func (f *ndjson) begin(dst []byte, column int) []byte { return append(dst, f.names[column]...) }

func (f *ndjson) end(dst []byte) []byte {
	if len(f.names) == 0 {
		dst = append(dst, '{')
	}
	return append(dst, "}\n"...)
}

func (f *ndjson) value(dst []byte, t schema.Type, v Value) []byte {
	if !v.Set {
		return append(dst, "null"...)
	}
	switch t {
	case schema.Text:
		return AppendJSONText(dst, v.Text)
	case schema.Bool:
		return strconv.AppendBool(dst, v.Bool)
	case schema.Timestamp:
		return append(appendTime(append(dst, '"'), v.Int), '"')
	case schema.Map:
		return appendJSONMap(dst, v.Map)
	}
	return strconv.AppendInt(dst, v.Int, 10)
}

// appendTime appends microseconds since 1970 as RFC 3339 has them, in UTC.
func appendTime(dst []byte, us int64) []byte {
	return time.UnixMicro(us).UTC().AppendFormat(dst, "2006-01-02T15:04:05.000000Z07:00")
}

func appendJSONMap(dst []byte, entries []Entry) []byte {
	dst = append(dst, '{')
	for i, e := range entries {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(AppendJSONText(dst, e.Key), ':')
		if e.Value == nil {
			dst = append(dst, "null"...)
		} else {
			dst = AppendJSONText(dst, e.Value)
		}
	}
	return append(dst, '}')
}

// AppendJSONText appends a text as a JSON string (RFC 8259, section 7).
func AppendJSONText(dst, s []byte) []byte {
	dst = append(dst, '"')
	for {
		n := plainJSON(s)
		dst = append(dst, s[:n]...)
		if s = s[n:]; len(s) == 0 {
			return append(dst, '"')
		}
		r, size := utf8.DecodeRune(s)
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r == '\n':
			dst = append(dst, '\\', 'n')
		case r == '\r':
			dst = append(dst, '\\', 'r')
		case r == '\t':
			dst = append(dst, '\\', 't')
		case r == utf8.RuneError && size == 1: // no text of a decoder has it
			dst = append(dst, '\\', 'u', 'f', 'f', 'f', 'd')
		case isSeen(r):
			dst = append(dst, s[:size]...)
		case r < 0x10000:
			dst = appendEscape(dst, uint16(r))
		default:
			r -= 0x10000
			dst = appendEscape(dst, uint16(0xd800+r>>10))
			dst = appendEscape(dst, uint16(0xdc00+r&0x3ff))
		}
		s = s[size:]
	}
}

// isSeen reports whether a character shows, and does nothing else.
func isSeen(r rune) bool {
	const ideographicSpace = 0x3000 // as wide as a character
	return r == ideographicSpace ||
		unicode.IsPrint(r) && !unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

func appendEscape(dst []byte, v uint16) []byte {
	const hex = "0123456789abcdef"
	return append(dst, '\\', 'u', hex[v>>12], hex[v>>8&15], hex[v>>4&15], hex[v&15])
}

// plainJSON is how many bytes s begins with that stand as they are: printable
// ASCII but quotes and backslashes.
func plainJSON(s []byte) int {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	i := 0
	for ; i+8 <= len(s); i += 8 {
		w := binary.LittleEndian.Uint64(s[i:])
		quote, backslash, del := w^ones*'"', w^ones*'\\', w^ones*0x7f
		// A byte's high bit is set where the byte is not plain, or, as borrows
		// have it, after one that isn't.
		special := (w | (w - ones*0x20) | (quote - ones) | (backslash - ones) | (del - ones)) & high
		if special != 0 {
			return i + bits.TrailingZeros64(special)/8
		}
	}
	for ; i < len(s); i++ {
		if c := s[i]; c < 0x20 || c >= 0x7f || c == '"' || c == '\\' {
			break
		}
	}
	return i
}
