package query

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/macielake/macielake/internal/gen"
	"github.com/macielake/macielake/internal/input"
	"github.com/macielake/macielake/internal/raw"
	"github.com/macielake/macielake/internal/where"
)

func parseFilter(t *testing.T, s string) *where.Filter {
	t.Helper()
	if s == "" {
		return nil
	}
	f, err := where.Parse(s, Fields())
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func dimensions(t *testing.T, names string) []Dimension {
	t.Helper()
	var by []Dimension
	for name := range strings.SplitSeq(names, ",") {
		if name == "" {
			continue
		}
		d, err := ParseDimension(name)
		if err != nil {
			t.Fatal(err)
		}
		by = append(by, d)
	}
	return by
}

// answers returns the groups of each of the options' views, as text.
func answers(t *testing.T, o Options, dir string) [][]string {
	t.Helper()
	ctx := context.Background()
	s := NewSummary(o)
	defer s.Close()
	_, err := s.AddResults(ctx, raw.Options{
		Inputs: []string{dir}, Origins: []input.Origin{input.Local{}}, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	all := make([][]string, len(o.Views))
	for i := range o.Views {
		total, err := s.Groups(ctx, i, Order{}, func(g *Group) error {
			var line []string
			for _, v := range g.Values {
				if v.Null() {
					line = append(line, "null")
				} else {
					line = append(line, fmt.Sprintf("%q", v.Text()))
				}
			}
			for _, sum := range g.Sums {
				line = append(line, sum.String())
			}
			all[i] = append(all[i], strings.Join(line, " "))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if total != int64(len(all[i])) {
			t.Errorf("%d groups of %d", len(all[i]), total)
		}
	}
	return all
}

// The memory and the number of workers change nothing.
func TestMemoryAndWorkers(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "results")
	size := int64(1_500_000)
	if testing.Short() {
		size /= 5
	}
	if _, err := gen.Run(context.Background(), gen.Options{Dir: dir, Seed: 5, Size: size, Profile: "repeated"}); err != nil {
		t.Fatal(err)
	}
	for _, all := range []bool{false, true} {
		o := Options{All: all, Members: true, Workers: 1, Where: parseFilter(t, "not bucket~^legal")}
		for _, by := range []string{"", "object,member", "type", "job,object,type", "severity,month"} {
			o.Views = append(o.Views, View{By: dimensions(t, by), Measures: AllMeasures()})
		}
		want := answers(t, o, dir)
		o.Workers = 3
		got := answers(t, o, dir)
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("all=%v: with 3 workers others", all)
		}
		o.Memory = 100 << 10
		if got := answers(t, o, dir); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("all=%v: with little memory others", all)
		}
		o.Memory = 1
		o.Views = o.Views[:3]
		if got := answers(t, o, dir); fmt.Sprint(got) != fmt.Sprint(want[:3]) {
			t.Errorf("all=%v: with no memory others", all)
		}
	}
}

// result of a small object, as a line.
type testResult struct {
	id, key, member, job, status, reason, modified, created, version, severity string
	types                                                                      string // TYPE:count, …
}

func (r testResult) line() string {
	optional := func(name, value string) string {
		if value == "" {
			return ""
		}
		return fmt.Sprintf(`,"%s":"%s"`, name, value)
	}
	var detections []string
	for d := range strings.FieldsSeq(r.types) {
		name, count, _ := strings.Cut(d, ":")
		detections = append(detections, fmt.Sprintf(`{"type":"%s","count":%s}`, name, count))
	}
	member := ""
	if r.member != "" {
		member = fmt.Sprintf(`,"embeddedFileDetails":{"filePath":"%s"}`, r.member)
	}
	job := ""
	if r.job != "" {
		job = fmt.Sprintf(`"jobId":"%s",`, r.job)
	}
	severity := ""
	if r.severity != "" {
		severity = fmt.Sprintf(`,"severity":{"score":%d,"description":"%s"}`, 1+slices.Index([]string{"Low", "Medium", "High"}, r.severity), r.severity)
	}
	return fmt.Sprintf(`{"id":"%s"%s%s,"classificationDetails":{%s"result":{"status":{"code":"%s"%s},"sizeClassified":10,`+
		`"sensitiveData":[{"category":"C","detections":[%s]}]}},"resourcesAffected":{"s3Bucket":{"name":"b"},"s3Object":{"key":"%s"%s%s%s}}}`,
		r.id, optional("createdAt", r.created), severity, job, r.status, optional("reason", r.reason), strings.Join(detections, ","),
		r.key, optional("lastModified", r.modified), optional("versionId", r.version), member)
}

const (
	day1 = "2026-01-01T00:00:00Z"
	day2 = "2026-01-02T00:00:00Z"
	day3 = "2026-01-03T00:00:00Z"
)

// What groups count of subjects; internal/current has the cases of the rules.
func TestGroups(t *testing.T) {
	for _, test := range []struct {
		name    string
		results []testResult
		by      string
		want    []string // dimensions, then occurrences, confirmed, unconfirmed, sensitive, objects, partial, skipped, gone, subjects
	}{
		{
			"jobs look for different types", []testResult{
				{id: "1", key: "k", status: "COMPLETE", modified: day1, created: day1, types: "A:5 B:1"},
				{id: "2", key: "k", status: "COMPLETE", modified: day1, created: day2, types: "A:3 C:2"},
			}, "type", []string{`"A" 5 1 0 1 1 0 0 0 1`, `"C" 2 1 0 1 1 0 0 0 1`, `"B" 1 1 0 1 1 0 0 0 1`},
		},
		{
			"a finding of replaced content stays open", []testResult{
				{id: "1", key: "k", status: "COMPLETE", modified: day1, created: day1, types: "A:5"},
				{id: "2", key: "k", status: "COMPLETE", modified: day2, created: day2, types: "B:2"},
			}, "state,type", []string{`"unconfirmed" "A" 5 0 1 1 1 0 0 0 1`, `"confirmed" "B" 2 1 0 1 1 0 0 0 1`},
		},
		{
			"not analysed as it is now", []testResult{
				{id: "1", key: "k", status: "COMPLETE", modified: day1, created: day1, types: "A:5"},
				{id: "2", key: "k", status: "SKIPPED", reason: "S", modified: day2, created: day2},
			}, "status,reason", []string{`"COMPLETE" null 5 1 0 1 1 0 0 0 1`, `"SKIPPED" "S" 0 0 0 0 0 0 1 0 0`},
		},
		{
			"never analysed", []testResult{
				{id: "1", key: "k", status: "SKIPPED", reason: "S", created: day1},
				{id: "2", key: "k", status: "SKIPPED", reason: "T", created: day2},
			}, "status,reason", []string{`"SKIPPED" "T" 0 0 0 0 0 0 1 0 1`},
		},
		{
			"gone", []testResult{
				{id: "1", key: "k", status: "COMPLETE", modified: day1, created: day1, types: "A:5"},
				{id: "2", key: "k", status: "SKIPPED", reason: "SOURCE_OBJECT_NO_LONGER_AVAILABLE", modified: day1, created: day2},
			}, "gone", []string{`"deleted" 0 0 0 0 0 0 0 1 1`},
		},
		{
			"a subject counts once, in the group of the result that stands", []testResult{
				{id: "1", key: "k", job: "one", status: "COMPLETE", modified: day1, created: day1, types: "A:5"},
				{id: "2", key: "k", job: "two", status: "PARTIAL", reason: "R", modified: day1, created: day2, types: "B:2"},
			}, "job", []string{`"one" 5 1 0 0 0 0 0 0 0`, `"two" 2 1 0 1 1 1 0 0 1`},
		},
		{
			"severity is the subject's", []testResult{
				{id: "1", key: "k", status: "COMPLETE", modified: day1, created: day1, severity: "High", types: "A:5"},
				{id: "2", key: "k", status: "COMPLETE", modified: day1, created: day2, severity: "Low", types: "B:2"},
			}, "severity", []string{`"High" 7 2 0 1 1 0 0 0 1`},
		},
		{
			"members are subjects of their own", []testResult{
				{id: "1", key: "k", status: "COMPLETE", modified: day1, created: day1, types: "A:5"},
				{id: "2", key: "k", member: "m", status: "COMPLETE", modified: day1, created: day1, types: "A:5"},
			}, "member", []string{`"m" 5 1 0 1 1 0 0 0 1`, `null 5 1 0 1 1 0 0 0 1`},
		},
		{
			"the same twice", []testResult{
				{id: "1", key: "k", status: "COMPLETE", modified: day1, created: day1, types: "A:5 A:6"},
				{id: "1", key: "k", status: "COMPLETE", modified: day1, created: day1, types: "A:5 A:6"},
			}, "", []string{`6 1 0 1 1 0 0 0 1`},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			// Whatever order they come in.
			for range 2 {
				var lines strings.Builder
				for _, r := range test.results {
					lines.WriteString(r.line() + "\n")
				}
				if err := os.WriteFile(filepath.Join(dir, "r.jsonl"), []byte(lines.String()), 0o600); err != nil {
					t.Fatal(err)
				}
				o := Options{Members: true, Views: []View{{
					By: dimensions(t, test.by), Measures: []Measure{Occurrences, Confirmed, Unconfirmed, Sensitive, Objects, Partial, Skipped, Gone, Subjects},
				}}}
				if got := answers(t, o, dir)[0]; !slices.Equal(got, test.want) {
					t.Errorf("got %q, want %q", got, test.want)
				}
				slices.Reverse(test.results)
			}
		})
	}
}

// An object that has many types is looked up in another way.
func TestManyTypes(t *testing.T) {
	var types []string
	for i := range 100 {
		types = append(types, fmt.Sprintf("T%d:%d", i, 1+i%7))
	}
	var lines strings.Builder
	for i := range 5 {
		r := testResult{id: fmt.Sprint(i), key: "k", status: "COMPLETE", modified: day1, created: day1, types: strings.Join(types[i*10:], " ")}
		lines.WriteString(r.line() + "\n")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "r.jsonl"), []byte(lines.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	got := answers(t, Options{Views: []View{{Measures: []Measure{Findings, Occurrences}}}}, dir)
	if want := "[[100 395]]"; fmt.Sprint(got) != want {
		t.Errorf("got %v, want %s", got, want)
	}
}

// Sums are right beyond 64 bits.
func TestHugeSums(t *testing.T) {
	var lines strings.Builder
	for i := range 4 {
		r := testResult{id: fmt.Sprint(i), key: fmt.Sprint(i), status: "COMPLETE", types: "A:9223372036854775807"}
		lines.WriteString(r.line() + "\n")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "r.jsonl"), []byte(lines.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	got := answers(t, Options{Views: []View{{Measures: []Measure{Occurrences}}}}, dir)
	if want := "[[36893488147419103228]]"; fmt.Sprint(got) != want {
		t.Errorf("got %v, want %s", got, want)
	}
}

func TestParseDimension(t *testing.T) {
	for _, test := range []struct{ dimension, problem string }{
		{"type", ""}, {"prefix:0", ""}, {"tag:a:b", ""}, {"tag:", ""},
		{"types", `unknown dimension "types"`}, {"type:x", "takes no key"}, {"prefix", "prefix needs a key, for example prefix:2"}, {"prefix:", "want a number"},
		{"prefix:-1", "want a number"}, {"prefix:+1", "want a number"}, {"prefix:1001", "want a number"}, {"tag", "tag needs a key, for example tag:Owner"}, {"count", "unknown dimension"},
	} {
		d, err := ParseDimension(test.dimension)
		switch {
		case test.problem == "" && (err != nil || d.Name() != test.dimension):
			t.Errorf("%s: %v", test.dimension, err)
		case test.problem != "" && (err == nil || !strings.Contains(err.Error(), test.problem)):
			t.Errorf("%s: %v", test.dimension, err)
		}
	}
}
