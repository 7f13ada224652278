package where

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// SyntaxError says where a filter can't be understood, and why.
type SyntaxError struct {
	Filter  string // as it was given
	Column  int    // of the first character that is wrong, from 1, in characters; past the end where something is missing
	Problem string // what is wrong, and what would be right
	Keyless string // the field of tags that needs a key, if that is what is wrong
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("filter, column %d: %s", e.Column, e.Problem)
}

// Caret widths: how much of a long filter is shown around the column.
const (
	shownBefore = 50
	shownAfter  = 20
)

// Caret returns the filter, or of a long one what is around the column, and
// below it a line with a caret under the column. printable escapes a piece of
// text for whoever reads it, and width is how many columns an escaped piece
// takes.
func (e *SyntaxError) Caret(printable func(string) string, width func(string) int) string {
	offset := len(e.Filter)
	column := 1
	for i := range e.Filter {
		if column == e.Column {
			offset = i
			break
		}
		column++
	}
	before, after := e.Filter[:offset], e.Filter[offset:]
	if cut := cutFront(before, shownBefore); cut < len(before) {
		before = "…" + before[len(before)-cut:]
	}
	if cut := cutBack(after, shownAfter); cut < len(after) {
		after = after[:cut] + "…"
	}
	before, after = printable(before), printable(after)
	return before + after + "\n" + strings.Repeat(" ", width(before)) + "^"
}

// cutFront is how many bytes the last n characters of s have.
func cutFront(s string, n int) int {
	size := 0
	for ; n > 0 && size < len(s); n-- {
		_, k := utf8.DecodeLastRuneInString(s[:len(s)-size])
		size += k
	}
	return size
}

// cutBack is how many bytes the first n characters of s have.
func cutBack(s string, n int) int {
	size := 0
	for ; n > 0 && size < len(s); n-- {
		_, k := utf8.DecodeRuneInString(s[size:])
		size += k
	}
	return size
}
