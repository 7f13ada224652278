package config

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"
)

var now = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

func TestSettings(t *testing.T) {
	c, err := Parse("m.yaml", []byte(`
names: {accounts: {"1": payroll}, jobs: {j: nightly}}
identifiers: {new: [old, older]}
jobs: {b: {replaces: [a]}, c: {replaces: [a, b]}}
places: {raw: off}
severity: {NAME: Low}
accept: [{where: type=NAME, reason: r, owner: o, expires: never, as: {public: no, count: 3}}]
`), now)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []*Config{c, nil} { // one that says nothing
		for _, test := range []struct{ got, want, none any }{
			{string(c.Identifier([]byte("older"))), "new", "older"},
			{string(c.Identifier([]byte("x"))), "x", "x"},
			{c.Replaces("c", "a"), true, false},
			{c.Replaces("a", "b"), false, false},
			{c.Replacing(), true, false},
			{c.Generalises([]byte("raw")), false, true},
			{c.Severity([]byte("NAME")), "Low", ""},
			{c.AccountName("1"), "1 (payroll)", "1"},
			{c.JobName("j"), "j (nightly)", "j"},
			{c.JobName("k"), "k", "k"},
		} {
			want := test.want
			if c == nil {
				want = test.none
			}
			if test.got != want {
				t.Errorf("%v: %v, not %v", c != nil, test.got, want)
			}
		}
	}
	if as := c.Accept[0].As; *as != (As{Public: "no", Count: 3}) {
		t.Errorf("as: %+v", as)
	}
}

func TestParse(t *testing.T) {
	c, err := Parse("m.yaml", []byte(`
owners:
  - owner: hr
    bucket: hr-*
    key: "*.csv"
  - {owner: data, tag: {team: data}, account: "11112222333?"}
  - owner: rest
accept:
  - fingerprint: "v1:00"
    reason: a test file
    owner: ann
    expires: 2026-12-31
  - where: bucket=sandbox
    reason: synthetic data
    owner: bob
    expires: never
    broad: true
names:
  accounts: {"111122223333": payroll}
`), now)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		o    Object
		want string
	}{
		{Object{Bucket: "hr-files", Key: "a/b.csv"}, "hr"},
		{Object{Bucket: "hr-files", Key: "a/b.csv.gz"}, "rest"},
		{Object{Bucket: "x-hr-files", Key: "a.csv"}, "rest"},
		{Object{Account: "111122223334", Bucket: "b", Tag: func(key string) (string, bool) { return "data", key == "team" }}, "data"},
		{Object{Account: "111122223334", Bucket: "b", Tag: func(string) (string, bool) { return "", false }}, "rest"},
	} {
		if test.o.Tag == nil {
			test.o.Tag = func(string) (string, bool) { return "", false }
		}
		if got := c.OwnerOf(&test.o); got != test.want {
			t.Errorf("%+v is %q's, not %q's", test.o, got, test.want)
		}
	}
	a := c.Accept
	if len(a) != 2 || a[0].Line != 9 || a[0].Until() != "2026-12-31" || a[1].Until() != "never" || !a[1].Broad || c.Accounts["111122223333"] != "payroll" {
		t.Errorf("%+v", c)
	}
	end := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	if a[0].Expired(end.Add(-1)) || !a[0].Expired(end) || a[1].Expired(end.AddDate(100, 0, 0)) {
		t.Error("a rule ends with its day")
	}
	if len(c.SHA256) != 64 {
		t.Error(c.SHA256)
	}
	if c, err := Parse("m.yaml", nil, now); err != nil || c.OwnerOf(&Object{}) != "" {
		t.Errorf("an empty file: %v, %v", c, err)
	}
}

// Errors name the line and the column.
func TestParseErrors(t *testing.T) {
	rule := "accept:\n  - {fingerprint: f, reason: r, owner: o, expires: never}\n"
	for text, want := range map[string]string{
		"owner: x\n":                          `m.yaml:1:1: unknown name "owner": did you mean owners`,
		"owners: x\n":                         "m.yaml:1:9: want a list",
		"owners:\n  - bucket: b\n":            "m.yaml:2:5: owner is missing",
		"owners:\n  - owner: [a]\n":           "m.yaml:2:12: want a text",
		"owners:\n  - {owner: a, buket: b}\n": `m.yaml:2:16: unknown name "buket": did you mean bucket`,
		"owners: []\nowners: []\n":            "m.yaml",
		"owners:\n  - {owner: a, owner: b}\n": "m.yaml",
		"a: [\n":                              "m.yaml: line",
		"- x\n":                               "m.yaml:1:1: want names with values",
		"owners: &a [*a]\n":                   "m.yaml",
		"names: {accounts: x}\n":              "m.yaml:1:19: want names with values",
		strings.Replace(rule, "fingerprint: f, ", "", 1):                       "m.yaml:2:5: fingerprint or where is missing",
		strings.Replace(rule, "fingerprint: f", "fingerprint: f, where: g", 1): "m.yaml:2:5: fingerprint or where",
		strings.Replace(rule, "reason: r, ", "", 1):                            "m.yaml:2:5: reason is missing",
		strings.Replace(rule, "owner: o, ", "", 1):                             "m.yaml:2:5: owner is missing",
		strings.Replace(rule, ", expires: never", "", 1):                       "m.yaml:2:5: expires is missing",
		strings.Replace(rule, "never", "soon", 1):                              "want a day such as 2026-12-31, or never",
		strings.Replace(rule, "never", "2030-01-01", 1):                        "2030-01-01 is more than 400 days away",
		strings.Replace(rule, "never", "never, broad: perhaps", 1):             "want true or false",
	} {
		var e *Error
		if _, err := Parse("m.yaml", []byte(text), now); !errors.As(err, &e) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, not %q", text, err, want)
		}
	}
	if _, err := Parse("m.yaml", make([]byte, maxBytes+1), now); err == nil {
		t.Error("a file of any size")
	}
}

// The example in the documentation is a configuration.
func TestDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/config.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(page), "```yaml\n")
	example, _, found := strings.Cut(example, "```")
	c, err := Parse("docs/config.md", []byte(example), now)
	if err != nil || !found || len(c.Owners) != 3 || len(c.Accept) != 2 || len(c.Accounts) != 1 {
		t.Errorf("%v: %+v", err, c)
	}
}
