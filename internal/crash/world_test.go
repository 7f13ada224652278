package crash_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"github.com/macielake/macielake/internal/convert"

	"github.com/macielake/macielake/internal/input"
	"github.com/macielake/macielake/internal/maintain"
	"github.com/macielake/macielake/internal/state"
	"github.com/macielake/macielake/internal/store"
	"github.com/macielake/macielake/pkg/sink"
	"github.com/macielake/macielake/pkg/stream"
)

// Tables with one row per result, detection or location.
var tables = []string{"results", "detections", "occurrences"}

// rows counts rows by table, source and line.
type rows map[string]int

func rowKey(table, uri string, line int64) string { return fmt.Sprintf("%s %s:%d", table, uri, line) }

// world is a set of sources, with the rows that they must give.
type world struct {
	dir  string // or a location in S3
	want rows
}

func newWorld(t testing.TB, dir string) *world {
	t.Helper()
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		t.Fatal(err)
	}
	return &world{dir: real, want: rows{}}
}

// add adds a source to a Region. Every result has two types of data, with one and two
// locations. Every fifth line is a reject, and every seventh is blank.
func (w *world) add(t testing.TB, region string, n, lines int) string {
	t.Helper()
	path := filepath.Join(w.dir, "AWSLogs", "111122223333", "Macie", region, fmt.Sprintf("%06d.jsonl", n))
	content, want := newSource(path, n, lines)
	for key, n := range want {
		w.want[key] += n
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// shortLine is a limit in bytes: the length of every other result exceeds it.
const shortLine = 400

// newSource returns a source's content and the rows that it gives.
func newSource(uri string, n, lines int) ([]byte, rows) {
	var out bytes.Buffer
	want := rows{}
	for i := range lines {
		line := int64(i + 1)
		switch {
		case line%7 == 0:
			out.WriteString("\n")
		case line%5 == 0:
			out.WriteString("{\n")
		default:
			fmt.Fprintf(&out, `{"id":"%d-%d","title":"%s","createdAt":"2026-%02d-01T00:00:00Z","classificationDetails":{"result":{"sensitiveData":[{"category":"PERSONAL_INFORMATION","detections":[`+
				`{"type":"NAME","count":1,"occurrences":{"cells":[{"row":%d,"column":2}]}},`+
				`{"type":"ADDRESS","count":2,"occurrences":{"records":[{"recordIndex":1},{"recordIndex":2}]}}]}]}}}`+"\n", n, line, strings.Repeat("x", 200*(i%2)), 1+n%2, line)
			want[rowKey("results", uri, line)]++
			want[rowKey("detections", uri, line)] += 2
			want[rowKey("occurrences", uri, line)] += 3
		}
	}
	return out.Bytes(), want
}

// newOptions returns the options that all converters here share.
func newOptions(w *world, out store.Store) convert.Options {
	in, origin := w.dir, input.Origin(input.Local{})
	if isS3(in) {
		in, origin = sourcesInS3(in)
	}
	return convert.Options{
		Inputs: []string{in}, Origins: []input.Origin{origin}, Out: out,
		// In samples as small as these, every Region has parts of its own.
		TableFormat: "parquet", Tables: tables, PartitionBy: []sink.PartitionKey{sink.ByRegion}, Compression: "none",
		TargetFileSize: 256 << 20, PartSize: 64 << 20, MaxSources: 1_000_000, Workers: 2, Limits: stream.DefaultLimits(),
		RejectRaw: true, MaxRejects: -1, Version: "test", Lease: 120 * time.Millisecond, Log: slog.New(slog.DiscardHandler),
	}
}

// readTables reads the rows of a dataset's tables twice: of all files, like readers
// that ignore runs, and only of committed runs.
func readTables(ctx context.Context, s store.Store) (all, committed rows, err error) {
	all, committed = rows{}, rows{}
	done := map[state.Address]bool{}
	err = s.List(ctx, state.RunsTable, func(name string, _ fs.FileInfo) error {
		done[state.ParseName(name).Address] = true
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	for _, table := range tables {
		var names []string
		err := s.List(ctx, table, func(name string, _ fs.FileInfo) error {
			names = append(names, name)
			return nil
		})
		if err != nil {
			return nil, nil, err
		}
		for _, name := range names {
			into := []rows{all}
			if done[state.ParseName(name).Address] {
				into = append(into, committed)
			}
			if err := readFile(ctx, s, table, name, into); err != nil {
				return nil, nil, fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return all, committed, nil
}

func readFile(ctx context.Context, s store.Store, table, name string, into []rows) error {
	f, err := s.OpenAt(ctx, name)
	if err != nil {
		return err
	}
	defer f.Close()
	pf, err := file.NewParquetReader(io.NewSectionReader(f, 0, f.Size()))
	if err != nil {
		return err
	}
	defer pf.Close()
	reader, err := pqarrow.NewFileReader(pf, pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
	if err != nil {
		return err
	}
	schema := pf.MetaData().Schema
	columns := []int{schema.ColumnIndexByName("source_uri"), schema.ColumnIndexByName("source_line")}
	groups := make([]int, pf.NumRowGroups())
	for i := range groups {
		groups[i] = i
	}
	table2, err := reader.ReadRowGroups(ctx, columns, groups)
	if err != nil {
		return err
	}
	defer table2.Release()
	uris, lines := table2.Column(0).Data().Chunks(), table2.Column(1).Data().Chunks()
	for i := range uris {
		for j := range uris[i].Len() {
			key := rowKey(table, uris[i].(*array.String).Value(j), lines[i].(*array.Int64).Value(j))
			for _, got := range into {
				got[key]++
			}
		}
	}
	return nil
}

// checkAtMost returns an error if got has a row more often than want.
func checkAtMost(got, want rows) error {
	for key, n := range got {
		if n > want[key] {
			return fmt.Errorf("%s occurs %d times, want at most %d", key, n, want[key])
		}
	}
	return nil
}

// checkEqual returns an error if got and want differ.
func checkEqual(got, want rows) error {
	if err := checkAtMost(got, want); err != nil {
		return err
	}
	for key, n := range want {
		if got[key] != n {
			return fmt.Errorf("%s occurs %d times, want %d (%d of %d different rows)", key, got[key], n, len(got), len(want))
		}
	}
	return nil
}

// checkComplete checks that a dataset has exactly the rows of the world, and that its
// state agrees.
func checkComplete(ctx context.Context, s store.Store, want rows) error {
	all, committed, err := readTables(ctx, s)
	if err == nil {
		err = errors.Join(checkEqual(all, want), checkEqual(committed, want))
	}
	if err != nil {
		return err
	}
	v, err := maintain.Verify(ctx, s, 2)
	if err != nil {
		return err
	}
	if len(v.Problems) > 0 || len(v.Open) > 0 {
		return fmt.Errorf("verify finds %+v, and open runs %v", v.Problems, v.Open)
	}
	t := &v.Totals
	if t.Lines != t.Records+t.RejectedLines+t.Blank {
		return fmt.Errorf("%d lines are not the sum of %d results, %d rejects and %d blank lines", t.Lines, t.Records, t.RejectedLines, t.Blank)
	}
	return nil
}

// checkUnfinished checks a dataset on which converters died or still run: readers see
// no wrong row, no row twice, and all rows of committed runs.
func checkUnfinished(ctx context.Context, s store.Store, want rows) error {
	all, _, err := readTables(ctx, s)
	if err == nil {
		err = checkAtMost(all, want)
	}
	return err
}

// convertAll converts until everything is done, and then once more, which must change
// nothing.
func convertAll(ctx context.Context, o convert.Options) error {
	if _, err := convert.Run(ctx, o); err != nil {
		return fmt.Errorf("resuming: %w", err)
	}
	before, err := listSizes(ctx, o.Out)
	if err != nil {
		return err
	}
	s, err := convert.Run(ctx, o)
	if err != nil {
		return fmt.Errorf("converting again: %w", err)
	}
	if len(s.Runs) > 0 && !o.RetryRejected {
		return fmt.Errorf("converting again made runs %v: %+v", s.Runs, s.Sources)
	}
	after, err := listSizes(ctx, o.Out)
	if err == nil && !o.RetryRejected && !maps.Equal(before, after) {
		return errors.New("once more changed files")
	}
	return err
}

// listSizes returns the sizes of a dataset's files by name, except records of looks:
// every convert adds one.
func listSizes(ctx context.Context, s store.Store) (map[string]int64, error) {
	all := map[string]int64{}
	err := s.List(ctx, ".", func(name string, info fs.FileInfo) error {
		if state.ParseName(name).Kind != state.LookFile {
			all[name] = info.Size()
		}
		return nil
	})
	return all, err
}

// tempDir returns a directory for files that are synced often: in memory if the system
// has such a file system.
func tempDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "macielake")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// isLong reports whether to run the long form.
func isLong() bool { return os.Getenv("MACIELAKE_TORTURE") != "" }
