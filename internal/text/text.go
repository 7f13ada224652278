// Package text makes values fit for people and terminals: [Printable] for
// anything that comes from outside, [Short] for what may be long, [Count] and [Bytes] for numbers.
package text

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Printable returns s with everything escaped that could move a terminal's
// cursor, change its state or the order of what is read: control characters,
// bidirectional and other format characters, and bytes that are not UTF-8.
func Printable(s string) string {
	var out strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&out, `\x%02x`, s[i])
		case r == '\\' || r == ' ' || unicode.IsPrint(r):
			out.WriteString(s[i : i+n])
		case r < 0x80:
			fmt.Fprintf(&out, `\x%02x`, r)
		case r < 0x10000:
			fmt.Fprintf(&out, `\u%04x`, r)
		default:
			fmt.Fprintf(&out, `\U%08x`, r)
		}
		i += n
	}
	return out.String()
}

// maxShort is how many bytes Short leaves.
const maxShort = 1000

// Short returns s, or of a very long one its beginning: names that come from
// outside may have any length.
func Short(s string) string {
	if len(s) <= maxShort {
		return s
	}
	return s[:maxShort] + "…"
}

// Count returns n with thin groups of three digits: 1,234,567.
func Count(n int64) string {
	s := strconv.FormatInt(n, 10)
	first := len(s)
	if n < 0 {
		first--
	}
	var out strings.Builder
	for i, c := range s {
		if left := len(s) - i; i > 0 && left%3 == 0 && left < first {
			out.WriteByte(',')
		}
		out.WriteRune(c)
	}
	return out.String()
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
