package current

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/macielake/macielake/internal/config"
	"github.com/macielake/macielake/internal/currenttest"
	"github.com/macielake/macielake/internal/keylayout"
	"github.com/macielake/macielake/internal/where"
	"github.com/macielake/macielake/pkg/schema"
)

// testColumns name the subject and the standing result.
func testColumns() []Column {
	text := func(table string, slot int) Column {
		return Column{Table: []string{table}, Value: func(b *schema.Batch, r *schema.Result, _ *[]byte) where.Value {
			if v := textOf(b, r, slot); slot != schema.SourceURI || !v.Null() {
				return v
			}
			return where.TextValue([]byte(b.Sources[r.Source].URI))
		}}
	}
	number := Column{Kind: where.Int, Table: []string{"source_line"}, Value: func(_ *schema.Batch, r *schema.Result, _ *[]byte) where.Value {
		return where.IntValue(r.Int[schema.SourceLine])
	}}
	return []Column{
		text("aws_partition", schema.AWSPartition), text("bucket_name", schema.BucketName), text("object_key", schema.ObjectKey),
		text("source_uri", schema.SourceURI), number, text("status_code", schema.StatusCode), text("status_reason", schema.StatusReason),
	}
}

func optional(v where.Value) *string {
	if v.Null() {
		return nil
	}
	s := string(v.Text())
	return &s
}

// render returns a subject in the form in which implementations are compared.
func render(s *Subject, numbers map[currenttest.Place]int) currenttest.Subject {
	v := s.Values
	out := currenttest.Subject{
		Object:   currenttest.Name(optional(v[0]), optional(v[1]), optional(v[2])),
		Analysed: "no", Gone: s.Gone != NotGone, Public: s.Public.String(), Unencrypted: s.Unencrypted.String(),
		Severity: string(s.Severity.Text()),
	}
	if s.Member {
		out.Member = currenttest.Absent
		if !s.Path.Null() {
			out.Member = string(s.Path.Text())
		}
	}
	if out.Gone {
		out.Public, out.Unencrypted = "unknown", "unknown"
	}
	standing := s.Standing.Values
	uri := string(standing[3].Text())
	out.Standing = fmt.Sprintf("r%d", numbers[currenttest.Place{Path: uri, Line: standing[4].Int()}])
	if s.Standing.Analysis {
		out.Analysed = strings.ToLower(string(standing[5].Text()))
	}
	if s.Missed != nil {
		out.NotAnalysed = "unknown"
		for _, i := range []int{5, 6} {
			if w := s.Missed.Values[i]; !w.Null() {
				out.NotAnalysed = string(w.Text())
			}
		}
	}
	for i := range s.Findings {
		f := &s.Findings[i]
		state := "unconfirmed"
		if f.Confirmed {
			state = "confirmed"
		}
		out.Findings = append(out.Findings, currenttest.Finding{
			Identifier: identifier(f), State: state, Count: currenttest.Number(f.Count.String()),
			Locations: currenttest.Number(fmt.Sprint(f.Locations)), Unlocated: currenttest.Number(f.Unlocated().String()),
			Cause: f.Cause(), Severity: f.Severity().String(),
		})
	}
	for i := range s.Closed {
		out.Closed = append(out.Closed, currenttest.Closed{Identifier: identifier(&s.Closed[i].Finding), State: s.Closed[i].End.String()})
	}
	return out
}

func identifier(f *Finding) string {
	custom := string(f.Kind().Text()) == "custom"
	name := optional(f.part(2))
	return currenttest.Identifier(custom, optional(f.Category()), name)
}

// stateOf returns the state that results are in, in batches of their sources.
func stateOf(t *testing.T, results []currenttest.Result, o Options) []currenttest.Subject {
	t.Helper()
	sources, places := currenttest.Lines(results)
	numbers := make(map[currenttest.Place]int)
	for i, p := range places {
		numbers[p] = i + 1
	}
	o.Columns, o.Findings, o.Members, o.Severity, o.Exposure = testColumns(), true, true, true, true
	s := New(o)
	defer s.Close()
	ctx := context.Background()
	dec := schema.NewDecoder(schema.DecoderOptions{SkipOccurrences: true})
	b := schema.NewBatch()
	for path, data := range sources { // in any order
		b.Reset()
		key, _ := keylayout.Parse(path)
		b.AppendLines(schema.Source{URI: path, AdminAccountID: key.Administrator}, 1, 0, data)
		dec.Decode(b)
		if len(b.Rejects) > 0 {
			t.Fatal(b.Rejects)
		}
		if err := s.AddBatch(b); err != nil {
			t.Fatal(err)
		}
	}
	var subjects, members []currenttest.Subject
	err := s.Each(ctx, func(s *Subject) error {
		r := render(s, numbers)
		if s.Member {
			members = append(members, r)
			return nil
		}
		r.Members, members = members, nil
		subjects = append(subjects, r)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return subjects
}

// The vectors of docs/current.md, whatever memory there is.
func TestVectors(t *testing.T) { testVectors(t, "../../testdata/current", nil) }

// What a configuration changes.
func TestConfig(t *testing.T) {
	const dir = "../../testdata/config"
	data, err := os.ReadFile(dir + "/macielake.yaml")
	if err != nil {
		t.Fatal(err)
	}
	c, err := config.Parse("macielake.yaml", data, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	testVectors(t, dir, c)
}

func testVectors(t *testing.T, dir string, c *config.Config) {
	vectors, err := currenttest.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range vectors {
		t.Run(v.Name, func(t *testing.T) {
			for _, o := range []Options{{Workers: 2, Config: c}, {Memory: 1, Config: c}} {
				if diff := currenttest.Diff(stateOf(t, v.Results, o), v.State); diff != "" {
					t.Errorf("%s\n%s", v.Reason, diff)
				}
			}
		})
	}
}

// Random results are in the state that a model says that was written apart.
func TestRandom(t *testing.T) {
	seeds := uint64(500)
	if testing.Short() {
		seeds = 50
	}
	for seed := range seeds {
		results := currenttest.Random(seed)
		states := []Options{{}}
		if seed%20 == 0 {
			states = append(states, Options{Memory: 1}) // everything goes through files
		}
		for _, o := range states {
			if diff := currenttest.Diff(stateOf(t, results, o), currenttest.Model(results)); diff != "" {
				t.Fatalf("seed %d:\n%s", seed, diff)
			}
		}
	}
}
