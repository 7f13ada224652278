// Package where is the language of --where: conditions on the fields of a row,
// such as
//
//	type=CREDIT_CARD_NUMBER and bucket~'^hr-' and count>=100
//
// Start with [Parse], which takes the fields that a filter may name, each a
// [Field], and [Filter.Match], which asks for the [Value] of each in a row.
// docs/summaries.md has the grammar.
package where

import (
	"maps"
	"math"
	"slices"
)

// Kind is the kind of a field's values.
type Kind uint8

// Kinds of fields.
const (
	Text Kind = iota // compared byte by byte
	Int              // 64 bits, signed
	Bool             // true and false
	Time             // microseconds since 1970 in UTC
	Map              // of texts by a key: NAME:KEY
)

// Field is what a filter may name.
type Field struct {
	Name string // letters, digits and underscores
	Kind Kind
	// Check says what is wrong with a key of a Map; nil takes every key.
	Check func(key string) error
	// Example is a Map with a key, for messages; NAME:KEY where it is empty.
	Example string
	// Values is the name of the field under which its values are documented, where
	// that isn't its own.
	Values string
	// Known, if not nil, reports whether the field can have a value although nothing
	// that was read has it.
	Known func(value string) bool
	// Spellings are other ways to write values of a Text.
	Spellings map[string]string
}

// Value is a field's value in a row. The zero Value is null.
type Value struct {
	set  bool
	num  int64
	text []byte
}

// TextValue returns a text, which the Value only refers to: it must stay as it
// is while a filter looks at it. Use it for Text and Map fields.
func TextValue(text []byte) Value { return Value{set: true, text: text} }

// IntValue returns a number, for Int fields; for Time fields the microseconds
// since 1970 in UTC.
func IntValue(n int64) Value { return Value{set: true, num: n} }

// BoolValue returns true or false, for Bool fields.
func BoolValue(b bool) Value {
	v := Value{set: true}
	if b {
		v.num = 1
	}
	return v
}

// Null reports whether the value is null.
func (v Value) Null() bool { return !v.set }

// Text returns the text of a value that is one; nil for null.
func (v Value) Text() []byte { return v.text }

// Int returns the number of a value that is one, 1 and 0 for true and false; 0
// for null.
func (v Value) Int() int64 { return v.num }

// Filter is a parsed filter. It is safe for concurrent use.
type Filter struct {
	root   node
	fields []int
	keys   map[int][]string
}

// Fields returns the fields that the filter looks at, as indexes of those that
// Parse was given, each once and in ascending order. The slice is the filter's.
func (f *Filter) Fields() []int { return f.fields }

// Keys returns the keys of a Map that the filter looks at, each once. The slice
// is the filter's.
func (f *Filter) Keys(field int) []string { return f.keys[field] }

// Match reports whether a row matches: whether the filter is true of it, as
// opposed to false or unknown. It calls get for the values it needs, with the
// index of a field, and for a Map with the key.
func (f *Filter) Match(get func(field int, key string) Value) bool {
	return f.root.eval(get) == yes
}

// truth is a value of the three-valued logic of SQL, in the order in which
// "and" takes the smallest and "or" the largest.
type truth int8

const (
	no truth = iota - 1
	unknown
	yes
)

func truthOf(b bool) truth {
	if b {
		return yes
	}
	return no
}

// node is a condition.
type node interface {
	eval(get func(field int, key string) Value) truth
}

type and []node

func (n and) eval(get func(int, string) Value) truth {
	result := yes
	for _, c := range n {
		if result = min(result, c.eval(get)); result == no {
			break
		}
	}
	return result
}

type or []node

func (n or) eval(get func(int, string) Value) truth {
	result := no
	for _, c := range n {
		if result = max(result, c.eval(get)); result == yes {
			break
		}
	}
	return result
}

type not struct{ node }

func (n not) eval(get func(int, string) Value) truth { return -n.node.eval(get) }

// operand is the field that a condition is on.
type operand struct {
	field int
	key   string
}

// isNull is true or false, never unknown.
type isNull struct{ operand }

func (n isNull) eval(get func(int, string) Value) truth {
	return truthOf(get(n.field, n.key).Null())
}

// inTexts is true of a text that is one of a set.
type inTexts struct {
	operand
	set map[string]struct{}
}

func (n inTexts) eval(get func(int, string) Value) truth {
	v := get(n.field, n.key)
	if v.Null() {
		return unknown
	}
	_, ok := n.set[string(v.text)]
	return truthOf(ok)
}

// textRange is true of a text that lies in a range.
type textRange struct {
	operand
	low, high                 string
	bottom, top               bool // there is no low, or high
	excludesLow, excludesHigh bool
}

func (n textRange) eval(get func(int, string) Value) truth {
	v := get(n.field, n.key)
	if v.Null() {
		return unknown
	}
	if n.equality() {
		return truthOf(string(v.text) == n.low)
	}
	if !n.bottom && (string(v.text) < n.low || n.excludesLow && string(v.text) == n.low) {
		return no
	}
	return truthOf(n.top || string(v.text) < n.high || !n.excludesHigh && string(v.text) == n.high)
}

// intRange is true of a number from low to high, both included. Booleans and
// times are numbers.
type intRange struct {
	operand
	low, high int64
}

func (n intRange) eval(get func(int, string) Value) truth {
	v := get(n.field, n.key)
	if v.Null() {
		return unknown
	}
	return truthOf(n.low <= v.num && v.num <= n.high)
}

// matches is true of a text that has a match of a regular expression.
type matches struct {
	operand
	re interface{ Match([]byte) bool }
}

func (n matches) eval(get func(int, string) Value) truth {
	v := get(n.field, n.key)
	if v.Null() {
		return unknown
	}
	return truthOf(n.re.Match(v.text))
}

// span is a range of numbers, both ends included: what a value in a filter
// stands for. A date stands for every microsecond of its day.
type span struct{ low, high int64 }

// rangeOf returns the numbers that are op of s; "!=" is left to a not. It is
// empty (low > high) where there are none.
func rangeOf(op string, s span) span {
	switch op {
	case "<":
		if s.low == math.MinInt64 {
			return span{1, 0}
		}
		return span{math.MinInt64, s.low - 1}
	case "<=":
		return span{math.MinInt64, s.high}
	case ">":
		if s.high == math.MaxInt64 {
			return span{1, 0}
		}
		return span{s.high + 1, math.MaxInt64}
	case ">=":
		return span{s.low, math.MaxInt64}
	}
	return s
}

// And returns a filter that is true where all of them are, which were parsed
// with the same fields. A nil one is always true; it returns nil for no other.
func And(filters ...*Filter) *Filter {
	all := &Filter{keys: make(map[int][]string)}
	var nodes and
	for _, f := range filters {
		if f == nil {
			continue
		}
		nodes = append(nodes, f.root)
		for field, keys := range f.keys {
			for _, key := range keys {
				if !slices.Contains(all.keys[field], key) {
					all.keys[field] = append(all.keys[field], key)
				}
			}
			if all.keys[field] == nil {
				all.keys[field] = []string{}
			}
		}
	}
	if nodes == nil {
		return nil
	}
	all.root, all.fields = nodes, slices.Sorted(maps.Keys(all.keys))
	return all
}
