package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/macielake/macielake/internal/currenttest"
)

// locatedState is what locate says about a subject.
type locatedState struct {
	Analysed   bool
	Status     *string
	SourceURI  string `json:"source_uri"`
	SourceLine int64  `json:"source_line"`
	Gone       *string
	Severity   *string
	Missed     *struct{ Status, Reason *string }
	Findings   []struct {
		Type, Category, Kind *string
		IdentifierKind       *string `json:"identifier_kind"`
		Identifier           *string
		State                string
		Severity             *string `json:"type_severity"`
		Count                *json.Number
		LocationCount        json.Number `json:"location_count"`
		Unlocated            json.Number
		Cause                *string `json:"unlocated_cause"`
	}
	Closed []struct {
		Type, Category, Identifier *string
		IdentifierKind             *string `json:"identifier_kind"`
		State                      string
	}
}

type locatedObject struct {
	Bucket, Key, Partition *string
	Public, Unencrypted    string
	States                 []locatedState
	Members                []struct {
		Path   *string
		States []locatedState
	}
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// subject renders a state in the form in which implementations are compared.
func (s *locatedState) subject(o *locatedObject, numbers map[currenttest.Place]int, root string) currenttest.Subject {
	out := currenttest.Subject{
		Object: currenttest.Name(o.Partition, o.Bucket, o.Key), Analysed: "no", Gone: s.Gone != nil,
		Public: o.Public, Unencrypted: o.Unencrypted, Severity: deref(s.Severity),
	}
	if out.Gone {
		out.Public, out.Unencrypted = "unknown", "unknown"
	}
	uri := strings.TrimPrefix(filepath.ToSlash(s.SourceURI), root+"/")
	out.Standing = fmt.Sprintf("r%d", numbers[currenttest.Place{Path: uri, Line: s.SourceLine}])
	if s.Analysed {
		out.Analysed = strings.ToLower(deref(s.Status))
	}
	if m := s.Missed; m != nil {
		out.NotAnalysed = "unknown"
		for _, w := range []*string{m.Status, m.Reason} {
			if w != nil {
				out.NotAnalysed = *w
			}
		}
	}
	for _, f := range s.Findings {
		name := f.Type
		if f.Identifier != nil {
			name = f.Identifier
		}
		count := currenttest.Number("0")
		if f.Count != nil {
			count = currenttest.Number(*f.Count)
		}
		out.Findings = append(out.Findings, currenttest.Finding{
			Identifier: currenttest.Identifier(deref(f.IdentifierKind) == "custom", f.Category, name), State: f.State, Count: count,
			Locations: currenttest.Number(f.LocationCount), Unlocated: currenttest.Number(f.Unlocated), Cause: deref(f.Cause), Severity: deref(f.Severity),
		})
	}
	for _, c := range s.Closed {
		name := c.Type
		if c.Identifier != nil {
			name = c.Identifier
		}
		out.Closed = append(out.Closed, currenttest.Closed{Identifier: currenttest.Identifier(deref(c.IdentifierKind) == "custom", c.Category, name), State: c.State})
	}
	return out
}

// locate says of every vector what the vector says by hand, of raw results and of a
// dataset alike. Vectors of objects that no URI names are left out.
func TestLocateVectors(t *testing.T) {
	vectors, err := currenttest.Load("../../testdata/current")
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range vectors {
		if testing.Short() && i%10 > 0 {
			continue
		}
		t.Run(v.Name, func(t *testing.T) { checkLocated(t, v.Results, v.State) })
	}
}

// locate says of random results what a model says that was written apart, of raw
// results and of a dataset alike. MACIELAKE_RANDOM is how many sets of them; 20 by
// default.
func TestLocateRandom(t *testing.T) {
	seeds, err := strconv.ParseUint(cmp.Or(os.Getenv("MACIELAKE_RANDOM"), "20"), 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	if testing.Short() {
		seeds = 2
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			results := currenttest.Random(seed)
			checkLocated(t, results, currenttest.Model(results))
		})
	}
}

// checkLocated asks locate for every object that a URI names, of results and of the
// dataset that convert makes of them.
func checkLocated(t *testing.T, from []currenttest.Result, state []currenttest.Subject) {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	sources, places := currenttest.Lines(from)
	for path, data := range sources {
		name := filepath.Join(root, "results", filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	numbers := make(map[currenttest.Place]int)
	for i, p := range places {
		numbers[p] = i + 1
	}
	results, lake := filepath.Join(root, "results"), filepath.Join(root, "lake")
	var out, errs bytes.Buffer
	if code := run([]string{"convert", results, "--out", lake, "-q"}, nil, &out, &errs); code != exitOK {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	for _, input := range []string{results, lake} {
		for _, want := range state {
			uri := want.Object[strings.Index(want.Object, ":")+1:]
			if strings.HasPrefix(uri, currenttest.Absent) || strings.HasSuffix(uri, currenttest.Absent) || strings.HasPrefix(uri, "/") || strings.HasSuffix(uri, "/") {
				continue
			}
			out.Reset()
			errs.Reset()
			if code := run([]string{"locate", input, "s3://" + uri, "--exact", "--json"}, nil, &out, &errs); code != exitOK {
				t.Fatalf("%s: exit code %d: %s", uri, code, errs.String())
			}
			var document struct {
				Answer struct{ Objects []locatedObject }
			}
			if err := json.Unmarshal(out.Bytes(), &document); err != nil {
				t.Fatal(err)
			}
			compareLocated(t, document.Answer.Objects, want, numbers, filepath.ToSlash(results))
		}
	}
}

// compareLocated compares an object with what a vector says.
func compareLocated(t *testing.T, objects []locatedObject, want currenttest.Subject, numbers map[currenttest.Place]int, root string) {
	t.Helper()
	for i := range objects {
		o := &objects[i]
		if currenttest.Name(o.Partition, o.Bucket, o.Key) != want.Object {
			continue
		}
		got := o.States[0].subject(o, numbers, root)
		for j := range o.Members {
			m := o.Members[j].States[0].subject(o, numbers, root)
			m.Member = currenttest.Absent
			if o.Members[j].Path != nil {
				m.Member = *o.Members[j].Path
			}
			got.Members = append(got.Members, m)
		}
		if diff := currenttest.Diff([]currenttest.Subject{got}, []currenttest.Subject{want}); diff != "" {
			t.Error(diff)
		}
		return
	}
	t.Errorf("%s is missing", want.Object)
}
