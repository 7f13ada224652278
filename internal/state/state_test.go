package state

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/macielake/macielake/internal/store"
	"github.com/macielake/macielake/internal/store/storetest"
	"github.com/macielake/macielake/pkg/schema"
	"github.com/macielake/macielake/pkg/sink"
)

const digits = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func sampleDataset() Dataset {
	since := time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)
	return Dataset{
		Format: Format, Layout: Layout, TableFormat: "parquet", Tables: []string{"results", "detections"},
		Definitions: Definitions(schema.Tables()), PartitionBy: []string{"created_month"}, ID: "0123456789abcdef",
		Filter: Filter{Accounts: []string{"111122223333"}, Jobs: []string{`<&>"é` + "\u2028"}, Since: &since},
	}
}

// made is a dataset in memory with two committed runs of two parts each, one
// that is abandoned and one that is open.
type made struct {
	*storetest.Memory
	d    Dataset
	runs []*Run
}

func put(t *testing.T, s store.Store, name, content string) {
	t.Helper()
	if err := s.PutNew(t.Context(), name, []byte(content)); err != nil {
		t.Fatal(err)
	}
}

func claim(t *testing.T, s store.Store, d *Dataset, n int, previous string, change func(*Claim)) *Run {
	t.Helper()
	a := NewAddress(d, n)
	plan, err := PutPlan(t.Context(), s, a.Nonce, func(yield func(PlannedSource) bool) {
		for part := range 2 {
			for i := range 3 {
				if !yield(PlannedSource{Part: part, URI: fmt.Sprintf("/in/%d-%d-%d", n, part, i), Size: int64(i), ETag: "v1"}) {
					return
				}
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	c := Claim{Number: n, Nonce: a.Nonce, Previous: previous, Dataset: *d, StartedAt: time.Unix(1700000000, 5).UTC(), Version: "test",
		Options: Options{Compression: "zstd"}, Plan: *plan}
	if change != nil {
		change(&c)
	}
	r, err := Put(t.Context(), s, c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func sampleReceipt(r *Run, part int) *Receipt {
	dir := "results/created_month=2026-01/"
	if part > 0 {
		dir = "detections/created_month=2026-01/"
	}
	return &Receipt{
		RunID: r.RunID, Claim: r.Sum, Part: part, Attempt: NewNonce(), EndedAt: r.StartedAt.Add(time.Duration(part+1) * time.Second),
		Files:   []File{{sink.File{Table: path.Dir(path.Dir(dir + "x")), Path: dir + r.Address().Part(part) + "-0.parquet", Rows: 7, Bytes: 100, SHA256: digits}, `"etag"`}},
		Rejects: &RejectsFile{Bytes: 10, SHA256: digits},
		Sources: []Outcome{{State: Converted, Lines: 3, Records: 2, Rejects: 1, Stored: 5, Inflated: 50, Checksum: 0xfedcba9876543210}, {State: Unreadable, Error: "gone"}, {State: Rejected, Class: "empty_object"}},
		Classes: map[schema.Class]int64{"malformed": 1, "empty_object": 1},
	}
}

func commit(t *testing.T, s store.Store, r *Run) *End {
	t.Helper()
	end := NewEnd(r)
	for _, part := range []int{1, 0} {
		receipt := sampleReceipt(r, part)
		sum, err := PutReceipt(t.Context(), s, r.Address(), receipt)
		if err != nil {
			t.Fatal(err)
		}
		end.Add(receipt, sum)
		for _, f := range receipt.Staged(r.Address()) {
			put(t, s, f.To, "rows")
		}
	}
	if err := PutEnd(t.Context(), s, r, end); err != nil {
		t.Fatal(err)
	}
	put(t, s, RowName(r.Address(), "parquet"), "a row")
	return end
}

func newMade(t *testing.T) *made {
	t.Helper()
	m := &made{Memory: storetest.NewMemory("memory:"), d: sampleDataset()}
	if err := Create(t.Context(), m, &m.d); err != nil {
		t.Fatal(err)
	}
	previous := ""
	for n := 1; n <= 4; n++ {
		r := claim(t, m, &m.d, n, previous, nil)
		m.runs = append(m.runs, r)
		previous = r.Sum
		switch n {
		case 1, 2:
			commit(t, m, r)
		case 3:
			if err := PutAbandoned(t.Context(), m, r); err != nil {
				t.Fatal(err)
			}
			if err := PutRemoved(t.Context(), m, r); err != nil {
				t.Fatal(err)
			}
		case 4:
			if _, err := PutReceipt(t.Context(), m, r.Address(), sampleReceipt(r, 1)); err != nil {
				t.Fatal(err)
			}
		}
	}
	return m
}

// all reads everything that the state has, and tells what it is.
func (m *made) all(ctx context.Context, extent Extent) (string, error) {
	d, runs, err := Open(ctx, m, extent)
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	write := func(v ...any) {
		if err == nil {
			err = enc.Encode(v)
		}
	}
	write(d)
	for i := range runs {
		r := &runs[i]
		if extent == Records && r.Open() { // readers don't need them
			continue
		}
		write(r.RunID, r.Address(), r.End)
		if extent == Records || err != nil {
			continue
		}
		err = EachSource(ctx, m, r, func(p *PlannedSource, o *Outcome, _ *Receipt) error {
			write(p, o)
			return err
		})
	}
	return out.String(), err
}

func TestRoundTrip(t *testing.T) {
	m := newMade(t)
	d, runs, err := Open(t.Context(), m, Everything)
	if err != nil || !reflect.DeepEqual(d, m.d) {
		t.Fatalf("%+v, %v, want %+v", d, err, m.d)
	}
	if len(runs) != 4 || !runs[0].Committed() || !runs[1].Committed() || runs[2].End.State != Abandoned || !runs[3].Open() {
		t.Fatalf("%d runs", len(runs))
	}
	for i, r := range runs {
		if !reflect.DeepEqual(r.Run.Claim, m.runs[i].Claim) || r.Sum != m.runs[i].Sum {
			t.Errorf("run %d: %+v, want %+v", i+1, r.Run, m.runs[i])
		}
	}
	err = EachSource(t.Context(), m, &runs[0], func(_ *PlannedSource, o *Outcome, _ *Receipt) error {
		if (o.Checksum == 0xfedcba9876543210) != (o.State == Converted) {
			t.Errorf("the checksum of %+v is %x", o, o.Checksum)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if got := runs[0].End.Totals; got.Sources != 6 || got.Converted != 2 || got.Rejected != 2 || got.Unreadable != 2 || got.Lines != 6 || got.Rows["results"] != 7 {
		t.Errorf("totals %+v", got)
	}
	if want := m.runs[0].StartedAt.Add(2 * time.Second); !runs[0].End.EndedAt.Equal(want) {
		t.Errorf("it ended at %v, want the time of the last receipt, %v", runs[0].End.EndedAt, want)
	}
	if got := runs[3].Files.Receipts; !slices.Equal(got, []int{1}) {
		t.Errorf("receipts %v", got)
	}
	for _, name := range []string{"2", "000002", runs[1].RunID} {
		if r, err := Find(runs, name); err != nil || r.RunID != runs[1].RunID {
			t.Errorf("%q is run %+v, %v", name, r, err)
		}
	}
	if r, err := Find(runs, "7"); !errors.As(err, new(*NoRunError)) {
		t.Errorf("run 7 is %+v, %v", r, err)
	}
	var seen []string
	err = EachSource(t.Context(), m, &runs[3], func(p *PlannedSource, o *Outcome, _ *Receipt) error {
		seen = append(seen, fmt.Sprint(p.Part, o != nil))
		return nil
	})
	if want := strings.Fields("0false 0false 0false 1true 1true 1true"); err != nil || !slices.Equal(strings.Fields(strings.ReplaceAll(strings.Join(seen, ","), " ", "")), []string{strings.Join(want, ",")}) {
		t.Errorf("of an open run: %v, %v", seen, err)
	}
}

// The identifier of a run depends on what it reads and how, and on nothing else.
func TestRunID(t *testing.T) {
	id := func(change func(*Claim)) string {
		m := storetest.NewMemory("memory:")
		d := sampleDataset()
		d.ID = NewNonce()
		return claim(t, m, &d, 1, "", change).RunID
	}
	first := id(nil)
	if got := id(func(c *Claim) { c.StartedAt, c.Version = time.Now(), "another" }); got != first {
		t.Errorf("%s, want %s", got, first)
	}
	for name, change := range map[string]func(*Claim){
		"options": func(c *Claim) { c.Options.MaxLineBytes++ },
		"retry":   func(c *Claim) { c.Retry = true },
		"filter":  func(c *Claim) { c.Dataset.Filter.Jobs = nil },
		"sources": func(c *Claim) { c.Digest = digits },
	} {
		if got := id(change); got == first {
			t.Errorf("another %s has the same identifier %s", name, got)
		}
	}
}

// A state file that is gone, cut off, another's or has a wrong bit is found, and
// named, or what is read is right all the same.
func TestDamage(t *testing.T) {
	m := newMade(t)
	want, err := m.all(t.Context(), Everything)
	if err != nil {
		t.Fatal(err)
	}
	wantRecords, err := m.all(t.Context(), Records)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	contents := map[string][]byte{}
	err = m.List(t.Context(), store.StateDir, func(name string, _ fs.FileInfo) error {
		names = append(names, name)
		data, err := ReadFile(t.Context(), m, name)
		contents[name] = data
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	cases, refused := 0, 0
	check := func(name, what string, data []byte) {
		t.Helper()
		if err := m.RemoveAll(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		if data != nil {
			put(t, m, name, string(data))
		}
		for extent, want := range map[Extent]string{Records: wantRecords, Everything: want} {
			cases++
			got, err := m.all(t.Context(), extent)
			var whole *NotWholeError
			var broken *DamagedError
			named := errors.As(err, &whole) || errors.As(err, &broken) || errors.Is(err, ErrForeign)
			switch {
			case err == nil && got != want:
				t.Errorf("%s %s, extent %d: read as\n%s", name, what, extent, got)
			case err != nil && !named:
				t.Errorf("%s %s, extent %d: %v", name, what, extent, err)
			case err != nil:
				refused++
			}
		}
		if err := m.Put(t.Context(), name, contents[name]); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range names {
		data := contents[name]
		if !strings.HasPrefix(name, ReceiptsDir+"/"+m.runs[3].Address().String()) { // of an open run the part is converted again
			check(name, "gone", nil)
		}
		check(name, "empty", []byte{})
		check(name, "cut off", data[:len(data)/2])
		check(name, "short of a byte", data[:len(data)-1])
		for _, other := range names {
			if other != name {
				check(name, "replaced by "+other, contents[other])
			}
		}
		for bit := 0; bit < 8*len(data); bit += 61 {
			flipped := bytes.Clone(data)
			flipped[bit/8] ^= 1 << (bit % 8)
			check(name, fmt.Sprintf("with bit %d wrong", bit), flipped)
		}
	}
	if refused < cases/3 {
		t.Errorf("only %d of %d cases were refused", refused, cases)
	}
	if got, err := m.all(t.Context(), Everything); err != nil || got != want {
		t.Errorf("restored: %v, %s", err, got)
	}
}

// Names that contradict each other are found without opening a file.
func TestListRuns(t *testing.T) {
	ctx := t.Context()
	for name, test := range map[string]struct {
		change func(t *testing.T, m *made)
		want   string // in the error; empty for none
		extent Extent // from which on it is found
	}{
		"nothing":                {change: func(t *testing.T, m *made) {}},
		"claim lost":             {func(t *testing.T, m *made) { m.remove(t, ClaimName(&m.d, 2)) }, "runs/000002-01234567.json is missing", Records},
		"claim of the last lost": {func(t *testing.T, m *made) { m.remove(t, ClaimName(&m.d, 4)) }, "runs/000004-01234567.json is missing", Everything},
		"end lost":               {func(t *testing.T, m *made) { m.remove(t, EndName(m.runs[1].Address())) }, ".end.json is missing", Records},
		"last run lost but for its row": {func(t *testing.T, m *made) {
			put(t, m, RowName(Address{5, m.runs[0].Nonce}, "parquet"), "")
		}, "runs/000005-01234567.json is missing", Records},
		"last run lost but for rows": {func(t *testing.T, m *made) {
			put(t, m, "results/created_month=2026-01/"+Address{5, m.runs[0].Nonce}.Part(0)+"-0.parquet", "")
		}, "runs/000005-01234567.json is missing", Everything},
		"receipt of published rows lost": {func(t *testing.T, m *made) {
			put(t, m, "results/created_month=2026-01/"+m.runs[3].Address().Part(0)+"-0.parquet", "")
		}, "00000.json is missing", Everything},
		"claim of the last lost, its files staged": {func(t *testing.T, m *made) {
			put(t, m, Staging(m.runs[3].Address(), 0, NewNonce())+"/x", "")
			m.remove(t, ClaimName(&m.d, 4))
		}, "runs/000004-01234567.json is missing", Records},
		"another identity": {func(t *testing.T, m *made) {
			put(t, m, EndName(NewAddress(&m.d, 2)), "{}")
		}, "there are two runs 2", Records},
		"another identity of an open run": {func(t *testing.T, m *made) {
			put(t, m, EndName(NewAddress(&m.d, 4)), "{}")
		}, "doesn't belong", Everything},
		"a foreign dataset's files": {change: func(t *testing.T, m *made) {
			other := sampleDataset()
			other.ID = "fedcba9876543210"
			a := NewAddress(&other, 9)
			for _, name := range []string{EndName(a), ReceiptName(a, 3), RowName(a, "parquet"), "results/" + a.Part(0) + "-0.parquet", RejectsName(a, 0)} {
				put(t, m, name, "")
			}
		}},
		"foreign claims": {change: func(t *testing.T, m *made) {
			other := sampleDataset()
			other.ID = "fedcba9876543210"
			for _, n := range []int{2, 4, 5, 9} {
				claim(t, m, &other, n, strings.Repeat("0", 64), nil)
			}
			put(t, m, Staging(NewAddress(&other, 9), 0, NewNonce())+"/x", "") // its writer went on
		}},
		"a foreign run, ended": {func(t *testing.T, m *made) {
			other := sampleDataset()
			other.ID = "fedcba9876543210"
			if err := PutAbandoned(t.Context(), m, claim(t, m, &other, 9, strings.Repeat("0", 64), nil)); err != nil {
				t.Fatal(err)
			}
		}, "so is _macielake/runs/000009-fedcba98.json", Records},
		"a foreign run with a receipt": {func(t *testing.T, m *made) {
			other := sampleDataset()
			other.ID = "fedcba9876543210"
			r := claim(t, m, &other, 2, strings.Repeat("0", 64), nil)
			if _, err := PutReceipt(t.Context(), m, r.Address(), sampleReceipt(r, 0)); err != nil {
				t.Fatal(err)
			}
		}, "so is _macielake/runs/000002-fedcba98.json", Everything},
		"another dataset's record": {func(t *testing.T, m *made) {
			m.remove(t, DatasetName)
			m.d.ID = "fedcba9876543210"
			if err := Create(t.Context(), m, &m.d); err != nil {
				t.Fatal(err)
			}
		}, "so is _macielake/runs/000001-01234567.json", Records},
		"unknown files": {change: func(t *testing.T, m *made) {
			for _, name := range []string{RunsDir + "/README", RunsDir + "/000009.jsonl", "results/part-0.parquet", "runs/000009.parquet", "notes.txt"} {
				put(t, m, name, "")
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMade(t)
			test.change(t, m)
			for _, extent := range []Extent{Records, Everything} {
				_, err := ListRuns(ctx, m, &m.d, extent)
				if test.want == "" || extent < test.extent {
					if err != nil {
						t.Errorf("extent %d: %v", extent, err)
					}
					continue
				}
				if whole := (*NotWholeError)(nil); !errors.As(err, &whole) || !strings.Contains(err.Error(), test.want) {
					t.Errorf("extent %d: %v, want %q", extent, err, test.want)
				}
			}
		})
	}
}

// Of all writers of one dataset one gets a number, and those of another don't meet
// them.
func TestClaimsMeet(t *testing.T) {
	m := newMade(t)
	other := sampleDataset()
	other.ID = "fedcba9876543210"
	plan := func(d *Dataset) Claim {
		return Claim{Number: 4, Nonce: NewAddress(d, 4).Nonce, Previous: m.runs[2].Sum, Dataset: *d, Plan: m.runs[3].Plan}
	}
	if _, err := Put(t.Context(), m, plan(&m.d)); !errors.Is(err, fs.ErrExist) {
		t.Errorf("another run of the same number: %v", err)
	}
	if _, err := Put(t.Context(), m, plan(&other)); err != nil {
		t.Errorf("a run of another dataset: %v", err)
	}
	r, err := LoadRun(t.Context(), m, &m.d, 4)
	if err != nil || r.Sum != m.runs[3].Sum {
		t.Errorf("%+v, %v", r, err)
	}
	// Which runs are open, an end record says of its own dataset.
	end := NewEnd(m.runs[3])
	if err := end.Place(t.Context(), m, &m.d, 5); err != nil || !slices.Equal(end.Open, []int{4}) || len(end.Later) > 0 {
		t.Errorf("open %v, later %v, %v", end.Open, end.Later, err)
	}
	// A claim under a name that isn't its own.
	data, err := ReadFile(t.Context(), m, ClaimName(&other, 4))
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Put(t.Context(), ClaimName(&m.d, 4), data); err != nil {
		t.Fatal(err)
	}
	broken := (*DamagedError)(nil)
	if _, err := LoadRun(t.Context(), m, &m.d, 4); !errors.As(err, &broken) {
		t.Errorf("LoadRun: %v", err)
	}
	if _, err := ClaimedDataset(t.Context(), m, ClaimName(&m.d, 4)); !errors.As(err, &broken) {
		t.Errorf("ClaimedDataset: %v", err)
	}
}

func (m *made) remove(t *testing.T, name string) {
	t.Helper()
	if _, err := m.Stat(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	if err := m.RemoveAll(t.Context(), name); err != nil {
		t.Fatal(err)
	}
}

// A copy of a dataset that went on apart, and was merged into the other one, is
// found whatever of the two the merge kept.
func TestMergedCopies(t *testing.T) {
	ctx := t.Context()
	for _, theirs := range []bool{false, true} {
		a, b := newMade(t), &made{Memory: storetest.NewMemory("memory:")}
		b.d = a.d
		copyAll := func(from, to store.Store, over bool) {
			err := from.List(ctx, ".", func(name string, _ fs.FileInfo) error {
				data, err := ReadFile(ctx, from, name)
				if err != nil {
					return err
				}
				if err = to.PutNew(ctx, name, data); errors.Is(err, fs.ErrExist) && over {
					err = to.Put(ctx, name, data)
				} else if errors.Is(err, fs.ErrExist) {
					err = nil
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		copyAll(a, b, false)
		for _, m := range []*made{a, b} {
			commit(t, m, claim(t, m, &m.d, 5, a.runs[3].Sum, nil))
		}
		copyAll(b, a, theirs)
		for _, extent := range []Extent{Records, Everything} {
			_, _, err := Open(ctx, a, extent)
			if whole := (*NotWholeError)(nil); !errors.As(err, &whole) || !whole.Copy {
				t.Errorf("extent %d: %v", extent, err)
			}
		}
	}
}

func TestDropped(t *testing.T) {
	m := newMade(t)
	if err := Fence(t.Context(), m, &m.d); err != nil {
		t.Fatal(err)
	}
	if err := Drop(t.Context(), m, &m.d, time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := Drop(t.Context(), m, &m.d, time.Now()); err != nil {
		t.Errorf("dropping again: %v", err)
	}
	_, _, openErr := Open(t.Context(), m, Records)
	for name, err := range map[string]error{"Open": openErr, "Fence": Fence(t.Context(), m, &m.d), "Create": Create(t.Context(), m, &m.d)} {
		if dropped := (*DroppedError)(nil); !errors.As(err, &dropped) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if d, err := LoadDropped(t.Context(), m); err != nil || d.ID != m.d.ID {
		t.Errorf("%+v, %v", d, err)
	}
	m.remove(t, DroppedName)
	m.remove(t, DatasetName)
	var replaced *ReplacedError
	if err := Fence(t.Context(), m, &m.d); !errors.As(err, &replaced) {
		t.Errorf("of a dataset that is gone: %v", err)
	}
	other := sampleDataset()
	other.ID = "fedcba9876543210"
	if err := Create(t.Context(), m, &other); err != nil {
		t.Fatal(err)
	}
	if err := Fence(t.Context(), m, &m.d); !errors.As(err, &replaced) {
		t.Errorf("of another dataset: %v", err)
	}
}

func TestFormats(t *testing.T) {
	for content, want := range map[string]string{
		`{"format":1,"id":"0123456789abcdef","tables":3}`: "not format 1",
		`{"format":1}`: "not format 1",
		`{"format":2}`: "damaged",
		`{"format":3}`: "damaged", // without a checksum: it may be a wrong bit
		`{}`:           "damaged",
		`[]`:           "damaged",
		``:             "damaged",
	} {
		m := storetest.NewMemory("memory:")
		put(t, m, DatasetName, content)
		if _, err := Load(t.Context(), m); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", content, err, want)
		}
	}
	for _, d := range []Dataset{{Format: 3, Layout: 1}, {Format: 2, Layout: 1}, {Format: 2, Layout: 3}} {
		m := storetest.NewMemory("memory:")
		if err := Create(t.Context(), m, &d); err != nil {
			t.Fatal(err)
		}
		var format *FormatError
		if _, err := Load(t.Context(), m); !errors.As(err, &format) || format.Format != d.Format || format.Layout != d.Layout {
			t.Errorf("%+v: %v", d, err)
		}
	}
}

// Segments end where parts do, and a claim finds a part without reading others.
func TestPlanSegments(t *testing.T) {
	m, d := storetest.NewMemory("memory:"), sampleDataset()
	sizes := []int{segmentSources - 1, 5, segmentSources + 7, 2, 3}
	a := NewAddress(&d, 1)
	plan, err := PutPlan(t.Context(), m, a.Nonce, func(yield func(PlannedSource) bool) {
		for part, n := range sizes {
			for i := range n {
				if !yield(PlannedSource{Part: part, URI: fmt.Sprintf("%d/%d", part, i), Size: 1}) {
					return
				}
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	var first []int
	for _, s := range plan.Segments {
		first = append(first, s.FirstPart)
	}
	if !slices.Equal(first, []int{0, 2, 3}) || plan.Parts != len(sizes) {
		t.Fatalf("segments begin with parts %v of %d", first, plan.Parts)
	}
	run := &Run{Claim: Claim{Number: 1, Plan: *plan}}
	for from := range sizes {
		counts := make([]int, len(sizes))
		err := ReadPlan(t.Context(), m, run, from, func(p *PlannedSource) error {
			counts[p.Part]++
			return nil
		})
		if want := append(make([]int, from), sizes[from:]...); err != nil || !slices.Equal(counts, want) {
			t.Errorf("from part %d: %v, %v, want %v", from, counts, err, want)
		}
	}
	n := 0
	err = ReadPlan(t.Context(), m, run, 1, func(p *PlannedSource) error {
		if n++; p.Part != 1 {
			return fs.SkipAll
		}
		return nil
	})
	if err != nil || n != sizes[1]+1 {
		t.Errorf("one part: %d, %v", n, err)
	}
	if has, err := HasPlan(t.Context(), m, plan); !has || err != nil {
		t.Error(has, err)
	}
	if err := m.RemoveAll(t.Context(), planName(plan.Segments[1].SHA256)); err != nil {
		t.Fatal(err)
	}
	if has, err := HasPlan(t.Context(), m, plan); has || err != nil {
		t.Error(has, err)
	}
}

func TestNames(t *testing.T) {
	a := Address{12, "0123456789abcdef"}
	for name, want := range map[string]Name{
		ClaimName(&Dataset{ID: a.Nonce}, 12):         {Kind: ClaimFile, Address: Address{12, a.Nonce[:8]}},
		EndName(a):                                   {Kind: EndFile, Address: a},
		RemovedName(a):                               {Kind: RemovedFile, Address: a},
		ReceiptName(a, 7):                            {Kind: ReceiptFile, Address: a, Part: 7},
		Staging(a, 7, "fedcba9876543210") + "/x":     {Kind: StagedFile, Address: a, Part: 7, Attempt: "fedcba9876543210"},
		RowStaging(a, "fedcba9876543210") + "/x":     {Kind: StagedRow, Address: a, Attempt: "fedcba9876543210"},
		RejectsName(a, 7):                            {Kind: RejectFile, Address: a, Part: 7},
		RowName(a, "parquet"):                        {Kind: RowFile, Address: a},
		LeaseName(PartLease(a, 7)):                   {Kind: LeaseFile, Address: a, Part: 7},
		LeaseName(CommitLease(a)):                    {Kind: LeaseFile, Address: a, Part: -1},
		"results/p=1/" + a.Part(123456) + "-3.arrow": {Kind: TableFile, Address: a, Part: 123456},
		planName(digits):                             {Kind: PlanFile},
		DatasetName:                                  {Kind: Record},
		RunsDir + "/.000012.json.0123456789abcdef":   {Kind: Temporary},
		"results/.x.parquet.0123456789abcdef":        {},
		RunsDir + "/12-01234567.json":                {},
		RunsDir + "/000012.json":                     {},
		RunsDir + "/000012-0123456.json":             {},
		RunsDir + "/000012-0123456G.json":            {},
		RunsDir + "/000012-01234567":                 {},
		RunsDir + "/" + a.String() + ".json":         {},
		RunsDir + "/" + a.String() + ".end":          {},
		"results/" + a.String() + "-7-3.parquet":     {},
		"other/" + a.Part(1) + "-3.parquet":          {},
		"runs/000012.parquet":                        {},
		"":                                           {}, "-": {}, "runs/-.parquet": {}, "results/" + a.Part(1) + ".parquet": {},
	} {
		if got := ParseName(name); got != want {
			t.Errorf("%s is %+v, want %+v", name, got, want)
		}
	}
}

func TestNotes(t *testing.T) {
	m := newMade(t)
	v := func(uri, etag string) Version { return Version{URI: uri, ETag: etag, Size: 5} }
	at := time.Unix(1700000000, 0)
	for i, n := range []Note{
		{Changed: []Version{v("a", "2"), v("b", "2"), v("c", "2")}},
		{Accepted: []Version{v("a", "2"), v("b", "2")}},
		{Changed: []Version{v("a", "2"), v("b", "3")}},
		{Restored: []Version{v("c", "1")}},
		{Acknowledged: &Acknowledgement{Reason: "known", Class: "malformed", Through: 1}},
		{Dataset: "fedcba9876543210", Changed: []Version{v("foreign", "1")}},
	} {
		n.At = at.Add(time.Duration(i) * time.Second)
		if n.Dataset == "" {
			n.Dataset = m.d.ID
		}
		if err := PutNote(t.Context(), m, &n); err != nil {
			t.Fatal(err)
		}
	}
	notes, err := LoadNotes(t.Context(), m, &m.d)
	if err != nil || len(notes.Changed) != 1 || notes.Changed["b"].ETag != "3" || len(notes.Accepted) != 2 {
		t.Errorf("%+v, %v", notes, err)
	}
	for _, test := range []struct {
		run  int
		r    Reject
		want bool
	}{
		{1, Reject{Class: "malformed"}, true}, {2, Reject{Class: "malformed"}, false}, {1, Reject{Class: "time"}, false},
	} {
		if got := notes.Acknowledges(test.run, test.r.Class, test.r.URI); got != test.want {
			t.Errorf("%+v: %v", test, got)
		}
	}
	if l, _, err := LastLook(t.Context(), m, &m.d); l != nil || err != nil {
		t.Error(l, err)
	}
	for i := range 3 {
		if err := PutLook(t.Context(), m, &Look{Dataset: m.d.ID, EndedAt: at.Add(time.Duration(i) * time.Hour), Listed: int64(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if l, _, err := LastLook(t.Context(), m, &m.d); err != nil || l == nil || l.Listed != 2 {
		t.Error(l, err)
	}
	// Whatever was lost of such a record, what is read names the file.
	name := path.Join(CaveatsDir, "000000000000000-x.json")
	put(t, m, name, `{"dataset":"`+m.d.ID+`"}`)
	var broken *DamagedError
	if _, err := LoadNotes(t.Context(), m, &m.d); !errors.As(err, &broken) || broken.Name != m.URI(name) {
		t.Error(err)
	}
}
