package athena_test

import (
	"flag"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/macielake/macielake/internal/athena"
	"github.com/macielake/macielake/internal/state"
	"github.com/macielake/macielake/internal/store"
	"github.com/macielake/macielake/pkg/schema"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var now = time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)

// lake describes a dataset whose files have no content.
type lake struct {
	format string   // parquet where empty
	tables []string // all where nil
	keys   []string
	dirs   []string // partitions of every table
	files  []string // further files
}

func (l lake) write(t *testing.T) store.Store {
	t.Helper()
	s, err := store.OpenLocal(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	d := state.Dataset{Format: state.Format, Layout: state.Layout, ID: state.NewNonce(), TableFormat: l.format, Tables: l.tables, PartitionBy: l.keys}
	if l.format == "" {
		d.TableFormat = "parquet"
	}
	if l.tables == nil {
		d.Tables = []string{"results", "detections", "occurrences"}
	}
	var schemas []*schema.Table
	for _, table := range schema.Tables() {
		for _, name := range d.Tables {
			if name == table.Name {
				schemas = append(schemas, table)
			}
		}
	}
	d.Definitions = state.Definitions(schemas)
	if err := state.Create(t.Context(), s, &d); err != nil {
		t.Fatal(err)
	}
	files := append([]string{"runs/000001.parquet"}, l.files...)
	for _, table := range d.Tables {
		for _, dir := range l.dirs {
			files = append(files, path.Join(table, dir, "000001-00000-0.parquet"), path.Join(table, dir, "000001-00001-0.parquet"))
		}
	}
	for _, name := range files {
		put(t, s, name)
	}
	return s
}

func put(t *testing.T, s store.Store, name string) {
	t.Helper()
	out, err := s.Create(t.Context(), name, store.Shared)
	if err != nil {
		t.Fatal(err)
	}
	if err := out.Commit(); err != nil {
		t.Fatal(err)
	}
}

func (l lake) read(t *testing.T) *athena.Layout {
	t.Helper()
	layout, err := athena.ReadLayout(t.Context(), l.write(t))
	if err != nil {
		t.Fatal(err)
	}
	return layout
}

func monthly() lake {
	return lake{keys: []string{"created_month"}, dirs: []string{"created_month=2026-03", "created_month=2026-10"}}
}

func onAthena() athena.Target {
	return athena.Target{Dialect: athena.Athena, Database: "macie", Location: "s3://a-bucket/lake/", Now: now}
}

func onDuckDB() athena.Target {
	return athena.Target{Dialect: athena.DuckDB, Database: "macie", Location: "/data/lake", Now: now}
}

// format returns statements as golden files have them.
func format(statements []athena.Statement) string {
	var out strings.Builder
	for _, s := range statements {
		out.WriteString("== " + s.Name + "\n")
		if s.Note != "" {
			out.WriteString("-- " + s.Note + "\n")
		}
		if s.SQL != "" {
			out.WriteString(s.SQL + "\n")
		}
	}
	return out.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		gotLines, wantLines := strings.Split(got, "\n"), strings.Split(string(want), "\n")
		for i := range gotLines {
			if i >= len(wantLines) || gotLines[i] != wantLines[i] {
				t.Fatalf("%s, line %d is %q (go test -update rewrites it)", file, i+1, gotLines[i])
			}
		}
		t.Fatalf("%s has more lines", file)
	}
}
