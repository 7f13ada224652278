package main

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/macielake/macielake/internal/gen"
)

func timed(seconds ...float64) []sample {
	var all []sample
	for _, s := range seconds {
		all = append(all, sample{usage: usage{wall: time.Duration(s * float64(time.Second)), peak: int64(s * 1e6)}})
	}
	return all
}

func TestJudge(t *testing.T) {
	r := &report{measured: []*measured{{
		input: &input{profile: &profile{name: "mixed"}},
		samples: map[string][]sample{
			macielake1:      timed(3, 1, 2),
			macielake2:      timed(1, 200),
			macielakeHalves: timed(90),
			gzip1:           timed(2),
			duckdb1:         timed(11),
			clickhouse1:     timed(9),
			clickhouse2:     timed(603),
		},
	}}, sizes: []tableSize{{"results", 106, 100}}}
	want := []struct {
		value   float64
		verdict string
	}{
		{1, "goal reached"},   // median 2 over 2
		{4.5, "pass"},         // the faster of the two databases
		{6, "goal reached"},   // the only one
		{0.896, "**missed**"}, // 90 over the mean of 1 and 200
		{200, "pass"},         // the highest peak
		{1.06, "**missed**"},  // size
	}
	got := r.judge()
	if len(got) != len(want) {
		t.Fatalf("%d bars, want %d", len(got), len(want))
	}
	for i, w := range want {
		if math.Abs(got[i].value-w.value) > 0.001 || got[i].verdict() != w.verdict {
			t.Errorf("%s: %g, %s; want %g, %s", got[i].what, got[i].value, got[i].verdict(), w.value, w.verdict)
		}
	}
}

func TestParseSizes(t *testing.T) {
	got, err := parseSizes("table files rows bytes DuckDB bytes ratio\nresults 12 2132 456330 501432 0.910\n")
	if want := []tableSize{{"results", 456330, 501432}}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
	for _, bad := range []string{"results 1 2", "results 1 2 x 3 1", "results 1 2 3 0 -"} {
		if _, err := parseSizes(bad); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}

func TestCPUList(t *testing.T) {
	for list, want := range map[string][]int{"0-1": {0, 1}, "3": {3}, "0,2-4": {0, 2, 3, 4}, "": nil, "a-b": nil} {
		if got := cpuList(list); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", list, got, want)
		}
	}
}

// Each side's check must notice a row, or a byte, too few.
func TestChecks(t *testing.T) {
	e := &gen.Expected{InflatedBytes: 100, Rows: gen.Rows{Results: 3, Detections: 4, Occurrences: 10},
		OccurrencesByKind: gen.Kinds{Cell: 8, Offset: 2}}
	const half = `{"answer":{"rows":{"results":1,"detections":2,"occurrences":5},"occurrences_by_kind":{"cell":4,"offset":1}}}`
	const rest = `{"answer":{"rows":{"results":2,"detections":2,"occurrences":5},"occurrences_by_kind":{"cell":4,"offset":1}}}`
	for _, c := range []struct {
		name   string
		check  func(*gen.Expected, [][]byte) error
		stdout []string
		good   bool
	}{
		{"all", allRows, []string{half, rest}, true},
		{"half", allRows, []string{half}, false},
		{"results", resultRows, []string{`{"answer":{"rows":{"results":3}}}`}, true},
		{"results and more", resultRows, []string{rest, half}, false},
		{"a result too few", resultRows, []string{`{"answer":{"rows":{"results":2}}}`}, false},
		{"database", peerRows, []string{`{"rows":8}`}, true},
		{"database with offsets", peerRows, []string{`{"rows":10}`}, false},
		{"count", peerCount, []string{"8\n"}, true},
		{"no count", peerCount, []string{""}, false},
		{"bytes", inflatedBytes, []string{"100\n"}, true},
		{"a byte too few", inflatedBytes, []string{"99\n"}, false},
	} {
		var stdout [][]byte
		for _, s := range c.stdout {
			stdout = append(stdout, []byte(s))
		}
		if err := c.check(e, stdout); (err == nil) != c.good {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestHalve(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "results")
	for name, size := range map[string]int{"a/1.jsonl.gz": 50, "a/2.jsonl.gz": 30, "b/3.jsonl.gz": 25, "b/other.txt": 99} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, make([]byte, size), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	halves := dir + ".halves"
	for range 2 { // the second finds it done
		if err := halve(dir, halves); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for _, half := range []string{"0", "1"} {
		files, err := filepath.Glob(filepath.Join(halves, half, "*", "*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			rel, err := filepath.Rel(halves, f)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, filepath.ToSlash(rel))
		}
	}
	if want := []string{"0/a/1.jsonl.gz", "1/a/2.jsonl.gz", "1/b/3.jsonl.gz"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
