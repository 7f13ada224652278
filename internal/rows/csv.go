package rows

import (
	"bytes"
	"strconv"
	"unicode"
	"unicode/utf8"

	"github.com/macielake/macielake/pkg/schema"
)

// CSVOptions are how rows become CSV.
type CSVOptions struct {
	// Raw leaves cells as they are that a spreadsheet would take for formulas.
	Raw bool
	// Printable, if not nil, is applied to texts, for a terminal.
	Printable func(string) string
}

// NewCSV returns an encoder of rows to CSV (RFC 4180): a header, records that end
// with CR LF, and quotes only where they are needed. Null is an empty cell and an
// empty text is "". Times are texts as RFC 3339 has them with microseconds and Z,
// maps JSON objects.
//
// A text that begins with one of = + - @ tab CR LF, and is no number, gets an
// apostrophe before it, so that spreadsheets don't run what an attacker wrote
// into a key or a name, unless Raw is set.
func NewCSV(columns []schema.Column, o CSVOptions) *TextEncoder {
	return &TextEncoder{columns: columns, format: &csvFormat{CSVOptions: o, columns: columns}}
}

type csvFormat struct {
	CSVOptions
	columns []schema.Column
	scratch []byte
}

func (f *csvFormat) header(dst []byte) []byte {
	for i, c := range f.columns {
		dst = append(f.begin(dst, i), c.Name...)
	}
	return f.end(dst)
}

func (f *csvFormat) begin(dst []byte, column int) []byte {
	if column > 0 {
		dst = append(dst, ',')
	}
	return dst
}

func (f *csvFormat) end(dst []byte) []byte { return append(dst, "\r\n"...) }

func (f *csvFormat) value(dst []byte, t schema.Type, v Value) []byte {
	if !v.Set {
		if len(f.columns) == 1 {
			// A record without a single byte would be a blank line, which readers
			// pass over.
			return append(dst, `""`...)
		}
		return dst
	}
	switch t {
	case schema.Text:
		return f.text(dst, v.Text)
	case schema.Bool:
		return strconv.AppendBool(dst, v.Bool)
	case schema.Timestamp:
		return appendTime(dst, v.Int)
	case schema.Map:
		f.scratch = appendJSONMap(f.scratch[:0], v.Map)
		return appendCell(dst, f.scratch, false)
	}
	return strconv.AppendInt(dst, v.Int, 10)
}

func (f *csvFormat) text(dst, s []byte) []byte { return AppendCSVText(dst, s, f.CSVOptions) }

// AppendCSVText appends a text that is not null as a cell, as NewCSV has them.
func AppendCSVText(dst, s []byte, o CSVOptions) []byte {
	apostrophe := !o.Raw && isFormula(s)
	if o.Printable != nil {
		s = []byte(o.Printable(string(s)))
	}
	return appendCell(dst, s, apostrophe)
}

// isFormula reports whether a spreadsheet may take a cell for a formula. Programs
// and imports drop what is invisible before it, such as spaces and byte order
// marks, and some take the full-width signs for the plain ones.
func isFormula(s []byte) bool {
	if len(s) > 0 && bytes.IndexByte([]byte("\t\r\n"), s[0]) >= 0 {
		return true
	}
	s = bytes.TrimLeftFunc(s, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r)
	})
	switch sign, _ := utf8.DecodeRune(s); sign {
	case '=', '+', '-', '@', '＝', '＋', '－', '＠', '\u2212':
		return !isNumber(s)
	}
	return false
}

// isNumber reports whether s is a decimal number with a sign.
func isNumber(s []byte) bool {
	if s[0] != '+' && s[0] != '-' {
		return false
	}
	digits, point := 0, false
	for _, c := range s[1:] {
		switch {
		case '0' <= c && c <= '9':
			digits++
		case c == '.' && !point && digits > 0:
			point = true
			digits = 0
		default:
			return false
		}
	}
	return digits > 0
}

// appendCell appends a cell, in quotes where it needs them: so that it isn't
// taken for null, and that no reader cuts it at a comma, a quote, a line's end
// or white space around it.
func appendCell(dst, s []byte, apostrophe bool) []byte {
	if len(s) > 0 && !apostrophe && !bytes.ContainsAny(s, ",\"\r\n") && !isSpace(s[0]) && !isSpace(s[len(s)-1]) {
		return append(dst, s...)
	}
	dst = append(dst, '"')
	if apostrophe {
		dst = append(dst, '\'')
	}
	for {
		i := bytes.IndexByte(s, '"')
		if i < 0 {
			return append(append(dst, s...), '"')
		}
		dst = append(append(dst, s[:i]...), `""`...)
		s = s[i+1:]
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' }
