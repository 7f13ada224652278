// Package text renders answers: values made fit for people, tables and documents,
// for terminals, pipes and files.
//
// Values: [Printable] for anything that comes from outside, [Short] for what may be
// long, [Count], [Plural] and [Bytes] for numbers, [Width], [Fit] and [Pad] for
// columns, [Screen] for where it all goes.
//
// Tables: [NewTable] writes rows as a table, JSON, NDJSON, CSV or Markdown.
// docs/summaries.md has the formats.
//
// Documents: a [Document] is made of lines, sections and tables, and is written for
// a terminal, a pipe, or as Markdown. Whatever it is given is shown, never acts.
package text

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// maxMarks is how many combining marks may follow each other: no language needs
// more, and a tower of them covers the lines above and below.
const maxMarks = 4

// Printable returns s with everything escaped that could move a terminal's
// cursor, change its state or the order of what is read, or be there without
// being seen: control characters, bidirectional and other format characters,
// what has no width of its own (also a combining mark that has nothing to
// combine with), spaces but U+0020, and bytes that are not UTF-8.
func Printable(s string) string {
	var out strings.Builder
	marks := maxMarks // in a row; at the beginning there is nothing to mark
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&out, `\x%02x`, s[i])
			marks = 0
		case unicode.Is(unicode.M, r) && marks < maxMarks && !invisible(r):
			out.WriteString(s[i : i+n])
			marks++
		case unicode.IsPrint(r) && !unicode.Is(unicode.M, r) && !invisible(r):
			out.WriteString(s[i : i+n])
			marks = 0
		default:
			writeEscape(&out, r)
			marks = 0
		}
		i += n
	}
	return out.String()
}

func writeEscape(out *strings.Builder, r rune) {
	switch {
	case r < 0x80:
		fmt.Fprintf(out, `\x%02x`, r)
	case r < 0x10000:
		fmt.Fprintf(out, `\u%04x`, r)
	default:
		fmt.Fprintf(out, `\U%08x`, r)
	}
}

// invisible reports whether a character that Unicode counts among letters,
// marks or symbols shows nothing: fillers, variation selectors, blanks.
func invisible(r rune) bool {
	const brailleBlank = 0x2800
	return r == brailleBlank || unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// maxShort is how many bytes Short leaves.
const maxShort = 1000

// Short returns s, or of a very long one its beginning: names that come from
// outside may have any length.
func Short(s string) string {
	if len(s) <= maxShort {
		return s
	}
	end := maxShort
	for end > maxShort-utf8.UTFMax && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}

// Count returns n with its digits grouped by three: 1,234,567.
func Count[T int | int64](n T) string { return Thousands(strconv.FormatInt(int64(n), 10)) }

// Thousands groups the digits of a number by three.
func Thousands(s string) string {
	first := 0
	if strings.HasPrefix(s, "-") {
		first = 1
	}
	var out strings.Builder
	for i, c := range s {
		if left := len(s) - i; i > first && left%3 == 0 {
			out.WriteByte(',')
		}
		out.WriteRune(c)
	}
	return out.String()
}

// Plural returns a count of things, which get an s unless there is one: 1 object,
// 2 objects. A thing that ends in a consonant and y gets ies: 2 entries.
func Plural[T int | int64](n T, thing string) string {
	switch {
	case n == 1:
	case len(thing) > 1 && thing[len(thing)-1] == 'y' && !strings.ContainsRune("aeiou", rune(thing[len(thing)-2])):
		thing = thing[:len(thing)-1] + "ies"
	default:
		thing += "s"
	}
	return Count(n) + " " + thing
}

// Bytes returns n bytes in decimal units: 1.2 GB.
func Bytes(n int64) string {
	const units = "kMGTPE"
	if n < 1000 {
		return strconv.FormatInt(n, 10) + " B"
	}
	v, u := float64(n)/1000, 0
	for v >= 999.95 && u < len(units)-1 {
		v /= 1000
		u++
	}
	return fmt.Sprintf("%.1f %cB", v, units[u])
}

// EscapeJSON returns JSON with every character escaped that Printable escapes: it means
// the same, and may go to a terminal. In valid JSON such characters stand in
// strings alone, but for white space between values.
func EscapeJSON(data []byte) []byte {
	out := make([]byte, 0, len(data))
	for i := 0; i < len(data); {
		r, n := utf8.DecodeRune(data[i:])
		switch {
		case r == '\n' || r == ' ' || unicode.IsPrint(r) && !invisible(r) && (r != utf8.RuneError || n > 1):
			out = append(out, data[i:i+n]...)
		case r >= 0x10000:
			high, low := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		i += n
	}
	return out
}

// Age returns how long ago something was, in the largest unit that fits: 3 days. A
// time that is still to come has an age of 0 minutes.
func Age(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return Plural(int64(d/(24*time.Hour)), "day")
	case d >= 2*time.Hour:
		return Plural(int64(d/time.Hour), "hour")
	}
	return Plural(int64(max(d, 0)/time.Minute), "minute")
}

// Time returns a time in UTC for people: 2026-11-22 08:00:00 UTC.
func Time(t time.Time) string { return t.UTC().Format(time.DateTime) + " UTC" }
