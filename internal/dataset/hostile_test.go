package dataset

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/macielake/macielake/pkg/sink"
)

const someNonce = "0123456789abcdef"

func someDataset() *Dataset {
	return &Dataset{Format: Format, ID: someNonce, TableFormat: "parquet", Tables: []string{"results", "detections"}, PartitionBy: []string{}}
}

func someReceipt() Receipt {
	return Receipt{
		Run: "000001", RunNonce: someNonce, Nonce: someNonce,
		Files:   []sink.File{{Table: "results", Path: "results/created_month=2026-01/000001-00000-0.parquet", Rows: 1, Bytes: 2, SHA256: strings.Repeat("ab", 32)}},
		Objects: []Object{{State: ObjectConverted, Lines: 1, Records: 1}},
	}
}

// A receipt whose names would lead elsewhere, or whose numbers can't be, is
// damaged.
func TestHostileReceipts(t *testing.T) {
	run := &Run{Run: "000001", Nonce: someNonce, Parts: 1, Sources: 1}
	good := someReceipt()
	if err := good.check(someDataset(), run, 0); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(r *Receipt){
		"another run":       func(r *Receipt) { r.Run = "000002" },
		"another run's":     func(r *Receipt) { r.RunNonce = "fedcba9876543210" },
		"another part":      func(r *Receipt) { r.Part = 1 },
		"a nonce of dots":   func(r *Receipt) { r.Nonce = "../../../../etc/" },
		"no nonce":          func(r *Receipt) { r.Nonce = "" },
		"rejects elsewhere": func(r *Receipt) { r.Rejects = "../dataset.json" },
		"a path up":         func(r *Receipt) { r.Files[0].Path = "results/../_macielake/000001-00000-0.parquet" },
		"an absolute path":  func(r *Receipt) { r.Files[0].Path = "/results/000001-00000-0.parquet" },
		"the state":         func(r *Receipt) { r.Files[0].Path = "_macielake/dataset.json" },
		"another's file":    func(r *Receipt) { r.Files[0].Path = "results/000002-00000-0.parquet" },
		"another format":    func(r *Receipt) { r.Files[0].Path = "results/000001-00000-0.arrow" },
		"an unknown table":  func(r *Receipt) { r.Files[0].Table, r.Files[0].Path = "x", "x/000001-00000-0.parquet" },
		"a table left out": func(r *Receipt) {
			r.Files[0].Table, r.Files[0].Path = "occurrences", "occurrences/000001-00000-0.parquet"
		},
		"a file twice":  func(r *Receipt) { r.Files = append(r.Files, r.Files[0]) },
		"no rows":       func(r *Receipt) { r.Files[0].Rows = 0 },
		"fewer bytes":   func(r *Receipt) { r.Files[0].Bytes = -1 },
		"no hash":       func(r *Receipt) { r.Files[0].SHA256 = "x" },
		"a state":       func(r *Receipt) { r.Objects[0].State = "lost" },
		"a sum":         func(r *Receipt) { r.Objects[0].Lines = 2 },
		"negative":      func(r *Receipt) { r.Objects[0].Stored = -1 },
		"too filtered":  func(r *Receipt) { r.Objects[0].Filtered = 2 },
		"rejected rows": func(r *Receipt) { r.Objects[0].State = ObjectRejected },
	} {
		r := someReceipt()
		change(&r)
		if r.check(someDataset(), run, 0) == nil {
			t.Errorf("%s isn't seen", name)
		}
	}
}

// put writes a state file as it is.
func putState(t testing.TB, s interface {
	PutNew(context.Context, string, []byte) error
}, name string, data []byte) {
	t.Helper()
	if err := s.PutNew(context.Background(), name, data); err != nil {
		t.Fatal(err)
	}
}

// A receipt of any bytes is taken or refused, and what is taken stays inside.
func FuzzReceipt(f *testing.F) {
	good, _ := json.Marshal(someReceipt())
	f.Add(good)
	f.Add([]byte(`{"run":"000001","run_nonce":"0123456789abcdef","nonce":"0123456789abcdef","objects":[[1,1,0,0,0,1]]}`))
	f.Add([]byte(`{"objects":[{"state":"converted","lines":9223372036854775807,"records":1}]}`))
	run := &Run{Run: "000001", Nonce: someNonce, Parts: 1, Sources: 1}
	f.Fuzz(func(t *testing.T, data []byte) {
		var r Receipt
		if json.Unmarshal(data, &r) != nil || r.check(someDataset(), run, 0) != nil {
			return
		}
		r.staged(func(from, to string, _ int64) {
			for _, name := range []string{from, to} {
				if !fs.ValidPath(name) || path.Clean(name) != name {
					t.Errorf("%q", name)
				}
			}
			if !strings.HasPrefix(from, stagingDir+"/000001-00000-") || strings.HasPrefix(to, stateDir) && to != RejectsName("000001", 0) {
				t.Errorf("%q to %q", from, to)
			}
		})
		var totals Totals
		totals.Add(&r)
		again, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		var back Receipt
		if err := json.Unmarshal(again, &back); err != nil {
			t.Errorf("%s: %v", again, err)
		}
	})
}

// A ledger of any bytes is taken or refused, and answers.
func FuzzLedger(f *testing.F) {
	s := &segment{header: segmentHeader{Format: Format, Dataset: someNonce, Runs: []segmentRun{{N: 1, Size: 2, EndSize: 3}}}}
	for i := range 10 {
		e := entry(fmt.Sprint(i), "v")
		s.entries = append(s.entries, e[:]...)
	}
	s.seal()
	data, err := s.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add(data[:len(data)-1])
	f.Add([]byte(ledgerMagic))
	f.Fuzz(func(t *testing.T, data []byte) {
		sum := sha256.Sum256(data) // as if its checksum were right, too
		for _, data := range [][]byte{data, append(bytes.Clone(data), sum[:]...)} {
			s, err := parseSegment(data)
			if err != nil {
				continue
			}
			for i := range 20 {
				e := entry(fmt.Sprint(i), "v")
				s.look(&e)
			}
			if len(s.entries) > 0 {
				if e := [entrySize]byte(s.entry(0)); s.look(&e) != Claimed {
					t.Error("its first entry isn't found")
				}
			}
		}
	})
}

// A plan of any bytes is taken or refused; what is taken is in order.
func FuzzPlan(f *testing.F) {
	f.Add([]byte(`{"part":0,"uri":"a","size":1,"last_modified":0}`+"\n"+`{"part":1,"uri":"b","size":-1,"last_modified":0,"lines":[1,3]}`), 2, int64(2))
	f.Add([]byte(`{"part":-1,"uri":"a"}`), 1, int64(1))
	f.Fuzz(func(t *testing.T, data []byte, parts int, sources int64) {
		var buf bytes.Buffer
		zw := gzip.NewWriter(&buf)
		zw.Write(data)
		zw.Close()
		n, part := int64(0), 0
		r := planReader{run: &Run{Parts: parts, Sources: sources}, each: func(p *PlannedSource) error {
			n++
			if p.Part < part || p.Part > part+1 || p.Part >= parts || p.URI == "" {
				t.Errorf("source %d of part %d after part %d of %d", n, p.Part, part, parts)
			}
			part = p.Part
			return nil
		}}
		err := r.segment(buf.Bytes())
		if err == nil {
			err = r.end()
		}
		if err == nil && (n != sources || part+1 != parts) {
			t.Errorf("%d sources in %d parts, want %d in %d", n, part+1, sources, parts)
		}
	})
}

// The ledger is a cache: whatever is wrong with it, the runs say the same.
func TestLedgerIsMadeAgain(t *testing.T) {
	ctx := context.Background()
	log := slog.New(slog.DiscardHandler)
	s, d := open(t), someDataset()
	const perRun = 50
	uri := func(run, i int) string { return fmt.Sprintf("s3://bucket/%d/%d", run, i) }
	for n := 1; n <= 7; n++ {
		run := Run{Run: RunName(n), Nonce: someNonce, Parts: 1, Sources: perRun}
		receipt := Receipt{Run: run.Run, RunNonce: someNonce, Nonce: someNonce}
		var err error
		run.Plan, err = PutPlan(ctx, s, run.Run, func(yield func(PlannedSource) bool) {
			for i := 0; i < perRun && yield(PlannedSource{URI: uri(n, i), ETag: "v1"}); i++ {
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		for i := range perRun {
			o := Object{State: ObjectConverted}
			if i == 7 {
				o = Object{State: ObjectUnreadable, Error: "x"}
			}
			receipt.Objects = append(receipt.Objects, o)
		}
		end := End{Run: run.Run, State: Committed, Totals: &Totals{}}
		if n == 3 {
			end = End{Run: run.Run, State: Abandoned}
		}
		if err := PutRun(ctx, s, run); err != nil {
			t.Fatal(err)
		}
		if err := PutReceipt(ctx, s, receipt); err != nil {
			t.Fatal(err)
		}
		if n < 7 { // the last is open
			if err := PutEnd(ctx, s, end); err != nil {
				t.Fatal(err)
			}
		}
	}
	check := func(what string) {
		t.Helper()
		runs, err := ListRuns(ctx, s)
		if err != nil {
			t.Fatal(err)
		}
		l, err := OpenLedger(ctx, s, d, runs, log)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		for n := 1; n <= 8; n++ {
			for i := range perRun {
				want := Claimed
				switch {
				case n == 3 || n == 8 || n < 7 && i == 7:
					want = Free
				case n == 7:
					want = InWork
				}
				if got := l.Look(uri(n, i), "v1"); got != want {
					t.Fatalf("%s: source %d of run %d is %d, want %d", what, i, n, got, want)
				}
			}
		}
		if got := l.Look(uri(1, 0), "v2"); got != Other {
			t.Errorf("%s: another version is %d", what, got)
		}
		if err := l.Save(ctx); err != nil {
			t.Fatal(err)
		}
		if files := l.files(); len(files) != 1 {
			t.Errorf("%s: the ledger is in %v", what, files)
		}
	}
	check("nothing kept")
	check("kept")
	name := segmentName(1, 6)
	data, err := read(ctx, s, name)
	if err != nil {
		t.Fatal(err)
	}
	for what, damage := range map[string][]byte{
		"empty": nil, "cut": data[:len(data)/2], "flipped": append(append(bytes.Clone(data[:200]), data[200]^1), data[201:]...),
	} {
		if err := s.Put(ctx, name, damage); err != nil {
			t.Fatal(err)
		}
		check(what)
	}
	// One that is whole, but of other runs or of another dataset.
	for what, change := range map[string]func(h *segmentHeader){
		"another dataset": func(h *segmentHeader) { h.Dataset = "fedcba9876543210" },
		"another run":     func(h *segmentHeader) { h.Runs[2].EndSize++ },
	} {
		other, err := parseSegment(data)
		if err != nil {
			t.Fatal(err)
		}
		change(&other.header)
		other.entries = nil // and it lies
		other.header.Entries = 0
		lie, err := other.encode()
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Put(ctx, name, lie); err != nil {
			t.Fatal(err)
		}
		check(what)
	}
	versions, err := FindVersions(ctx, s, must(ListRuns(ctx, s)), map[string]bool{uri(1, 1): true, uri(3, 1): true, "x": true})
	if err != nil || len(versions) != 1 || versions[uri(1, 1)][0] != "v1" {
		t.Errorf("%v, %v", versions, err)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// Of many runs of one source each there are few files, and each entry is written
// a few times.
func TestLedgerMerges(t *testing.T) {
	ctx := context.Background()
	s, d := open(t), someDataset()
	l, err := OpenLedger(ctx, s, d, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	const perRun = 40_000 // more than what is always merged
	written := 0
	for n := 1; n <= 20; n++ {
		l.AddKept(&RunFiles{N: n, Run: RunName(n), Ended: true}, NewKept(func(yield func(string, string) bool) {
			for i := 0; i < perRun && yield(fmt.Sprintf("%d/%d", n, i), "v"); i++ {
			}
		}))
		if err := l.Save(ctx); err != nil {
			t.Fatal(err)
		}
		written += len(l.segments[len(l.segments)-1].entries) / entrySize
		if len(l.segments) > 5 {
			t.Errorf("%d segments after %d runs", len(l.segments), n)
		}
	}
	if written > 20*perRun*6 {
		t.Errorf("%d entries were written for %d sources", written, 20*perRun)
	}
	for n := 1; n <= 20; n++ {
		for i := 0; i < perRun; i += 97 {
			if l.Look(fmt.Sprintf("%d/%d", n, i), "v") != Claimed {
				t.Fatalf("source %d of run %d is lost", i, n)
			}
		}
	}
}

// Garbage is what nothing names, and is old: not a file of a part that may still
// get its receipt, however old.
func TestGarbage(t *testing.T) {
	ctx := context.Background()
	s, d := open(t), someDataset()
	if err := Create(ctx, s, *d); err != nil {
		t.Fatal(err)
	}
	put := func(names ...string) {
		for _, name := range names {
			putState(t, s, name, []byte("x"))
		}
	}
	run := func(n int, state string) {
		r := Run{Run: RunName(n), Nonce: someNonce, Parts: 2, Sources: 2}
		var err error
		if r.Plan, err = PutPlan(ctx, s, r.Run, func(yield func(PlannedSource) bool) {
			_ = yield(PlannedSource{Part: 0, URI: "a"}) && yield(PlannedSource{Part: 1, URI: "b"})
		}); err != nil {
			t.Fatal(err)
		}
		if err := PutRun(ctx, s, r); err != nil {
			t.Fatal(err)
		}
		receipt := someReceipt()
		receipt.Run, receipt.Files[0].Path = r.Run, "results/"+PartName(r.Run, 0)+"-0.parquet"
		if err := PutReceipt(ctx, s, receipt); err != nil {
			t.Fatal(err)
		}
		if state != "" {
			if err := PutEnd(ctx, s, End{Run: r.Run, State: state, Totals: &Totals{}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	run(1, Committed)
	run(2, Abandoned)
	run(3, "")
	const other = "fedcba9876543210"
	kept := []string{
		"results/000001-00000-0.parquet", "runs/000001.parquet", // named
		StagingDir("000003", 0, someNonce) + "/x",                               // the receipt's
		StagingDir("000003", 1, other) + "/x",                                   // may get one
		"results/notes.txt", "results/mine-1.parquet", "results/000001.parquet", // not ours by their names
		"_macielake/notes.txt", "_macielake/staging/notes", "README",
	}
	garbage := []string{
		"results/000002-00000-0.parquet", "runs/000002.parquet", "results/000001-00001-0.parquet", "results/000009-00000-0.parquet",
		StagingDir("000001", 0, someNonce) + "/x", StagingDir("000003", 0, other) + "/x", StagingDir("000002", 1, other) + "/x",
		"_macielake/staging/run-000001-" + other + "/runs/000001.parquet",
		planName(strings.Repeat("ab", 32)), segmentName(1, 1), "_macielake/leases/000001-00000.json", RejectsName("000002", 0),
		"_macielake/runs/.run.json." + other, "_macielake/new-" + other + "/results/x",
	}
	put(kept...)
	put(garbage...)
	log := slog.New(slog.DiscardHandler)
	if young, err := FindGarbage(ctx, s, time.Now().Add(GarbageAge-time.Minute), log); err != nil || len(young) > 0 {
		t.Errorf("young: %v, %v", young, err)
	}
	found, err := FindGarbage(ctx, s, time.Now().Add(GarbageAge+time.Minute), log)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, g := range found {
		names[g.Name] = true
		if g.Why == "" {
			t.Errorf("%s: no reason", g.Name)
		}
	}
	for _, name := range garbage {
		if !names[name] {
			t.Errorf("%s isn't found", name)
		}
		delete(names, name)
	}
	if len(names) > 0 {
		t.Errorf("found, too: %v", names)
	}
	before := contents(t, s)
	if err := RemoveGarbage(ctx, s, found); err != nil {
		t.Fatal(err)
	}
	after := contents(t, s)
	if len(after) != len(before)-len(garbage) {
		t.Errorf("%d files left of %d, %d were garbage", len(after), len(before), len(garbage))
	}
}
