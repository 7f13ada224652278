package convert

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/macielake/macielake/internal/dataset"
	"github.com/macielake/macielake/pkg/schema"
)

func TestFilter(t *testing.T) {
	ms := func(s string) *time.Time {
		at, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			t.Fatal(err)
		}
		return &at
	}
	// The sources were last modified in May and never; records say January,
	// February, or nothing.
	type record struct{ source, line string }
	records := []record{
		{"may", `{"id":"jan","accountId":"1","region":"e","createdAt":"2026-01-31T23:59:59.999Z","classificationDetails":{"jobId":"j"}}`},
		{"may", `{"id":"feb","accountId":"2","region":"w","createdAt":"2026-02-01T00:00:00Z","classificationDetails":{"jobId":"j"}}`},
		{"may", `{"id":"none","accountId":"1","region":"w"}`},
		{"never", `{"id":"never","accountId":"","classificationDetails":{"jobId":null}}`},
		{"may", `{"id":"old","createdAt":"0001-01-01T00:00:00Z","region":"e"}`},
	}
	for _, test := range []struct {
		name   string
		filter dataset.Filter
		want   string
	}{
		{"nothing", dataset.Filter{}, "jan feb none never old"},
		{"account", dataset.Filter{Accounts: []string{"1"}}, "jan none"},
		{"accounts", dataset.Filter{Accounts: []string{"2", "1"}}, "jan feb none"},
		{"region", dataset.Filter{Regions: []string{"w"}}, "feb none"},
		{"job", dataset.Filter{Jobs: []string{"j"}}, "jan feb"},
		{"all of them", dataset.Filter{Accounts: []string{"1"}, Regions: []string{"e"}, Jobs: []string{"j"}}, "jan"},
		{"none has it", dataset.Filter{Accounts: []string{"11"}}, ""},
		{"since", dataset.Filter{Since: ms("2026-02-01T00:00:00Z")}, "feb none"},
		{"until", dataset.Filter{Until: ms("2026-02-01T00:00:00Z")}, "jan never old"},
		{"a millisecond", dataset.Filter{Since: ms("2026-01-31T23:59:59.999Z"), Until: ms("2026-02-01T00:00:00Z")}, "jan"},
		{"before 1970", dataset.Filter{Until: ms("1970-01-01T00:00:00Z")}, "old"},
		{"at 1970", dataset.Filter{Until: ms("1970-01-01T00:00:00.001Z")}, "never old"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := schema.NewBatch()
			line := int64(1)
			for _, r := range records {
				src := schema.Source{URI: r.source}
				if r.source == "may" {
					src.LastModified = ms("2026-05-01T00:00:00Z").UnixMicro()
				}
				b.AppendLines(src, line, 0, []byte(r.line+"\n"))
				line++
			}
			schema.NewDecoder(schema.DecoderOptions{}).Decode(b)
			if len(b.Rejects) > 0 || len(b.Results) != len(records) {
				t.Fatalf("%d rejects, %d results", len(b.Rejects), len(b.Results))
			}
			if filters(&test.filter) != (test.name != "nothing") {
				t.Error("filters is wrong about it")
			}
			applyFilter(&test.filter, b)
			var got []string
			for i := range b.Results {
				got = append(got, string(b.Text(b.Results[i].Text[schema.ResultID])))
			}
			if s := strings.Join(got, " "); s != test.want {
				t.Errorf("kept %q, want %q", s, test.want)
			}
			if len(b.Dropped)+len(b.Results) != len(records) {
				t.Errorf("%d dropped", len(b.Dropped))
			}
		})
	}
}

// What a filter leaves out is a record of its object, but a row of no table, and
// a field it has isn't in any.
func TestFilteredRun(t *testing.T) {
	dir := write(t, map[string][]byte{
		"a.jsonl": []byte(`{"id":"a","region":"e","future":1}` + "\n" + `{"id":"b","region":"w","other":1}` + "\n" + "{\n\n"),
		"b.jsonl": []byte(`{"id":"c","region":"w"}` + "\n"),
	})
	o := testOptions(t, dir)
	o.Filter.Regions = []string{"e"}
	s := convertAll(t, o)
	if s.Records != 3 || s.Filtered != 2 || s.Rows["results"] != 1 || s.Rejects.Lines != 1 || s.Blank != 1 {
		t.Errorf("%+v", s)
	}
	objects := readReceipts(t, o.Out.URI("."))[0].Objects
	if a, b := objects[0], objects[1]; a.Filtered != 1 || a.Records != 2 || b.Filtered != 1 || b.Records != 1 {
		t.Errorf("%+v", objects)
	}
	// Unknown fields are counted in all records that were read.
	if got := fmt.Sprint(s.UnknownFields); got != "map[future:1 other:1]" {
		t.Errorf("unknown fields: %s", got)
	}
	var d dataset.Dataset
	readJSON(t, o.Out.URI(".")+"/_macielake/dataset.json", &d)
	if !slices.Equal(d.Filter.Regions, []string{"e"}) {
		t.Errorf("dataset.json has the filter %+v", d.Filter)
	}
}
