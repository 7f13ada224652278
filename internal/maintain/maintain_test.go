package maintain

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/macielake/macielake/internal/run"
	"github.com/macielake/macielake/internal/state"
	"github.com/macielake/macielake/internal/store"
	"github.com/macielake/macielake/internal/store/storetest"
	"github.com/macielake/macielake/pkg/schema"
	"github.com/macielake/macielake/pkg/sink"
)

// files are the files of a store by name.
func files(t testing.TB, s store.Store) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := s.List(t.Context(), ".", func(name string, _ fs.FileInfo) error {
		f, err := s.Open(t.Context(), name)
		if err != nil {
			return err
		}
		data, err := io.ReadAll(f)
		all[name] = string(data)
		return errors.Join(err, f.Close())
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// storeOf is a store that holds those files.
func storeOf(t testing.TB, all map[string]string) *storetest.Memory {
	t.Helper()
	s := storetest.NewMemory("memory:")
	for name, data := range all {
		if err := s.Put(t.Context(), name, []byte(data)); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// builder makes a dataset record by record.
type builder struct {
	t    *testing.T
	s    *storetest.Memory
	d    state.Dataset
	last *state.Run
}

func (b *builder) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// claim claims a run of so many sources, each a part of its own.
func (b *builder) claim(n, sources int) *state.Run {
	b.t.Helper()
	ctx := b.t.Context()
	nonce := state.NewAddress(&b.d, n).Nonce
	plan, err := state.PutPlan(ctx, b.s, nonce, func(yield func(state.PlannedSource) bool) {
		for i := range sources {
			if !yield(state.PlannedSource{Part: i, URI: fmt.Sprintf("/in/%d-%d.jsonl", n, i), Size: 10, ETag: "v"}) {
				return
			}
		}
	})
	b.must(err)
	previous := ""
	if b.last != nil {
		previous = b.last.Sum
	}
	b.last, err = state.Put(ctx, b.s, state.Claim{Number: n, Nonce: nonce, Previous: previous, Dataset: b.d, StartedAt: time.Now().UTC(), Plan: *plan})
	b.must(err)
	return b.last
}

// receipt writes a part's file, and its receipt.
func (b *builder) receipt(r *state.Run, part int, rejects bool) (*state.Receipt, string) {
	b.t.Helper()
	ctx := b.t.Context()
	a := r.Address()
	data := "rows of " + a.Part(part)
	receipt := &state.Receipt{RunID: r.RunID, Claim: r.Sum, Part: part, Attempt: state.NewNonce(), EndedAt: r.StartedAt,
		Files: []state.File{{File: sink.File{Table: "results", Path: "results/created_month=2026-01/" + a.Part(part) + "-0.parquet", Rows: 2,
			Bytes: int64(len(data)), SHA256: sumOf(data)}}},
		Sources: []state.Outcome{{State: state.Converted, Lines: 2, Records: 2}}, Checksums: make([]byte, 8)}
	staged := []string{data}
	if rejects {
		line := `{"uri":"/in/` + fmt.Sprintf("%d-%d", r.Number, part) + `.jsonl","line":3,"offset":0,"class":"malformed"}` + "\n"
		receipt.Rejects = &state.RejectsFile{Bytes: int64(len(line)), SHA256: sumOf(line)}
		receipt.Classes = map[schema.Class]int64{"malformed": 1}
		receipt.Sources[0].Lines, receipt.Sources[0].Rejects = 3, 1
		staged = append(staged, line)
	}
	for i, f := range receipt.Staged(a) {
		b.must(b.s.Put(ctx, f.From, []byte(staged[i])))
		info, err := b.s.Stat(ctx, f.From)
		b.must(err)
		if i == 0 {
			receipt.Files[0].ETag = info.ETag
		} else {
			receipt.Rejects.ETag = info.ETag
		}
	}
	sum, err := state.PutReceipt(ctx, b.s, a, receipt)
	b.must(err)
	return receipt, sum
}

func sumOf(data string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(data))) }

func (b *builder) publish(r *state.Run, receipt *state.Receipt) {
	b.t.Helper()
	for _, f := range receipt.Staged(r.Address()) {
		b.must(b.s.Publish(b.t.Context(), f.From, f.To, f.Content))
		b.must(b.s.RemoveAll(b.t.Context(), f.From))
	}
}

// newDataset makes a dataset of a committed run, an abandoned one, another
// committed one, and an open one of which one part of two is published.
func newDataset(t *testing.T) *storetest.Memory {
	t.Helper()
	ctx := t.Context()
	tables := slices.DeleteFunc(schema.Tables(), func(t *schema.Table) bool { return t.Name != "results" })
	b := &builder{t: t, s: storetest.NewMemory("memory:"), d: state.Dataset{Format: state.Format, Layout: state.Layout, ID: state.NewNonce(),
		TableFormat: "parquet", Tables: []string{"results"}, Definitions: state.Definitions(tables), PartitionBy: []string{}}}
	b.must(state.Create(ctx, b.s, &b.d))
	commit := func(n int) {
		r := b.claim(n, 2)
		end := state.NewEnd(r)
		for part := range 2 {
			receipt, sum := b.receipt(r, part, part == 0)
			end.Add(receipt, sum)
			b.publish(r, receipt)
		}
		b.must(state.PutEnd(ctx, b.s, r, end))
		b.must(run.PutRow(ctx, b.s, r, end))
	}
	commit(1)
	abandoned := b.claim(2, 2)
	receipt, _ := b.receipt(abandoned, 0, true)
	b.publish(abandoned, receipt)
	_, err := Abandon(ctx, b.s, "2", time.Millisecond)
	b.must(err)
	commit(3)
	open := b.claim(4, 2)
	receipt, _ = b.receipt(open, 0, true)
	b.publish(open, receipt)
	return b.s
}

func collect(ctx context.Context, s store.Store) (*Garbage, error) {
	return CollectGarbage(ctx, s, GarbageOptions{Delete: true, Age: 1, Log: slog.New(slog.DiscardHandler)})
}

// A dataset at which nothing is wrong has no problems, and nothing of it is
// garbage.
func TestWhole(t *testing.T) {
	s := newDataset(t)
	v, err := newSurvey(t.Context(), s)
	if err != nil || len(v.problems) > 0 {
		t.Fatalf("%v: %+v", err, v.problems)
	}
	before := files(t, s)
	g, err := collect(t.Context(), s)
	if err != nil || len(g.Files) > 0 || !maps.Equal(before, files(t, s)) {
		t.Errorf("%v: %+v", err, g)
	}
	if g.Clock != "store" || g.Skew != 0 {
		t.Errorf("%+v", g)
	}
	r, err := Repair(t.Context(), s, true)
	if err != nil || len(r.Rebuilt)+r.Left() > 0 {
		t.Errorf("%v: %+v", err, r)
	}
}

// If a file is gone, garbage is collected only as long as nothing of the dataset
// is taken for it; and what repair rebuilds is what was there.
func TestEachFileGone(t *testing.T) {
	whole := files(t, newDataset(t))
	rebuilt, refused := 0, 0
	for _, name := range slices.Sorted(maps.Keys(whole)) {
		t.Run(name, func(t *testing.T) {
			left := maps.Clone(whole)
			delete(left, name)
			s := storeOf(t, left)
			_, err := collect(t.Context(), s)
			if !maps.Equal(left, files(t, s)) {
				t.Errorf("garbage collection changed files")
			}
			if err != nil {
				refused++
				if !strings.Contains(err.Error(), name) {
					t.Errorf("refused without the name: %v", err)
				}
			}
			r, repairErr := Repair(t.Context(), s, true)
			if repairErr != nil {
				t.Fatal(repairErr)
			}
			now := files(t, s)
			if data, ok := now[name]; ok {
				rebuilt++
				if state.ParseName(name).Kind != state.RowFile && data != whole[name] {
					t.Errorf("rebuilt otherwise than it was:\n%s\nwas\n%s", data, whole[name])
				}
				if r.Left() > 0 {
					t.Errorf("rebuilt, and yet left: %+v", r)
				}
			} else if err != nil && r.Left() == 0 {
				t.Errorf("garbage collection refused (%v), and repair finds nothing: %+v", err, r)
			}
			delete(now, name)
			if !maps.Equal(left, now) {
				t.Error("repair changed other files")
			}
		})
	}
	// The dataset record, three claims, two end records, two rows.
	if rebuilt != 8 {
		t.Errorf("%d files are rebuilt", rebuilt)
	}
	if refused < 15 {
		t.Errorf("refused only %d times", refused)
	}
}

// A damaged record is never replaced.
func TestRepairReplacesNothing(t *testing.T) {
	whole := files(t, newDataset(t))
	for name, data := range whole {
		if path.Ext(name) != ".json" {
			continue
		}
		damaged := maps.Clone(whole)
		damaged[name] = strings.Replace(data, "a", "b", 1)
		s := storeOf(t, damaged)
		r, err := Repair(t.Context(), s, true)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !maps.Equal(damaged, files(t, s)) {
			t.Errorf("%s: repair changed files", name)
		}
		if !slices.ContainsFunc(slices.Concat(r.InTheWay, r.Lost), func(p Problem) bool { return p.Name == name }) {
			t.Errorf("%s: not named: %+v", name, r)
		}
		if _, err := collect(t.Context(), s); err == nil {
			t.Errorf("%s: garbage is collected", name)
		}
	}
}

// Two copies that went on apart are refused, whichever files win when they are
// merged.
func TestMergedCopies(t *testing.T) {
	base := files(t, newDataset(t))
	resume := func() map[string]string {
		s := storeOf(t, base)
		d, runs, err := state.Open(t.Context(), s, state.Everything)
		if err != nil {
			t.Fatal(err)
		}
		b := &builder{t: t, s: s, d: d, last: runs[3].Run}
		r := b.claim(5, 1)
		end := state.NewEnd(r)
		receipt, sum := b.receipt(r, 0, false)
		end.Add(receipt, sum)
		b.publish(r, receipt)
		b.must(state.PutEnd(t.Context(), s, r, end))
		b.must(run.PutRow(t.Context(), s, r, end))
		return files(t, s)
	}
	one, other := resume(), resume()
	merged := maps.Clone(one)
	maps.Copy(merged, other)
	s := storeOf(t, merged)
	if _, err := collect(t.Context(), s); err == nil {
		t.Error("garbage is collected")
	}
	if _, err := LoadStatus(t.Context(), s, 2); err == nil {
		t.Error("it has a status")
	}
	if v, err := Verify(t.Context(), s, 2); err != nil || len(v.Problems) == 0 {
		t.Errorf("verify: %v, %+v", err, v)
	}
	if !maps.Equal(merged, files(t, s)) {
		t.Error("it has changed")
	}
}

// Two datasets in one place, or one with the record of another, are refused: of both
// whole runs are there, which no late writer leaves.
func TestTwoDatasets(t *testing.T) {
	one, other := files(t, newDataset(t)), files(t, newDataset(t))
	both := maps.Clone(other)
	maps.Copy(both, one)
	exchanged := maps.Clone(one)
	exchanged[state.DatasetName] = other[state.DatasetName]
	for what, whole := range map[string]map[string]string{"both": both, "another's record": exchanged} {
		s := storeOf(t, whole)
		if _, err := collect(t.Context(), s); err == nil {
			t.Errorf("%s: garbage is collected", what)
		}
		if _, err := LoadStatus(t.Context(), s, 2); err == nil {
			t.Errorf("%s: it has a status", what)
		}
		v, err := Verify(t.Context(), s, 2)
		if err != nil || !slices.ContainsFunc(v.Problems, func(p Problem) bool { return strings.Contains(p.What, "a run of another dataset") }) {
			t.Errorf("%s: verify: %v, %+v", what, err, v)
		}
		if r, err := Repair(t.Context(), s, true); err != nil || len(r.Rebuilt) > 0 || r.Left() == 0 {
			t.Errorf("%s: repair: %v, %+v", what, err, r)
		}
		if !maps.Equal(whole, files(t, s)) {
			t.Errorf("%s: it has changed", what)
		}
	}
}

// A dataset record is rebuilt from claims of the dataset that lies there, whatever
// claims of a dropped one came late; where there may be two, from none.
func TestRecordBesideLateClaims(t *testing.T) {
	whole := files(t, newDataset(t))
	lost := maps.Clone(whole)
	delete(lost, state.DatasetName)
	late := func(files map[string]string, n int) {
		b := &builder{t: t, s: storetest.NewMemory("memory:"), d: state.Dataset{Format: state.Format, Layout: state.Layout,
			ID: "0000000000000000", TableFormat: "parquet", Tables: []string{"results"}, PartitionBy: []string{}}}
		b.last = &state.Run{Sum: sumOf("the claim before")}
		if n == 1 {
			b.last = nil
		}
		data, err := state.ReadFile(t.Context(), b.s, state.ClaimName(&b.d, b.claim(n, 1).Number))
		b.must(err)
		files[state.ClaimName(&b.d, n)] = string(data)
	}
	for _, n := range []int{1, 9} {
		late(lost, n)
	}
	s := storeOf(t, lost)
	r, err := Repair(t.Context(), s, true)
	if err != nil || len(r.Rebuilt) != 1 || r.Left() > 0 || files(t, s)[state.DatasetName] != whole[state.DatasetName] {
		t.Errorf("%v: %+v", err, r)
	}
	if v, err := Verify(t.Context(), s, 2); err != nil || slices.ContainsFunc(v.Problems, func(p Problem) bool { return strings.HasPrefix(p.Name, state.RunsDir) }) {
		t.Errorf("verify: %v, %+v", err, v)
	}
	// Of neither is there more than claims.
	unsure := map[string]string{}
	for name, data := range lost {
		if state.ParseName(name).Kind == state.ClaimFile {
			unsure[name] = data
		}
	}
	s = storeOf(t, unsure)
	if r, err := Repair(t.Context(), s, true); !errors.As(err, new(*state.NotWholeError)) {
		t.Errorf("%v: %+v", err, r)
	}
	if !maps.Equal(unsure, files(t, s)) {
		t.Error("repair has written a record")
	}
}

// hiding is a store whose listings leave files out.
type hiding struct {
	store.Store
	hidden func(name string) bool
}

func (h *hiding) List(ctx context.Context, prefix string, each func(string, fs.FileInfo) error) error {
	return h.Store.List(ctx, prefix, func(name string, info fs.FileInfo) error {
		if h.hidden(name) {
			return nil
		}
		return each(name, info)
	})
}

// gc takes no file for garbage because a listing left others out.
func TestGarbageBehindShortListing(t *testing.T) {
	whole := files(t, newDataset(t))
	names := slices.Sorted(maps.Keys(whole))
	hide := map[string]func(string) bool{
		"everything": func(string) bool { return true },
		"the state":  func(name string) bool { return strings.HasPrefix(name, store.StateDir) },
		"the runs":   func(name string) bool { return strings.HasPrefix(name, state.RunsDir) },
	}
	for i, name := range names {
		hide["only "+name] = func(n string) bool { return n == name }
		hide["from "+name] = func(n string) bool { return slices.Index(names, n) >= i }
	}
	for what, hidden := range hide {
		s := storeOf(t, whole)
		if _, err := collect(t.Context(), &hiding{s, hidden}); !maps.Equal(whole, files(t, s)) {
			t.Errorf("%s is hidden (%v): garbage collection changed files", what, err)
		}
	}
}

// What is really garbage goes: what attempts, abandoned runs and other datasets
// have left.
func TestGarbage(t *testing.T) {
	s := newDataset(t)
	d, runs, err := state.Open(t.Context(), s, state.Everything)
	if err != nil {
		t.Fatal(err)
	}
	ended, abandoned, open := runs[0].Address(), runs[1].Address(), runs[3].Address()
	other := state.Address{Number: 1, Nonce: state.NewNonce()}
	if other.Of(&d) {
		t.Fatal("one in four billion")
	}
	garbage := []string{
		state.ClaimName(&state.Dataset{ID: other.Nonce}, 2),
		state.Staging(ended, 0, state.NewNonce()) + "/x",
		state.Staging(open, 0, state.NewNonce()) + "/x", // the part has another's receipt
		state.Staging(other, 0, state.NewNonce()) + "/x",
		state.RowStaging(ended, state.NewNonce()) + "/x",
		state.SegmentName(state.Segment{SHA256: sumOf("nobody's")}),
		state.LeaseName(state.PartLease(ended, 0)),
		store.StateDir + "/.half." + state.NewNonce(),
		"results/created_month=2026-01/" + other.Part(0) + "-0.parquet",
		"results/created_month=2026-01/" + abandoned.Part(0) + "-0.parquet",
		state.RejectsName(abandoned, 0),
	}
	kept := []string{
		state.Staging(open, 1, state.NewNonce()) + "/x", // its part has no receipt yet
		"results/notes.txt",
		store.StateDir + "/notes.txt",
	}
	looks := []*state.Look{{Dataset: d.ID, EndedAt: time.UnixMilli(1)}, {Dataset: d.ID, EndedAt: time.UnixMilli(2)}}
	for i, l := range looks { // of which the last counts
		if err := state.PutLook(t.Context(), s, l); err != nil {
			t.Fatal(err)
		}
		_, name, err := state.LastLook(t.Context(), s, &d)
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			garbage = append(garbage, name)
		}
	}
	before := files(t, s)
	delete(before, garbage[len(garbage)-1])
	for _, name := range slices.Concat(garbage[:len(garbage)-1], kept) {
		if err := s.Put(t.Context(), name, []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	young, err := CollectGarbage(t.Context(), s, GarbageOptions{Delete: true, Log: slog.New(slog.DiscardHandler)})
	if err != nil || len(young.Files) > 0 {
		t.Errorf("%v: of young files: %+v", err, young)
	}
	listed, err := CollectGarbage(t.Context(), s, GarbageOptions{Age: 1, Log: slog.New(slog.DiscardHandler)})
	if err != nil || len(listed.Files) != len(garbage) || listed.Deleted || listed.Clock != "local" {
		t.Errorf("%v: listed %+v", err, listed)
	}
	if _, err := collect(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	after := files(t, s)
	for _, name := range garbage {
		if _, there := after[name]; there {
			t.Errorf("%s is still there", name)
		}
	}
	for _, name := range kept {
		before[name] = "x"
	}
	if !maps.Equal(before, after) {
		t.Error("other files have changed")
	}
}

// ahead is a store whose clock is ahead of the local one.
type ahead struct {
	store.Store
	by time.Duration
}

func (a *ahead) Stat(ctx context.Context, name string) (store.Info, error) {
	info, err := a.Store.Stat(ctx, name)
	info.Modified = info.Modified.Add(a.by)
	return info, err
}

// Ages are measured by the store's clock, and a local clock that is far from it is
// reported.
func TestGarbageClock(t *testing.T) {
	for _, by := range []time.Duration{-48 * time.Hour, 48 * time.Hour, 30 * time.Minute} {
		s := newDataset(t)
		lease := state.LeaseName("000001-0123456789abcdef-00000")
		if err := s.Put(t.Context(), lease, []byte("x")); err != nil {
			t.Fatal(err)
		}
		g, err := CollectGarbage(t.Context(), &ahead{s, by}, GarbageOptions{Delete: true, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		if reported := g.Skew != 0; reported != (by.Abs() > time.Hour) || reported && (g.Skew < 0) != (by > 0) {
			t.Errorf("the store is ahead by %v, reported %v", by, g.Skew)
		}
	}
}

// mortal is a store that dies after so many removals.
type mortal struct {
	store.Store
	left int
}

var errMortal = errors.New("died")

func (m *mortal) RemoveAll(ctx context.Context, name string) error {
	if m.left--; m.left < 0 {
		return errMortal
	}
	return m.Store.RemoveAll(ctx, name)
}

// A drop that dies is resumed by the next; until then every other command refuses.
func TestDrop(t *testing.T) {
	ctx := t.Context()
	whole := files(t, newDataset(t))
	s := storeOf(t, whole)
	dry, err := Drop(ctx, s, DropOptions{Lease: time.Millisecond})
	if err != nil || dry.Deleted || dry.Files != int64(len(whole)) || dry.Runs != 4 || !maps.Equal(whole, files(t, s)) {
		t.Fatalf("%v: %+v", err, dry)
	}
	for n := 0; ; n++ {
		s := storeOf(t, whole)
		if err := s.Put(ctx, "results/notes.txt", []byte("x")); err != nil {
			t.Fatal(err)
		}
		_, err := Drop(ctx, &mortal{s, n}, DropOptions{Delete: true, Lease: time.Millisecond})
		died := errors.Is(err, errMortal)
		if err != nil && !died {
			t.Fatal(err)
		}
		if died {
			if _, err := LoadStatus(ctx, s, 2); !errors.As(err, new(*state.DroppedError)) {
				t.Errorf("after %d removals the status is %v", n, err)
			}
			if _, err := collect(ctx, s); !errors.As(err, new(*state.DroppedError)) {
				t.Errorf("after %d removals garbage collection says %v", n, err)
			}
			if _, err := Repair(ctx, s, true); !errors.As(err, new(*state.DroppedError)) {
				t.Errorf("after %d removals repair says %v", n, err)
			}
			again, err := Drop(ctx, s, DropOptions{Delete: true, Lease: time.Millisecond})
			if err != nil || !again.Resumed {
				t.Fatalf("after %d removals: %v: %+v", n, err, again)
			}
		}
		if left := files(t, s); len(left) != 1 || left["results/notes.txt"] == "" {
			t.Fatalf("after %d removals %v is left", n, slices.Collect(maps.Keys(left)))
		}
		if !died {
			break
		}
	}
}

// Acknowledged rejects are listed as such, and those that come later aren't.
func TestAcknowledge(t *testing.T) {
	ctx := t.Context()
	s := newDataset(t)
	count := func() (all, acknowledged int) {
		err := EachReject(ctx, s, state.Acknowledgement{Through: 9}, func(r *OutstandingReject) error {
			all++
			if r.Acknowledged {
				acknowledged++
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return all, acknowledged
	}
	if _, err := Acknowledge(ctx, s, state.Acknowledgement{Reason: " "}); !errors.Is(err, ErrNoReason) {
		t.Error(err)
	}
	if _, err := Acknowledge(ctx, s, state.Acknowledgement{Reason: "x", Class: "utf8"}); !errors.As(err, new(*NoRejectsError)) {
		t.Error(err)
	}
	a, err := Acknowledge(ctx, s, state.Acknowledgement{Reason: "known", URIs: []string{"/in/1-0.jsonl"}})
	if err != nil || a.Rejects != 1 || a.Left != 1 {
		t.Errorf("%v: %+v", err, a)
	}
	if all, acknowledged := count(); all != 2 || acknowledged != 1 {
		t.Errorf("%d of %d", acknowledged, all)
	}
	a, err = Acknowledge(ctx, s, state.Acknowledgement{Reason: "all of them"})
	if err != nil || a.Rejects != 1 || a.Left != 0 {
		t.Errorf("%v: %+v", err, a)
	}
	before := files(t, s)
	if a, err = Acknowledge(ctx, s, state.Acknowledgement{Reason: "again"}); err != nil || a.Rejects != 0 || !maps.Equal(before, files(t, s)) {
		t.Errorf("%v: %+v", err, a)
	}
	d, runs, err := state.Open(ctx, s, state.Records)
	if err != nil {
		t.Fatal(err)
	}
	c, err := state.LoadCaveats(ctx, s, &d, runs)
	if err != nil || c.Rejects != 2 || c.Acknowledged != 2 || len(c.OpenRuns) != 1 {
		t.Errorf("%v: %+v", err, c)
	}
}
