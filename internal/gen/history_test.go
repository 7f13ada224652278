package gen

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// readTruth makes a history sample and returns its truth.
func readTruth(t *testing.T, dir string, seed uint64) Truth {
	t.Helper()
	if _, err := Run(context.Background(), Options{Dir: dir, Seed: seed, Size: 2_000_000, Profile: profileHistory}); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(dir + ".truth.json")
	if err != nil {
		t.Fatal(err)
	}
	var truth Truth
	if err := json.Unmarshal(b, &truth); err != nil {
		t.Fatal(err)
	}
	return truth
}

// Every event that tests of changes need happens in the sample, and the truth agrees
// with the results.
func TestHistoryHasEveryEvent(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "history")
	truth := readTruth(t, dir, 7)
	for _, s := range truth.Sources {
		if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(s.Path))); err != nil {
			t.Error(err)
		}
	}
	happened := map[string]int{}
	for i, o := range truth.Objects {
		for j, c := range o.States {
			switch {
			case j > 0 && c.From < o.States[j-1].From:
				t.Errorf("object %d: state %d begins before the state before it", i, j)
			case c.Gone:
				happened["deletion"]++
			case j > 0 && o.States[j-1].Gone:
				happened["return"]++
			}
			for k := range j - 1 {
				if c.Version != "" && c.Version == o.States[k].Version {
					happened["rollback"]++
				}
			}
			if j > 0 && len(c.Members) > 0 {
				for path := range o.States[j-1].Members {
					if _, kept := c.Members[path]; !kept {
						happened["member that vanished"]++
					}
				}
			}
		}
	}
	for _, b := range truth.Buckets {
		for j, s := range b.States[1:] {
			if s.Permission == "PUBLIC" {
				happened["bucket that turned public"]++
			}
			if s.Account != b.States[j].Account {
				happened["bucket that changed hands"]++
			}
		}
	}
	for _, o := range truth.Origins {
		happened["change of what an origin looks for"] += len(o.Scopes) - 1
	}
	for _, a := range truth.Analyses {
		o := truth.Objects[a.Object]
		if at, ok := o.At(a.Created); !ok || at.From != o.States[a.State].From {
			t.Errorf("result %s is of content that the object did not have at that time", a.Result)
		}
		happened[a.Status]++
		happened[a.Reason]++
		if len(a.Sources) > 1 {
			happened["repeat"]++
		}
		if truth.Sources[a.Sources[0]].Day > int((a.Created-truth.Start)/day) {
			happened["late result"]++
		}
	}
	for _, what := range []string{
		"deletion", "return", "rollback", "member that vanished", "bucket that turned public", "bucket that changed hands",
		"change of what an origin looks for", "COMPLETE", "PARTIAL", "SKIPPED", "SOURCE_OBJECT_NO_LONGER_AVAILABLE", "repeat", "late result",
	} {
		if happened[what] == 0 {
			t.Errorf("no %s in the sample", what)
		}
	}
	t.Log(happened)
	if all, last := len(truth.Sources), len(truth.Delivered(truth.Days-1)); all != last {
		t.Errorf("%d sources, %d at the end of the last day", all, last)
	}
	if first := len(truth.Delivered(0)); first == 0 || first == len(truth.Sources) {
		t.Errorf("%d sources on the first day", first)
	}
}

func TestHistoryDependsOnlyOnOptions(t *testing.T) {
	dir := t.TempDir()
	var seen [2]map[string]string
	for i, name := range []string{"one", "other"} {
		seen[i] = map[string]string{}
		readTruth(t, filepath.Join(dir, name), 7)
		err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			rel, _ := filepath.Rel(filepath.Join(dir, name), path)
			if err == nil && d.Type().IsRegular() && filepath.IsLocal(rel) {
				b, err := os.ReadFile(path)
				seen[i][rel] = string(b)
				return err
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(dir, name) + ".truth.json")
		if err != nil {
			t.Fatal(err)
		}
		seen[i]["truth"] = string(b)
	}
	if len(seen[0]) < 100 || len(seen[0]) != len(seen[1]) {
		t.Fatalf("%d and %d files", len(seen[0]), len(seen[1]))
	}
	for rel, content := range seen[0] {
		if seen[1][rel] != content {
			t.Errorf("%s differs", rel)
		}
	}
}
