package dataset

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"github.com/macielake/macielake/internal/store"
	"github.com/macielake/macielake/pkg/schema"
)

func open(t testing.TB) *store.Local {
	t.Helper()
	s, err := store.CreateLocal(filepath.Join(t.TempDir(), "lake"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// contents is what is in a store, by name.
func contents(t *testing.T, s store.Store) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := s.List(context.Background(), ".", func(name string, _ fs.FileInfo) error {
		r, err := s.Open(context.Background(), name)
		if err != nil {
			return err
		}
		defer r.Close()
		data, err := io.ReadAll(r)
		all[name] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestDatasetRoundTrip(t *testing.T) {
	ctx, s := context.Background(), open(t)
	since := time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC)
	want := Dataset{
		Format: Format, TableFormat: "parquet", Tables: []string{"results"}, Definitions: Definitions(schema.Tables()),
		PartitionBy: []string{"created_month"}, Filter: Filter{Accounts: []string{"<&>\"\u2028é"}, Since: &since},
	}
	if err := Create(ctx, s, want); err != nil {
		t.Fatal(err)
	}
	got, err := Load(ctx, s)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	if err := Create(ctx, s, Dataset{Format: Format}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("created again: %v", err)
	}
	if again, err := Load(ctx, s); err != nil || !reflect.DeepEqual(again, want) {
		t.Errorf("%+v, %v; want %+v", again, err, want)
	}
}

func TestLoadOthers(t *testing.T) {
	for _, test := range []struct {
		name, content string
		foreign       bool
		want          string // in the error
	}{
		{"none", "", true, "not a dataset"},
		{"empty", " ", false, "damaged"},
		{"cut", `{"format":1,"table_fo`, false, "damaged"},
		{"an array", `[]`, false, "damaged"},
		{"text after it", `{"format":1}{"format":1}`, false, "damaged"},
		{"a wrong type", `{"format":1,"tables":"results"}`, false, "damaged"},
		{"another's", `{"name":"data"}`, false, "format 0"},
		{"a newer one", `{"format":2}`, false, "format 2"},
		{"a table of no name we know", `{"format":1,"table_format":"parquet","tables":["../results"]}`, false, "damaged"},
		{"no table format", `{"format":1}`, false, "damaged"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := open(t)
			if test.content != "" {
				if err := s.PutNew(context.Background(), "_macielake/dataset.json", []byte(strings.TrimSpace(test.content))); err != nil {
					t.Fatal(err)
				}
			}
			_, err := Load(context.Background(), s)
			if err == nil || errors.Is(err, ErrForeign) != test.foreign || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %s in it", err, test.want)
			}
			if err != nil && test.content != "" && !strings.Contains(err.Error(), s.URI("_macielake/dataset.json")) {
				t.Errorf("the file isn't named: %v", err)
			}
		})
	}
}

func TestDefinitions(t *testing.T) {
	all := Definitions(schema.Tables())
	if len(all) != 64 || all != Definitions(schema.Tables()) {
		t.Errorf("%q", all)
	}
	if all == Definitions(schema.Tables()[:2]) {
		t.Error("a table less makes no difference")
	}
	for _, change := range []func(c *schema.Column){
		func(c *schema.Column) { c.Name += "x" },
		func(c *schema.Column) { c.Type = schema.Bool },
	} {
		tables := schema.Tables()
		change(&tables[2].Columns[0])
		if all == Definitions(tables) {
			t.Error("a change of a column makes no difference")
		}
	}
}

func TestRunsTable(t *testing.T) {
	row := RunRow{
		RunID: "000001", StartedAt: time.UnixMicro(1_000_001).UTC(), EndedAt: time.UnixMicro(-1).UTC(), Version: "v\u00e9",
		Sources: 1, Lines: 2, Results: 3, Detections: 4, Occurrences: 5, Rejects: 6, Unreadable: 7, StoredBytes: 8, InflatedBytes: 9, WrittenBytes: 1 << 60,
	}
	want := "000001 1000001 -1 vé 1 2 3 4 5 6 7 8 9 1152921504606846976"
	names := "run_id started_at ended_at version sources lines results_rows detections_rows occurrences_rows rejects unreadable stored_bytes inflated_bytes written_bytes"
	for _, format := range []string{"parquet", "arrow"} {
		t.Run(format, func(t *testing.T) {
			ctx, s := context.Background(), open(t)
			if err := PutRunRow(ctx, s, format, "nonce", row); err != nil {
				t.Fatal(err)
			}
			all := contents(t, s)
			if len(all) != 1 {
				t.Fatalf("there is %v", slices.Collect(maps.Keys(all)))
			}
			data := []byte(all["runs/000001."+format])
			mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
			defer mem.AssertSize(t, 0)
			var record arrow.RecordBatch
			if format == "arrow" {
				r, err := ipc.NewFileReader(bytes.NewReader(data), ipc.WithAllocator(mem))
				if err != nil {
					t.Fatal(err)
				}
				defer r.Close()
				if record, err = r.RecordBatch(0); err != nil || r.NumRecords() != 1 {
					t.Fatal(r.NumRecords(), err)
				}
			} else {
				f, err := file.NewParquetReader(bytes.NewReader(data))
				if err != nil {
					t.Fatal(err)
				}
				defer f.Close()
				r, err := pqarrow.NewFileReader(f, pqarrow.ArrowReadProperties{BatchSize: 10}, mem)
				if err != nil {
					t.Fatal(err)
				}
				table, err := r.ReadTable(ctx)
				if err != nil {
					t.Fatal(err)
				}
				defer table.Release()
				tr := array.NewTableReader(table, 0)
				defer tr.Release()
				if !tr.Next() {
					t.Fatal("no row")
				}
				record = tr.RecordBatch()
			}
			var got, columns []string
			for i, c := range record.Columns() {
				columns = append(columns, record.ColumnName(i))
				if typ, ok := c.DataType().(*arrow.TimestampType); ok {
					if typ.Unit != arrow.Microsecond || typ.TimeZone != "UTC" {
						t.Errorf("%s is %v", record.ColumnName(i), typ)
					}
					got = append(got, fmt.Sprint(int64(c.(*array.Timestamp).Value(0))))
					continue
				}
				got = append(got, c.ValueStr(0))
			}
			if s := strings.Join(got, " "); s != want || record.NumRows() != 1 {
				t.Errorf("%s, want %s", s, want)
			}
			if s := strings.Join(columns, " "); s != names {
				t.Errorf("columns %s, want %s", s, names)
			}
		})
	}
}

// flaky is a store that breaks off at its n'th change.
type flaky struct {
	store.Store
	left int
}

var errBroken = errors.New("broken off")

func (f *flaky) change() error {
	if f.left == 0 {
		return errBroken
	}
	f.left--
	return nil
}

func (f *flaky) Move(ctx context.Context, from, to string) error {
	if err := f.change(); err != nil {
		return err
	}
	return f.Store.Move(ctx, from, to)
}

func (f *flaky) RemoveAll(ctx context.Context, name string) error {
	if err := f.change(); err != nil {
		return err
	}
	return f.Store.RemoveAll(ctx, name)
}

func (f *flaky) Sync(ctx context.Context) error {
	if err := f.change(); err != nil {
		return err
	}
	return f.Store.Sync(ctx)
}

// build makes a dataset of some files.
func build(t *testing.T, s store.Store, version string, names ...string) {
	t.Helper()
	ctx := context.Background()
	if err := Create(ctx, s, Dataset{Format: Format, TableFormat: "parquet", Definitions: version}); err != nil {
		t.Fatal(err)
	}
	if err := PutRun(ctx, s, Run{Run: "000001", Version: version}); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if err := s.PutNew(ctx, name, []byte(version+" "+name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := PutEnd(ctx, s, End{Run: "000001", State: Committed}); err != nil {
		t.Fatal(err)
	}
}

var (
	oldFiles = []string{"results/p=1/a", "results/p=2/a", "occurrences/p=1/a", "runs/000001.parquet", "_macielake/rejects/000001-00000.jsonl", "_macielake/runs/000002/run.json"}
	newFiles = []string{"results/p=2/a", "results/p=3/a", "detections/p=1/a", "runs/000001.parquet", "_macielake/runs/000001/parts/00000.json"}
)

// afterReplace is what a store holds once the new dataset is in it.
func afterReplace(t *testing.T) map[string]string {
	t.Helper()
	s := open(t)
	build(t, s, "new", newFiles...)
	want := contents(t, s)
	want["README"] = "x"
	return want
}

func TestReplace(t *testing.T) {
	ctx, s := context.Background(), open(t)
	build(t, s, "old", oldFiles...)
	if err := s.PutNew(ctx, "README", []byte("x")); err != nil {
		t.Fatal(err)
	}
	replacement := Replacement(s, "aaaaaaaaaaaaaaa1")
	build(t, replacement, "new", newFiles...)
	// What another replacement left behind goes, too.
	if err := s.PutNew(ctx, "_macielake/new-n0/results/a", nil); err != nil {
		t.Fatal(err)
	}
	before := contents(t, s)
	if d, err := Load(ctx, s); err != nil || d.Definitions != "old" {
		t.Errorf("while the new one is built: %+v, %v", d, err)
	}
	if err := Replace(ctx, s, "aaaaaaaaaaaaaaa1"); err != nil {
		t.Fatal(err)
	}
	if got, want := contents(t, s), afterReplace(t); !maps.Equal(got, want) {
		t.Errorf("there is %v, want %v; before %v", got, want, before)
	}
	// No directory is left that is nobody's.
	err := filepath.WalkDir(s.URI("."), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		entries, err := os.ReadDir(path)
		if err == nil && len(entries) == 0 {
			t.Errorf("%s is empty", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// Wherever it breaks off, what is left is a dataset that can be replaced, and
// doing that ends well.
func TestReplaceBreaksOff(t *testing.T) {
	for n := 0; ; n++ {
		ctx, s := context.Background(), open(t)
		build(t, s, "old", oldFiles...)
		if err := s.PutNew(ctx, "README", []byte("x")); err != nil {
			t.Fatal(err)
		}
		build(t, Replacement(s, "aaaaaaaaaaaaaaa1"), "new", newFiles...)
		err := Replace(ctx, &flaky{s, n}, "aaaaaaaaaaaaaaa1")
		if err == nil {
			if n < 10 {
				t.Errorf("whole after %d changes", n)
			}
			return
		}
		if !errors.Is(err, errBroken) {
			t.Fatalf("step %d: %v", n, err)
		}
		if _, loadErr := Load(ctx, s); loadErr != nil && !(errors.Is(loadErr, ErrHalfReplaced) && errors.Is(err, ErrHalfReplaced)) {
			t.Errorf("step %d: no dataset is left: %v", n, loadErr)
		}
		build(t, Replacement(s, "aaaaaaaaaaaaaaa2"), "new", newFiles...)
		if err := Replace(ctx, s, "aaaaaaaaaaaaaaa2"); err != nil {
			t.Fatalf("step %d, done again: %v", n, err)
		}
		if got, want := contents(t, s), afterReplace(t); !maps.Equal(got, want) {
			t.Errorf("step %d, done again: there is %v, want %v", n, got, want)
		}
	}
}

// The same replacement can be finished, and nothing of it is lost.
func TestReplaceIsFinished(t *testing.T) {
	for n := 0; ; n++ {
		ctx, s := context.Background(), open(t)
		build(t, s, "old", oldFiles...)
		if err := s.PutNew(ctx, "README", []byte("x")); err != nil {
			t.Fatal(err)
		}
		build(t, Replacement(s, "aaaaaaaaaaaaaaa1"), "new", newFiles...)
		if err := Replace(ctx, &flaky{s, n}, "aaaaaaaaaaaaaaa1"); err == nil {
			return
		}
		if err := Replace(ctx, s, "aaaaaaaaaaaaaaa1"); err != nil {
			t.Errorf("step %d, finished: %v", n, err)
			continue
		}
		if got, want := contents(t, s), afterReplace(t); !maps.Equal(got, want) {
			t.Errorf("step %d, finished: there is %v, want %v", n, slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
		}
	}
}

func TestContentsAreAll(t *testing.T) {
	if names := Contents(); names[len(names)-1] != "_macielake" || !slices.Contains(names, "runs") || len(names) != len(schema.Tables())+2 {
		t.Errorf("%q", names)
	}
}
