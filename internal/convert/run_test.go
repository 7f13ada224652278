package convert

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/macielake/macielake/internal/gen"
	"github.com/macielake/macielake/internal/run"
	"github.com/macielake/macielake/internal/state"
	"github.com/macielake/macielake/internal/store"
	"github.com/macielake/macielake/pkg/schema"
	"github.com/macielake/macielake/pkg/sink"
)

// The same input and options give the same bytes, whatever the workers and the
// cores; and every sample gives the counts that the generator kept.
func TestDeterministic(t *testing.T) {
	for _, test := range []struct {
		profile string
		size    int64
	}{{"mixed", 600_000}, {"small", 300_000}, {"archives", 300_000}, {"hostile", 20_000}, {"large", 2_000_000}} {
		if testing.Short() && test.profile != "mixed" && test.profile != "archives" {
			continue // no other goroutines than these have
		}
		t.Run(test.profile, func(t *testing.T) {
			dir, want := sample(t, gen.Options{Profile: test.profile, Size: test.size, Seed: 11, Encoding: gen.EncodingMixed})
			for _, format := range []string{"parquet", "arrow"} {
				var first string
				for i, run := range []struct{ workers, cores int }{{1, 1}, {2, 2}, {4, 1}, {4, 3}} {
					if test.profile == "hostile" && (format == "arrow" || i%3 != 0 || raceEnabled) {
						continue // inflates 175 MB each time
					}
					o := testOptions(t, dir)
					o.TableFormat, o.Workers = format, run.workers
					o.PartSize = 20_000 // several parts, also of a small sample
					o.TargetFileSize = 40_000
					if test.profile == "hostile" {
						o.Limits.MaxLineBytes, o.Limits.MaxInflatedBytes = 1<<20, 96<<20
					}
					cores := runtime.GOMAXPROCS(run.cores)
					s := convertAll(t, o)
					runtime.GOMAXPROCS(cores)
					checkExpected(t, want, s)
					sums := tableSums(t, o.Out.URI("."))
					if i == 0 {
						first = sums
					} else if sums != first {
						t.Errorf("%s, %d workers on %d cores:\n%s\nwith one worker:\n%s", format, run.workers, run.cores, sums, first)
					}
				}
			}
		})
	}
}

func checkExpected(t *testing.T, want gen.Expected, s *Summary) {
	t.Helper()
	if s.Rows["results"] != want.Rows.Results || s.Rows["detections"] != want.Rows.Detections || s.Rows["occurrences"] != want.Rows.Occurrences {
		t.Errorf("rows %v, want %+v", s.Rows, want.Rows)
	}
	k := want.OccurrencesByKind
	kinds := map[string]int64{"cell": k.Cell, "line": k.Line, "offset": k.Offset, "page": k.Page, "record": k.Record}
	if !maps.Equal(s.OccurrencesByKind, kinds) || !maps.Equal(s.UnknownFields, want.UnknownFields) {
		t.Errorf("kinds %v, want %v; unknown fields %v, want %v", s.OccurrencesByKind, kinds, s.UnknownFields, want.UnknownFields)
	}
	if s.Lines != want.Lines || s.Blank != want.BlankLines || s.Sources.Skipped != want.SkippedFiles ||
		s.Sources.Converted+s.Sources.Rejected != want.Sources ||
		s.Rejects.Sources != int64(len(want.Rejects.Sources)) || s.Rejects.Lines != int64(len(want.Rejects.Lines)) {
		t.Errorf("%+v, want %+v", s, want)
	}
}

// Each bad line and object of the hostile sample is rejected where and as the
// generator says, and no other is.
func TestHostileRejects(t *testing.T) {
	dir, want := sample(t, gen.Options{Profile: "hostile", Size: 20_000, Seed: 3, Encoding: gen.EncodingMixed})
	o := testOptions(t, dir)
	o.Limits.MaxLineBytes, o.Limits.MaxInflatedBytes = 1<<20, 96<<20
	convertAll(t, o)
	expected := map[string]bool{}
	for _, r := range want.Rejects.Lines {
		expected[fmt.Sprintf("%s %d %s", r.Path, r.Line, r.Class)] = true
	}
	for _, r := range want.Rejects.Sources {
		expected[fmt.Sprintf("%s 0 %s", r.Path, r.Class)] = true
	}
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range allRejects(t, o.Out.URI(".")) {
		rel := strings.TrimPrefix(r.URI, real+"/")
		key := fmt.Sprintf("%s %d %s", rel, r.Line, r.Class)
		if !expected[key] {
			t.Errorf("rejected: %s", key)
		}
		delete(expected, key)
		if r.Line == 0 {
			continue
		}
		// The raw bytes are the line's beginning, and the error is in the line.
		if int64(len(r.Raw)) != min(r.Bytes, 64<<10) || r.Offset < 0 {
			t.Errorf("%s: %d raw bytes of %d, offset %d", key, len(r.Raw), r.Bytes, r.Offset)
		}
	}
	for key := range expected {
		t.Errorf("not rejected: %s", key)
	}
}

// broken is an object that spans blocks and is damaged at its end.
func broken(class schema.Class, seed int) []byte {
	whole := zipped(lines(seed, 4000)) // about 460 KB inflated
	switch class {
	case schema.Truncated:
		return whole[:len(whole)-100]
	case schema.Checksum:
		whole[len(whole)-5] ^= 1
	case schema.TrailingGarbage:
		return append(whole, "garbage"...)
	}
	return whole
}

// Objects that turn out corrupt after lines of them were used are rejected
// whole, wherever in a part and however many; their neighbours convert.
func TestSpoiledObjects(t *testing.T) {
	classes := []schema.Class{schema.Truncated, schema.Checksum, schema.TrailingGarbage}
	for _, positions := range [][]int{{0}, {3}, {6}, {2, 3}, {0, 6}, {0, 1, 2, 3, 4, 5, 6}, {1, 3, 5}} {
		for _, workers := range []int{1, 3} {
			if workers == 1 && len(positions) == 1 {
				continue
			}
			if testing.Short() && (workers == 1 || len(positions) != 2) {
				continue // the race detector needs several workers, and takes ten times as long
			}
			t.Run(fmt.Sprint(positions, "/", workers), func(t *testing.T) {
				contents, clean := map[string][]byte{}, map[string][]byte{}
				for i := range 7 {
					name := fmt.Sprintf("%d.jsonl.gz", i)
					if j := slices.Index(positions, i); j >= 0 {
						contents[name] = broken(classes[j%3], 100_000*i)
						continue
					}
					n := 50 // small ones, and some that span blocks themselves
					if i%2 == 0 {
						n = 3000
					}
					contents[name] = zipped(lines(100_000*i, n))
					clean[name] = contents[name]
				}
				dir := write(t, contents)
				o := testOptions(t, dir)
				o.Workers = workers
				s := convertAll(t, o)
				if s.Sources.Rejected != int64(len(positions)) || s.Sources.Converted != int64(7-len(positions)) {
					t.Errorf("%+v", s.Sources)
				}
				for _, r := range allRejects(t, o.Out.URI(".")) {
					i := int(r.URI[len(r.URI)-len("0.jsonl.gz")] - '0')
					j := slices.Index(positions, i)
					if j < 0 || r.Class != classes[j%3] || r.Line != 0 || r.Raw != nil || r.Offset == 0 && r.Class == schema.Truncated {
						t.Errorf("%+v", r)
					}
				}
				want := int64(0)
				for i := range 7 {
					if !slices.Contains(positions, i) {
						want += map[bool]int64{true: 3000, false: 50}[i%2 == 0]
					}
				}
				if s.Rows["results"] != want {
					t.Errorf("%d rows, want %d", s.Rows["results"], want)
				}
				if len(clean) == 0 {
					return
				}
				// The tables are those of the whole objects alone.
				for name := range contents {
					if clean[name] == nil {
						if err := os.Remove(filepath.Join(dir, name)); err != nil {
							t.Fatal(err)
						}
					}
				}
				without := o
				without.Out = newOut(t)
				convertAll(t, without)
				a, b := shownRows(t, o.Out.URI("."), dir), shownRows(t, without.Out.URI("."), dir)
				if !bytes.Equal(a, b) {
					t.Errorf("rows:\n%.1000s\nwithout the broken objects:\n%.1000s", a, b)
				}
			})
		}
	}
}

// Rejects of an object's lines don't count once the object is rejected whole:
// neither in the end nor against --max-rejects.
func TestMaxRejects(t *testing.T) {
	bad := bytes.Repeat([]byte("{\n"), 10)
	tail := lines(0, 4000)
	spoiled := zipped(slices.Concat(bad, tail))
	contents := map[string][]byte{
		"a.jsonl":    []byte("{\n" + `{"id":"a"}` + "\n[]\n"),
		"b.jsonl.gz": spoiled[:len(spoiled)-20],
		"c.jsonl.gz": []byte("no gzip"),
		"d.jsonl":    []byte(`{"id":"d"}` + "\n"),
	}
	for _, partSize := range []int64{1, 64 << 20} {
		for _, workers := range []int{1, 4} {
			for limit, fails := range map[int64]bool{-1: false, 0: true, 1: true, 3: true, 4: false, 5: false, 100: false} {
				t.Run(fmt.Sprintf("%d of parts of %d, %d workers", limit, partSize, workers), func(t *testing.T) {
					o := testOptions(t, write(t, contents))
					o.MaxRejects, o.PartSize, o.Workers = limit, partSize, workers
					s, err := Run(context.Background(), o)
					if tooMany := (*run.TooManyRejectsError)(nil); errors.As(err, &tooMany) {
						if !fails || tooMany.Limit != limit || tooMany.First.URI == "" || tooMany.First.Raw != nil {
							t.Error(err)
						}
						unpublished(t, o.Out.URI("."))
						return
					}
					if err != nil || fails {
						t.Fatalf("%v, %+v", err, s)
					}
					checkDataset(t, o.Out.URI("."), s)
					if s.Rejects.Lines != 2 || s.Rejects.Sources != 2 {
						t.Errorf("%+v", s.Rejects)
					}
				})
			}
		}
	}
}

// A run that stops for its rejects does so also while other parts, without
// rejects, go on.
func TestMaxRejectsAmongParts(t *testing.T) {
	contents := map[string][]byte{}
	for i := range 200 {
		data := lines(10*i, 3)
		if i%7 == 6 {
			data = append(data, "{\n"...)
		}
		contents[fmt.Sprintf("%03d.jsonl", i)] = data
	}
	dir := write(t, contents)
	for range 5 {
		o := testOptions(t, dir)
		o.PartSize, o.Workers, o.MaxRejects, o.Tables = 1, 8, 0, []string{"results"}
		_, err := Run(context.Background(), o)
		if tooMany := (*run.TooManyRejectsError)(nil); !errors.As(err, &tooMany) {
			t.Fatal(err)
		}
	}
}

// What a file of rejects holds of each.
func TestRejectFile(t *testing.T) {
	long := `{"id":"` + strings.Repeat("x", 100_000) + `",}`
	dir := write(t, map[string][]byte{
		"a.jsonl": []byte("\ufeff" + `{"id":"ok"}` + "\r\n" + "\x00\xff\x1b[2J\r\n" + "\n" + long + "\n" + `{"id":7}`),
		"b.jsonl": nil,
	})
	o := testOptions(t, dir)
	convertAll(t, o)
	rejects := allRejects(t, o.Out.URI("."))
	if len(rejects) != 4 {
		t.Fatalf("%+v", rejects)
	}
	first := int64(3 + len(`{"id":"ok"}`) + 2)
	for i, want := range []state.Reject{
		{Line: 2, Offset: first, Class: schema.Malformed, Bytes: 7, Raw: []byte("\x00\xff\x1b[2J\r")},
		{Line: 4, Offset: first + 8 + 1 + int64(len(long)) - 1, Class: schema.Malformed, Bytes: int64(len(long)), Raw: []byte(long)[:64<<10]},
		{Line: 5, Offset: first + 8 + 1 + int64(len(long)) + 1 + int64(len(`{"id":`)), Class: schema.WrongType, Bytes: 8, Raw: []byte(`{"id":7}`)},
		{Class: schema.EmptySource},
	} {
		got := rejects[i]
		want.URI = got.URI
		if suffix := map[bool]string{true: "/b.jsonl", false: "/a.jsonl"}[i == 3]; !strings.HasSuffix(got.URI, suffix) {
			t.Errorf("reject %d is of %s", i, got.URI)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("reject %d: %.300s, want %.300s", i, fmt.Sprint(got), fmt.Sprint(want))
		}
	}
	o.Out, o.RejectRaw = newOut(t), false
	convertAll(t, o)
	for _, r := range allRejects(t, o.Out.URI(".")) {
		if r.Raw != nil || r.Line > 0 && r.Bytes == 0 {
			t.Errorf("%+v", r)
		}
	}
}

// Objects that can't be read remain to be converted; what is around them isn't
// affected, nor is anything of them published.
func TestUnreadable(t *testing.T) {
	dir := write(t, map[string][]byte{
		"a.jsonl": lines(0, 10), "b.jsonl.gz": zipped(lines(100, 12_000)), "c.jsonl": lines(20_000, 10),
	})
	symlink(t, "nowhere.jsonl", filepath.Join(dir, "gone.jsonl"))
	s := convertAll(t, testOptions(t, dir))
	if s.Sources.Unreadable != 1 || s.Sources.Converted != 3 || s.Rows["results"] != 12_020 || len(s.Unreadable) != 1 ||
		!strings.HasSuffix(s.Unreadable[0].URI, "/gone.jsonl") || s.Unreadable[0].Error == "" {
		t.Errorf("%+v", s)
	}
}

// What a run couldn't read that was cut short, and the next run of the same call
// can, isn't unreadable.
func TestUnreadableThenRead(t *testing.T) {
	dir := write(t, map[string][]byte{"a.jsonl": lines(0, 10), "b.jsonl": lines(100, 10)})
	for _, name := range []string{"gone.jsonl", "lost.jsonl", "may.jsonl"} {
		symlink(t, "nowhere", filepath.Join(dir, name))
	}
	o := testOptions(t, dir)
	o.AcceptUnreadable = func(uri string) bool { return strings.HasSuffix(uri, "/may.jsonl") }
	refused := errors.New("the store refused")
	local := o.Out
	o.Out = &faulty{local, func(op, name string) error {
		if strings.HasSuffix(name, ".end.json") {
			return refused
		}
		return nil
	}}
	if _, err := Run(t.Context(), o); !errors.Is(err, refused) {
		t.Fatal(err)
	}
	for _, name := range []string{"gone.jsonl", "may.jsonl"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), lines(1000, 5), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	o.Out = local
	s, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if s.Sources.Converted != 4 || s.Sources.Unreadable != 1 || s.Sources.AcceptedUnreadable != 0 ||
		len(s.Unreadable) != 1 || !strings.HasSuffix(s.Unreadable[0].URI, "/lost.jsonl") {
		t.Errorf("%+v, unreadable %v", s.Sources, s.Unreadable)
	}
}

// A file that vanishes or changes between the plan and its turn.
func TestVanishingFile(t *testing.T) {
	for _, what := range []string{"removed", "a directory", "cut", "appended to"} {
		t.Run(what, func(t *testing.T) {
			dir := write(t, map[string][]byte{"a.jsonl.gz": zipped(lines(0, 5)), "b.jsonl.gz": zipped(lines(100, 5)), "c.jsonl": lines(300, 5)})
			o := testOptions(t, dir, "-")
			b := filepath.Join(dir, "b.jsonl.gz")
			// Standard input comes first in the order of parts, and only ends
			// once the file is changed.
			o.Workers = 1
			o.Origins = stdinOrigin(&failure{strings.NewReader(`{"id":"s"}` + "\n"), nil})
			o.Origins = stdinOrigin(readerFunc(func() error {
				if what == "removed" || what == "a directory" {
					if err := os.Remove(b); err != nil {
						return err
					}
				}
				switch what {
				case "a directory":
					return os.Mkdir(b, 0o777)
				case "cut":
					return os.Truncate(b, 30)
				case "appended to":
					data, err := os.ReadFile(b)
					if err != nil {
						return err
					}
					return os.WriteFile(b, append(data, zipped(lines(200, 5))...), 0o666)
				}
				return nil
			}))
			s := convertAll(t, o)
			// The empty stream is an object without bytes.
			if s.Sources.Unreadable != 1 || s.Sources.Rejected != 1 || s.Rows["results"] != 10 {
				t.Errorf("%+v, %v", s.Sources, s.Rows)
			}
		})
	}
}

// readerFunc is an empty stream that calls a function first.
type readerFunc func() error

func (f readerFunc) Read([]byte) (int, error) {
	if err := f(); err != nil {
		return 0, err
	}
	return 0, io.EOF
}

// A stream that breaks off is unreadable, early and late, and nothing of it is
// published.
func TestStdinFails(t *testing.T) {
	broke := errors.New("the pipe broke")
	for _, n := range []int{0, 1, 12_000} {
		for _, zip := range []bool{false, true} {
			t.Run(fmt.Sprint(n, zip), func(t *testing.T) {
				noLeaks(t)
				data := lines(0, n)
				if zip {
					data = zipped(data)
				}
				o := testOptions(t, "-", write(t, map[string][]byte{"a.jsonl": lines(0, 2)}))
				o.Origins = stdinOrigin(&failure{bytes.NewReader(data), broke})
				s := convertAll(t, o)
				if s.Sources.Unreadable != 1 || s.Rows["results"] != 2 || s.Unreadable[0].URI != "-" || s.Unreadable[0].Error != broke.Error() {
					t.Errorf("%+v", s)
				}
			})
		}
	}
}

// Nothing is left running or lying about, however a run ends.
func TestEndsCleanly(t *testing.T) {
	dir, _ := sample(t, gen.Options{Size: 3_000_000, Seed: 2})
	bad := write(t, map[string][]byte{"a.jsonl": []byte("{\n")})
	stop := errors.New("stop")
	for _, workers := range []int{1, 4} {
		t.Run(fmt.Sprint("done/", workers), func(t *testing.T) {
			noLeaks(t)
			o := testOptions(t, dir)
			o.Workers = workers
			convertAll(t, o)
		})
		t.Run(fmt.Sprint("rejects/", workers), func(t *testing.T) {
			noLeaks(t)
			o := testOptions(t, dir, bad)
			o.Workers, o.MaxRejects, o.PartSize = workers, 0, 1
			if _, err := Run(context.Background(), o); err == nil {
				t.Error("no error")
			}
			unpublished(t, o.Out.URI("."))
		})
		for _, after := range []time.Duration{0, time.Millisecond, 5 * time.Millisecond, 20 * time.Millisecond, 60 * time.Millisecond} {
			t.Run(fmt.Sprint("stopped/", workers, "/", after), func(t *testing.T) {
				noLeaks(t)
				o := testOptions(t, dir)
				o.Workers, o.PartSize = workers, 20_000
				ctx, cancel := context.WithCancelCause(context.Background())
				defer cancel(nil)
				time.AfterFunc(after, func() { cancel(stop) })
				s, err := Run(ctx, o)
				if err == nil {
					checkDataset(t, o.Out.URI("."), s)
					return
				}
				if !errors.Is(err, stop) && !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
				goOn(t, o, o.Out.URI("."))
			})
		}
	}
}

// A run that reads from a stream that doesn't end stops all the same.
func TestStopsWhileReading(t *testing.T) {
	r, w := io.Pipe()
	defer w.Close()
	o := testOptions(t, "-")
	o.Origins = stdinOrigin(r)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() {
		_, err := Run(ctx, o)
		ended <- err
	}()
	if _, err := w.Write([]byte(`{"id":"x"}` + "\n")); err != nil {
		t.Fatal(err)
	}
	cancel()
	select {
	case err := <-ended:
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("still running")
	}
	if left := files(t, o.Out.URI(".")); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// unpublished checks that a run that failed has published nothing.
func unpublished(t testing.TB, out string) {
	t.Helper()
	for _, name := range files(t, out) {
		if !strings.HasPrefix(name, "_macielake/") {
			t.Errorf("%s is there", name)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(out, "_macielake/leases/*")); len(left) > 0 {
		t.Errorf("left of leases: %v", left)
	}
}

// faulty is a store whose operations fail from some number on, or that does
// something before one of them.
type faulty struct {
	store.Store
	before func(op, name string) error
}

func (f *faulty) Create(ctx context.Context, name string, access store.Access) (store.Output, error) {
	if err := f.before("create", name); err != nil {
		return nil, err
	}
	return f.Store.Create(ctx, name, access)
}

func (f *faulty) PutNew(ctx context.Context, name string, data []byte) error {
	if err := f.before("put", name); err != nil {
		return err
	}
	return f.Store.PutNew(ctx, name, data)
}

func (f *faulty) Publish(ctx context.Context, from, to string, want store.Content) error {
	if err := f.before("publish", to); err != nil {
		return err
	}
	return f.Store.Publish(ctx, from, to, want)
}

func (f *faulty) Sync(ctx context.Context) error {
	if err := f.before("sync", ""); err != nil {
		return err
	}
	return f.Store.Sync(ctx)
}

// goOn runs the converter after one that failed, and checks that all is there.
// An attempt of which it isn't known whether it has a receipt may have left its
// files.
func goOn(t *testing.T, o Options, dir string) {
	t.Helper()
	o.Out = openOut(t, dir)
	s, err := Run(context.Background(), o)
	if err != nil {
		t.Errorf("going on: %v", err)
		return
	}
	if err := o.Out.RemoveAll(context.Background(), "_macielake/staging"); err != nil {
		t.Error(err)
	}
	// So may a plan have been left that no run came to name.
	r := firstRun(t, dir)
	plans, _ := filepath.Glob(filepath.Join(dir, "_macielake/plans/*"))
	for _, plan := range plans {
		if !slices.ContainsFunc(r.Segments, func(s state.Segment) bool { return s.SHA256+".jsonl.gz" == filepath.Base(plan) }) {
			os.Remove(plan)
		}
	}
	if len(s.Runs) > 0 { // else only the row was missing
		checkDataset(t, dir, s)
	}
}

// Whatever the store refuses, the run says so and isn't committed, and goes on
// once the store works.
func TestStoreFails(t *testing.T) {
	refused := errors.New("the store refused")
	dir := write(t, map[string][]byte{"a.jsonl": lines(0, 5), "b.jsonl": []byte("{\n"), "c.jsonl": lines(100, 5)})
	for _, op := range []string{"create", "put", "publish", "sync"} {
		for n := range 40 {
			o := testOptions(t, dir)
			o.PartSize = 1
			local := o.Out
			var calls atomic.Int32
			var hit atomic.Bool
			o.Out = &faulty{local, func(what, name string) error {
				if what == op && int(calls.Add(1)) == n+1 {
					hit.Store(true)
					return refused
				}
				return nil
			}}
			_, err := Run(context.Background(), o)
			if err == nil != !hit.Load() || err != nil && !errors.Is(err, refused) {
				t.Errorf("%s %d: refused %v, and the run ended with %v", op, n, hit.Load(), err)
			}
			if !hit.Load() {
				break
			}
			goOn(t, o, local.URI("."))
		}
	}
}

// A part that can't be committed fails the run, also when the run is stopped at
// the same time, when all lines are converted already.
func TestCommitFailsWhileStopping(t *testing.T) {
	refused := errors.New("the store refused")
	o := testOptions(t, write(t, map[string][]byte{"a.jsonl": lines(0, 5)}))
	o.Workers = 1
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	o.Out = &faulty{o.Out, func(op, name string) error {
		if op == "put" && strings.Contains(name, "/receipts/") {
			time.Sleep(50 * time.Millisecond) // the pool has ended
			cancel()
			return refused
		}
		return nil
	}}
	if _, err := Run(ctx, o); err == nil {
		t.Errorf("no error, though the only part has no receipt; the dataset holds %v", files(t, o.Out.URI(".")))
	}
}

// More partitions than may be open are an error, and nothing is published.
func TestTooManyPartitions(t *testing.T) {
	var data bytes.Buffer
	for i := range 257 {
		fmt.Fprintf(&data, `{"accountId":"%012d"}`+"\n", i)
	}
	o := testOptions(t, write(t, map[string][]byte{"a.jsonl": data.Bytes()}))
	o.PartitionBy = []sink.PartitionKey{sink.ByAccount}
	_, err := Run(context.Background(), o)
	if tooMany := (*sink.TooManyPartitionsError)(nil); !errors.As(err, &tooMany) || tooMany.Table != "results" {
		t.Error(err)
	}
	unpublished(t, o.Out.URI("."))
	o.Out = newOut(t)
	o.Inputs = []string{write(t, map[string][]byte{"a.jsonl": data.Bytes()[:256*(len(`{"accountId":"000000000000"}`)+1)]})}
	if s := convertAll(t, o); s.Files != 256 {
		t.Errorf("%d files", s.Files)
	}
}

// One line of hostile shape may not take memory out of proportion to its bytes.
func TestMemoryOfOneLine(t *testing.T) {
	if testing.Short() {
		t.Skip("decodes a line of 12 MB")
	}
	const n = 4_000_000
	cells := bytes.Repeat([]byte("{},"), n)
	line := slices.Concat([]byte(`{"classificationDetails":{"result":{"sensitiveData":[{"detections":[{"type":"T","count":1,"occurrences":{"cells":[`),
		cells[:len(cells)-1], []byte(`]}}]}]}}}`+"\n"))
	o := testOptions(t, write(t, map[string][]byte{"a.jsonl.gz": zipped(line)}))
	if s := convertAll(t, o); s.Rejects.ByClass[schema.TooManyValues] != 1 || s.Rows["results"] != 0 {
		t.Errorf("by default: %+v, %v", s.Rejects, s.Rows)
	}
	o.Out, o.Limits.MaxLineValues = newOut(t), n
	o.Workers = 1
	var peak atomic.Uint64
	stop := make(chan struct{})
	var watching sync.WaitGroup
	runtime.GC()
	var start runtime.MemStats
	runtime.ReadMemStats(&start)
	watching.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				peak.Store(max(peak.Load(), m.HeapInuse-min(start.HeapInuse, m.HeapInuse)))
			}
		}
	})
	s := convertAll(t, o)
	close(stop)
	watching.Wait()
	if s.Rows["occurrences"] != n {
		t.Errorf("%v", s.Rows)
	}
	// A location takes 40 bytes, however few it has in the line, and slices are
	// copied when they grow: docs/architecture.md says so.
	if limit := uint64(50 * len(line)); peak.Load() > limit {
		t.Errorf("a line of %d bytes took %d MB", len(line), peak.Load()>>20)
	}
}

func TestProgress(t *testing.T) {
	dir, e := sample(t, gen.Options{Size: 100_000, Seed: 2})
	o := testOptions(t, dir)
	if o.Progress.Planned() {
		t.Error("planned before the run")
	}
	convertAll(t, o)
	if done, total := o.Progress.Bytes(); !o.Progress.Planned() || done != total || total != e.CompressedBytes {
		t.Errorf("%d of %d bytes, want %d", done, total, e.CompressedBytes)
	}
	o.Out, o.Progress = newOut(t), nil
	convertAll(t, o)
}

// A summary lists the first unreadable objects by part, whatever came first,
// and a bounded number of unknown fields.
func TestSummaryIsBounded(t *testing.T) {
	dir := write(t, map[string][]byte{"a.jsonl": lines(0, 1)})
	for i := range maxListed + 20 {
		symlink(t, "nowhere", filepath.Join(dir, fmt.Sprintf("%04d.jsonl", i)))
	}
	var fields strings.Builder
	for i := range 1500 {
		fmt.Fprintf(&fields, `{"f%04d":1}`+"\n", i)
	}
	if err := os.WriteFile(filepath.Join(dir, "b.jsonl"), []byte(fields.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	o := testOptions(t, dir)
	o.Workers = 4
	s := convertAll(t, o)
	if len(s.Unreadable) != maxListed || s.Sources.Unreadable != maxListed+20 || !strings.HasSuffix(s.Unreadable[0].URI, "/0000.jsonl") ||
		!slices.IsSortedFunc(s.Unreadable, func(a, b run.UnreadableSource) int { return strings.Compare(a.URI, b.URI) }) {
		t.Errorf("%d unreadable, the first %+v", len(s.Unreadable), s.Unreadable[0])
	}
	total := int64(0)
	for _, n := range s.UnknownFields {
		total += n
	}
	if len(s.UnknownFields) > 1001 || total != 1500 || s.UnknownFields["(others)"] == 0 {
		t.Errorf("%d unknown fields, %d in all, %d others", len(s.UnknownFields), total, s.UnknownFields["(others)"])
	}
}
