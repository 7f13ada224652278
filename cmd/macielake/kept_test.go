package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// testdata/dataset-format-1 was written by the version that made format 1: two
// runs, of which the second left rejects, one that took them up, one that was
// abandoned, and one that stopped half-way. Every version from then on reads it,
// and goes on with it. It is never written anew.
func TestKeptDataset(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "lake")
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("..", "..", "testdata", "dataset-format-1"))); err != nil {
		t.Fatal(err)
	}
	in := filepath.Join(t.TempDir(), "in")
	if err := os.Mkdir(in, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(in, "new.jsonl"), []byte(`{"id":"n1"}`+"\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	expect := func(code int, wants []string, args ...string) {
		t.Helper()
		p := start(t, nil, args...)
		if got := p.code(t); got != code {
			t.Errorf("%v: exit code %d, want %d: %s", args, got, code, p.stderr.String())
		}
		for _, want := range wants {
			if !strings.Contains(p.stdout.String()+p.stderr.String(), want) {
				t.Errorf("%v: no %q in\n%s%s", args, want, p.stdout.String(), p.stderr.String())
			}
		}
	}
	expect(exitOK, []string{
		"runs         3 committed, 1 abandoned, 1 open\n", "sources      3: 3 converted, 0 rejected\n",
		"lines        7 = 5 records + 1 rejects + 1 blank\n", "results      5 rows\n", "run 000005, begun 2026-11-22T07:50:18Z: 2 sources, 500 B; 1 of 2 parts done",
	}, "status", dir)
	expect(exitOK, []string{"problems     none\n"}, "verify", dir)
	expect(exitOK, []string{"malformed            1\n"}, "rejects", dir)
	expect(exitOK, nil, "gc", dir)
	// The sources are gone: what has a receipt keeps its rows.
	expect(exitUnreadable, []string{
		"sources      1 new, 0 already converted, 0 changed\n", "runs         000005, 000006\n", "objects      2 converted, 0 rejected, 1 unreadable, 0 skipped\n",
	}, "convert", in, "--out", dir)
	expect(exitOK, []string{"runs         5 committed, 1 abandoned, 0 open\n", "results      7 rows\n"}, "status", dir)
	expect(exitOK, []string{"problems     none\n"}, "verify", dir)
	expect(exitOK, []string{"runs         none: there is nothing new\n"}, "convert", in, "--out", dir)
}
