// Package awsvalues holds the values that AWS documents for fields of Macie's
// discovery results, and the severity that Macie gives to each type of sensitive
// data: one dated file, values.txt, which names its sources. AWS adds values all
// the time, so a value that is missing here is not wrong.
//
// [Values] lists those of a field, and [TypeSeverity] rates a type and a count.
// All functions are safe for concurrent use.
package awsvalues

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"sync"
)

//go:embed values.txt
var file string

// Severity is a severity as Macie scores it: 1 Low, 2 Medium, 3 High. The zero
// Severity is none.
type Severity int

// Severities.
const (
	Low Severity = iota + 1
	Medium
	High
)

// String returns the severity as results spell it, and an empty text for none.
func (s Severity) String() string {
	switch s {
	case Low:
		return "Low"
	case Medium:
		return "Medium"
	case High:
		return "High"
	}
	return ""
}

// SeverityNamed returns the severity that results spell so; 0 where it is
// another text.
func SeverityNamed(name string) Severity {
	for s := Low; s <= High; s++ {
		if s.String() == name {
			return s
		}
	}
	return 0
}

// Counts from which the second and the third severity of a type apply.
const (
	FromSecond = 2
	FromThird  = 100
)

// Group is a set of types with the same severities.
type Group struct {
	// Severities are those of one occurrence, from FromSecond, and from FromThird.
	Severities [3]Severity
	// Types are the managed data identifiers, sorted.
	Types []string
}

// list is the parsed file.
type list struct {
	date   string
	fields map[string][]string
	types  map[string][3]Severity
}

// parsed parses the file once. Its contents are fixed when the program is built,
// and a test parses them: it can't fail later.
var parsed = sync.OnceValue(func() list {
	l, err := parse(file)
	if err != nil {
		panic(err)
	}
	return l
})

func parse(text string) (list, error) {
	l := list{fields: make(map[string][]string), types: make(map[string][3]Severity)}
	n := 0
	for line := range strings.Lines(text) {
		n++
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		switch {
		case len(words) < 2 || words[0] == "type" && len(words) < 5:
			return list{}, fmt.Errorf("values.txt, line %d: too few words", n)
		case words[0] == "date":
			l.date = words[1]
		case words[0] == "type":
			var s [3]Severity
			for i := range s {
				if s[i] = SeverityNamed(words[1+i]); s[i] == 0 {
					return list{}, fmt.Errorf("values.txt, line %d: %q is no severity", n, words[1+i])
				}
			}
			for _, name := range words[4:] {
				if _, twice := l.types[name]; twice {
					return list{}, fmt.Errorf("values.txt, line %d: %s is listed twice", n, name)
				}
				l.types[name] = s
				l.fields["type"] = append(l.fields["type"], name)
			}
		default:
			for _, value := range words[1:] {
				if slices.Contains(l.fields[words[0]], value) {
					return list{}, fmt.Errorf("values.txt, line %d: %s is listed twice", n, value)
				}
				l.fields[words[0]] = append(l.fields[words[0]], value)
			}
		}
	}
	return l, nil
}

// Date is the day on which the values were read from AWS's documentation, as
// 2026-11-26.
func Date() string { return parsed().date }

// Values returns the documented values of a field of filters, such as category,
// type, status or encryption; nil where none are listed. The caller owns the
// slice.
func Values(field string) []string { return slices.Clone(parsed().fields[field]) }

// Contains reports whether a value of a field is documented.
func Contains(field, value string) bool {
	if field == "type" {
		_, ok := parsed().types[value]
		return ok
	}
	return slices.Contains(parsed().fields[field], value)
}

// TypeSeverity returns the severity that AWS publishes for so many occurrences of
// a managed data identifier; 0 where the type isn't listed or the count is below
// 1. The severity of custom data identifiers is a setting that results don't have.
func TypeSeverity(typ string, count int64) Severity {
	s := parsed().types[typ]
	switch {
	case count < 1:
		return 0
	case count < FromSecond:
		return s[0]
	case count < FromThird:
		return s[1]
	}
	return s[2]
}

// Groups returns all types, grouped by their severities, in a fixed order. The
// caller owns the result.
func Groups() []Group {
	bySeverity := make(map[[3]Severity][]string)
	for name, s := range parsed().types {
		bySeverity[s] = append(bySeverity[s], name)
	}
	var groups []Group
	for s, types := range bySeverity {
		slices.Sort(types)
		groups = append(groups, Group{s, types})
	}
	slices.SortFunc(groups, func(a, b Group) int { return slices.Compare(a.Severities[:], b.Severities[:]) })
	return groups
}
