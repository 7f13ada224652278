// Package where parses and evaluates --where filters: conditions on the fields of a
// row, such as
//
//	type=CREDIT_CARD_NUMBER and bucket~'^hr-' and count>=100
//
// Start with [Parse], which takes the [Field] values that a filter may name. Then
// [Filter.Match] asks for the [Value] of each field of a row. docs/summaries.md has
// the grammar.
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
	Bool             // true or false
	Time             // microseconds since 1970 in UTC
	Map              // from keys to texts; a filter writes NAME:KEY
)

// Field is a field that a filter may name.
type Field struct {
	Name string // letters, digits and underscores
	Kind Kind
	// Check returns an error for an invalid key of a Map; nil accepts every key.
	Check func(key string) error
	// Example is the field with a key, such as tag:Owner, for messages about a Map;
	// empty for NAME:KEY.
	Example string
	// Values is the name under which internal/awsvalues has the field's values; empty
	// if that is Name.
	Values string
	// Known, if not nil, reports whether a value is valid even though no row has it.
	Known func(value string) bool
	// Spellings maps other ways to write values of a Text to the values.
	Spellings map[string]string
}

// Value is a field's value in a row. The zero Value is null.
type Value struct {
	set  bool
	num  int64
	text []byte
}

// TextValue returns a value for Text and Map fields. It shares the bytes of text,
// which must not change while the value is in use.
func TextValue(text []byte) Value { return Value{set: true, text: text} }

// IntValue returns a value for Int fields, and for Time fields: microseconds since 1970
// in UTC.
func IntValue(n int64) Value { return Value{set: true, num: n} }

// BoolValue returns a value for Bool fields.
func BoolValue(b bool) Value {
	v := Value{set: true}
	if b {
		v.num = 1
	}
	return v
}

// Null reports whether the value is null.
func (v Value) Null() bool { return !v.set }

// Text returns the text of a value of TextValue, which it shares; nil for null.
func (v Value) Text() []byte { return v.text }

// Int returns the number of a value of IntValue; 1 for true; 0 for false and null.
func (v Value) Int() int64 { return v.num }

// Filter is a parsed filter. It is safe for concurrent use.
type Filter struct {
	root   node
	fields []int
	keys   map[int][]string
}

// Fields returns the fields that the filter uses, as indexes of the fields given to
// Parse: each once, in ascending order. Don't change the slice.
func (f *Filter) Fields() []int { return f.fields }

// Keys returns the keys of a Map that the filter uses, each once. Don't change the
// slice.
func (f *Filter) Keys(field int) []string { return f.keys[field] }

// Match reports whether the filter is true for a row, rather than false or unknown. It
// calls get for the values that it needs, with the index of a field and the key of a
// Map.
func (f *Filter) Match(get func(field int, key string) Value) bool {
	return f.root.eval(get) == yes
}

// truth is a value of the three-valued logic of SQL. They are ordered: "and" is the
// smallest of its operands, "or" the largest.
type truth int8

const (
	no truth = iota - 1
	unknown
	yes
)

func newTruth(b bool) truth {
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

// operand is the field that a condition compares.
type operand struct {
	field int
	key   string
}

// isNull is true if the value is null. It is never unknown.
type isNull struct{ operand }

func (n isNull) eval(get func(int, string) Value) truth {
	return newTruth(get(n.field, n.key).Null())
}

// inTexts is true for the texts in a set.
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
	return newTruth(ok)
}

// textRange is true for the texts in a range.
type textRange struct {
	operand
	low, high                 string
	noLow, noHigh             bool // the range has no such end
	excludesLow, excludesHigh bool
}

func (n textRange) eval(get func(int, string) Value) truth {
	v := get(n.field, n.key)
	if v.Null() {
		return unknown
	}
	if n.equality() {
		return newTruth(string(v.text) == n.low)
	}
	if !n.noLow && (string(v.text) < n.low || n.excludesLow && string(v.text) == n.low) {
		return no
	}
	return newTruth(n.noHigh || string(v.text) < n.high || !n.excludesHigh && string(v.text) == n.high)
}

// intRange is true for the numbers from low to high, both included. Booleans and times
// are numbers, too.
type intRange struct {
	operand
	low, high int64
}

func (n intRange) eval(get func(int, string) Value) truth {
	v := get(n.field, n.key)
	if v.Null() {
		return unknown
	}
	return newTruth(n.low <= v.num && v.num <= n.high)
}

// matchRegexp is true for the texts that a regular expression matches.
type matchRegexp struct {
	operand
	re interface{ Match([]byte) bool }
}

func (n matchRegexp) eval(get func(int, string) Value) truth {
	v := get(n.field, n.key)
	if v.Null() {
		return unknown
	}
	return newTruth(n.re.Match(v.text))
}

// span is the range of numbers, both ends included, that a value in a filter stands
// for. A date stands for every microsecond of its day.
type span struct{ low, high int64 }

// compareSpan returns the numbers x for which "x op s" is true. If no number is, the
// span is empty: low > high. The parser replaces "!=" by "=" and a not.
func compareSpan(op string, s span) span {
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

// And returns a filter that is true where all filters are. They must have been parsed
// with the same fields. A nil filter is always true; if all are nil, so is the result.
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
