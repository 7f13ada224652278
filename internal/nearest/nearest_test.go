package nearest

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestNames(t *testing.T) {
	commands := []string{"convert", "summarize", "locate", "cat", "status", "verify", "queries", "register", "doctor"}
	fields := []string{"severity", "severity_score", "bucket", "bucket_tag", "status", "type", "extension", "identifier", "identifier_kind", "mime_type"}
	types := []string{"CREDIT_CARD_NUMBER", "CREDIT_CARD_EXPIRATION", "AWS_CREDENTIALS", "CREDENTIALS", "ADDRESS", "NAME"}
	for _, test := range []struct {
		name       string
		candidates []string
		n          int
		want       []string
	}{
		{"sumarize", commands, 1, []string{"summarize"}},
		{"summarise", commands, 1, []string{"summarize"}},
		{"stauts", commands, 1, []string{"status"}}, // a swap is one edit
		{"--status", commands, 1, []string{"status"}},
		{"Severity", fields, 2, []string{"severity", "severity_score"}},
		{"bucket-name", fields, 1, []string{"bucket"}},
		{"ext", fields, 1, []string{"extension"}},
		{"mime", fields, 1, []string{"mime_type"}},
		{"credentials", types, 2, []string{"CREDENTIALS", "AWS_CREDENTIALS"}},
		{"CREDIT_CARD_NUMBR", types, 1, []string{"CREDIT_CARD_NUMBER"}},
		{"credit card", types, 2, []string{"CREDIT_CARD_NUMBER", "CREDIT_CARD_EXPIRATION"}},
		{"x", []string{"b", "a", "c"}, 3, []string{"b", "a", "c"}}, // equally near: as given
		{"é", []string{"e", "É"}, 1, []string{"É"}},
		{"", []string{"long name", "ab"}, 1, []string{"ab"}},
		{"a", nil, 3, []string{}},
		{"a", []string{"a"}, 0, []string{}},
		{"a", []string{"a"}, -1, []string{}},
		{"a", []string{"a"}, 5, []string{"a"}},
	} {
		if got := Names(test.name, test.candidates, test.n); !slices.Equal(got, test.want) {
			t.Errorf("Names(%q, %q, %d) = %q, want %q", test.name, test.candidates, test.n, got, test.want)
		}
	}
}

func TestNamesKeepsItsArguments(t *testing.T) {
	candidates := []string{"c", "b", "a"}
	Names("a", candidates, 3)
	if !slices.Equal(candidates, []string{"c", "b", "a"}) {
		t.Errorf("candidates became %q", candidates)
	}
}

func TestNamesOfHostileLength(t *testing.T) {
	long := strings.Repeat("é\xff", 1<<20)
	start := time.Now()
	if got := Names(long, []string{long, "a"}, 1); len(got) != 1 || got[0] != long {
		t.Error("the same long name isn't the nearest")
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("took %v", took)
	}
}

func TestSuggestion(t *testing.T) {
	for _, test := range []struct {
		candidates []string
		want       string
	}{
		{nil, ""},
		{[]string{"bucket"}, "did you mean bucket?"},
		{[]string{"key", "bucket"}, "did you mean bucket or key?"},
		// One edit to bucket, four to object (o before b, j for u, e before c, no k), five to key.
		{[]string{"key", "object", "bucket_tag", "bucket"}, "did you mean bucket, bucket_tag or object?"},
	} {
		if got := Suggestion("buckt", test.candidates); got != test.want {
			t.Errorf("Suggestion of %q = %q, want %q", test.candidates, got, test.want)
		}
	}
}

func TestEdits(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"a", "", 1}, {"", "ab", 2}, {"kitten", "sitting", 3}, {"ab", "ba", 1}, {"abcd", "acbd", 1}, {"ca", "abc", 3},
	} {
		if got := edits([]rune(test.a), []rune(test.b)); got != test.want {
			t.Errorf("edits(%q, %q) = %d, want %d", test.a, test.b, got, test.want)
		}
		if got := edits([]rune(test.b), []rune(test.a)); got != test.want {
			t.Errorf("edits(%q, %q) = %d, want %d", test.b, test.a, got, test.want)
		}
	}
}
