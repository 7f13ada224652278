package run

import (
	"strings"
	"testing"
	"time"

	"github.com/macielake/macielake/internal/state"
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
		filter state.Filter
		want   string
	}{
		{"nothing", state.Filter{}, "jan feb none never old"},
		{"account", state.Filter{Accounts: []string{"1"}}, "jan none"},
		{"accounts", state.Filter{Accounts: []string{"2", "1"}}, "jan feb none"},
		{"region", state.Filter{Regions: []string{"w"}}, "feb none"},
		{"job", state.Filter{Jobs: []string{"j"}}, "jan feb"},
		{"all of them", state.Filter{Accounts: []string{"1"}, Regions: []string{"e"}, Jobs: []string{"j"}}, "jan"},
		{"none has it", state.Filter{Accounts: []string{"11"}}, ""},
		{"since", state.Filter{Since: ms("2026-02-01T00:00:00Z")}, "feb none"},
		{"until", state.Filter{Until: ms("2026-02-01T00:00:00Z")}, "jan never old"},
		{"a millisecond", state.Filter{Since: ms("2026-01-31T23:59:59.999Z"), Until: ms("2026-02-01T00:00:00Z")}, "jan"},
		{"before 1970", state.Filter{Until: ms("1970-01-01T00:00:00Z")}, "old"},
		{"at 1970", state.Filter{Until: ms("1970-01-01T00:00:00.001Z")}, "never old"},
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
