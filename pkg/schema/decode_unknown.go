package schema

import (
	"slices"
	"strconv"
)

// Fields that this version doesn't know are counted, and their raw values go to the
// column unrecognized.

// unknownField is an unknown field of the line: its path in
// bulkDecoder.unknownPaths, and its raw value in the buffer.
type unknownField struct{ path, value Span }

// takeUnknown keeps the path and the value, at p, of the unknown field key.
func (d *bulkDecoder) takeUnknown(key Span, p int) int {
	end := d.skipValue(p)
	if end < 0 {
		return end
	}
	value := Span{uint32(p), uint32(end - p)}
	name := d.b.Text(key)
	start := len(d.unknownPaths)
	d.unknownPaths = d.appendPath(d.unknownPaths, name, false)
	d.unknownNames = append(d.unknownNames, d.intern(d.unknownPaths[start:]))
	d.unknownPaths = d.appendPath(d.unknownPaths[:start], name, true)
	path := d.unknownPaths[start:]
	if i := d.findUnknown(path); i >= 0 { // a repeated field: the last value wins
		d.unknown[i].value = value
		d.unknownPaths = d.unknownPaths[:start]
		return end
	}
	d.unknown = append(d.unknown, unknownField{Span{uint32(start), uint32(len(path))}, value})
	return end
}

// appendPath appends the path of the field name of the innermost open object, such
// as a.b[0].name. Without indexes, the path has [] for each of them.
func (d *bulkDecoder) appendPath(to, name []byte, indexes bool) []byte {
	for i := range d.depth {
		fr := &d.frames[i]
		if i > 0 {
			to = append(to, '.')
		}
		to = append(to, d.objects[fr.object].fields[fr.field].name...)
		if fr.index >= 0 {
			to = append(to, '[')
			if indexes {
				to = strconv.AppendInt(to, int64(fr.index), 10)
			}
			to = append(to, ']')
		}
	}
	if !isIdentifier(name) {
		to = append(to, `["`...)
		to = appendEscaped(to, name)
		return append(to, `"]`...)
	}
	if d.depth > 0 {
		to = append(to, '.')
	}
	return append(to, name...)
}

func isIdentifier(name []byte) bool {
	for i, c := range name {
		letter := c == '_' || 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && (i == 0 || !isDigit(c)) {
			return false
		}
	}
	return len(name) > 0
}

// appendEscaped appends text as JSON writes it between quotes.
func appendEscaped(to, text []byte) []byte {
	const hex = "0123456789ABCDEF"
	for _, c := range text {
		switch {
		case c == '"' || c == '\\':
			to = append(to, '\\', c)
		case c < ' ':
			to = append(to, `\u00`...)
			to = append(to, hex[c>>4], hex[c&15])
		default:
			to = append(to, c)
		}
	}
	return to
}

// fewUnknown is the most unknown fields whose paths are compared one by one. A map
// finds the paths of more.
const fewUnknown = 16

// findUnknown returns the index in unknown of the field with that path, or -1.
func (d *bulkDecoder) findUnknown(path []byte) int {
	if len(d.unknown) < fewUnknown {
		return slices.IndexFunc(d.unknown, func(u unknownField) bool {
			return string(d.unknownPath(u)) == string(path)
		})
	}
	if len(d.unknown) == fewUnknown {
		d.unknownByPath = make(map[string]int)
		for i, u := range d.unknown {
			d.unknownByPath[string(d.unknownPath(u))] = i
		}
	}
	i, ok := d.unknownByPath[string(path)]
	if !ok {
		d.unknownByPath[string(path)] = len(d.unknown)
		return -1
	}
	return i
}

func (d *bulkDecoder) unknownPath(u unknownField) []byte {
	return d.unknownPaths[u.path.Off : u.path.Off+u.path.Len]
}

// maxNames is the most paths of unknown fields that a decoder keeps as strings.
const maxNames = 1024

// intern returns path as a string, without an allocation if it is kept.
func (d *bulkDecoder) intern(path []byte) string {
	name, ok := d.names[string(path)]
	if !ok {
		name = string(path)
		if len(d.names) < maxNames {
			d.names[name] = name
		}
	}
	return name
}

// appendUnrecognized appends the line's column unrecognized to the batch. p is the
// line's end, which it returns.
func (d *bulkDecoder) appendUnrecognized(p int) int {
	d.unknownByPath = nil
	size := len(d.b.Buf)
	for _, u := range d.unknown {
		// Escaping at most doubles a path, whose control characters are
		// escaped already.
		size += 2*int(u.path.Len) + int(u.value.Len) + len(`"":,`)
	}
	if size > maxBuf {
		return d.fail(LineTooLong, p)
	}
	out := d.b.Buf
	start := len(out)
	out = append(out, '{')
	for i, u := range d.unknown {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, '"')
		out = appendEscaped(out, d.unknownPath(u))
		out = append(out, '"', ':')
		out = append(out, d.buf[u.value.Off:u.value.Off+u.value.Len]...)
	}
	out = append(out, '}')
	d.b.Buf = out
	for _, name := range d.unknownNames {
		d.b.Unknown[name]++
	}
	d.res.Text[Unrecognized] = Span{uint32(start), uint32(len(out) - start)}
	return p
}
