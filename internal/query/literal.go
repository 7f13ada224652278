package query

import (
	"slices"

	"github.com/macielake/macielake/internal/awsvalues"
	"github.com/macielake/macielake/internal/nearest"
	"github.com/macielake/macielake/internal/where"
)

// literals are the texts that a filter compares fields with and that AWS doesn't
// list: each must be a value that was read, or it is a mistake. A nil one has none.
type literals struct {
	left []literal
}

type literal struct {
	where.Literal
	values map[string]struct{} // of the field, some
}

// maxValues is how many values of a field are kept to suggest the nearest.
const maxValues = 10_000

func newLiterals(f *where.Filter) *literals {
	if f == nil {
		return nil
	}
	l := &literals{}
	for _, lit := range f.Literals() {
		if !KnownValue(fields[lit.Field].name, lit.Text) {
			l.left = append(l.left, literal{lit, make(map[string]struct{})})
		}
	}
	return l
}

// KnownValue reports whether a field can have a value although nothing that was
// read has it: AWS documents it, or the field's values are ours.
func KnownValue(field, value string) bool {
	switch field {
	case "public", "unencrypted":
		return slices.Contains([]string{"yes", "no", "unknown"}, value)
	case "state":
		return value == "confirmed" || value == "unconfirmed"
	case "cause":
		return slices.Contains([]string{"limit", "none", "unknown"}, value)
	case "object_public":
		return value == "true" || value == "false"
	case "month", "date", "prefix":
		return true // a period or a place that has nothing is no mistake
	}
	return awsvalues.Contains(field, value)
}

// look looks for the literals in the row that a filter looks at.
func (l *literals) look(f *filter) {
	if l == nil || len(l.left) == 0 {
		return
	}
	l.left = slices.DeleteFunc(l.left, func(lit literal) bool {
		v := f.get(lit.Field, lit.Key)
		if v.Null() {
			return false
		}
		if string(v.Text()) == lit.Text {
			return true
		}
		if len(lit.values) < maxValues {
			lit.values[string(v.Text())] = struct{}{}
		}
		return false
	})
}

// nearestValues is how many values are suggested.
const nearestValues = 3

func (l *literals) check() error {
	if l == nil || len(l.left) == 0 {
		return nil
	}
	lit := &l.left[0]
	field := fields[lit.Field].name
	values := awsvalues.Values(field)
	for v := range lit.values {
		values = append(values, v)
	}
	slices.Sort(values)
	if lit.Key != "" {
		field += ":" + lit.Key
	}
	return &LiteralError{field, lit.Text, nearest.Names(lit.Text, slices.Compact(values), nearestValues)}
}
