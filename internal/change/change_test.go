package change

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/macielake/macielake/internal/currenttest"
	"github.com/macielake/macielake/internal/keylayout"
	"github.com/macielake/macielake/internal/store"
	"github.com/macielake/macielake/internal/where"
	"github.com/macielake/macielake/pkg/schema"
)

const runBefore, runAfter = "before", "after"

// compared returns the changes from the results of which isBefore is true to all.
func compared(t *testing.T, results []currenttest.Result, isBefore func(path string) bool, o Options) ([]Change, Counts) {
	t.Helper()
	o.Since = func(run string) bool { return run == runBefore }
	if o.Grown == 0 {
		o.Grown = 2
	}
	c := NewComparison(o)
	defer c.Close()
	sources, _ := currenttest.Lines(results)
	dec := schema.NewDecoder(schema.DecoderOptions{SkipOccurrences: true})
	b := schema.NewBatch()
	for path, data := range sources { // in any order
		b.Reset()
		key, _ := keylayout.Parse(path)
		b.AppendLines(schema.Source{URI: path, AdminAccountID: key.Administrator}, 1, 0, data)
		dec.Decode(b)
		run := runAfter
		if isBefore(path) {
			run = runBefore
		}
		span := schema.Span{Off: uint32(len(b.Buf)), Len: uint32(len(run))}
		b.Buf = append(b.Buf, run...)
		for i := range b.Results {
			b.Results[i].Text[schema.RunID] = span
		}
		if err := c.state.AddBatch(b); err != nil {
			t.Fatal(err)
		}
	}
	var changes []Change
	counts, err := c.Each(t.Context(), func(c *Change) error {
		changes = append(changes, c.clone())
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return changes, counts
}

// clone returns a change that refers to memory of its own.
func (c *Change) clone() Change {
	own := *c
	for _, v := range []*where.Value{&own.Partition, &own.Bucket, &own.Key, &own.Account, &own.Region, &own.Kind, &own.Category, &own.Type, &own.ID} {
		if !v.Null() {
			*v = where.TextValue(bytes.Clone(v.Text()))
		}
	}
	return own
}

func optional(v where.Value) *string {
	if v.Null() {
		return nil
	}
	s := string(v.Text())
	return &s
}

// names returns the object and the identifier as currenttest has them.
func (c *Change) names() (object, identifier string) {
	name := c.ID
	if name.Null() {
		name = c.Type
	}
	return currenttest.Name(optional(c.Partition), optional(c.Bucket), optional(c.Key)),
		currenttest.Identifier(string(c.Kind.Text()) == "custom", optional(c.Category), optional(name))
}

// Small cases of docs/changes.md.
func TestVectors(t *testing.T) {
	files, err := filepath.Glob("../../testdata/changes/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal(err, files)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var cases []struct {
			Name, Reason  string
			Before, After []currenttest.Result
			// Changes are those of findings, by KEY TYPE: the state and its causes.
			Changes map[string][]string
		}
		dec := json.NewDecoder(bytes.NewReader(data))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&cases); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, v := range cases {
			t.Run(v.Name, func(t *testing.T) {
				for i := range v.Before {
					v.Before[i].File = "before.jsonl"
				}
				results := append(v.Before, v.After...)
				for i := range results {
					if results[i].ID == nil {
						id := fmt.Sprintf("r%d", i+1)
						results[i].ID = &id
					}
				}
				changes, _ := compared(t, results, func(path string) bool { return strings.HasSuffix(path, "before.jsonl") }, Options{})
				got := map[string][]string{}
				for _, c := range changes {
					name := string(c.Key.Text()) + " " + string(c.Type.Text())
					got[name] = append(append(got[name], c.State.String()), c.Causes...)
				}
				if !maps.EqualFunc(got, v.Changes, slices.Equal[[]string]) {
					t.Errorf("%s\n got %v\nwant %v", v.Reason, got, v.Changes)
				}
			})
		}
	}
}

// What became of findings of random results agrees with what a model, which was
// written apart, says of both points, and nothing is lost from one to the other.
func TestRandom(t *testing.T) {
	seeds := uint64(600)
	if testing.Short() {
		seeds = 60
	}
	seen := map[State]int{}
	for seed := range seeds {
		results := currenttest.Random(seed)
		isBefore := func(path string) bool { return strings.HasSuffix(path, "/0.jsonl") || path == "0.jsonl" }
		var before []currenttest.Result
		for _, r := range results {
			if isBefore(r.Path()) {
				before = append(before, r)
			}
		}
		o := Options{}
		if seed%20 == 0 {
			o.Memory = 1 // everything goes through files
		}
		changes, counts := compared(t, results, isBefore, o)
		problem := disagreement(changes, findings(currenttest.Model(before)), findings(currenttest.Model(results)))
		if problem != "" {
			t.Fatalf("seed %d: %s", seed, problem)
		}
		n := counts.Findings
		if counts.Open != counts.Before+n[New]+n[Reappeared]-n[Resolved]-n[NoLongerDetected]-n[Gone] {
			t.Fatalf("seed %d: %+v doesn't balance", seed, counts)
		}
		for s, n := range n {
			seen[State(s)] += int(n)
		}
	}
	for s := range numStates {
		if seen[s] < 5 && s != NoLongerDetected && !testing.Short() {
			t.Errorf("only %d findings were %s: the results are too much alike", seen[s], s)
		}
	}
}

// findings returns the states of objects' findings by object and identifier: open,
// resolved or gone. Those that only members have lost aren't there.
func findings(subjects []currenttest.Subject) map[[2]string]string {
	all := map[[2]string]string{}
	for _, s := range subjects {
		for _, f := range s.Findings {
			all[[2]string{s.Object, f.Identifier}] = "open"
		}
		for _, f := range s.Closed {
			all[[2]string{s.Object, f.Identifier}] = f.State
		}
		for _, m := range s.Members {
			for _, f := range m.Closed {
				if id := [2]string{s.Object, f.Identifier}; all[id] == "" {
					all[id] = "closed in a member"
				}
			}
		}
	}
	return all
}

// disagreement says in which way changes don't lead from one state to the other.
func disagreement(changes []Change, before, after map[[2]string]string) string {
	states := map[[2]string][]State{}
	for _, c := range changes {
		object, identifier := c.names()
		id := [2]string{object, identifier}
		states[id] = append(states[id], c.State)
	}
	for id := range after {
		if _, ok := states[id]; !ok {
			states[id] = nil
		}
	}
	for id := range before {
		if _, ok := states[id]; !ok {
			states[id] = nil
		}
	}
	for id, got := range states {
		slices.Sort(got)
		was, is := before[id] == "open", after[id] == "open"
		ok := false
		switch {
		case was && is: // or the bucket changed hands
			ok = len(got) == 1 && got[0] >= Worse && got[0] <= Unchanged || slices.Equal(got, []State{New, Gone})
		case was:
			ok = len(got) == 1 && (got[0] == Resolved && after[id] != "gone" || got[0] == Gone && after[id] != "resolved")
		case is && before[id] != "":
			ok = slices.Equal(got, []State{Reappeared}) || slices.Equal(got, []State{New})
		case is:
			ok = slices.Equal(got, []State{New})
		default:
			ok = len(got) == 0
		}
		if !ok {
			return fmt.Sprintf("%s of %s was %q and is %q, and is said to be %v", id[1], id[0], before[id], after[id], got)
		}
	}
	return ""
}

// Fingerprints are the same for ever.
func TestFingerprint(t *testing.T) {
	text := func(s string) where.Value { return where.TextValue([]byte(s)) }
	for name, test := range map[string]struct {
		c    Change
		want string
	}{
		"managed": {
			Change{Partition: text("aws"), Bucket: text("b"), Key: text("k.csv"), Kind: text("managed"), Category: text("CREDENTIALS"), Type: text("AWS_CREDENTIALS")},
			"v1:da82c1d2188bdfa6ad1ae79dadc228a210a7e798d6e53d756c90daba0d30e9d8",
		},
		"custom, by its ID": {
			Change{Partition: text("aws"), Bucket: text("b"), Key: text("k.csv"), Kind: text("custom"), Category: text("CUSTOM_IDENTIFIER"), Type: text("employee"), ID: text("0d9a")},
			"v1:5688b094c7699f115792c792daaa31410437a6573f5af81203b64f624e7ef569",
		},
		"the same under another name": {
			Change{Partition: text("aws"), Bucket: text("b"), Key: text("k.csv"), Kind: text("custom"), Category: text("CUSTOM_IDENTIFIER"), Type: text("staff"), ID: text("0d9a")},
			"v1:5688b094c7699f115792c792daaa31410437a6573f5af81203b64f624e7ef569",
		},
		"absent values": {Change{}, "v1:837885c8f8091aeaeb9ec3c3f85a6ff470a415e610b8ba3e49f9b33c9cf9d619"},
	} {
		if got := test.c.Fingerprint(); got != test.want {
			t.Errorf("%s: %s, not %s", name, got, test.want)
		}
	}
	// Texts don't run into each other.
	a, b := Change{Bucket: text("ab"), Key: text("c")}, Change{Bucket: text("a"), Key: text("bc")}
	if a.Fingerprint() == b.Fingerprint() {
		t.Error("lengths don't count")
	}
}

func TestPlace(t *testing.T) {
	for key, want := range map[string]string{
		"logs/2026-01-31/app-17.log":                    "logs/{date}/app-{n}.log",
		"logs/2026/01/31/x":                             "logs/{date}/x",
		"up/0d9a1e52-8d3b-4c55-9a2e-0123456789AB/a.csv": "up/{uuid}/a.csv",
		"012345678901234567890123456789012345/x":        "{n}/x",
		"plain/key.csv":                                 "plain/key.csv",
		"2026-13-01/x":                                  "{n}-{n}-{n}/x",
	} {
		if got := place(key); got != want {
			t.Errorf("%s: %s, not %s", key, got, want)
		}
	}
}

func TestMark(t *testing.T) {
	s, err := store.OpenLocal(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx := t.Context()
	if m, err := ReadMark(ctx, s, "m.json", "id"); m != nil || err != nil {
		t.Fatal(m, err)
	}
	want := Mark{Format: MarkFormat, Dataset: "id", Run: "000003-0123abcd", Number: 3, At: time.Unix(1, 0).UTC(), Open: []int{2}}
	for range 2 {
		if err := want.Put(ctx, s, "m.json"); err != nil {
			t.Fatal(err)
		}
	}
	if m, err := ReadMark(ctx, s, "m.json", "id"); err != nil || !reflect.DeepEqual(*m, want) {
		t.Fatal(m, err)
	}
	for name, data := range map[string]string{
		"another dataset's": `{"format":1,"dataset":"other","run":"000001-00000000"}`,
		"a later format":    `{"format":2,"dataset":"id"}`,
		"no JSON":           `hello`,
		"another value":     `[1]`,
		"too long":          `{"format":1,"dataset":"id","run":"` + strings.Repeat("x", maxMark) + `"}`,
	} {
		if err := s.Put(ctx, "m.json", []byte(data)); err != nil {
			t.Fatal(err)
		}
		var mark *MarkError
		if _, err := ReadMark(ctx, s, "m.json", "id"); !errors.As(err, &mark) || !strings.Contains(err.Error(), "m.json") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
