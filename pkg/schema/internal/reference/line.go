package reference

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"strings"

	"github.com/macielake/macielake/pkg/schema"
)

// Error is the first error of a line that can't be decoded.
type Error struct {
	Class  schema.Class
	Offset int // in the line
}

func (e *Error) Error() string { return fmt.Sprintf("%s at %d", e.Class, e.Offset) }

// IsBlank reports whether line is empty or white space. A blank line is counted, but
// neither decoded nor rejected.
func IsBlank(line []byte) bool { return skipAny(line, 0, " \t\r") == len(line) }

// DecodeLine decodes a line without its newline. The line must not be blank. The
// rows lack the values that come from the batch.
func DecodeLine(line []byte, limits schema.Limits) (*Line, *Error) {
	w := &walker{line: line, dec: json.NewDecoder(bytes.NewReader(line))}
	w.remaining = map[string]int{
		"locations": limits.Locations, "detections": limits.Detections,
		"tags": limits.Tags, "unknown fields": limits.UnknownFields,
	}
	w.dec.UseNumber()
	v, closing, err := w.document()
	if err != nil {
		return nil, err
	}
	out, ok := project(v)
	if !ok {
		return nil, &Error{schema.IntegerRange, closing}
	}
	// Text after the object is an error only if the object has none.
	if i := skipAny(line, closing+1, " \t\r"); i < len(line) {
		return nil, &Error{schema.TrailingText, i}
	}
	if !json.Valid(line) {
		panic("reference: accepted what is not JSON")
	}
	out.Unknown = w.counts
	out.Result["unrecognized"] = w.unrecognized()
	return out, nil
}

// skipAny returns the first index at or after i of a byte that is not in set.
func skipAny(line []byte, i int, set string) int {
	for i < len(line) && strings.IndexByte(set, line[i]) >= 0 {
		i++
	}
	return i
}

// walker reads the tokens of one line in order and stops at the first error.
type walker struct {
	line []byte
	dec  *json.Decoder

	paths  []string          // paths of the unknown fields, by first appearance
	raw    map[string]string // the last raw value, by path
	counts map[string]int64  // by path, with [] for indexes

	remaining map[string]int // how many more values the line may have, by limit
}

// token is a token of encoding/json: line[start:end].
type token struct {
	json.Token
	start, end int
}

func (t token) isDelim(d json.Delim) bool { return t.Token == d }

// next returns the next token. Its errors are Malformed and, in a string that is also
// malformed later, InvalidUTF8.
func (w *walker) next() (token, *Error) {
	start := skipAny(w.line, int(w.dec.InputOffset()), " \t\r,:")
	t, err := w.dec.Token()
	if err == nil {
		return token{t, start, int(w.dec.InputOffset())}, nil
	}
	end := malformedAt(w.line)
	if start < end && w.line[start] == '"' {
		if i := badTextAt(w.line[start+1 : end]); i >= 0 {
			return token{}, &Error{schema.InvalidUTF8, start + 1 + i}
		}
	}
	return token{}, &Error{schema.Malformed, end}
}

// malformedAt returns the offset of the first byte that can't follow the bytes before
// it in JSON. For a line that ends too early it returns the line's length.
func malformedAt(line []byte) int {
	// NUL is not allowed anywhere, so a NUL at the end always gives an error. An error
	// about the end of the input, which has the offset of the last byte, can't occur.
	var discard json.RawMessage
	err := json.Unmarshal(append(bytes.Clone(line), 0), &discard)
	return int(err.(*json.SyntaxError).Offset) - 1
}

// document walks the line's object. It returns the offset of its closing brace.
func (w *walker) document() (object map[string]any, closing int, err *Error) {
	t, err := w.next()
	if err != nil {
		return nil, 0, err
	}
	if !t.isDelim('{') {
		return nil, 0, &Error{schema.NotObject, t.start}
	}
	v, err := w.object(knownLine, path{}, 1)
	return v, int(w.dec.InputOffset()) - 1, err
}

var knownLine = line()

// value walks the value of the known field f. Its first token is t. If it is an array
// or object, it is nested at depth. The result is nil for null, a string for a text,
// int64 for an integer, Micros for a time, and so on.
func (w *walker) value(f *field, t token, at path, depth int) (any, *Error) {
	wrongType := &Error{schema.WrongType, t.start}
	if t.Token == nil {
		return nil, nil
	}
	if _, opens := t.Token.(json.Delim); opens && depth > schema.MaxNesting {
		return nil, &Error{schema.Nesting, t.start}
	}
	s, isString := t.Token.(string)
	switch f.kind {
	case textKind:
		if !isString {
			return nil, wrongType
		}
		if i := badTextAt(w.line[t.start+1 : t.end-1]); i >= 0 {
			return nil, &Error{schema.InvalidUTF8, t.start + 1 + i}
		}
		return s, nil

	case integerKind, integer32Kind:
		if n, ok := t.Token.(json.Number); ok {
			s = n.String()
		}
		bits := 64
		if f.kind == integer32Kind {
			bits = 32
		}
		v, isInteger, fits := parseInteger(s, bits)
		if !isInteger {
			return nil, wrongType
		}
		if !fits {
			return nil, &Error{schema.IntegerRange, t.start}
		}
		return v, nil

	case booleanKind:
		if v, ok := t.Token.(bool); ok {
			return v, nil
		}
		return nil, wrongType

	case timeKind:
		if !isString {
			return nil, wrongType
		}
		v, ok := parseTime(s)
		if !ok {
			return nil, &Error{schema.InvalidTime, t.start}
		}
		return v, nil

	case objectKind:
		if !t.isDelim('{') {
			return nil, wrongType
		}
		return w.object(f, at, depth)

	case arrayKind:
		if !t.isDelim('[') {
			return nil, wrongType
		}
		return w.array(f, at, depth)
	}
	panic("reference: no such kind")
}

// object walks an object from after its opening brace to its closing brace. It
// returns the known fields that are not null.
func (w *walker) object(f *field, at path, depth int) (map[string]any, *Error) {
	v := map[string]any{}
	seen := map[string]bool{}
	for {
		key, err := w.next()
		if err != nil {
			return nil, err
		}
		if key.isDelim('}') {
			if f.required != "" && v[f.required] == nil {
				return nil, &Error{schema.TagWithoutKey, key.start}
			}
			return v, nil
		}
		if i := badTextAt(w.line[key.start+1 : key.end-1]); i >= 0 {
			return nil, &Error{schema.InvalidUTF8, key.start + 1 + i}
		}
		name := key.Token.(string)
		known := f.fields[name]
		if known != nil && seen[name] {
			return nil, &Error{schema.DuplicateField, key.start}
		}
		seen[name] = true
		if known == nil {
			if err := w.countValue("unknown fields", key); err != nil {
				return nil, err
			}
		}

		t, err := w.next()
		if err != nil {
			return nil, err
		}
		if known == nil {
			if err := w.skip(t, depth+1); err != nil {
				return nil, err
			}
			w.keepUnknown(at.field(name), w.line[t.start:w.dec.InputOffset()])
			continue
		}
		x, err := w.value(known, t, at.field(name), depth+1)
		if err != nil {
			return nil, err
		}
		if x != nil {
			v[name] = x
		}
	}
}

// array walks an array of objects from after its opening bracket.
func (w *walker) array(f *field, at path, depth int) ([]any, *Error) {
	v := []any{}
	for {
		t, err := w.next()
		if err != nil {
			return nil, err
		}
		if t.isDelim(']') {
			return v, nil
		}
		if t.Token == nil {
			return nil, &Error{schema.WrongType, t.start}
		}
		if f.limit != "" && t.isDelim('{') {
			if err := w.countValue(f.limit, t); err != nil {
				return nil, err
			}
		}
		x, err := w.value(f.elem, t, at.element(len(v)), depth+1)
		if err != nil {
			return nil, err
		}
		v = append(v, x)
	}
}

// countValue counts the value that begins with t against a limit.
func (w *walker) countValue(limit string, t token) *Error {
	if w.remaining[limit]--; w.remaining[limit] < 0 {
		return &Error{schema.TooManyValues, t.start}
	}
	return nil
}

// skip walks the value of an unknown field, whose first token is t. It treats keys
// like other strings.
func (w *walker) skip(t token, depth int) *Error {
	switch v := t.Token.(type) {
	case string:
		if i := badTextAt(w.line[t.start+1 : t.end-1]); i >= 0 {
			return &Error{schema.InvalidUTF8, t.start + 1 + i}
		}
	case json.Delim:
		if depth > schema.MaxNesting {
			return &Error{schema.Nesting, t.start}
		}
		end := v + 2 // ASCII: [ ] are two apart, and so are { }
		for {
			t, err := w.next()
			if err != nil {
				return err
			}
			if t.isDelim(end) {
				return nil
			}
			if err := w.skip(t, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// keepUnknown keeps and counts an unknown field.
func (w *walker) keepUnknown(at path, raw []byte) {
	if w.raw == nil {
		w.raw, w.counts = map[string]string{}, map[string]int64{}
	}
	if _, ok := w.raw[at.full]; !ok {
		w.paths = append(w.paths, at.full)
	}
	w.raw[at.full] = string(raw)
	w.counts[at.normal]++
}

// unrecognized returns the value of the column unrecognized.
func (w *walker) unrecognized() any {
	if w.paths == nil {
		return nil
	}
	entries := make([]string, len(w.paths))
	for i, p := range w.paths {
		entries[i] = quote(p) + ":" + w.raw[p]
	}
	return "{" + strings.Join(entries, ",") + "}"
}

// path is the path of a field in the line: full has indexes, normal has [] instead.
type path struct{ full, normal string }

var plainKey = regexp.MustCompile(`\A[A-Za-z_][A-Za-z0-9_]*\z`)

func (p path) field(name string) path {
	switch {
	case !plainKey.MatchString(name):
		name = "[" + quote(name) + "]"
	case p.full != "":
		name = "." + name
	}
	return path{p.full + name, p.normal + name}
}

func (p path) element(i int) path {
	return path{fmt.Sprintf("%s[%d]", p.full, i), p.normal + "[]"}
}

// quote returns s as a JSON string with the fewest escapes.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < 0x20:
			fmt.Fprintf(&b, `\u%04X`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// sum adds up the values that are not nil, in order. It returns false if a partial sum
// overflows int64.
func sum(values []any) (int64, bool) {
	total := new(big.Int)
	for _, v := range values {
		if v == nil {
			continue
		}
		total.Add(total, big.NewInt(v.(int64)))
		if !total.IsInt64() {
			return 0, false
		}
	}
	return total.Int64(), true
}
