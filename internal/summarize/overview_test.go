package summarize

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/macielake/macielake/internal/input"
	"github.com/macielake/macielake/internal/query"
	"github.com/macielake/macielake/internal/raw"
	"github.com/macielake/macielake/internal/text"
	"github.com/macielake/macielake/internal/where"
)

// result is one line of discovery results in a short form.
type result struct {
	key, created, status, permission string
	public                           string // of the object: true, false or empty
	encryption                       string
	count, locations                 int // of a type of sensitive data; none if 0
}

func (r result) line(id int) string {
	var detection string
	if r.count > 0 {
		cells := strings.Repeat(`{"row":1,"column":1},`, r.locations)
		detection = fmt.Sprintf(`{"type":"NAME","count":%d,"occurrences":{"cells":[%s]}}`, r.count, strings.TrimSuffix(cells, ","))
	}
	public := ""
	if r.public != "" {
		public = `,"publicAccess":` + r.public
	}
	encryption := ""
	if r.encryption != "" {
		encryption = fmt.Sprintf(`,"serverSideEncryption":{"encryptionType":"%s"}`, r.encryption)
	}
	return fmt.Sprintf(`{"id":"%d","accountId":"111122223333","region":"eu-west-1","createdAt":"%s","classificationDetails":{"result":{"status":{"code":"%s"},`+
		`"sensitiveData":[{"category":"PERSONAL_INFORMATION","detections":[%s]}]}},"resourcesAffected":{"s3Bucket":{"name":"b","publicAccess":{"effectivePermission":"%s"}},`+
		`"s3Object":{"key":"%s","lastModified":"2026-01-01T00:00:00Z"%s%s}}}`+"\n", id, r.created, r.status, detection, r.permission, r.key, public, encryption)
}

func inputsOf(t *testing.T, results []result) Inputs {
	t.Helper()
	var lines strings.Builder
	for i, r := range results {
		lines.WriteString(r.line(i))
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "r.jsonl"), []byte(lines.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return Inputs{Results: &raw.Options{Inputs: []string{dir}, Origins: []input.Origin{input.Local{}}, Log: slog.New(slog.DiscardHandler)}}
}

func overviewOf(t *testing.T, o Options, results []result) (*Overview, string) {
	t.Helper()
	o.Now = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	v, _, err := NewOverview(context.Background(), o, inputsOf(t, results))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := v.Write(&out, text.Table, text.Options{}); err != nil {
		t.Fatal(err)
	}
	return v, out.String()
}

// Sentences that reassure are said only where they are true.
func TestSentences(t *testing.T) {
	const (
		noData      = "No sensitive data in the 1 object analysed, in 1 bucket"
		notPublic   = "Nothing public has sensitive data, as last seen"
		encrypted   = "Nothing unencrypted has sensitive data, as last seen"
		allAnalysed = "Every object in these results was analysed"
		allLocated  = "Every occurrence has a location"
	)
	sentences := []string{noData, notPublic, encrypted, allAnalysed, allLocated}
	day := "2026-01-02T00:00:00Z"
	clean := result{key: "k", created: day, status: "COMPLETE", permission: "NOT_PUBLIC", public: "false", encryption: "AES256"}
	with := func(change func(*result)) result {
		r := clean
		r.count, r.locations = 2, 2
		change(&r)
		return r
	}
	filter, err := where.Parse("bucket=b", query.Fields())
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name    string
		options Options
		results []result
		want    []string // and none of the others
	}{
		{"nothing at all", Options{}, nil, nil},
		{"clean", Options{}, []result{clean}, []string{noData, allAnalysed}},
		{"all is well", Options{}, []result{with(func(*result) {})}, []string{notPublic, encrypted, allAnalysed, allLocated}},
		{"a filter", Options{Where: filter}, []result{clean}, nil},
		{"something is missing from the inputs", Options{Limited: true}, []result{clean}, nil},
		{"every result", Options{All: true}, []result{clean}, nil},
		{"public", Options{}, []result{with(func(r *result) { r.permission = "PUBLIC" })}, []string{encrypted, allAnalysed, allLocated}},
		{"not known whether public", Options{}, []result{with(func(r *result) { r.permission = "UNKNOWN" })}, []string{encrypted, allAnalysed, allLocated}},
		{"a public object", Options{}, []result{with(func(r *result) { r.public = "true" })}, []string{encrypted, allAnalysed, allLocated}},
		{"unencrypted", Options{}, []result{with(func(r *result) { r.encryption = "NONE" })}, []string{notPublic, allAnalysed, allLocated}},
		{"encryption not known", Options{}, []result{with(func(r *result) { r.encryption = "" })}, []string{notPublic, allAnalysed, allLocated}},
		{"4,000 occurrences with one location", Options{}, []result{with(func(r *result) { r.count, r.locations = 4000, 1 })}, []string{notPublic, encrypted, allAnalysed}},
		{"in part", Options{}, []result{with(func(r *result) { r.status = "PARTIAL" })}, []string{notPublic, encrypted, allLocated}},
		{"skipped", Options{}, []result{{key: "k", created: day, status: "SKIPPED", permission: "NOT_PUBLIC"}}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, got := overviewOf(t, test.options, test.results)
			for _, s := range sentences {
				if want := slices.Contains(test.want, s); strings.Contains(got, s) != want {
					t.Errorf("%q: %v, want %v in\n%s", s, !want, want, got)
				}
			}
		})
	}
}

// The JSON of an overview has the same figures, and is one document.
func TestOverviewJSON(t *testing.T) {
	v, _ := overviewOf(t, Options{}, []result{
		{key: "a", created: "2026-01-02T00:00:00Z", status: "COMPLETE", permission: "PUBLIC", count: 5},
		{key: "b", created: "2026-02-27T00:00:00Z", status: "SKIPPED", permission: "UNKNOWN"},
	})
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Totals  map[string]int64
		Public  []map[string]any
		Origins []map[string]any
		Groups  map[string]int64
	}
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if got.Totals["objects"] != 1 || got.Totals["skipped_objects"] != 1 || got.Totals["occurrences"] != 5 || got.Totals["unlocated"] != 5 {
		t.Errorf("totals %v", got.Totals)
	}
	// The bucket turned unknown after it was public: the last known exposed value counts.
	if len(got.Public) != 1 || got.Public[0]["bucket"] != "b" || got.Groups["public"] != 1 {
		t.Errorf("public %v", got.Public)
	}
	if len(got.Origins) != 1 || got.Origins[0]["age"] != "2 days" || got.Origins[0]["origin"] != "automated discovery" {
		t.Errorf("origins %v", got.Origins)
	}
}

// Groups by month say what they are of, and a trend gives each month's state.
func TestTrend(t *testing.T) {
	results := []result{
		{key: "a", created: "2026-01-10T00:00:00Z", status: "COMPLETE", permission: "NOT_PUBLIC", count: 5},
		{key: "b", created: "2026-03-10T00:00:00Z", status: "COMPLETE", permission: "PUBLIC", count: 2},
	}
	by, err := query.ParseDimension("month")
	if err != nil {
		t.Fatal(err)
	}
	public, err := query.ParseDimension("public")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		trend bool
		want  string
	}{
		{false, "[2026-01 yes 1 5 2026-03 yes 1 2]"},
		{true, "[2026-01 unknown 1 5 2026-02 unknown 1 5 2026-03 yes 2 7]"},
	} {
		o := Options{By: []query.Dimension{by, public}, Measures: []query.Measure{query.Objects, query.Occurrences}, Trend: test.trend}
		if !test.trend {
			o.Sort = "month"
		}
		g, _, err := NewGroups(context.Background(), o, inputsOf(t, results))
		if err != nil {
			t.Fatal(err)
		}
		if g.Heading == "" {
			t.Error("no heading")
		}
		var got []string
		if err := g.Each(context.Background(), func(cells []text.Cell) error {
			for _, c := range cells {
				got = append(got, string(c.Text))
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		g.Close()
		if fmt.Sprint(got) != test.want {
			t.Errorf("trend %v: got %v, want %s", test.trend, got, test.want)
		}
	}
}

// A value that nothing has and AWS doesn't document is a mistake; its nearest
// neighbours are suggested.
func TestLiterals(t *testing.T) {
	results := []result{{key: "a", created: "2026-01-10T00:00:00Z", status: "COMPLETE", permission: "NOT_PUBLIC", count: 5}}
	for _, test := range []struct{ filter, nearest string }{
		{"type=NAME", ""}, {"type=ADDRESS", ""}, {"bucket=b", ""}, {"bucket!=b", ""}, {"key~nothing", ""}, {"public=unknown", ""},
		{"type=NAMES", "NAME"}, {"category=credentials", "CREDENTIALS"}, {"bucket=bb", "b"}, {"status in (COMPLETE, DONE)", "COMPLETE"},
	} {
		f, err := where.Parse(test.filter, query.Fields())
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = NewOverview(context.Background(), Options{Where: f}, inputsOf(t, results))
		literal, _ := err.(*where.LiteralError)
		switch {
		case test.nearest == "" && err != nil:
			t.Errorf("%s: %v", test.filter, err)
		case test.nearest != "" && (literal == nil || !slices.Contains(literal.Nearest, test.nearest)):
			t.Errorf("%s: %v", test.filter, err)
		}
	}
}
