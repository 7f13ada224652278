package crash_test

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/macielake/macielake/internal/input"
	"github.com/macielake/macielake/internal/maintain"
)

// linksPerFile is how many hard links a file gets: file systems limit them.
const linksPerFile = 30_000

// linkSources makes n sources of one line each. They are hard links of a few files,
// which saves time and space.
func linkSources(t *testing.T, dir string, n int) {
	t.Helper()
	const perDir = 10_000
	file := ""
	for i := range n {
		sub := filepath.Join(dir, "AWSLogs", fmt.Sprintf("%012d", i/perDir), "Macie", "eu-west-1")
		if i%perDir == 0 {
			if err := os.MkdirAll(sub, 0o777); err != nil {
				t.Fatal(err)
			}
		}
		// As random as Macie's names.
		r := uint64(i) * 0x9e3779b97f4a7c15
		name := filepath.Join(sub, fmt.Sprintf("%08x-%04x-%04x-%04x-%012x.jsonl", uint32(r>>32), uint16(r>>16), uint16(r), uint16(r>>24), (r^r>>7)&0xffffffffffff+uint64(i)))
		var err error
		if i%linksPerFile == 0 {
			file = name
			err = os.WriteFile(file, []byte(`{"id":"x","createdAt":"2026-01-01T00:00:00Z"}`+"\n"), 0o666)
		} else {
			err = os.Link(file, name)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// With many sources, a convert without new ones takes little time and memory, and the
// state is small.
func TestManySources(t *testing.T) {
	n := 50_000
	if isLong() {
		n = 1_000_000
	}
	dir := tempDir(t)
	c := child{In: filepath.Join(dir, "in"), Out: filepath.Join(dir, "out")}
	linkSources(t, c.In, n)
	run := func(what string) (time.Duration, *syscall.Rusage) {
		start := time.Now()
		cmd := c.start(t)
		if waitKilled(t, cmd) {
			t.Fatalf("%s was killed", what)
		}
		return time.Since(start), cmd.ProcessState.SysUsage().(*syscall.Rusage)
	}
	first, firstUse := run("the first run")
	s, err := openStore(c.Out)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx := context.Background()
	before, err := listSizes(ctx, s)
	if err != nil {
		t.Fatal(err)
	}

	start := time.Now()
	listed := 0
	err = input.Find(ctx, []input.Origin{input.Local{}}, []string{c.In}, &input.Listing{Output: c.Out, Log: slog.New(slog.DiscardHandler)},
		func(input.Source) error { listed++; return nil })
	listing := time.Since(start)
	if err != nil || listed != n {
		t.Fatalf("listed %d, %v", listed, err)
	}

	second, use := run("the second run")
	after, err := listSizes(ctx, s)
	if err != nil {
		t.Fatal(err)
	}
	if len(after) != len(before) {
		t.Errorf("the second run changed the number of files from %d to %d", len(before), len(after))
	}
	state := int64(0)
	err = s.List(ctx, "_macielake", func(name string, info fs.FileInfo) error {
		state += info.Size()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	status, err := maintain.LoadStatus(ctx, s, 2)
	if err != nil || status.Sources != int64(n) || status.Totals.Rows["results"] != int64(n) {
		t.Errorf("%v: %d sources, rows %v; want %d", err, status.Sources, status.Totals.Rows, n)
	}
	figures := fmt.Sprintf("%d sources: first run %.1f s, %d MB; listing %.2f s; second run %.2f s, %d MB; state %.1f MB",
		n, first.Seconds(), firstUse.Maxrss>>10, listing.Seconds(), second.Seconds(), use.Maxrss>>10, float64(state)/1e6)
	t.Log(figures)
	if isLong() {
		fmt.Println("torture:", t.Name()+":", figures)
	}
	// CPU time, so that a busy machine makes no difference.
	cpu := time.Duration(use.Utime.Nano() + use.Stime.Nano())
	if beyond := min(second, cpu) - listing; beyond > 2*time.Second {
		t.Errorf("the second run took %v beyond listing", beyond)
	}
	if use.Maxrss > 400<<10 {
		t.Errorf("the second run took %d MB", use.Maxrss>>10)
	}
	if state > int64(n)*100 {
		t.Errorf("the state takes %d bytes", state)
	}
	// Without its ledger the dataset still knows its sources.
	if err := s.RemoveAll(ctx, "_macielake/ledger"); err != nil {
		t.Fatal(err)
	}
	rebuilt, _ := run("the run that makes the ledger again")
	t.Logf("rebuilt the ledger in %.2f s", rebuilt.Seconds())
	again, err := listSizes(ctx, s)
	if err != nil {
		t.Fatal(err)
	}
	for name, size := range again {
		if before[name] != size && !strings.HasPrefix(name, "_macielake/ledger/") {
			t.Errorf("%s has %d bytes, had %d", name, size, before[name])
		}
	}
}
