package where

import (
	"maps"
	"slices"
)

// Condition is a condition on a field: that it is one of some texts, or a number
// in a range.
type Condition struct {
	Field int
	// Texts are in order, and nil for a number.
	Texts     []string
	Low, High int64 // both included
}

// Required returns conditions that every row meets for which the filter is true,
// so that who can tell cheaply where no row does need not look there. There may
// be others that it doesn't find.
func (f *Filter) Required() []Condition { return appendRequired(nil, f.root) }

func appendRequired(conditions []Condition, n node) []Condition {
	switch n := n.(type) {
	case and:
		for _, c := range n {
			conditions = appendRequired(conditions, c)
		}
	case inTexts:
		if n.key == "" { // not a map's value
			conditions = append(conditions, Condition{Field: n.field, Texts: slices.Sorted(maps.Keys(n.set))})
		}
	case textRange:
		if n.key == "" && n.equality() {
			conditions = append(conditions, Condition{Field: n.field, Texts: []string{n.low}})
		}
	case intRange:
		conditions = append(conditions, Condition{Field: n.field, Low: n.low, High: n.high})
	}
	return conditions
}
