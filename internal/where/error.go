package where

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// SyntaxError says where a filter is invalid, and why.
type SyntaxError struct {
	Filter string // as it was given to Parse
	// Column is the position of the first wrong character, in characters from 1; one
	// past the end if something is missing there.
	Column  int
	Problem string // what is wrong, and what is expected
	Keyless string // the Map that needs a key, if that is the problem
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("filter, column %d: %s", e.Column, e.Problem)
}

// How many characters of a long filter Caret shows before and after the column.
const (
	shownBefore = 50
	shownAfter  = 20
)

// Caret returns two lines: the filter, cut around the column if it is long, and a caret
// below the column. printable escapes a text for the terminal. width returns how many
// columns an escaped text takes.
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
	if n := suffixLength(before, shownBefore); n < len(before) {
		before = "…" + before[len(before)-n:]
	}
	if n := prefixLength(after, shownAfter); n < len(after) {
		after = after[:n] + "…"
	}
	before, after = printable(before), printable(after)
	return before + after + "\n" + strings.Repeat(" ", width(before)) + "^"
}

// suffixLength returns how many bytes the last n characters of s have.
func suffixLength(s string, n int) int {
	size := 0
	for ; n > 0 && size < len(s); n-- {
		_, k := utf8.DecodeLastRuneInString(s[:len(s)-size])
		size += k
	}
	return size
}

// prefixLength returns how many bytes the first n characters of s have.
func prefixLength(s string, n int) int {
	size := 0
	for ; n > 0 && size < len(s); n-- {
		_, k := utf8.DecodeRuneInString(s[size:])
		size += k
	}
	return size
}
