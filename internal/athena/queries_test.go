package athena_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/macielake/macielake/internal/athena"
)

func TestQueriesGolden(t *testing.T) {
	l := monthly().read(t)
	for _, target := range []athena.Target{onAthena(), onDuckDB()} {
		var out strings.Builder
		for _, q := range athena.Queries() {
			sql, err := q.SQL(l, target, nil)
			if err != nil {
				t.Fatal(err)
			}
			out.WriteString("== " + q.Name + ": " + q.Answers + "\n" + sql + "\n")
		}
		golden(t, "queries/"+string(target.Dialect)+".sql", out.String())
	}
}

// All queries and views count only committed runs: where they read a table directly,
// they have the condition for that.
func TestOnlyCommittedRuns(t *testing.T) {
	l := monthly().read(t)
	check := func(name, sql string) {
		for _, table := range []string{"results", "detections", "occurrences"} {
			reads := strings.Count(sql, `"macie"."`+table+`"`)
			held := strings.Count(sql, `run_id IN (SELECT run_id FROM "macie"."runs")`) +
				strings.Count(sql, "d.run_id = r.run_id") + strings.Count(sql, "o.run_id = d.run_id") +
				strings.Count(sql, "s.run_id = w.run_id") + strings.Count(sql, "d.run_id = a.run_id")
			if reads > held {
				t.Errorf("%s reads %s without the condition that its run is committed", name, table)
			}
		}
	}
	for _, s := range statements(t, l, onAthena()) {
		if strings.HasPrefix(s.Name, "create-view-") {
			check(s.Name, s.SQL)
		}
	}
	for _, q := range athena.Queries() {
		sql, err := q.SQL(l, onAthena(), nil)
		if err != nil {
			t.Fatal(err)
		}
		check(q.Name, sql)
	}
}

func TestQueryParams(t *testing.T) {
	l := monthly().read(t)
	for _, test := range []struct {
		query, name, value string
		want               string // in the SQL
		wantErr            string
	}{
		{"types_of_job", "job", "0a1b", "WHERE job_id = '0a1b' AND", ""},
		{"types_of_job", "job", "it's", "WHERE job_id = 'it''s' AND", ""},
		{"types_of_job", "job", "a\x1b[31mb\u202ec", "WHERE job_id = ('a' || chr(27) || '[31mb' || chr(8238) || 'c') AND", ""},
		{"types_of_job", "job", "", "WHERE job_id = '' AND", ""},
		{"status_of_job", "job", `\`, `WHERE job_id = '\' AND`, ""},
		{"change", "before", "2026-01", "SELECT '2026-01' AS before_period", ""},
		{"prefixes_of_type", "type", "NAME", "detection_type = 'NAME'", ""},
		{"prefixes_of_type", "depth", "20", "{0,20}", ""},
		{"prefixes_of_type", "depth", "21", "", "1 to 20"},
		{"prefixes_of_type", "depth", "0", "", "1 to 20"},
		{"prefixes_of_type", "depth", "+3", "", "1 to 20"},
		{"prefixes_of_type", "depth", "2}') --", "", "1 to 20"},
		{"prefixes_of_type", "job", "x", "", "its parameters are type, depth"},
		{"exposure", "job", "x", "", "no parameters"},
	} {
		q, ok := athena.FindQuery(test.query)
		if !ok {
			t.Fatal(test.query)
		}
		sql, err := q.SQL(l, onAthena(), map[string]string{test.name: test.value})
		if test.wantErr != "" {
			var param *athena.ParamError
			if !errors.As(err, &param) || !strings.Contains(err.Error(), test.wantErr) {
				t.Errorf("%s, %s=%q: %v", test.query, test.name, test.value, err)
			}
			continue
		}
		if err != nil || !strings.Contains(sql, test.want) {
			t.Errorf("%s, %s=%q: %v\n%s", test.query, test.name, test.value, err, sql)
		}
	}
}

// Every parameter of a query changes its SQL.
func TestParamsAreUsed(t *testing.T) {
	l := monthly().read(t)
	for _, q := range athena.Queries() {
		without, err := q.SQL(l, onAthena(), nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range q.Params {
			with, err := q.SQL(l, onAthena(), map[string]string{p.Name: "7"})
			if err != nil || with == without {
				t.Errorf("%s doesn't use %s: %v", q.Name, p.Name, err)
			}
		}
	}
}

func TestQueriesWithMissingTables(t *testing.T) {
	for _, test := range []struct {
		tables []string
		able   int
	}{
		{[]string{"results"}, 8},
		{[]string{"results", "detections"}, 21},
		{[]string{"detections"}, 8},
		{[]string{"occurrences"}, 3},
	} {
		l := lake{tables: test.tables, dirs: []string{""}}.read(t)
		able := 0
		for _, q := range athena.Queries() {
			sql, err := q.SQL(l, onAthena(), nil)
			var missing *athena.MissingTableError
			if errors.As(err, &missing) {
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			able++
			for _, table := range []string{"results", "detections", "occurrences"} {
				if l.Table(table) == nil && strings.Contains(sql, `"macie"."`+table+`"`) {
					t.Errorf("%s reads %s", q.Name, table)
				}
			}
		}
		if able != test.able {
			t.Errorf("%q answer %d queries, want %d", test.tables, able, test.able)
		}
	}
}

func TestQueryCount(t *testing.T) {
	if n := len(athena.Queries()); n != 15+8+1 {
		t.Errorf("%d queries", n)
	}
	seen := map[string]bool{}
	for _, q := range athena.Queries() {
		if seen[q.Name] || !strings.HasSuffix(q.Answers, "?") {
			t.Errorf("%s: %s", q.Name, q.Answers)
		}
		seen[q.Name] = true
	}
}
