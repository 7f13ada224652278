// Package nearest suggests the names that a mistyped one may stand for.
//
// Names ranks, and Suggestion makes the words of an error message. Both are
// pure and safe for concurrent use.
package nearest

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
)

// maxRunes bounds the compared length of a name, so that a hostile one can't
// take quadratic time. Names that differ only after it are equally near.
const maxRunes = 64

// Names returns at most n of the candidates, the nearest to name first and
// equally near ones in the order of candidates. Letter case, spaces and
// punctuation don't count. An edit inserts, deletes or replaces a character or
// swaps two adjacent ones: fewer edits are nearer, and of equally many the longer
// common beginning. A name that contains another is nearer than one that needs
// two edits. The caller keeps both arguments.
func Names(name string, candidates []string, n int) []string {
	type ranked struct {
		name string
		cost int
	}
	wanted := reduce(name)
	all := make([]ranked, len(candidates))
	for i, c := range candidates {
		all[i] = ranked{c, cost(wanted, reduce(c))}
	}
	slices.SortStableFunc(all, func(a, b ranked) int { return cmp.Compare(a.cost, b.cost) })
	names := make([]string, 0, max(0, min(n, len(all))))
	for _, r := range all[:cap(names)] {
		names = append(names, r.name)
	}
	return names
}

// Suggestion returns the nearest three candidates as a question for the end of
// an error message: "did you mean severity, size or status?". Without
// candidates it returns an empty text. Candidates are shown as they are: escape
// those that come from input first.
func Suggestion(name string, candidates []string) string {
	names := Names(name, candidates, 3)
	switch len(names) {
	case 0:
		return ""
	case 1:
		return "did you mean " + names[0] + "?"
	}
	last := len(names) - 1
	return "did you mean " + strings.Join(names[:last], ", ") + " or " + names[last] + "?"
}

// reduce leaves of a name the letters and digits, in lower case.
func reduce(name string) []rune {
	reduced := make([]rune, 0, min(len(name), maxRunes))
	for _, r := range name {
		if len(reduced) == maxRunes {
			break
		}
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			reduced = append(reduced, unicode.ToLower(r))
		}
	}
	return reduced
}

const editCost = 100

// cost is how far apart two reduced names are. An edit costs more than any
// difference in length does where one name contains the other, and than any
// common beginning is worth.
func cost(a, b []rune) int {
	c := editCost*edits(a, b) - common(a, b)
	short, long := a, b
	if len(short) > len(long) {
		short, long = long, short
	}
	if len(short) < 2 {
		return c
	}
	if i := index(long, short); i >= 0 {
		extra := editCost + len(long) - len(short)
		if i > 0 {
			extra += editCost / 2 // a common beginning is nearer
		}
		return min(c, extra)
	}
	return c
}

// common is the length of the common beginning.
func common(a, b []rune) int {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}

// index is where part first occurs in whole; -1 if it doesn't.
func index(whole, part []rune) int {
	for i := 0; i+len(part) <= len(whole); i++ {
		if slices.Equal(whole[i:i+len(part)], part) {
			return i
		}
	}
	return -1
}

// edits is the number of edits between a and b (optimal string alignment).
func edits(a, b []rune) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			replaced := last[j-1]
			if a[i-1] != b[j-1] {
				replaced++
			}
			row[j] = min(replaced, last[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
