package coord

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/macielake/macielake/internal/state"
	"github.com/macielake/macielake/internal/store"
	"github.com/macielake/macielake/internal/store/storetest"
)

func newDataset(t testing.TB) (*storetest.Memory, *state.Dataset) {
	t.Helper()
	s := storetest.NewMemory("memory:")
	d := &state.Dataset{Format: state.Format, Layout: state.Layout, ID: state.NewNonce(), TableFormat: "parquet", Tables: []string{"results"}, PartitionBy: []string{}}
	if err := state.Create(t.Context(), s, d); err != nil {
		t.Fatal(err)
	}
	return s, d
}

func planned(uri string) state.PlannedSource {
	return state.PlannedSource{URI: uri, ETag: "v1", Size: 100}
}

// addRun adds a run of sources, and ends it as told; "" leaves it open.
func addRun(t testing.TB, s store.Store, d *state.Dataset, n int, previous, end string, uris []string, outcome func(i int) state.Outcome) *state.Run {
	t.Helper()
	ctx := context.Background()
	a := state.NewAddress(d, n)
	plan, err := state.PutPlan(ctx, s, a.Nonce, func(yield func(state.PlannedSource) bool) {
		for _, uri := range uris {
			if !yield(planned(uri)) {
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	run, err := state.Put(ctx, s, state.Claim{Number: n, Nonce: a.Nonce, Previous: previous, Dataset: *d, Plan: *plan})
	if err != nil {
		t.Fatal(err)
	}
	receipt := &state.Receipt{RunID: run.RunID, Claim: run.Sum, Attempt: state.NewNonce(), EndedAt: time.Now()}
	for i := range uris {
		receipt.Sources = append(receipt.Sources, outcome(i))
	}
	sum, err := state.PutReceipt(ctx, s, run.Address(), receipt)
	if err != nil {
		t.Fatal(err)
	}
	switch end {
	case state.Committed:
		e := state.NewEnd(run)
		e.Add(receipt, sum)
		err = state.PutEnd(ctx, s, run, e)
	case state.Abandoned:
		err = state.PutAbandoned(ctx, s, run)
	}
	if err != nil {
		t.Fatal(err)
	}
	return run
}

// A ledger of any bytes is taken or refused, and answers.
func FuzzLedger(f *testing.F) {
	var kept Kept
	for i := range 10 {
		p := planned(fmt.Sprint(i))
		kept.Add(&p, &state.Outcome{State: state.Converted, Checksum: uint64(i + 1)})
	}
	l := &Ledger{dataset: &state.Dataset{ID: state.NewNonce()}}
	l.AddKept(&state.RunFiles{Address: state.Address{Number: 1, Nonce: state.NewNonce()}, Ended: true}, &kept)
	data, err := l.segments[0].encode()
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

// The ledger is a cache: whatever is wrong with it, the runs say the same.
func TestLedgerIsMadeAgain(t *testing.T) {
	ctx := t.Context()
	s, d := newDataset(t)
	const perRun = 50
	// Every other source has Macie's layout.
	copyID := func(run, i int) string {
		return fmt.Sprintf("AWSLogs/111122223333/Macie/eu-west-1/0123456789abcdef0123456789abcdef/%04x%04x-0000-4000-8000-000000000000.jsonl.gz", run, i)
	}
	uri := func(run, i int) string {
		if i%2 == 0 {
			return "s3://bucket/" + copyID(run, i)
		}
		return fmt.Sprintf("s3://bucket/%d/%d", run, i)
	}
	previous := ""
	for n := 1; n <= 7; n++ {
		var uris []string
		for i := range perRun {
			uris = append(uris, uri(n, i))
		}
		end := map[int]string{3: state.Abandoned, 7: ""}
		how, ok := end[n]
		if !ok {
			how = state.Committed
		}
		previous = addRun(t, s, d, n, previous, how, uris, func(i int) state.Outcome {
			if i == 7 || i == 8 {
				return state.Outcome{State: state.Unreadable, Error: "x"}
			}
			return state.Outcome{State: state.Converted, Stored: 100, Checksum: uint64(1000*n + i)}
		}).Sum
	}
	check := func(what string) {
		t.Helper()
		runs, err := state.ListRuns(ctx, s, d, state.Records)
		if err != nil {
			t.Fatal(err)
		}
		l, err := OpenLedger(ctx, s, d, runs, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		for n := 1; n <= 8; n++ {
			for i := range perRun {
				want := Claimed
				switch {
				case n == 3 || n == 8 || n < 7 && (i == 7 || i == 8):
					want = Free
				case n == 7:
					want = InWork
				}
				if got := l.Look(uri(n, i), "v1"); got != want {
					t.Fatalf("%s: source %d of run %d is %d, want %d", what, i, n, got, want)
				}
				if got := l.HasContent(uint64(1000*n+i), 100); got != (want == Claimed) {
					t.Fatalf("%s: the bytes of source %d of run %d are known: %v", what, i, n, got)
				}
				if i%2 > 0 {
					continue
				}
				if got := l.LookCopy(copyID(n, i), 100); got != want {
					t.Fatalf("%s: a copy of source %d of run %d is %d, want %d", what, i, n, got, want)
				}
			}
		}
		if got := l.Look(uri(1, 0), "v2"); got != Other {
			t.Errorf("%s: another version is %d", what, got)
		}
		if got := l.LookCopy(copyID(1, 0), 101); got != Other {
			t.Errorf("%s: a copy of another size is %d", what, got)
		}
		if err := l.Save(ctx); err != nil {
			t.Fatal(err)
		}
		if files := l.Files(); len(files) != 1 {
			t.Errorf("%s: the ledger is in %v", what, files)
		}
	}
	check("nothing kept")
	check("kept")
	name := segmentName(1, 6)
	data, err := state.ReadFile(ctx, s, name)
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
		"another size":    func(h *segmentHeader) { h.Runs[2].EndSize++ },
		"another run":     func(h *segmentHeader) { h.Runs[2].Nonce = "fedcba9876543210" },
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
}

// Of many runs of one source each there are few files, and each entry is written
// a few times.
func TestLedgerMerges(t *testing.T) {
	ctx := t.Context()
	s, d := newDataset(t)
	l, err := OpenLedger(ctx, s, d, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	const perRun = 40_000 // more than what is always merged
	written := 0
	for n := 1; n <= 20; n++ {
		var kept Kept
		for i := range perRun {
			p := planned(fmt.Sprintf("%d/%d", n, i))
			kept.Add(&p, &state.Outcome{State: state.Converted})
		}
		l.AddKept(&state.RunFiles{Address: state.Address{Number: n}, Ended: true}, &kept)
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
			if l.Look(fmt.Sprintf("%d/%d", n, i), "v1") != Claimed {
				t.Fatalf("source %d of run %d is lost", i, n)
			}
		}
	}
}
