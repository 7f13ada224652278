package sink

import (
	"slices"
	"strings"
	"testing"
)

func TestPartitionValues(t *testing.T) {
	keys := []PartitionKey{ByRegion, ByCreatedMonth}
	for _, test := range []struct {
		dir  string
		want []string // nil if dir is not a directory of the keys
	}{
		{"p_region=us-east-1/created_month=2026-11", []string{"us-east-1", "2026-11"}},
		{"p_region=a%2Fb%25%0A/created_month=0001-01", []string{"a/b%\n", "0001-01"}},
		{"p_region=a+b/created_month=9999-12", []string{"a+b", "9999-12"}},
		{"p_region=us-east-1", nil},
		{"p_region=us-east-1/created_month=2026-11/x=y", nil},
		{"created_month=2026-11/p_region=us-east-1", nil},
		{"p_region=us-east-1/created_month=2026-13", nil},
		{"p_region=us-east-1/created_month=2026-11-22", nil},
		{"p_region=/created_month=2026-11", nil},
		{"p_region=%z/created_month=2026-11", nil},
		{"", nil},
	} {
		got, ok := PartitionValues(test.dir, keys)
		if ok != (test.want != nil) || ok && !slices.Equal(got, test.want) {
			t.Errorf("%q: %q, %v", test.dir, got, ok)
		}
	}
	if got, ok := PartitionValues("", nil); !ok || len(got) != 0 {
		t.Errorf("%q, %v", got, ok)
	}
}

// PartitionValues returns any value that escapeValue escaped.
func FuzzPartitionValues(f *testing.F) {
	for _, s := range []string{"us-east-1", "a/b", "%41", "é\x00\xff", "~", strings.Repeat("*", 50)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		escaped := escapeValue(s)
		if s == "" || strings.Contains(escaped, "~") { // unknown, and values that were cut
			return
		}
		got, ok := PartitionValues("p_job="+escaped, []PartitionKey{ByJob})
		if !ok || got[0] != s {
			t.Errorf("%q was read back as %q", s, got)
		}
	})
}
