package where

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/macielake/macielake/internal/awsvalues"
	"github.com/macielake/macielake/internal/nearest"
)

// Literal is a text that a filter compares a field with, by =, != or in.
type Literal struct {
	Field int    // index of the fields given to Parse
	Key   string // of a Map
	Text  string
}

// Literals returns the texts that the filter compares fields with, in the order of the
// filter.
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
	return n.low == n.high && !n.noLow && !n.noHigh && !n.excludesLow && !n.excludesHigh
}

// Literals finds misspelled texts in a filter: if no row has a text, and it isn't a
// documented value, it is probably a mistake. A nil *Literals has none. It is safe for
// concurrent use.
type Literals struct {
	fields []Field
	left   atomic.Int64 // length of list

	mu   sync.Mutex
	list []missingLiteral
}

// missingLiteral is a literal that no row has so far.
type missingLiteral struct {
	Literal
	values map[string]struct{} // of the field in other rows, at most maxValues
}

// maxValues is how many values per literal are kept, to suggest the nearest ones.
const maxValues = 10_000

// NewLiterals returns the literals to look for, of a filter that was parsed with
// fields. For a nil filter it returns nil.
func NewLiterals(f *Filter, fields []Field) *Literals {
	if f == nil {
		return nil
	}
	l := &Literals{fields: fields}
	for _, lit := range f.Literals() {
		if !fields[lit.Field].known(lit.Text) {
			l.list = append(l.list, missingLiteral{lit, make(map[string]struct{})})
		}
	}
	l.left.Store(int64(len(l.list)))
	return l
}

// known reports whether a value is valid even though no row has it: AWS documents it,
// or macielake defines it.
func (f *Field) known(value string) bool {
	if f.Known != nil {
		return f.Known(value)
	}
	switch f.valuesName() {
	case "public", "unencrypted":
		return slices.Contains([]string{"yes", "no", "unknown"}, value)
	case "state":
		return value == "confirmed" || value == "unconfirmed"
	case "cause":
		return slices.Contains([]string{"limit", "none", "unknown"}, value)
	case "object_public":
		return value == "true" || value == "false"
	case "location_kind":
		return slices.Contains([]string{"cell", "line", "offset", "page", "record"}, value)
	case "month", "date", "prefix":
		return true // a period or prefix without rows is no mistake
	}
	return awsvalues.Contains(f.valuesName(), value)
}

// valuesName returns the name under which awsvalues has the field's values.
func (f *Field) valuesName() string { return cmp.Or(f.Values, f.Name) }

// Left reports whether there is a literal that no row has so far.
func (l *Literals) Left() bool { return l != nil && l.left.Load() > 0 }

// Fields returns the fields of the literals that no row has so far, as indexes of the
// fields given to Parse: each once, in ascending order.
func (l *Literals) Fields() []int {
	if !l.Left() {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var fields []int
	for _, lit := range l.list {
		fields = append(fields, lit.Field)
	}
	slices.Sort(fields)
	return slices.Compact(fields)
}

// Look looks for the literals in a row. get is as in [Filter.Match].
func (l *Literals) Look(get func(field int, key string) Value) {
	if !l.Left() {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = slices.DeleteFunc(l.list, func(lit missingLiteral) bool {
		v := get(lit.Field, lit.Key)
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
	l.left.Store(int64(len(l.list)))
}

// nearestValues is how many values are suggested.
const nearestValues = 3

// Check returns a *LiteralError for the first literal that no row has; nil if all were
// found. Call it after the last row.
func (l *Literals) Check() error {
	if !l.Left() {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	lit := &l.list[0]
	field := &l.fields[lit.Field]
	values := awsvalues.Values(field.valuesName())
	for v := range lit.values {
		values = append(values, v)
	}
	slices.Sort(values)
	name := field.Name
	if lit.Key != "" {
		name += ":" + lit.Key
	}
	return &LiteralError{name, lit.Text, nearest.Names(lit.Text, slices.Compact(values), nearestValues)}
}

// LiteralError says that a filter compares a field with a value that no row has.
type LiteralError struct {
	Field   string // with the key of a Map, such as bucket_tag:Owner
	Value   string
	Nearest []string // similar values that rows have or AWS documents
}

func (e *LiteralError) Error() string {
	return fmt.Sprintf("no row has the %s %q", e.Field, e.Value)
}

// Suggestion returns a hint with the nearest values. printable escapes a value for the
// terminal.
func (e *LiteralError) Suggestion(printable func(string) string) string {
	values := make([]string, len(e.Nearest))
	for i, v := range e.Nearest {
		values[i] = printable(v)
	}
	if len(values) == 0 {
		return "no row has a value in this field"
	}
	return nearest.Suggestion(e.Value, values)
}
