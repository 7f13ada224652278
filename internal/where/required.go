package where

import (
	"maps"
	"slices"
)

// Condition says that a field is one of some texts, or a number in a range.
type Condition struct {
	Field     int      // index of the fields given to Parse
	Texts     []string // sorted; nil for a number
	Low, High int64    // of a number, both included
}

// Required returns conditions that every matching row meets, so that readers can skip
// files and row groups without such rows. It doesn't find all conditions.
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
