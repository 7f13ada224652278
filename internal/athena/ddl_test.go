package athena_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/macielake/macielake/internal/athena"
	"github.com/macielake/macielake/pkg/schema"
)

func statements(t *testing.T, l *athena.Layout, target athena.Target) []athena.Statement {
	t.Helper()
	s, err := athena.Statements(l, target)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// joinSQL returns the SQL of the statements whose names begin with name.
func joinSQL(all []athena.Statement, name string) string {
	var found []string
	for _, s := range all {
		if strings.HasPrefix(s.Name, name) {
			found = append(found, s.SQL)
		}
	}
	return strings.Join(found, "\n")
}

func TestStatementsGolden(t *testing.T) {
	byKeys := lake{keys: []string{"region", "created_month"}, dirs: []string{
		"p_region=eu-west-1/created_month=2026-03", "p_region=unknown/created_month=1970-01", "p_region=it%27s %25 %0A %F0%9F%98%80/created_month=2026-10",
	}}
	for _, test := range []struct {
		name   string
		lake   lake
		target athena.Target
	}{
		{"athena", monthly(), onAthena()},
		{"duckdb", monthly(), onDuckDB()},
		{"athena-keys", byKeys, onAthena()},
		{"duckdb-keys", byKeys, onDuckDB()},
		{"athena-results", lake{tables: []string{"results"}, dirs: []string{""}}, onAthena()},
		{"duckdb-empty", lake{tables: []string{"detections"}, keys: []string{"created_date"}}, onDuckDB()},
	} {
		t.Run(test.name, func(t *testing.T) {
			golden(t, "ddl/"+test.name+".sql", format(statements(t, test.lake.read(t), test.target)))
		})
	}
}

// Every column is declared once, with the type of the schema and a comment. No
// partition has the name of a column.
func TestColumns(t *testing.T) {
	all := statements(t, monthly().read(t), onAthena())
	types := map[schema.Type]string{
		schema.Text: "string", schema.Int64: "bigint", schema.Int32: "int", schema.Bool: "boolean",
		schema.Timestamp: "timestamp", schema.Map: "map<string,string>",
	}
	for _, table := range schema.Tables() {
		sql := joinSQL(all, "create-table-"+table.Name)
		for _, c := range table.Columns {
			line := fmt.Sprintf("\n  `%s` %s COMMENT '%s'", c.Name, types[c.Type], strings.ReplaceAll(c.Doc, "'", `\'`))
			if strings.Count(sql, line) != 1 || c.Doc == "" {
				t.Errorf("%s.%s isn't declared once", table.Name, c.Name)
			}
		}
		if n := strings.Count(sql, " COMMENT '"); n != len(table.Columns)+1 { // and the partition's
			t.Errorf("%s has %d columns", table.Name, n)
		}
	}
	for _, c := range []string{"run_id", "results_rows", "ended_at"} {
		if !strings.Contains(joinSQL(all, "create-table-runs"), "  `"+c+"` ") {
			t.Errorf("runs has no column %s", c)
		}
	}
}

func TestProjection(t *testing.T) {
	for _, test := range []struct {
		name string
		key  string
		dirs []string
		want string
	}{
		{"months", "created_month", []string{"created_month=2025-12", "created_month=2026-01"}, "2025-12,NOW+31DAYS"},
		{"dates", "created_date", []string{"created_date=2025-12-31", "created_date=2026-01-01"}, "2025-12-31,NOW+31DAYS"},
		{"no file", "created_month", nil, "2026-11,NOW+31DAYS"},
		{"no time", "created_month", []string{"created_month=1970-01"}, "1970-01,NOW+31DAYS"},
		{"next month", "created_month", []string{"created_month=2026-12"}, "2026-12,NOW+31DAYS"},
		{"far ahead", "created_month", []string{"created_month=2026-01", "created_month=2031-02"}, "2026-01,NOW+1550DAYS"},
		{"dates ahead", "created_date", []string{"created_date=2026-12-31"}, "2026-12-31,NOW+62DAYS"},
		{"all times", "created_month", []string{"created_month=0001-01", "created_month=9999-12"}, "0001-01,NOW+2912109DAYS"},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := lake{keys: []string{test.key}, dirs: test.dirs}.read(t)
			sql := joinSQL(statements(t, l, onAthena()), "create-table-detections")
			if !strings.Contains(sql, "'projection."+test.key+".range' = '"+test.want+"'") {
				t.Errorf("the range isn't %s:\n%s", test.want, sql)
			}
		})
	}
}

func TestWarnSlow(t *testing.T) {
	if w := athena.WarnSlow(monthly().read(t), onAthena()); len(w) > 0 {
		t.Errorf("%q", w)
	}
	l := lake{keys: []string{"created_date"}, dirs: []string{"created_date=1970-01-01", "created_date=2026-01-01"}}.read(t)
	if w := athena.WarnSlow(l, onAthena()); len(w) != 3 || !strings.Contains(w[0], "span 1970-01-01 to 2026-01-01") {
		t.Errorf("%q", w)
	}
}

// Partitions are added in batches, with the values of their directories.
func TestAddPartitions(t *testing.T) {
	var dirs []string
	for i := range 250 {
		dirs = append(dirs, fmt.Sprintf("p_job=job-%03d", i))
	}
	all := statements(t, lake{keys: []string{"job"}, dirs: dirs}.read(t), onAthena())
	var batches []string
	for _, s := range all {
		if strings.HasPrefix(s.Name, "add-partitions-results") {
			batches = append(batches, s.SQL)
		}
	}
	if len(batches) != 3 {
		t.Fatalf("%d statements", len(batches))
	}
	for i, want := range []int{100, 100, 50} {
		if n := strings.Count(batches[i], "PARTITION ("); n != want {
			t.Errorf("statement %d has %d partitions", i, n)
		}
	}
	if !strings.Contains(batches[2], "PARTITION (`p_job` = 'job-249') LOCATION 's3://a-bucket/lake/results/p_job=job-249/'") {
		t.Errorf("%s", batches[2])
	}

	long := strings.Repeat("%27", 80)
	dirs = nil
	for i := range 100 {
		dirs = append(dirs, fmt.Sprintf("p_job=%d%s", i, long))
	}
	target := onAthena()
	target.Location = "s3://a-bucket/" + strings.Repeat("'", 900)
	for _, s := range statements(t, lake{keys: []string{"job"}, dirs: dirs}.read(t), target) {
		if len(s.SQL) > 262144 {
			t.Errorf("%s has %d bytes", s.Name, len(s.SQL))
		}
	}
}

func TestDuckDBSource(t *testing.T) {
	target := onDuckDB()
	target.Location = "/data/it's [a] *?"
	sql := joinSQL(statements(t, monthly().read(t), target), "create-table-results")
	if want := `read_parquet('/data/it''s [[]a] [*][?]/results/*/*.parquet', hive_partitioning = true, hive_types_autocast = false)`; !strings.Contains(sql, want) {
		t.Errorf("%s", sql)
	}
	target.Location = "/data/Account_ID=1/lake"
	if _, err := athena.Statements(monthly().read(t), target); err == nil || !strings.Contains(err.Error(), "Account_ID") {
		t.Errorf("%v", err)
	}
	// A table without partitions turns off hive_partitioning, so any path is fine.
	if _, err := athena.Statements(lake{dirs: []string{""}}.read(t), target); err != nil {
		t.Error(err)
	}
}

func TestTargets(t *testing.T) {
	l := monthly().read(t)
	for _, test := range []struct {
		name   string
		change func(t *athena.Target)
		want   string // in the error; empty for no error
	}{
		{"only a bucket", func(t *athena.Target) { t.Location = "s3://bucket" }, ""},
		{"quotes", func(t *athena.Target) { t.Location = "s3://bucket/it's/`x`" }, ""},
		{"local", func(t *athena.Target) { t.Location = "/data" }, "--location"},
		{"no bucket", func(t *athena.Target) { t.Location = "s3:///x" }, "s3://BUCKET"},
		{"line feed", func(t *athena.Target) { t.Location = "s3://bucket/a\nb" }, "s3://BUCKET"},
		{"escape", func(t *athena.Target) { t.Location = "s3://bucket/a\x1bb" }, "control"},
		{"template", func(t *athena.Target) { t.Location = "s3://bucket/${x}" }, "${"},
		{"upper case", func(t *athena.Target) { t.Database = "Macie" }, "database"},
		{"quote", func(t *athena.Target) { t.Database = `a"b` }, "database"},
		{"no name", func(t *athena.Target) { t.Database = "" }, "database"},
	} {
		t.Run(test.name, func(t *testing.T) {
			target := onAthena()
			test.change(&target)
			_, err := athena.Statements(l, target)
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v", err)
			}
		})
	}
}

// A view that needs a missing table gives a note, and isn't dropped silently.
func TestStatementsNoteMissingTables(t *testing.T) {
	all := statements(t, lake{tables: []string{"results", "occurrences"}, dirs: []string{""}}.read(t), onAthena())
	var made, left []string
	for _, s := range all {
		if name, ok := strings.CutPrefix(s.Name, "create-view-"); ok {
			if s.SQL == "" {
				left = append(left, name)
				if !strings.Contains(s.Note, "skipped: the dataset has no table detections") {
					t.Errorf("%s", s.Note)
				}
			} else {
				made = append(made, name)
			}
		}
	}
	if want := []string{"current_results", "current_buckets", "current_states", "current_subjects", "unanalyzed_objects", "job_summary", "bucket_summary"}; !slices.Equal(made, want) {
		t.Errorf("made %q", made)
	}
	if want := []string{"current_detections", "current_findings", "sensitive_objects", "object_locations"}; !slices.Equal(left, want) {
		t.Errorf("left out %q", left)
	}
	if strings.Contains(joinSQL(all, "create-view"), "detections\"") {
		t.Error("a view reads a table that doesn't exist")
	}
}
