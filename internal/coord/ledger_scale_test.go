package coord

import (
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/macielake/macielake/internal/state"
	"github.com/macielake/macielake/internal/store"
)

// entriesPerSource is how many names a ledger keeps of a source whose key has Macie's
// layout: its URI, its copies' and its content's.
const entriesPerSource = 3

// A ledger of many runs is kept in files that can be read back, and takes 48 bytes per
// source in memory. MACIELAKE_SCALE_SOURCES makes it a measurement.
func TestLedgerAtScale(t *testing.T) {
	sources, perRun := 40_000, 5_000
	if text := os.Getenv("MACIELAKE_SCALE_SOURCES"); text != "" {
		var err error
		if sources, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
		perRun = 1_000_000
	}
	_, d := newDataset(t)
	s, err := store.CreateLocal(filepath.Join(t.TempDir(), "lake"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	log := slog.New(slog.DiscardHandler)
	random := rand.NewChaCha8([32]byte{1})
	var runs []state.RunFiles
	var some [entrySize]byte
	written := &Ledger{store: s, dataset: d, log: log}
	for first := 0; first < sources; first += perRun {
		n := len(runs) + 1
		runs = append(runs, state.RunFiles{Address: state.Address{Number: n, Nonce: state.NewNonce()}, Ended: true, Row: true, ClaimSize: 1, EndSize: 1})
		kept := Kept{entries: make([]byte, perRun*entriesPerSource*entrySize)}
		random.Read(kept.entries)
		copy(some[:], kept.entries)
		written.AddKept(&runs[n-1], &kept)
		if err := written.Save(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	files := len(written.Files())
	written = nil
	before := heap()
	l := &Ledger{store: s, dataset: d, log: log}
	started := time.Now()
	if err := l.load(t.Context(), runs); err != nil {
		t.Fatal(err)
	}
	took, held := time.Since(started), heap()-before
	t.Logf("%d sources in %d files: loaded in %.1f s, holding %.0f MB", sources, files, took.Seconds(), float64(held)/1e6)
	entries := 0
	for _, segment := range l.segments {
		entries += len(segment.entries) / entrySize
	}
	if entries != sources*entriesPerSource || l.look(some) != Claimed {
		t.Errorf("it has %d names of %d sources", entries, sources)
	}
	if most := sources*entriesPerSource*entrySize*5/4 + 8<<20; held > int64(most) {
		t.Errorf("it holds %d bytes, want at most %d", held, most)
	}
	lookups := 1_000_000
	started = time.Now()
	for range lookups {
		random.Read(some[:])
		l.look(some)
	}
	t.Logf("%.2f µs per name that isn't there", time.Since(started).Seconds()*1e6/float64(lookups))
}

// heap returns how many bytes are in use.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
