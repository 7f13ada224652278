package lake

import "testing"

func TestPredicates(t *testing.T) {
	prefix, all, high, oneOf := Prefix("c", "ab"), Prefix("c", ""), Prefix("c", "\xff"), OneOf("c", "m", "d")
	for _, c := range []struct {
		name      string
		p         *Predicate
		low, high string
		want      bool
	}{
		{"around", &prefix, "a", "b", true}, {"inside", &prefix, "aba", "abz", true}, {"below", &prefix, "a", "aa", false},
		{"above", &prefix, "ac", "z", false}, {"ends there", &prefix, "a", "ab", true}, {"begins after", &prefix, "ac", "ac", false},
		{"bound left out", &prefix, "", "", true}, {"high left out", &prefix, "b", "", false},
		{"every text", &all, "x", "y", true}, {"no end", &high, "\xff\xff", "\xff\xff\xff", true}, {"before", &high, "a", "b", false},
		{"first", &oneOf, "a", "e", true}, {"second", &oneOf, "e", "z", true}, {"between", &oneOf, "e", "l", false},
		{"after", &oneOf, "n", "z", false}, {"equal", &oneOf, "d", "d", true}, {"unknown high", &oneOf, "e", "", true},
	} {
		if got := c.p.overlaps(c.low, c.high); got != c.want {
			t.Errorf("%s: [%q, %q]: %v", c.name, c.low, c.high, got)
		}
	}
	for text, want := range map[string]bool{"ab": true, "abz": true, "a": false, "ac": false, "": false, "ab\xff\xff": true} {
		if prefix.matchText(text) != want {
			t.Errorf("%q begins with ab: %v", text, !want)
		}
	}
	const day = 86_400_000_000
	for _, c := range []struct {
		p         Predicate
		partition map[string]string
		want      bool
	}{
		{Between("created_at", 0, day), map[string]string{"created_month": "1970-01"}, true},
		{Between("created_at", 31*day, 32*day), map[string]string{"created_month": "1970-01"}, false},
		{Between("created_at", 31*day-1, 32*day), map[string]string{"created_month": "1970-01"}, true},
		{Between("created_at", day, day), map[string]string{"created_date": "1970-01-01"}, false},
		{Between("created_at", day, day), map[string]string{"created_date": "1970-01-02"}, true},
		{Between("created_at", day, day), map[string]string{"created_date": "x"}, true},
		{Between("created_at", day, day), nil, true},
		{OneOf("region", "a"), map[string]string{"p_region": "b"}, false},
		{OneOf("region", "a"), map[string]string{"p_region": "a"}, true},
		{OneOf("region", "a"), map[string]string{"p_region": "unknown"}, true},
		{OneOf("region", "a:b"), map[string]string{"p_region": "a%3Ab"}, true},
		{OneOf("account_id", "a"), map[string]string{"p_region": "b"}, true},
	} {
		if got := c.p.mayHoldPartition(c.partition); got != c.want {
			t.Errorf("%+v in %v: %v", c.p, c.partition, got)
		}
	}
}
