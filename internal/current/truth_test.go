package current

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/macielake/macielake/internal/gen"
	"github.com/macielake/macielake/internal/keylayout"
	"github.com/macielake/macielake/pkg/schema"
)

// estate is a simulated estate with its results, unpacked.
type estate struct {
	truth   gen.Truth
	sources map[string][]byte // by path
	objects map[string]int    // index in truth.Objects, by bucket and key
}

const dayMillis = 24 * 3600 * 1000

func newEstate(t *testing.T, seed uint64) *estate {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "history")
	if _, err := gen.Run(context.Background(), gen.Options{Dir: dir, Seed: seed, Size: 2_000_000, Profile: "history"}); err != nil {
		t.Fatal(err)
	}
	e := &estate{sources: map[string][]byte{}, objects: map[string]int{}}
	data, err := os.ReadFile(dir + ".truth.json")
	if err == nil {
		err = json.Unmarshal(data, &e.truth)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range e.truth.Sources {
		stored, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(s.Path)))
		if err != nil {
			t.Fatal(err)
		}
		gz, err := gzip.NewReader(bytes.NewReader(stored))
		if err != nil {
			t.Fatal(err)
		}
		if e.sources[s.Path], err = io.ReadAll(gz); err != nil {
			t.Fatal(err)
		}
	}
	for i, o := range e.truth.Objects {
		e.objects[e.truth.Buckets[o.Bucket].Name+"/"+o.Key] = i
	}
	return e
}

// objectState is what the state says about an object.
type objectState struct {
	open, closed map[string]bool // by type of sensitive data, or name of a custom identifier
	public       Fact
}

// at returns the state of every object, by bucket and key, of the results that
// were delivered by the end of a day.
func (e *estate) at(t *testing.T, day int) map[string]objectState {
	t.Helper()
	s := New(Options{Columns: testColumns(), Findings: true, Severity: true, Exposure: true})
	defer s.Close()
	dec := schema.NewDecoder(schema.DecoderOptions{SkipOccurrences: true})
	b := schema.NewBatch()
	for _, path := range e.truth.Delivered(day) {
		b.Reset()
		key, _ := keylayout.Parse(path)
		b.AppendLines(schema.Source{URI: path, AdminAccountID: key.Administrator}, 1, 0, e.sources[path])
		dec.Decode(b)
		if len(b.Rejects) > 0 {
			t.Fatal(b.Rejects)
		}
		if err := s.AddBatch(b); err != nil {
			t.Fatal(err)
		}
	}
	states := map[string]objectState{}
	err := s.Each(context.Background(), func(s *Subject) error {
		o := objectState{open: map[string]bool{}, closed: map[string]bool{}, public: s.Public}
		for i := range s.Findings {
			o.open[string(s.Findings[i].Type.Text())] = true
		}
		for i := range s.Closed {
			o.closed[string(s.Closed[i].Type.Text())] = true
		}
		states[fmt.Sprintf("%s/%s", s.Values[1].Text(), s.Values[2].Text())] = o
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return states
}

// looksFor reports whether an identifier is in an origin's scope on a day.
func looksFor(o *gen.TruthOrigin, name string, day int) bool {
	found := false
	for _, scope := range o.Scopes {
		if scope.Day > day {
			break
		}
		found = false
		for _, n := range scope.Identifiers {
			found = found || n == name
		}
	}
	return found
}

// sinceThen reports whether an object has held an identifier ever since a state.
func sinceThen(o *gen.TruthObject, state int, name string, until int64) bool {
	for _, c := range o.States[state:] {
		if c.From <= until && (c.Gone || c.Found[name] == 0) {
			return false
		}
	}
	return true
}

// What a state says is held against what really happened in an estate: data that
// an analysis has reported, and that has been in its object ever since, must be an
// open finding; and once a result shows that a bucket is public, every open
// finding in it must be public.
func TestTruth(t *testing.T) {
	seeds := uint64(3)
	if testing.Short() {
		seeds = 1
	}
	for seed := range seeds {
		e := newEstate(t, seed)
		checked, public := 0, 0
		for _, day := range []int{5, 15, 33, 49, 55, 61, 72, 85, 100, 119} {
			states := e.at(t, day)
			until := e.truth.Start + int64(day+1)*dayMillis - 1
			newest := make(map[int]int64) // result of a bucket that was delivered
			for _, a := range e.truth.Analyses {
				o := &e.truth.Objects[a.Object]
				if e.truth.Sources[a.Sources[0]].Day > day {
					continue
				}
				newest[o.Bucket] = max(newest[o.Bucket], a.Created)
				if a.Status != "COMPLETE" {
					continue
				}
				name := e.truth.Buckets[o.Bucket].Name + "/" + o.Key
				created := int((a.Created - e.truth.Start) / dayMillis)
				for identifier := range o.States[a.State].Found {
					if !looksFor(&e.truth.Origins[a.Origin], identifier, created) || !sinceThen(o, a.State, identifier, until) {
						continue
					}
					checked++
					if s := states[name]; s.closed[identifier] || !s.open[identifier] {
						t.Errorf("seed %d, day %d: %s has had %s since %s, which result %s reported; closed %v, open %v", seed, day, name, identifier, time.UnixMilli(a.Created).UTC(), a.Result, s.closed[identifier], s.open[identifier])
					}
				}
			}
			for name, s := range states {
				bucket := e.truth.Objects[e.objects[name]].Bucket
				if len(s.open) > 0 && e.permission(bucket, newest[bucket]) == "PUBLIC" {
					public++
					if s.public != Yes {
						t.Errorf("seed %d, day %d: %s is in a public bucket, and is said to be public: %s", seed, day, name, s.public)
					}
				}
			}
		}
		if checked < 1000 || public < 50 {
			t.Errorf("seed %d: only %d findings and %d public objects were checked", seed, checked, public)
		}
		t.Logf("seed %d: %d findings and %d public objects", seed, checked, public)
	}
}

// permission is that of a bucket at a time.
func (e *estate) permission(bucket int, at int64) string {
	permission := ""
	for _, s := range e.truth.Buckets[bucket].States {
		if s.From <= at {
			permission = s.Permission
		}
	}
	return permission
}
