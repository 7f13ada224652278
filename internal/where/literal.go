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

// Literals are the texts that a filter compares fields with and that AWS doesn't
// list: each must be a value that was read, or it is a mistake. A nil one has none.
// It is safe for concurrent use.
type Literals struct {
	fields []Field
	left   atomic.Int64 // that weren't found yet

	mu   sync.Mutex
	list []soughtLiteral
}

type soughtLiteral struct {
	Literal
	values map[string]struct{} // of the field, some
}

// maxValues is how many values of a field are kept to suggest the nearest.
const maxValues = 10_000

// NewLiterals returns those of a filter that was parsed with fields; nil where the
// filter is nil.
func NewLiterals(f *Filter, fields []Field) *Literals {
	if f == nil {
		return nil
	}
	l := &Literals{fields: fields}
	for _, lit := range f.Literals() {
		if !fields[lit.Field].known(lit.Text) {
			l.list = append(l.list, soughtLiteral{lit, make(map[string]struct{})})
		}
	}
	l.left.Store(int64(len(l.list)))
	return l
}

// known reports whether the field can have a value although nothing that was read
// has it: AWS documents it, or the field's values are ours.
func (f *Field) known(value string) bool {
	if f.Known != nil {
		return f.Known(value)
	}
	switch f.valuesOf() {
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
		return true // a period or a place that has nothing is no mistake
	}
	return awsvalues.Contains(f.valuesOf(), value)
}

// valuesOf is the name under which the field's values are documented.
func (f *Field) valuesOf() string { return cmp.Or(f.Values, f.Name) }

// Left reports whether a literal has not been found yet.
func (l *Literals) Left() bool { return l != nil && l.left.Load() > 0 }

// Fields are the fields of the literals that haven't been found yet, ascending.
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

// Look looks for the literals in a row, which get gives as for [Filter.Match].
func (l *Literals) Look(get func(field int, key string) Value) {
	if !l.Left() {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = slices.DeleteFunc(l.list, func(lit soughtLiteral) bool {
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

// Check returns a *LiteralError for the first literal that was not found; nil if
// there is none.
func (l *Literals) Check() error {
	if !l.Left() {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	lit := &l.list[0]
	field := &l.fields[lit.Field]
	values := awsvalues.Values(field.valuesOf())
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

// LiteralError says that a filter compares a field with a value that nothing has.
type LiteralError struct {
	Field, Value string
	Nearest      []string // values that there are
}

func (e *LiteralError) Error() string {
	return fmt.Sprintf("no %s is %q in what was read", e.Field, e.Value)
}

// Suggestion returns the nearest values as a hint. Printable escapes one of them.
func (e *LiteralError) Suggestion(printable func(string) string) string {
	values := make([]string, len(e.Nearest))
	for i, v := range e.Nearest {
		values[i] = printable(v)
	}
	if len(values) == 0 {
		return "nothing that was read has a value there"
	}
	return nearest.Suggestion(e.Value, values)
}
