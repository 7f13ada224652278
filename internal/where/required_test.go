package where

import (
	"reflect"
	"testing"
)

func TestRequired(t *testing.T) {
	fields := []Field{{Name: "type", Kind: Text}, {Name: "count", Kind: Int}, {Name: "tag", Kind: Map}}
	for expr, want := range map[string][]Condition{
		"type=a": {{Field: 0, Texts: []string{"a"}}},
		"type in (b, a) and (count>=5 and type~x)": {{Field: 0, Texts: []string{"a", "b"}}, {Field: 1, Low: 5, High: 1<<63 - 1}},
		"count=5 and tag:x=y":                      {{Field: 1, Low: 5, High: 5}},
		"type=a or count=5":                        nil,
		"not type=a":                               nil,
		"type!=a and count<3":                      {{Field: 1, Low: -1 << 63, High: 2}},
	} {
		f, err := Parse(expr, fields)
		if err != nil {
			t.Fatal(expr, err)
		}
		if got := f.Required(); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, want %+v", expr, got, want)
		}
	}
}
