package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/macielake/macielake/internal/nearest"
)

// sizeValue is a flag for a number of bytes: 1048576, 400MB, 64MiB, in any case.
type sizeValue int64

func (v *sizeValue) String() string {
	n := int64(*v)
	for _, u := range sizeUnits {
		if strings.HasSuffix(u.name, "iB") && n != 0 && n%u.bytes == 0 {
			return strconv.FormatInt(n/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(n, 10)
}

var sizeUnits = [...]struct {
	name  string
	bytes int64
}{
	{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10},
	{"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"B", 1},
}

func (v *sizeValue) Set(s string) error {
	number, unit := s, int64(1)
	for _, u := range sizeUnits {
		if n := len(s) - len(u.name); n >= 0 && strings.EqualFold(s[n:], u.name) {
			number, unit = strings.TrimSpace(s[:n]), u.bytes
			break
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n <= 0 || n > math.MaxInt64/unit {
		return fmt.Errorf("expected a size such as 64MiB or 400MB")
	}
	*v = sizeValue(n * unit)
	return nil
}

func (v *sizeValue) Type() string { return "size" }

// timeValue is a flag for a time: a date, or RFC 3339.
type timeValue struct{ t *time.Time }

func (v *timeValue) String() string {
	if v.t == nil {
		return ""
	}
	return v.t.Format(time.RFC3339)
}

func (v *timeValue) Set(s string) error {
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, s); err == nil {
			t = t.UTC()
			v.t = &t
			return nil
		}
	}
	return fmt.Errorf("expected a date such as 2026-11-22 (midnight UTC) or a time such as 2026-11-22T08:00:00Z")
}

func (v *timeValue) Type() string { return "time" }

// choiceValue is a flag with a few possible values.
type choiceValue struct {
	value   string
	choices []string
}

func (v *choiceValue) String() string { return v.value }

func (v *choiceValue) Set(s string) error {
	for _, c := range v.choices {
		if c == s {
			v.value = s
			return nil
		}
	}
	err := fmt.Errorf("expected one of %s", strings.Join(v.choices, ", "))
	if few := 3; len(v.choices) > few { // otherwise each would be suggested
		err = fmt.Errorf("%w; %s", err, nearest.Suggestion(s, v.choices))
	}
	return err
}

func (v *choiceValue) Type() string { return strings.Join(v.choices, "|") }

// listValue is a flag with any number of values, by commas or by repetition;
// with choices only those.
type listValue struct {
	values  []string
	choices []string
	set     bool // values isn't the default any more
}

func (v *listValue) String() string { return strings.Join(v.values, ",") }

func (v *listValue) Set(s string) error {
	if !v.set {
		v.values, v.set = nil, true
	}
	for value := range strings.SplitSeq(s, ",") {
		value = strings.TrimSpace(value)
		choice := choiceValue{choices: v.choices}
		if v.choices != nil {
			if err := choice.Set(value); err != nil {
				return err
			}
		} else if value == "" {
			return fmt.Errorf("expected a value")
		}
		for _, known := range v.values {
			if known == value {
				return fmt.Errorf("%s is given twice", value)
			}
		}
		v.values = append(v.values, value)
	}
	return nil
}

func (v *listValue) Type() string { return "list" }

// optionalChoice is a choice that may be left out, kept as a text.
type optionalChoice struct {
	value   *string
	choices []string
}

func (v *optionalChoice) String() string {
	if v.value == nil {
		return ""
	}
	return *v.value
}

func (v *optionalChoice) Set(s string) error {
	choice := choiceValue{choices: v.choices}
	if err := choice.Set(s); err != nil {
		return err
	}
	*v.value = s
	return nil
}

func (v *optionalChoice) Type() string { return strings.Join(v.choices, "|") }
