package change

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/macielake/macielake/internal/config"
	"github.com/macielake/macielake/internal/convert"
	"github.com/macielake/macielake/internal/current"
	"github.com/macielake/macielake/internal/gen"
	"github.com/macielake/macielake/internal/input"
	"github.com/macielake/macielake/internal/lake"
	"github.com/macielake/macielake/internal/state"
	"github.com/macielake/macielake/internal/store"
	"github.com/macielake/macielake/pkg/stream"
)

// nights converts a history as it was delivered, a run after every so many days, and
// returns the dataset and the day of each run.
func nights(t *testing.T, seed uint64, every int) (*lake.Lake, *gen.Truth, []int) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "history")
	if _, err := gen.Run(t.Context(), gen.Options{Dir: dir, Seed: seed, Size: 4_000_000, Profile: "history"}); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(dir + ".truth.json")
	if err != nil {
		t.Fatal(err)
	}
	var truth gen.Truth
	if err := json.Unmarshal(data, &truth); err != nil {
		t.Fatal(err)
	}
	in, out := filepath.Join(t.TempDir(), "in"), filepath.Join(t.TempDir(), "lake")
	s, err := store.CreateLocal(out)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	var days []int
	for day := every - 1; day < truth.Days; day += every {
		for _, source := range truth.Sources {
			if source.Day > day || source.Day <= day-every {
				continue
			}
			to := filepath.Join(in, filepath.FromSlash(source.Path))
			if err := os.MkdirAll(filepath.Dir(to), 0o777); err != nil {
				t.Fatal(err)
			}
			if err := os.Link(filepath.Join(dir, filepath.FromSlash(source.Path)), to); err != nil {
				t.Fatal(err)
			}
		}
		_, err := convert.Run(t.Context(), convert.Options{
			Inputs: []string{in}, Origins: []input.Origin{input.Local{}}, Out: s, TableFormat: "parquet",
			Tables: []string{"results", "detections"}, Compression: "snappy", TargetFileSize: 1 << 20, PartSize: 1 << 20,
			Workers: 2, Limits: stream.DefaultLimits(), MaxRejects: -1, Log: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		days = append(days, day)
	}
	l, err := lake.Open(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return l, &truth, days
}

// throughRun tells the runs up to the nth; 0 is none.
func throughRun(l *lake.Lake, n int) func(string) bool {
	return func(run string) bool {
		return slices.ContainsFunc(l.States[:n], func(r state.RunState) bool { return r.RunID == run })
	}
}

// openAfter counts the open findings after a run, as summarize --as-of does.
func openAfter(t *testing.T, l *lake.Lake, n int, conf *config.Config) int64 {
	t.Helper()
	s := current.New(current.Options{Findings: true, Through: throughRun(l, n), Config: conf})
	defer s.Close()
	if err := s.AddDataset(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	open := int64(0)
	err := s.Each(t.Context(), func(s *current.Subject) error {
		open += int64(len(s.Findings))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return open
}

// Of an estate of which it is known what really happened in it: between any two days
// the balance holds, what is open is what summarize counts, no finding whose data is
// still there is resolved or gone, and none that is exposed passes for one that isn't.
func TestHistory(t *testing.T) {
	every := 12
	if testing.Short() {
		every = 40
	}
	l, truth, days := nights(t, 11, every)
	t.Run("plain", func(t *testing.T) { testHistory(t, l, truth, days, nil) })
	t.Run("configured", func(t *testing.T) { testHistory(t, l, truth, days, copied(t, truth)) })
}

// copied returns a configuration that says which jobs were copied from which.
func copied(t *testing.T, truth *gen.Truth) *config.Config {
	t.Helper()
	var yaml strings.Builder
	yaml.WriteString("jobs:\n")
	for _, from := range truth.Origins {
		for _, to := range truth.Origins {
			if from.Until > 0 && to.Admin == from.Admin && to.Region == from.Region && to.Scopes[0].Day == from.Until {
				fmt.Fprintf(&yaml, "  %q: {replaces: [%q]}\n", to.Job, from.Job)
			}
		}
	}
	c, err := config.Parse("copied.yaml", []byte(yaml.String()), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func testHistory(t *testing.T, l *lake.Lake, truth *gen.Truth, days []int, conf *config.Config) {
	objects := truthObjects(truth)
	open := make([]int64, len(days)+1)
	for n := range open {
		open[n] = openAfter(t, l, n, conf)
	}
	seen := map[State]int64{}
	publicAfter := make([]map[string]bool, len(days))
	for i, day := range days {
		publicAfter[i] = shownPublic(truth, day)
	}
	public := 0
	for since := range len(days) {
		for until := since + 1; until <= len(days); until++ {
			end := time.UnixMilli(truth.Start).Add(time.Duration(days[until-1]+1) * 24 * time.Hour)
			c := NewComparison(Options{Since: throughRun(l, since), Through: throughRun(l, until), Now: end, Grown: 2, Config: conf})
			if err := c.AddDataset(context.Background(), l); err != nil {
				t.Fatal(err)
			}
			counts, err := c.Each(t.Context(), func(c *Change) error {
				seen[c.State]++
				if c.State.Open() && publicAfter[until-1][string(c.Bucket.Text())] {
					if public++; c.After.Public != "yes" {
						t.Errorf("runs %d to %d: %s in s3://%s/%s is public, and said to be %s", since, until, c.Type.Text(), c.Bucket.Text(), c.Key.Text(), c.After.Public)
					}
				}
				if c.State == Resolved || c.State == Gone {
					if still(objects[string(c.Bucket.Text())+"/"+string(c.Key.Text())], c, end) {
						t.Errorf("runs %d to %d: %s in s3://%s/%s is there and said to be %s: %v", since, until, c.Type.Text(), c.Bucket.Text(), c.Key.Text(), c.State, c.Causes)
					}
				}
				return nil
			})
			c.Close()
			if err != nil {
				t.Fatal(err)
			}
			n := counts.Findings
			if counts.Before != open[since] || counts.Open != open[until] || open[until] != open[since]+n[New]+n[Reappeared]-n[Resolved]-n[NoLongerDetected]-n[Gone] {
				t.Errorf("runs %d to %d: %+v doesn't lead from %d open findings to %d", since, until, counts, open[since], open[until])
			}
		}
	}
	if public == 0 {
		t.Error("no finding was ever public")
	}
	for s := range numStates {
		if s == NoLongerDetected && conf == nil {
			if seen[s] > 0 {
				t.Errorf("%d findings were %s without a configuration", seen[s], s)
			}
			continue
		}
		if seen[s] == 0 {
			t.Errorf("no finding was ever %s: the history shows nothing of it", s)
		}
	}
}

// shownPublic returns the buckets that are public as far as the results that were
// delivered up to a day show: as the newest of them knows it that knows it at all.
func shownPublic(truth *gen.Truth, day int) map[string]bool {
	public, newest := map[string]bool{}, map[string]int64{}
	for _, a := range truth.Analyses {
		if !slices.ContainsFunc(a.Sources, func(i int) bool { return truth.Sources[i].Day <= day }) {
			continue
		}
		bucket := &truth.Buckets[truth.Objects[a.Object].Bucket]
		permission := ""
		for _, s := range bucket.States {
			if s.From <= a.Created {
				permission = s.Permission
			}
		}
		if permission != "UNKNOWN" && a.Created >= newest[bucket.Name] {
			public[bucket.Name], newest[bucket.Name] = permission == "PUBLIC", a.Created
		}
	}
	return public
}

func truthObjects(truth *gen.Truth) map[string]*gen.TruthObject {
	objects := map[string]*gen.TruthObject{}
	for i := range truth.Objects {
		o := &truth.Objects[i]
		objects[truth.Buckets[o.Bucket].Name+"/"+o.Key] = o
	}
	return objects
}

// still reports whether what a change was about is in the object at a time, and has
// been there ever since it was seen last: not what left and came back unseen.
func still(o *gen.TruthObject, c *Change, at time.Time) bool {
	if o == nil {
		return false
	}
	name := string(c.Type.Text())
	for i, s := range o.States {
		ends := at
		if i+1 < len(o.States) {
			ends = time.UnixMilli(o.States[i+1].From)
		}
		if time.UnixMilli(s.From).After(at) {
			break
		}
		if ends.Before(c.LastSeen) {
			continue
		}
		if has(s, name) {
			continue
		}
		return false
	}
	return true
}

func has(s gen.TruthContent, name string) bool {
	if s.Gone {
		return false
	}
	for _, found := range s.Members {
		if found[name] > 0 {
			return true
		}
	}
	return s.Found[name] > 0
}
