package s3input

import (
	"strings"
	"testing"
	"time"

	"github.com/macielake/macielake/internal/s3"
)

func TestPattern(t *testing.T) {
	for _, test := range []struct {
		pattern, key string
		want         bool
	}{
		{"", "x", true}, {"a", "a", true}, {"a", "a/b", true}, {"a", "ab", false}, {"a/", "a/b", true}, {"a/", "ab/c", false},
		{"a*", "abc/d", true}, {"a*", "b", false}, {"a*/c", "ab/c/d", true}, {"a*/c", "ab/d/c", false}, {"*/Macie/eu-*", "1/Macie/eu-west-1/x", true},
		{"?/x", "é/x", true}, {"?/x", "ab/x", false}, {"a*b*c", "axxbyyc", true}, {"a*b*c", "axxbyy", false}, {"*", "", true}, {"a*", "a", true},
		{"*.jsonl", "x.jsonl", true}, {"*.jsonl", "d/x.jsonl", false},
		{strings.Repeat("a*", 30) + "b", strings.Repeat("a", 900), false},
	} {
		p := newPattern(test.pattern)
		if got := p.matches(test.key); got != test.want {
			t.Errorf("%.20q of %.20q: %v", test.pattern, test.key, got)
		}
		if test.want { // then no directory above it is passed over
			for i, c := range test.key {
				if c == '/' && !p.mayHold(test.key[:i+1]) && len(test.key[:i+1]) > len(p.prefix) {
					t.Errorf("%q may hold %q", test.pattern, test.key[:i+1])
				}
			}
		}
	}
}

func TestFilter(t *testing.T) {
	since := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	f := Filter{Regions: []string{"eu-west-1"}, Jobs: []string{strings.Repeat("a", 32)}, Accounts: []string{"111122223333"}, Since: &since}
	job, other := strings.Repeat("a", 32), strings.Repeat("b", 32)
	for key, want := range map[string]bool{
		"AWSLogs/9/Macie/eu-west-1/" + job + "/x.jsonl.gz":                                             true,
		"p/AWSLogs/9/Macie/eu-west-1/" + job + "/111122223333/x.jsonl.gz":                              true,
		"AWSLogs/9/Macie/eu-west-1/" + job + "/444455556666/x.jsonl.gz":                                false,
		"AWSLogs/9/Macie/eu-west-1/" + other + "/x.jsonl.gz":                                           false,
		"AWSLogs/9/Macie/eu-west-2/" + job + "/x.jsonl.gz":                                             false,
		"AWSLogs/9/Macie/eu-west-1/automated/111122223333/x.jsonl.gz":                                  true, // no job
		"AWSLogs/9/Macie/results/x.jsonl.gz":                                                           true, // no region
		"copied/x.jsonl.gz":                                                                            true,
		"x.jsonl.gz":                                                                                   true,
		"AWSLogs/444455556666/Macie/eu-west-1/" + job + "/" + strings.Repeat("1", 11) + "a/x.jsonl.gz": true, // the administrator's account is no reason
	} {
		if got := f.wants(s3.Object{Key: key, Modified: since}); got != want {
			t.Errorf("%s: %v", key, got)
		}
	}
	if f.wants(s3.Object{Key: "x", Modified: since.Add(-time.Second)}) || !f.wants(s3.Object{Key: "x"}) {
		t.Error("by time")
	}
}
