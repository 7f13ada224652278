package gen

import (
	"strconv"
	"time"
	"unicode/utf8"
)

// encoder appends JSON to b, in one of the two encodings or in a mixture of them.
type encoder struct {
	b []byte
	r *rng

	api    bool // the encoding of the API reference rather than that of real files
	jumble bool // some values have the other encoding
	nulls  bool // in the API encoding, absent values are null rather than omitted
	ascii  bool // characters beyond ASCII are escaped
}

// style draws the encoding of the next value: whether it is that of the API.
func (e *encoder) style() (api bool) {
	if e.jumble && e.r.n(4) == 0 {
		return !e.api
	}
	return e.api
}

// raw appends s as it is.
func (e *encoder) raw(s string) { e.b = append(e.b, s...) }

// comma appends a comma unless the JSON object or array is still empty.
func (e *encoder) comma() {
	if n := len(e.b); n > 0 {
		if c := e.b[n-1]; c != '{' && c != '[' && c != '\n' {
			e.b = append(e.b, ',')
		}
	}
}

// key starts a field. k needs no escapes.
func (e *encoder) key(k string) {
	e.comma()
	e.b = append(e.b, '"')
	e.b = append(e.b, k...)
	e.b = append(e.b, '"', ':')
}

// begin starts a field that holds an object or array; open is { or [.
func (e *encoder) begin(k string, open byte) {
	e.key(k)
	e.b = append(e.b, open)
}

// end closes an object or array.
func (e *encoder) end(c byte) { e.b = append(e.b, c) }

func (e *encoder) str(k, v string) {
	e.key(k)
	e.b = append(e.b, '"')
	e.b = appendEscaped(e.b, v, !e.style(), e.ascii)
	e.b = append(e.b, '"')
}

// optional writes a string, or an absent value if it is empty.
func (e *encoder) optional(k, v string) {
	if v == "" {
		e.absent(k)
		return
	}
	e.str(k, v)
}

// absent writes a missing value: nothing, or null.
func (e *encoder) absent(k string) {
	if e.nulls && e.style() {
		e.key(k)
		e.raw("null")
	}
}

func (e *encoder) int(k string, v int64) {
	e.key(k)
	if e.style() {
		e.b = strconv.AppendInt(e.b, v, 10)
		return
	}
	e.b = append(e.b, '"')
	e.b = strconv.AppendInt(e.b, v, 10)
	e.b = append(e.b, '"')
}

func (e *encoder) bool(k string, v bool) {
	e.key(k)
	e.b = strconv.AppendBool(e.b, v)
}

// Layouts of times that occur in real files.
const (
	layoutReal   = "2006-01-02T15:04:05Z"
	layoutAPI    = "2006-01-02T15:04:05.000Z"
	layoutSpaced = "2006-01-02 15:04:05.000000+00:00"
	layoutZoned  = "2006-01-02T15:04:05.00-07:00"
)

var zone = time.FixedZone("", 2*3600)

// time writes ms, in milliseconds since 1970, in the layout of the encoding. An odd
// time has an unusual layout.
func (e *encoder) time(k string, ms int64, odd bool) {
	t := time.UnixMilli(ms).UTC()
	layout := layoutReal
	switch {
	case odd && e.r.n(3) == 0:
		t, layout = t.In(zone), layoutZoned
	case odd:
		layout = layoutSpaced
	case e.style():
		layout = layoutAPI
	}
	e.key(k)
	e.b = append(e.b, '"')
	e.b = t.AppendFormat(e.b, layout)
	e.b = append(e.b, '"')
}

func (e *encoder) tags(tags []tag) {
	e.begin("tags", '[')
	for _, t := range tags {
		e.comma()
		e.raw("{")
		e.str("key", t.key)
		e.str("value", t.value)
		e.raw("}")
	}
	e.end(']')
}

// appendEscaped appends s, which must be valid UTF-8, as the inside of a JSON
// string. html escapes the characters that Gson does by default, as in real
// files; ascii escapes all characters beyond ASCII.
func appendEscaped(b []byte, s string, html, ascii bool) []byte {
	done := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c >= ' ' && c != '"' && c != '\\' && !(html && (c == '\'' || c == '<' || c == '>' || c == '&' || c == '=')) {
				i++
				continue
			}
			b = append(b, s[done:i]...)
			switch c {
			case '"', '\\':
				b = append(b, '\\', c)
			case '\t':
				b = append(b, '\\', 't')
			case '\n':
				b = append(b, '\\', 'n')
			case '\r':
				b = append(b, '\\', 'r')
			default:
				b = appendUnit(b, uint16(c))
			}
			i++
			done = i
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if ascii || html && (r == '\u2028' || r == '\u2029') {
			b = append(b, s[done:i]...)
			if r >= 0x10000 {
				r -= 0x10000
				b = appendUnit(b, uint16(0xd800+r>>10))
				b = appendUnit(b, uint16(0xdc00+r&0x3ff))
			} else {
				b = appendUnit(b, uint16(r))
			}
			done = i + n
		}
		i += n
	}
	return append(b, s[done:]...)
}

// appendUnit appends one UTF-16 unit as \uXXXX.
func appendUnit(b []byte, u uint16) []byte {
	return append(b, '\\', 'u', hexDigits[u>>12], hexDigits[u>>8&15], hexDigits[u>>4&15], hexDigits[u&15])
}
