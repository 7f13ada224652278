package awsvalues

import (
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// The table of https://docs.aws.amazon.com/macie/latest/user/findings-severity.html,
// a case for each row with another set of severities.
func TestTypeSeverity(t *testing.T) {
	for _, test := range []struct {
		name                          string
		one, two, most, hundred, huge Severity // at 1, 2, 99, 100 and the largest count
	}{
		{"AWS_CREDENTIALS", High, High, High, High, High},
		{"CREDIT_CARD_NUMBER_(NO_KEYWORD)", High, High, High, High, High},
		{"CREDIT_CARD_EXPIRATION", Low, Medium, Medium, High, High},
		{"CREDIT_CARD_SECURITY_CODE", Medium, High, High, High, High},
		{"NAME", Low, Medium, Medium, High, High},
		{"LATITUDE_LONGITUDE", Low, Medium, Medium, Medium, Medium},
		{"USA_PASSPORT_NUMBER", Medium, High, High, High, High},
		{"ARGENTINA_TARJETA_SUBE", Medium, Medium, Medium, High, High},
		{"MEXICO_ORGANIZATION_RFC_NUMBER", Medium, Medium, Medium, High, High},
		{"VEHICLE_IDENTIFICATION_NUMBER", Low, Low, Low, Medium, Medium},
		{"a custom identifier", 0, 0, 0, 0, 0},
		{"", 0, 0, 0, 0, 0},
	} {
		for count, want := range map[int64]Severity{
			math.MinInt64: 0, -1: 0, 0: 0, 1: test.one, 2: test.two, 99: test.most, 100: test.hundred, math.MaxInt64: test.huge,
		} {
			if got := TypeSeverity(test.name, count); got != want {
				t.Errorf("%d of %s: %v, want %v", count, test.name, got, want)
			}
		}
	}
}

func TestSeverityNames(t *testing.T) {
	for _, s := range []Severity{Low, Medium, High} {
		if SeverityNamed(s.String()) != s {
			t.Errorf("%v isn't found by its name", s)
		}
	}
	for _, other := range []string{"", "HIGH", "Critical"} {
		if SeverityNamed(other) != 0 {
			t.Errorf("%q is a severity", other)
		}
	}
	if Severity(0).String() != "" {
		t.Error("no severity has a name")
	}
}

func TestFile(t *testing.T) {
	l, err := parse(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := time.Parse(time.DateOnly, l.date); err != nil {
		t.Error(err)
	}
	name := regexp.MustCompile(`^[A-Z0-9]+(_[A-Z0-9]+)*(_\(NO_KEYWORD\))?$`)
	for typ := range l.types {
		if !name.MatchString(typ) {
			t.Errorf("%q is no identifier", typ)
		}
	}
	for _, field := range []string{"category", "type", "status", "reason", "severity", "public_access", "encryption", "bucket_encryption"} {
		if len(l.fields[field]) == 0 {
			t.Errorf("no values of %s", field)
		}
	}
	if Values("bucket") != nil {
		t.Error("bucket names have a list")
	}
	for _, bad := range []string{"type High High\n", "type High High Severe NAME\n", "category A A\n", "status\n", "type Low Low Low X\ntype Low Low Low X\n"} {
		if _, err := parse(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestValuesAreTheCallers(t *testing.T) {
	Values("category")[0] = "changed"
	if slices.Contains(Values("category"), "changed") {
		t.Error("a caller changed the list")
	}
	if !Contains("category", "CREDENTIALS") || Contains("category", "credentials") || !Contains("type", "NAME") || Contains("type", "NAMES") {
		t.Error("Contains is wrong")
	}
}

// Groups hold each type once, with its severities.
func TestGroups(t *testing.T) {
	seen := map[string]bool{}
	for _, g := range Groups() {
		for _, typ := range g.Types {
			if seen[typ] || TypeSeverity(typ, 1) != g.Severities[0] || TypeSeverity(typ, 2) != g.Severities[1] || TypeSeverity(typ, 100) != g.Severities[2] {
				t.Errorf("%s is in the wrong group, or in two", typ)
			}
			seen[typ] = true
		}
	}
	if len(seen) != len(Values("type")) {
		t.Errorf("%d types in groups, want %d", len(seen), len(Values("type")))
	}
	if strings.Contains(file, "\t") {
		t.Error("tabs")
	}
}
