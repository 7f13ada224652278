package where

import (
	"maps"
	"slices"
)

// Literal is a text that a filter compares a field with, by = != or in.
type Literal struct {
	Field int
	Key   string // of a Map
	Text  string
}

// Literals returns the texts that the filter compares fields with.
func (f *Filter) Literals() []Literal { return appendLiterals(nil, f.root) }

func appendLiterals(list []Literal, n node) []Literal {
	switch n := n.(type) {
	case and:
		for _, c := range n {
			list = appendLiterals(list, c)
		}
	case or:
		for _, c := range n {
			list = appendLiterals(list, c)
		}
	case not:
		return appendLiterals(list, n.node)
	case inTexts:
		for _, text := range slices.Sorted(maps.Keys(n.set)) {
			list = append(list, Literal{n.field, n.key, text})
		}
	case textRange:
		if n.equality() {
			list = append(list, Literal{n.field, n.key, n.low})
		}
	}
	return list
}

// equality reports whether the range is a single text.
func (n textRange) equality() bool {
	return n.low == n.high && !n.bottom && !n.top && !n.excludesLow && !n.excludesHigh
}
