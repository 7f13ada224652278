package lake_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/macielake/macielake/internal/arrowio"
	"github.com/macielake/macielake/internal/convert"
	"github.com/macielake/macielake/internal/gen"
	"github.com/macielake/macielake/internal/input"
	"github.com/macielake/macielake/internal/lake"
	"github.com/macielake/macielake/internal/raw"
	"github.com/macielake/macielake/internal/rows"
	"github.com/macielake/macielake/internal/state"
	"github.com/macielake/macielake/internal/store"
	"github.com/macielake/macielake/pkg/schema"
	"github.com/macielake/macielake/pkg/sink"
)

// sample makes discovery results and returns their directory.
func sample(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "sample")
	if _, err := gen.Run(context.Background(), gen.Options{Dir: dir, Size: 1_500_000, Seed: 4, Profile: "mixed"}); err != nil {
		t.Fatal(err)
	}
	return dir
}

// converted converts results and opens the dataset.
func converted(t testing.TB, in, format string, by ...sink.PartitionKey) (string, *lake.Lake) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "lake")
	out, err := store.CreateLocal(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { out.Close() })
	_, err = convert.Run(context.Background(), convert.Options{
		Inputs: []string{in}, Origins: []input.Origin{input.Local{}}, Out: out, TableFormat: format,
		Tables: []string{"results", "detections", "occurrences"}, PartitionBy: by, Compression: "zstd",
		TargetFileSize: 64 << 10, PartSize: 100 << 10, Workers: 2, MaxRejects: -1, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	l, err := lake.Open(t.Context(), out)
	if err != nil {
		t.Fatal(err)
	}
	return dir, l
}

// columnsBut are a table's columns without some.
func columnsBut(t *schema.Table, but ...string) []schema.Column {
	return slices.DeleteFunc(slices.Clone(t.Columns), func(c schema.Column) bool { return slices.Contains(but, c.Name) })
}

func names(columns []schema.Column) []string {
	list := make([]string, len(columns))
	for i, c := range columns {
		list[i] = c.Name
	}
	return list
}

// lines returns the rows that a query gives, as lines of JSON.
func lines(t testing.TB, l *lake.Lake, q lake.Query, level schema.Level, columns []schema.Column) []string {
	t.Helper()
	q.Columns = names(columns)
	var all []byte
	err := lake.Scan(t.Context(), l, q, func(_ int, batch arrow.RecordBatch) ([]byte, error) {
		r := arrowio.NewRows(level, columns)
		if err := r.Reset(batch); err != nil {
			return nil, err
		}
		enc := rows.NewNDJSON(columns)
		enc.Reset(r)
		out, _, _ := enc.Append(nil, 1<<40, rows.AllRows)
		return out, nil
	}, func(out []byte) error {
		all = append(all, out...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.SplitAfter(string(all), "\n")
}

// rawLines returns the rows of results, as lines of JSON.
func rawLines(t testing.TB, in string, level schema.Level, columns []schema.Column) []string {
	t.Helper()
	var all []byte
	_, err := raw.Scan(t.Context(), raw.Options{
		Inputs: []string{in}, Origins: []input.Origin{input.Local{}}, Workers: 2, Log: slog.New(slog.DiscardHandler),
	}, func(b *schema.Batch) ([]byte, error) {
		r := rows.NewBatch(level, columns)
		r.Reset(b)
		enc := rows.NewNDJSON(columns)
		enc.Reset(r)
		out, _, _ := enc.Append(nil, 1<<40, rows.AllRows)
		return out, nil
	}, func(out []byte) error {
		all = append(all, out...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.SplitAfter(string(all), "\n")
}

// A dataset gives the rows of the results that it was made of, in the same order
// with any number of workers and any size of batches.
func TestScan(t *testing.T) {
	in := sample(t)
	for _, c := range []struct {
		format string
		by     []sink.PartitionKey
	}{
		{"parquet", []sink.PartitionKey{sink.ByCreatedMonth}}, {"arrow", []sink.PartitionKey{sink.ByRegion, sink.ByCreatedDate}},
		{"parquet", nil},
	} {
		_, l := converted(t, in, c.format, c.by...)
		for _, table := range schema.Tables() {
			columns := columnsBut(table, "run_id")
			want := rawLines(t, in, table.Row, columns)
			got := lines(t, l, lake.Query{Table: table.Name, Workers: 3}, table.Row, columns)
			one := lines(t, l, lake.Query{Table: table.Name, BatchBytes: 10_000}, table.Row, columns)
			if !slices.Equal(got, one) {
				t.Errorf("%s %v %s: another order with one worker", c.format, c.by, table.Name)
			}
			if len(c.by) == 0 && len(l.Files(table.Name)) > 1 && !slices.Equal(got, want) {
				t.Errorf("%s %s: not in the order of the results", c.format, table.Name)
			}
			slices.Sort(got)
			slices.Sort(want)
			if len(want) < 100 || !slices.Equal(got, want) {
				t.Errorf("%s %v %s: %d rows, want %d", c.format, c.by, table.Name, len(got), len(want))
			}
		}
	}
}

// Conditions leave out what can't meet them and nothing else.
func TestConditions(t *testing.T) {
	in := sample(t)
	for _, format := range []string{"parquet", "arrow"} {
		_, l := converted(t, in, format, sink.ByCreatedMonth, sink.ByRegion)
		table := schema.Occurrences()
		columns := columnsBut(table)
		all := lines(t, l, lake.Query{Table: table.Name}, table.Row, columns)
		member := func(line, name string) string {
			_, rest, _ := strings.Cut(line, `"`+name+`":`)
			return strings.Trim(rest[:strings.IndexAny(rest, ",}")], `"`)
		}
		pick := all[len(all)/2]
		month := member(pick, "created_at")[:7]
		first, _ := time.Parse("2006-01", month)
		end := first.AddDate(0, 1, 0)
		for _, c := range []struct {
			name  string
			where []lake.Predicate
			match func(line string) bool
			most  float64 // share of the rows that may still come, of Parquet
		}{
			{"bucket", []lake.Predicate{lake.OneOf("bucket_name", member(pick, "bucket_name"))},
				func(s string) bool { return member(s, "bucket_name") == member(pick, "bucket_name") }, 0.9},
			{"source", []lake.Predicate{lake.OneOf("source_uri", member(pick, "source_uri"), "x")},
				func(s string) bool { return member(s, "source_uri") == member(pick, "source_uri") }, 0.5},
			{"prefix", []lake.Predicate{lake.Prefix("bucket_name", member(pick, "bucket_name")[:4])},
				func(s string) bool {
					return strings.HasPrefix(member(s, "bucket_name"), member(pick, "bucket_name")[:4])
				}, 1},
			{"month", []lake.Predicate{lake.Between("created_at", first.UnixMicro(), end.UnixMicro()-1)},
				func(s string) bool { return strings.HasPrefix(member(s, "created_at"), month) }, 0.5},
			{"region", []lake.Predicate{lake.OneOf("region", member(pick, "region"))},
				func(s string) bool { return member(s, "region") == member(pick, "region") }, 0.9},
			{"two", []lake.Predicate{lake.OneOf("detection_type", member(pick, "detection_type")), lake.OneOf("bucket_name", member(pick, "bucket_name"))},
				func(s string) bool {
					return member(s, "bucket_name") == member(pick, "bucket_name") && member(s, "detection_type") == member(pick, "detection_type")
				}, 0.9},
			{"row", []lake.Predicate{lake.Between("cell_row", 1<<40, 1<<41)}, func(string) bool { return false }, 0},
			{"nothing", []lake.Predicate{lake.OneOf("bucket_name", "no such bucket")}, func(string) bool { return false }, 0},
			{"no such column", []lake.Predicate{lake.OneOf("nothing", "x")}, func(string) bool { return false }, 0},
		} {
			matching := func(lines []string) []string {
				return slices.DeleteFunc(slices.Clone(lines), func(s string) bool { return s == "" || !c.match(s) })
			}
			got := lines(t, l, lake.Query{Table: table.Name, Where: c.where, Workers: 2}, table.Row, columns)
			if want := matching(all); !slices.Equal(matching(got), want) {
				t.Errorf("%s, %s: %d rows, want %d", format, c.name, len(matching(got)), len(want))
			}
			if share := float64(len(got)-1) / float64(len(all)); share > c.most && format == "parquet" {
				t.Errorf("%s, %s: %.2f of all rows were read", format, c.name, share)
			}
		}
	}
}

// Directories are columns where they are asked for, and columns that a file
// doesn't have are null.
func TestPartitionsAsColumns(t *testing.T) {
	_, l := converted(t, sample(t), "parquet", sink.ByCreatedMonth)
	months, nulls, rows := map[string]bool{}, int64(0), int64(0)
	q := lake.Query{Table: "results", Columns: []string{"created_month", "created_at", "no_such_column"}}
	err := lake.Scan(t.Context(), l, q, func(_ int, b arrow.RecordBatch) (arrow.RecordBatch, error) { return b, nil },
		func(b arrow.RecordBatch) error {
			columns := []schema.Column{{Name: "created_month"}, {Name: "created_at", Type: schema.Timestamp}, {Name: "no_such_column"}}
			r := arrowio.NewRows(schema.ResultLevel, columns)
			if err := r.Reset(b); err != nil {
				return err
			}
			for r.Next() {
				month := string(r.Value(0, 0).Text)
				months[month] = true
				rows++
				if !r.Value(2, 0).Set {
					nulls++
				}
				if at := r.Value(1, 0); at.Set && time.UnixMicro(at.Int).UTC().Format("2006-01") != month {
					return fmt.Errorf("a row of %v in %s", at.Int, month)
				}
			}
			return nil
		})
	if err != nil || len(months) < 2 || rows == 0 || nulls != rows {
		t.Errorf("%d months, %d rows, %d nulls, %v", len(months), rows, nulls, err)
	}
}

// Only what committed runs published is there.
func TestOnlyCommitted(t *testing.T) {
	dir, l := converted(t, sample(t), "parquet")
	s, err := store.OpenLocal(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	files := l.Files("results")
	stray := filepath.Join(dir, filepath.Dir(files[0].Path), "stray.parquet")
	if err := os.WriteFile(stray, []byte("no table"), 0o666); err != nil {
		t.Fatal(err)
	}
	again, err := lake.Open(t.Context(), s)
	if err != nil || len(again.Files("results")) != len(files) {
		t.Fatalf("%d files, %v, want %d", len(again.Files("results")), err, len(files))
	}
	// An end record or its row alone says that the other was lost.
	for _, lost := range []string{state.EndName(l.States[0].Address()), state.ClaimName(&l.States[0].Dataset, 1), state.DatasetName} {
		data, err := os.ReadFile(filepath.Join(dir, lost))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(filepath.Join(dir, lost)); err != nil {
			t.Fatal(err)
		}
		var whole *state.NotWholeError
		if _, err := lake.Open(t.Context(), s); !errors.As(err, &whole) || whole.Name != s.URI(lost) {
			t.Errorf("without %s: %v", lost, err)
		}
		if err := os.WriteFile(filepath.Join(dir, lost), data[:len(data)-1], 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := lake.Open(t.Context(), s); err == nil {
			t.Errorf("opened with a damaged %s", lost)
		}
		if err := os.WriteFile(filepath.Join(dir, lost), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// A run that is open, or abandoned, has no rows yet.
	for _, name := range []string{state.EndName(l.States[0].Address()), state.RowName(l.States[0].Address(), "parquet")} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, what := range []string{"open", "abandoned"} {
		if what == "abandoned" {
			if err := state.PutAbandoned(t.Context(), s, l.States[0].Run); err != nil {
				t.Fatal(err)
			}
		}
		if l, err := lake.Open(t.Context(), s); err != nil || len(l.Files("results")) != 0 {
			t.Errorf("%s: %v", what, err)
		}
	}
	empty, err := store.CreateLocal(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer empty.Close()
	if _, err := lake.Open(t.Context(), empty); !errors.Is(err, state.ErrForeign) {
		t.Errorf("opened an empty place: %v", err)
	}
}

// However a scan ends, it says why, once, and leaves nothing running.
func TestScanEnds(t *testing.T) {
	dir, l := converted(t, sample(t), "parquet", sink.ByCreatedMonth)
	before := runtime.NumGoroutine()
	stop := errors.New("stop")
	none := func(struct{}) error { return nil }
	q := lake.Query{Table: "occurrences", Columns: []string{"bucket_name"}, Workers: 3, BatchBytes: 1000}
	var calls atomic.Int64
	if err := lake.Scan(t.Context(), l, q, func(_ int, b arrow.RecordBatch) (struct{}, error) {
		calls.Add(1)
		return struct{}{}, nil
	}, func(struct{}) error { return stop }); err != stop {
		t.Errorf("each: %v", err)
	}
	if n := calls.Load(); n > 50 {
		t.Errorf("%d batches were read for one", n)
	}
	if err := lake.Scan(t.Context(), l, q, func(int, arrow.RecordBatch) (struct{}, error) { return struct{}{}, stop }, none); err != stop {
		t.Errorf("work: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err := lake.Scan(ctx, l, q, func(int, arrow.RecordBatch) (struct{}, error) {
		cancel()
		return struct{}{}, nil
	}, none)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	files := l.Files("occurrences")
	damaged := filepath.Join(dir, files[len(files)/2].Path)
	data, err := os.ReadFile(damaged)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"cut": data[:len(data)/2], "empty": {}, "no footer": make([]byte, len(data))} {
		if err := os.WriteFile(damaged, content, 0o666); err != nil {
			t.Fatal(err)
		}
		err := lake.Scan(t.Context(), l, q, func(int, arrow.RecordBatch) (struct{}, error) { return struct{}{}, nil }, none)
		if err == nil || !strings.Contains(err.Error(), damaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := os.Remove(damaged); err != nil {
		t.Fatal(err)
	}
	err = lake.Scan(t.Context(), l, q, func(int, arrow.RecordBatch) (struct{}, error) { return struct{}{}, nil }, none)
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("gone: %v", err)
	}
	for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
}
