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

// Tables that have a row a result, detection or location.
var tables = []string{"results", "detections", "occurrences"}

// rows are a multiset of rows, by table, source and line.
type rows map[string]int

func rowKey(table, uri string, line int64) string { return fmt.Sprintf("%s %s:%d", table, uri, line) }

// world is an archive of results, and the rows it must give.
type world struct {
	dir  string // or a place in S3
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

// add adds a source of so many lines to a region: each record has two types of
// data, with one and two locations; every fifth line is rejected, every seventh
// blank.
func (w *world) add(t testing.TB, region string, n, lines int) string {
	t.Helper()
	path := filepath.Join(w.dir, "AWSLogs", "111122223333", "Macie", region, fmt.Sprintf("%06d.jsonl", n))
	content, want := source(path, n, lines)
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

// shortLine is more than every other record has, and less than the others, in
// bytes.
const shortLine = 400

// source makes a source's lines and the rows they give.
func source(uri string, n, lines int) ([]byte, rows) {
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

// options are those of all converters here.
func options(w *world, out store.Store) convert.Options {
	in, origin := w.dir, input.Origin(input.Local{})
	if isS3(in) {
		in, origin = sourcesInS3(in)
	}
	return convert.Options{
		Inputs: []string{in}, Origins: []input.Origin{origin}, Out: out,
		// Each region has parts of its own, in samples as small as these.
		TableFormat: "parquet", Tables: tables, PartitionBy: []sink.PartitionKey{sink.ByRegion}, Compression: "none",
		TargetFileSize: 256 << 20, PartSize: 64 << 20, MaxSources: 1_000_000, Workers: 2, Limits: stream.DefaultLimits(),
		RejectRaw: true, MaxRejects: -1, Version: "test", Lease: 120 * time.Millisecond, Log: slog.New(slog.DiscardHandler),
	}
}

// read reads the rows of a dataset's tables: of all files, as a reader does who
// doesn't look at the runs, and of those of committed runs.
func read(ctx context.Context, s store.Store) (all, committed rows, err error) {
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

// atMost says where got has a row that isn't wanted, or one more often.
func atMost(got, want rows) error {
	for key, n := range got {
		if n > want[key] {
			return fmt.Errorf("%s is there %d times, want at most %d", key, n, want[key])
		}
	}
	return nil
}

// same says where got isn't want.
func same(got, want rows) error {
	if err := atMost(got, want); err != nil {
		return err
	}
	for key, n := range want {
		if got[key] != n {
			return fmt.Errorf("%s is there %d times, want %d (%d rows of %d in all)", key, got[key], n, len(got), len(want))
		}
	}
	return nil
}

// checkWhole checks that a dataset has all rows of the world, each as often as it
// must be, and that its state says so, too.
func checkWhole(ctx context.Context, s store.Store, want rows) error {
	all, committed, err := read(ctx, s)
	if err == nil {
		err = errors.Join(same(all, want), same(committed, want))
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
		return fmt.Errorf("%d lines aren't %d records, %d rejects and %d blank", t.Lines, t.Records, t.RejectedLines, t.Blank)
	}
	return nil
}

// checkBetween checks what readers may see of a dataset at which converters died
// or are at work: no row that isn't a source's, none twice, and of committed runs
// all.
func checkBetween(ctx context.Context, s store.Store, want rows) error {
	all, _, err := read(ctx, s)
	if err == nil {
		err = atMost(all, want)
	}
	return err
}

// goOn converts until nothing is left to do, and then once more, which must
// change nothing.
func goOn(ctx context.Context, o convert.Options) error {
	if _, err := convert.Run(ctx, o); err != nil {
		return fmt.Errorf("going on: %w", err)
	}
	before, err := names(ctx, o.Out)
	if err != nil {
		return err
	}
	s, err := convert.Run(ctx, o)
	if err != nil {
		return fmt.Errorf("once more: %w", err)
	}
	if len(s.Runs) > 0 && !o.RetryRejected {
		return fmt.Errorf("once more made runs %v: %+v", s.Runs, s.Sources)
	}
	after, err := names(ctx, o.Out)
	if err == nil && !o.RetryRejected && !maps.Equal(before, after) {
		return errors.New("once more changed files")
	}
	return err
}

// names are the sizes of a dataset's files by their names, except the records of
// looks: every convert adds one.
func names(ctx context.Context, s store.Store) (map[string]int64, error) {
	all := map[string]int64{}
	err := s.List(ctx, ".", func(name string, info fs.FileInfo) error {
		if state.ParseName(name).Kind != state.LookFile {
			all[name] = info.Size()
		}
		return nil
	})
	return all, err
}

// tempDir is a directory for what is synced often: in memory where there is one.
func tempDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "macielake")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// long reports whether the long form was asked for.
func long() bool { return os.Getenv("MACIELAKE_TORTURE") != "" }
