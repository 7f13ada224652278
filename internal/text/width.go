package text

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// Width is how many columns a terminal takes for printable text: two for wide
// and fullwidth characters (Unicode Standard Annex 11), none for marks on the
// character before.
func Width(s string) int {
	n := 0
	for _, r := range s {
		n += runeWidth(r)
	}
	return n
}

func runeWidth(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me):
		return 0
	case 0x1160 <= r && r <= 0x11ff: // vowels and ends of a Hangul syllable, after its beginning
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// Fit returns printable text as it is if it takes at most columns, else its
// beginning and an ellipsis, in at most that.
func Fit(s string, columns int) string {
	if len(s) <= columns || Width(s) <= columns {
		return s
	}
	if columns <= 0 {
		return ""
	}
	end, used := 0, 0
	for i, r := range s {
		if used += runeWidth(r); used > columns-1 {
			break
		}
		end = i + utf8.RuneLen(r)
	}
	return s[:end] + "…"
}

// Pad fills printable text with spaces up to columns.
func Pad(s string, columns int) string {
	return s + strings.Repeat(" ", max(0, columns-Width(s)))
}

// PadLeft fills printable text with spaces before it, as numbers are.
func PadLeft(s string, columns int) string {
	return strings.Repeat(" ", max(0, columns-Width(s))) + s
}
