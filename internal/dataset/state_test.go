package dataset_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"github.com/macielake/macielake/internal/dataset"
	"github.com/macielake/macielake/internal/store"
	"github.com/macielake/macielake/pkg/schema"
	"github.com/macielake/macielake/pkg/sink"
)

func openStore(t *testing.T) *store.Local {
	t.Helper()
	s, err := store.CreateLocal(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func put(t *testing.T, s store.Store, name, content string) {
	t.Helper()
	out, err := s.Create(t.Context(), name, store.Shared)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(out, content); err != nil {
		t.Fatal(err)
	}
	if err := out.Commit(); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, s store.Store, name string) []byte {
	t.Helper()
	r, err := s.Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func files(t *testing.T, s store.Store) []string {
	t.Helper()
	var names []string
	err := s.List(t.Context(), ".", func(name string, _ fs.FileInfo) error {
		names = append(names, name)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func sample() dataset.Dataset {
	since := time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)
	return dataset.Dataset{
		Format: dataset.Format, TableFormat: "parquet", Tables: []string{"results", "detections"},
		Definitions: dataset.Definitions(schema.Tables()), PartitionBy: []string{"created_month"}, ID: "0123456789abcdef",
		Filter: dataset.Filter{Accounts: []string{"111122223333"}, Jobs: []string{`<&>"é`}, Since: &since},
	}
}

func TestDatasetRoundTrip(t *testing.T) {
	for name, d := range map[string]dataset.Dataset{
		"full":  sample(),
		"plain": {Format: dataset.Format, TableFormat: "arrow", Tables: []string{"results"}, PartitionBy: []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			s := openStore(t)
			if err := dataset.Create(t.Context(), s, d); err != nil {
				t.Fatal(err)
			}
			got, err := dataset.Load(t.Context(), s)
			if err != nil || !reflect.DeepEqual(got, d) {
				t.Errorf("%+v, %v, want %+v", got, err, d)
			}
			if err := dataset.Create(t.Context(), s, d); err != nil {
				t.Errorf("creating the very same again, as after a lost answer: %v", err)
			}
			d.ID = "another"
			if err := dataset.Create(t.Context(), s, d); !errors.Is(err, fs.ErrExist) {
				t.Errorf("creating it again: %v, want fs.ErrExist", err)
			}
		})
	}
}

func TestLoadErrors(t *testing.T) {
	const name = store.StateDir + "/dataset.json"
	for _, test := range []struct {
		name, content, want string
	}{
		{"empty", "", "is damaged"},
		{"cut", `{"format":1,"table_format":"par`, "is damaged"},
		{"other JSON", `[1]`, "is damaged"},
		{"no JSON", "\x00\x01", "is damaged"},
		{"more behind", `{"format":1} {}`, "is damaged"},
		{"wrong type", `{"format":1,"tables":"results"}`, "is damaged"},
		{"newer", `{"format":2,"something_new":true}`, "format 2"},
		{"none", `{}`, "format 0"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := openStore(t)
			put(t, s, name, test.content)
			_, err := dataset.Load(t.Context(), s)
			if err == nil || errors.Is(err, dataset.ErrForeign) {
				t.Fatalf("%v, want an error, but not that it's foreign", err)
			}
			if !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), s.URI(name)) {
				t.Errorf("%v, want %q and the file's name", err, test.want)
			}
		})
	}
}

func TestLoadForeign(t *testing.T) {
	for _, name := range []string{"", "results/created_month=2026-01/a.parquet", store.StateDir + "/runs/000001/run.json"} {
		s := openStore(t)
		if name != "" {
			put(t, s, name, "{}")
		}
		if _, err := dataset.Load(t.Context(), s); !errors.Is(err, dataset.ErrForeign) {
			t.Errorf("with %q: %v, want ErrForeign", name, err)
		}
	}
	s := openStore(t)
	if err := os.MkdirAll(s.URI(store.StateDir+"/dataset.json"), 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := dataset.Load(t.Context(), s); err == nil {
		t.Error("read a directory as dataset.json")
	}
}

// The state files come back as they were written, the first binds, and writing
// the very same again, as after a lost answer, is no error.
func TestStateFiles(t *testing.T) {
	s, ctx := openStore(t), t.Context()
	at := time.Date(2026, 11, 22, 5, 18, 41, 0, time.UTC)
	d := sample()
	run := dataset.Run{
		Run: dataset.RunName(1), Nonce: "0123456789abcdef", StartedAt: at, Version: "v1", Parts: 2, Sources: 3, Bytes: 4, Plan: []string{strings.Repeat("ab", 32)},
		Options: dataset.Options{Compression: "zstd", TargetFileSize: 5, PartSize: 6, MaxLineBytes: 7, MaxInflatedBytes: 8, RejectRaw: true, MaxRejects: -1},
	}
	receipt := dataset.Receipt{
		Run: run.Run, RunNonce: run.Nonce, Part: 1, Nonce: "fedcba9876543210", EndedAt: at,
		Files:   []sink.File{{Table: "results", Path: "results/000001-00001-0.parquet", Rows: 1, Bytes: 2, SHA256: strings.Repeat("ab", 32)}},
		Rejects: "rejects.jsonl",
		Objects: []dataset.Object{
			{State: "converted", Lines: 6, Records: 3, Filtered: 1, Rejects: 1, Blank: 2, Stored: 5, Inflated: 50},
			{State: "converted", Lines: 2, Records: 2, RetriedLines: 2},
			{State: "rejected", Class: schema.Truncated, RetriedObjects: 1},
			{State: "unreadable", Error: "permission denied"},
		},
		Classes: map[schema.Class]int64{schema.Truncated: 1}, Kinds: map[string]int64{"cell": 1}, Unknown: map[string]int64{"a[].b": 1},
	}
	var totals dataset.Totals
	totals.Add(&receipt)
	end := dataset.End{Run: run.Run, State: dataset.Committed, EndedAt: at, Totals: &totals}
	put := func() error {
		return errors.Join(dataset.PutRun(ctx, s, run), dataset.PutReceipt(ctx, s, receipt), dataset.PutEnd(ctx, s, end))
	}
	if err := put(); err != nil {
		t.Fatal(err)
	}
	gotRun, err1 := dataset.LoadRun(ctx, s, run.Run)
	gotReceipt, err2 := dataset.LoadReceipt(ctx, s, &d, &run, 1)
	gotEnd, err3 := dataset.LoadEnd(ctx, s, run.Run)
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(gotRun, run) || !reflect.DeepEqual(gotReceipt, receipt) || !reflect.DeepEqual(gotEnd, end) {
		t.Errorf("read back as\n%+v\n%+v\n%+v", gotRun, gotReceipt, gotEnd)
	}
	if !gotEnd.Totals.Equal(&totals) {
		t.Error("totals differ")
	}
	if err := put(); err != nil {
		t.Errorf("the same again: %v", err)
	}
	run.Nonce, receipt.Nonce, end.State = "0000000000000000", "0000000000000000", dataset.Abandoned
	for name, err := range map[string]error{
		"run": dataset.PutRun(ctx, s, run), "receipt": dataset.PutReceipt(ctx, s, receipt), "end": dataset.PutEnd(ctx, s, end),
	} {
		if !errors.Is(err, fs.ErrExist) {
			t.Errorf("a second %s: %v, want fs.ErrExist", name, err)
		}
	}
	if got := len(files(t, s)); got != 3 {
		t.Errorf("%d files", got)
	}
	runs, err := dataset.ListRuns(ctx, s)
	if err != nil || len(runs) != 1 || runs[0].N != 1 || !runs[0].Ended || !slices.Equal(runs[0].Parts, []int{1}) {
		t.Errorf("%+v, %v", runs, err)
	}
}

func TestNames(t *testing.T) {
	for _, test := range []struct{ got, want string }{
		{dataset.RunName(1), "000001"},
		{dataset.PartName("000001", 2), "000001-00002"},
		{dataset.StagingDir("000001", 2, "ab"), "_macielake/staging/000001-00002-ab"},
		{dataset.RejectsName("000001", 2), "_macielake/rejects/000001-00002.jsonl"},
	} {
		if test.got != test.want {
			t.Errorf("%s, want %s", test.got, test.want)
		}
	}
	a, b := dataset.StagedName("results/a"), dataset.StagedName("results/b")
	if a == b || path.Base(a) != a || a != dataset.StagedName("results/a") {
		t.Errorf("staged as %s and %s", a, b)
	}
	if c := dataset.Contents(); c[len(c)-1] != store.StateDir || len(c) != len(schema.Tables())+2 {
		t.Errorf("contents are %v", c)
	}
}

func TestDefinitions(t *testing.T) {
	tables := func(name, column string, typ schema.Type) []*schema.Table {
		return []*schema.Table{{Name: name, Columns: []schema.Column{{Name: column, Type: typ}}}}
	}
	seen := make(map[string]int)
	for i, tables := range [][]*schema.Table{
		nil, schema.Tables(), schema.Tables()[:1],
		tables("a", "b", schema.Text), tables("a", "c", schema.Text), tables("b", "b", schema.Text), tables("a", "b", schema.Int64),
	} {
		d := dataset.Definitions(tables)
		if other, ok := seen[d]; ok || len(d) != 64 || d != dataset.Definitions(tables) {
			t.Errorf("definitions %d are %s, as %d", i, d, other)
		}
		seen[d] = i
	}
}

func TestPutPlan(t *testing.T) {
	source := func(i int) dataset.PlannedSource {
		src := dataset.PlannedSource{Part: i / 10, URI: fmt.Sprintf("s3://bucket/<%d>&é", i), Size: int64(i), LastModified: -int64(i)}
		if i%2 == 0 {
			src.ETag, src.Size = "etag", -1
		}
		return src
	}
	for _, test := range []struct{ sources, segments int }{{0, 0}, {1, 1}, {100_000, 1}, {200_001, 3}} {
		t.Run(fmt.Sprint(test.sources), func(t *testing.T) {
			s := openStore(t)
			plan := func(yield func(dataset.PlannedSource) bool) {
				for i := 0; i < test.sources && yield(source(i)); i++ {
				}
			}
			names, err := dataset.PutPlan(t.Context(), s, "n", plan)
			if err != nil || len(names) != test.segments {
				t.Fatalf("%d segments, %v, want %d", len(names), err, test.segments)
			}
			n := 0
			for _, name := range names {
				data := read(t, s, path.Join(store.StateDir, "plans", name+".jsonl.gz"))
				if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != name {
					t.Fatalf("%s isn't the hash of its segment", name)
				}
				zr, err := gzip.NewReader(bytes.NewReader(data))
				if err != nil {
					t.Fatal(err)
				}
				for dec := json.NewDecoder(zr); ; n++ {
					var got dataset.PlannedSource
					if err := dec.Decode(&got); err == io.EOF {
						break
					} else if err != nil {
						t.Fatal(err)
					}
					if !reflect.DeepEqual(got, source(n)) {
						t.Fatalf("source %d is %+v, want %+v", n, got, source(n))
					}
				}
			}
			if n != test.sources || len(files(t, s)) != test.segments {
				t.Errorf("%d sources in %d files", n, len(files(t, s)))
			}
			if test.sources > 0 {
				run := dataset.Run{Run: "000001", Plan: names, Sources: int64(test.sources), Parts: (test.sources + 9) / 10}
				n = 0
				err := dataset.ReadPlan(t.Context(), s, &run, func(p *dataset.PlannedSource) error {
					if want := source(n); p.URI != want.URI || p.Part != want.Part || p.ETag != want.ETag {
						t.Fatalf("source %d is read as %+v, want %+v", n, p, want)
					}
					n++
					return nil
				})
				if err != nil || n != test.sources {
					t.Errorf("read %d sources: %v", n, err)
				}
			}
			again, err := dataset.PutPlan(t.Context(), s, "n", plan) // as after a run that died
			if err != nil || !slices.Equal(again, names) {
				t.Errorf("the same plan again: %v, %v, want %v", again, err, names)
			}
		})
	}
}

// broken is a store whose n-th call that changes or lists something fails, and
// all that come after it.
type broken struct {
	store.Store
	mu    sync.Mutex
	calls int
	n     int // 0 for never
}

var errBroken = errors.New("broken off")

func (b *broken) call() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.calls++; b.n > 0 && b.calls >= b.n {
		return errBroken
	}
	return nil
}

func (b *broken) Create(ctx context.Context, name string, access store.Access) (store.Output, error) {
	if err := b.call(); err != nil {
		return nil, err
	}
	return b.Store.Create(ctx, name, access)
}

func (b *broken) PutNew(ctx context.Context, name string, data []byte) error {
	if err := b.call(); err != nil {
		return err
	}
	return b.Store.PutNew(ctx, name, data)
}

func (b *broken) Move(ctx context.Context, from, to string) error {
	if err := b.call(); err != nil {
		return err
	}
	return b.Store.Move(ctx, from, to)
}

func (b *broken) Sync(ctx context.Context) error {
	if err := b.call(); err != nil {
		return err
	}
	return b.Store.Sync(ctx)
}

func (b *broken) List(ctx context.Context, prefix string, each func(string, fs.FileInfo) error) error {
	if err := b.call(); err != nil {
		return err
	}
	return b.Store.List(ctx, prefix, each)
}

func (b *broken) RemoveAll(ctx context.Context, name string) error {
	if err := b.call(); err != nil {
		return err
	}
	return b.Store.RemoveAll(ctx, name)
}

func TestPutPlanErrors(t *testing.T) {
	one := func(yield func(dataset.PlannedSource) bool) { yield(dataset.PlannedSource{}) }
	if _, err := dataset.PutPlan(t.Context(), &broken{Store: openStore(t), n: 1}, "n", one); !errors.Is(err, errBroken) {
		t.Errorf("%v, want the store's error", err)
	}
}

// stage stages a part's files and returns its receipt and where they will be.
func stage(t *testing.T, s store.Store) (dataset.Receipt, map[string]string) {
	t.Helper()
	r := dataset.Receipt{Run: dataset.RunName(1), Part: 3, Nonce: "n", Rejects: "rejects.jsonl"}
	dir := dataset.StagingDir(r.Run, r.Part, r.Nonce)
	want := make(map[string]string)
	for i := range 40 {
		name := fmt.Sprintf("results/created_month=2026-%02d/000001-00003-%d.parquet", 1+i%12, i)
		put(t, s, path.Join(dir, dataset.StagedName(name)), name)
		r.Files = append(r.Files, sink.File{Path: name, Bytes: int64(len(name))})
		want[name] = name
	}
	put(t, s, path.Join(dir, dataset.StagedName(r.Rejects)), "rejects")
	want[dataset.RejectsName(r.Run, r.Part)] = "rejects"
	put(t, s, path.Join(dir, "of an attempt before"), "x")
	return r, want
}

func TestPublish(t *testing.T) {
	s := openStore(t)
	r, want := stage(t, s)
	for range 2 { // it may be done again
		if err := dataset.Publish(t.Context(), s, &r); err != nil {
			t.Fatal(err)
		}
		for name, content := range want {
			if got := string(read(t, s, name)); got != content {
				t.Errorf("%s has %q, want %q", name, got, content)
			}
		}
		if got := files(t, s); len(got) != len(want)+1 { // what another attempt left
			t.Errorf("the store has %v", got)
		}
	}
	other := dataset.Receipt{Run: r.Run, Part: 4, Nonce: "n"} // nothing to publish
	if err := dataset.Publish(t.Context(), s, &other); err != nil {
		t.Error(err)
	}
	if err := dataset.Unpublish(t.Context(), s, &r); err != nil {
		t.Fatal(err)
	}
	if got := files(t, s); len(got) != 0 {
		t.Errorf("the store has %v", got)
	}
	lost := r
	if err := dataset.Publish(t.Context(), s, &lost); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "publishing ") {
		t.Errorf("staged files that are gone: %v", err)
	}
}

// Any number may publish at a time.
func TestPublishTogether(t *testing.T) {
	s := openStore(t)
	r, want := stage(t, s)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if err := dataset.Publish(t.Context(), s, &r); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	for name, content := range want {
		if got := string(read(t, s, name)); got != content {
			t.Errorf("%s has %q, want %q", name, got, content)
		}
	}
}

func TestPublishErrors(t *testing.T) {
	for n := 1; n <= 41; n++ {
		s := &broken{Store: openStore(t)}
		r, want := stage(t, s)
		s.calls, s.n = 0, n
		if err := dataset.Publish(t.Context(), s, &r); !errors.Is(err, errBroken) {
			t.Fatalf("call %d fails: %v", n, err)
		}
		// Each file is in one of both places.
		dir := dataset.StagingDir(r.Run, r.Part, r.Nonce)
		for name := range want {
			staged := name
			if strings.HasSuffix(name, ".jsonl") {
				staged = r.Rejects
			}
			_, here := s.Stat(t.Context(), path.Join(dir, dataset.StagedName(staged)))
			_, there := s.Stat(t.Context(), name)
			if (here == nil) == (there == nil) {
				t.Fatalf("call %d fails: %s is staged (%v) and published (%v)", n, name, here, there)
			}
		}
		if err := dataset.Publish(t.Context(), s.Store, &r); err != nil {
			t.Errorf("call %d failed, and again: %v", n, err)
		}
	}
}

// build builds a dataset whose files say which it is.
func build(t *testing.T, s store.Store, which string, months ...int) []string {
	t.Helper()
	var names []string
	for _, m := range months {
		names = append(names, fmt.Sprintf("results/created_month=2026-%02d/000001-00000-0.parquet", m))
	}
	names = append(names, "runs/000001.parquet", store.StateDir+"/runs/000001/run.json", store.StateDir+"/runs/000001/end.json")
	for _, name := range names {
		put(t, s, name, which)
	}
	d := sample()
	d.Filter.Accounts = []string{which}
	if err := dataset.Create(t.Context(), s, d); err != nil {
		t.Fatal(err)
	}
	names = append(names, store.StateDir+"/dataset.json")
	slices.Sort(names)
	return names
}

// which returns which dataset a store is, by its dataset.json.
func which(t *testing.T, s store.Store) string {
	t.Helper()
	data, err := os.ReadFile(s.URI(store.StateDir + "/dataset.json"))
	var d dataset.Dataset
	if err == nil {
		err = json.Unmarshal(data, &d)
	}
	if err != nil {
		t.Fatal(err)
	}
	return d.Filter.Accounts[0]
}

// checkWhole checks that a store is that dataset, and nothing else.
func checkWhole(t *testing.T, s store.Store, want string, names []string) {
	t.Helper()
	got := files(t, s)
	slices.Sort(got)
	if !slices.Equal(got, names) {
		t.Fatalf("the store has %v, want %v", got, names)
	}
	for _, name := range names {
		if !strings.HasSuffix(name, "dataset.json") && string(read(t, s, name)) != want {
			t.Fatalf("%s isn't of the %s dataset", name, want)
		}
	}
	if got := which(t, s); got != want {
		t.Fatalf("dataset.json is of the %s dataset", got)
	}
}

func TestReplace(t *testing.T) {
	s := openStore(t)
	old := build(t, s, "old", 1, 2)
	put(t, s, "README", "not ours")
	replacement := dataset.Replacement(s, "aaaaaaaaaaaaaaaa")
	names := build(t, replacement, "new", 2, 3)
	if got := which(t, s); got != "old" {
		t.Fatalf("before Replace it is the %s dataset", got)
	}
	for _, name := range old {
		if !strings.HasSuffix(name, ".json") && string(read(t, s, name)) != "old" {
			t.Fatalf("%s changed before Replace", name)
		}
	}
	if err := dataset.Replace(t.Context(), s, "aaaaaaaaaaaaaaaa"); err != nil {
		t.Fatal(err)
	}
	if got := string(read(t, s, "README")); got != "not ours" {
		t.Errorf("a file that isn't the dataset's has %q", got)
	}
	if err := s.RemoveAll(t.Context(), "README"); err != nil {
		t.Fatal(err)
	}
	checkWhole(t, s, "new", names)
}

// TestReplaceBreaksOff breaks each call of Replace. What is left is a dataset,
// the old by its dataset.json unless all of the new one is in place, and it can
// be replaced by one that is built anew.
func TestReplaceBreaksOff(t *testing.T) {
	for n := 1; ; n++ {
		local := openStore(t)
		build(t, local, "old", 1, 2)
		names := build(t, dataset.Replacement(local, "aaaaaaaaaaaaaaaa"), "new", 2, 3)
		s := &broken{Store: local, n: n}
		err := dataset.Replace(t.Context(), s, "aaaaaaaaaaaaaaaa")
		if err == nil {
			if n < 10 {
				t.Fatalf("Replace took %d calls: the test shows nothing", n-1)
			}
			checkWhole(t, local, "new", names)
			return
		}
		if !errors.Is(err, errBroken) {
			t.Fatalf("call %d fails: %v", n, err)
		}
		if which(t, local) == "new" {
			for _, name := range names {
				if _, err := local.Stat(t.Context(), name); err != nil {
					t.Fatalf("call %d fails: dataset.json is the new one, but %v", n, err)
				}
			}
		}
		// Nothing of either is lost but what of the old one was removed: a file
		// of the new one is in its place or in the replacement.
		for _, name := range names {
			_, there := local.Stat(t.Context(), path.Join(store.StateDir, "new-aaaaaaaaaaaaaaaa", name))
			_, here := local.Stat(t.Context(), name)
			if here != nil && there != nil {
				t.Fatalf("call %d fails: %s is lost", n, name)
			}
		}
		if err := dataset.Replacement(local, "aaaaaaaaaaaaaaaa").Discard(t.Context()); err != nil {
			t.Fatal(err)
		}
		again := build(t, dataset.Replacement(local, "again"), "again", 3, 4)
		if err := dataset.Replace(t.Context(), local, "again"); err != nil {
			t.Fatalf("after call %d failed: %v", n, err)
		}
		checkWhole(t, local, "again", again)
	}
}

func row() dataset.RunRow {
	return dataset.RunRow{
		RunID:     dataset.RunName(7),
		StartedAt: time.Date(2026, 11, 22, 5, 18, 41, 123_999_999, time.FixedZone("", 3600)),
		EndedAt:   time.Date(1969, 12, 31, 23, 59, 59, 0, time.UTC),
		Version:   "v1.2.3-é", Sources: 1, Lines: 2, Results: 3, Detections: 4, Occurrences: 5, Rejects: 6,
		Unreadable: 7, StoredBytes: 8, InflatedBytes: 1 << 62, WrittenBytes: 0,
	}
}

const wantRow = "run_id=000007 started_at=2026-11-22T04:18:41.123999Z ended_at=1969-12-31T23:59:59Z version=v1.2.3-é " +
	"sources=1 lines=2 results_rows=3 detections_rows=4 occurrences_rows=5 rejects=6 unreadable=7 " +
	"stored_bytes=8 inflated_bytes=4611686018427387904 written_bytes=0"

// shown is a row of an Arrow schema as text.
func shown(t *testing.T, sc *arrow.Schema, columns []arrow.Array) string {
	t.Helper()
	var fields []string
	for i, c := range columns {
		if c.Len() != 1 || c.IsNull(0) {
			t.Fatalf("%s has %v", sc.Field(i).Name, c)
		}
		value := ""
		switch c := c.(type) {
		case *array.String:
			value = c.Value(0)
		case *array.Int64:
			value = fmt.Sprint(c.Value(0))
		case *array.Timestamp:
			typ := c.DataType().(*arrow.TimestampType)
			if typ.Unit != arrow.Microsecond || typ.TimeZone != "UTC" {
				t.Errorf("%s is of %v", sc.Field(i).Name, typ)
			}
			value = c.Value(0).ToTime(typ.Unit).Format(time.RFC3339Nano)
		default:
			t.Fatalf("%s is of %v", sc.Field(i).Name, c.DataType())
		}
		fields = append(fields, sc.Field(i).Name+"="+value)
	}
	return strings.Join(fields, " ")
}

func TestPutRunRow(t *testing.T) {
	for format, shownFile := range map[string]func(*testing.T, []byte) string{"parquet": shownParquet, "arrow": shownArrow} {
		t.Run(format, func(t *testing.T) {
			s := openStore(t)
			if err := dataset.PutRunRow(t.Context(), s, format, "n", row()); err != nil {
				t.Fatal(err)
			}
			name := "runs/000007." + format
			if got := shownFile(t, read(t, s, name)); got != wantRow {
				t.Errorf("the row is\n%s\nwant\n%s", got, wantRow)
			}
			if got := files(t, s); !slices.Equal(got, []string{name}) {
				t.Errorf("the store has %v", got)
			}
		})
	}
}

func shownParquet(t *testing.T, data []byte) string {
	t.Helper()
	table, err := pqarrow.ReadTable(t.Context(), bytes.NewReader(data), nil, pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
	if err != nil {
		t.Fatal(err)
	}
	defer table.Release()
	var columns []arrow.Array
	for i := range int(table.NumCols()) {
		columns = append(columns, table.Column(i).Data().Chunk(0))
	}
	return shown(t, table.Schema(), columns)
}

func shownArrow(t *testing.T, data []byte) string {
	t.Helper()
	r, err := ipc.NewFileReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if r.NumRecords() != 1 {
		t.Fatalf("%d record batches", r.NumRecords())
	}
	record, err := r.RecordBatch(0)
	if err != nil {
		t.Fatal(err)
	}
	return shown(t, record.Schema(), record.Columns())
}

func TestPutRunRowErrors(t *testing.T) {
	for n := 1; n <= 3; n++ { // create, move, sync
		s := &broken{Store: openStore(t), n: n}
		if err := dataset.PutRunRow(t.Context(), s, "parquet", "n", row()); !errors.Is(err, errBroken) {
			t.Errorf("call %d fails: %v", n, err)
		}
		_, err := s.Stat(t.Context(), "runs/000007.parquet")
		if published := err == nil; published != (n == 3) {
			t.Errorf("call %d fails: published is %v", n, published)
		}
	}
}
