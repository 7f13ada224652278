package locate

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

// randomResults are results of a few things, with few values for everything, so
// that all that can be equal often is.
func randomResults(rng *rand.Rand) []*Result {
	text := func(values ...string) Text {
		i := rng.IntN(len(values) + 1)
		if i == len(values) {
			return Text{}
		}
		return Text{values[i], true}
	}
	integer := func(n int64) Int {
		if v := rng.Int64N(n + 1); v < n {
			return Int{v, true}
		}
		return Int{}
	}
	var results []*Result
	for i := range rng.IntN(12) {
		r := &Result{
			thing: thing{bucket: Text{"b", true}, key: text("k", "l", "m"), isMember: rng.IntN(3) == 0},
			ID:    text("1", "2"), Created: integer(3), Status: text("COMPLETE", "PARTIAL", "SKIPPED"), Severity: text("Low", "High"),
			score: integer(3), Modified: integer(3), Version: text("v", "w"), SourceURI: Text{"u", true}, SourceLine: Int{int64(i), true},
		}
		if r.thing.isMember {
			r.thing.member = text("in")
		}
		for k := range rng.IntN(4) {
			r.Detections = append(r.Detections, Detection{
				Index: int64(k), Kind: text("managed", "custom"), Type: text("A", "B"), CustomID: text("c", "arn:aws/c"), Count: integer(3),
			})
		}
		results = append(results, r)
	}
	return results
}

// What is kept of the results, in whatever order they come, is what all of them
// together give.
func TestCurrentAsTheyCome(t *testing.T) {
	for seed := range uint64(3000) {
		rng := rand.New(rand.NewPCG(seed, 1))
		results := randomResults(rng)
		all := newCollection(true, AllObjects)
		for _, r := range results {
			all.add(r)
		}
		want := map[thing]string{}
		for _, things := range all.byObject {
			for name, list := range things {
				want[name] = describe(current(slices.Clone(list)))
			}
		}
		for range 3 {
			rng.Shuffle(len(results), func(i, j int) { results[i], results[j] = results[j], results[i] })
			kept := newCollection(false, AllObjects)
			for _, r := range results {
				kept.add(r)
			}
			got := map[thing]string{}
			for _, things := range kept.byObject {
				for name, list := range things {
					got[name] = describe(current(list))
				}
			}
			if !reflect.DeepEqual(got, want) {
				t.Fatalf("seed %d:\n%v\nwant\n%v", seed, got, want)
			}
		}
	}
}

func describe(a Analysis) string {
	s := fmt.Sprint(a.SourceLine, a.Results, a.Severity)
	if a.Missed != nil {
		s += fmt.Sprint(" missed ", a.Missed.SourceLine)
	}
	for _, d := range a.Detections {
		s += fmt.Sprint(" ", d.Result.SourceLine, d.Index)
	}
	return s
}

// A limit keeps the first objects by their keys, in whatever order they come.
func TestLimit(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, n := range []int{0, 1, 4, 5, 6, 100} {
		c := newCollection(false, 5)
		for _, i := range rng.Perm(n) {
			c.add(&Result{thing: thing{bucket: Text{"b", true}, key: Text{fmt.Sprintf("%03d", i), true}}, SourceLine: Int{int64(i), true}})
		}
		objects, more := c.objects()
		if len(objects) != min(n, 5) || more != (n > 5) || len(c.bySource) != len(objects) {
			t.Errorf("%d: %d objects, more %v, %d results", n, len(objects), more, len(c.bySource))
		}
		for i, o := range objects {
			if o.Key.Value != fmt.Sprintf("%03d", i) {
				t.Errorf("%d: object %d is %s", n, i, o.Key.Value)
			}
		}
	}
}

func TestParseTarget(t *testing.T) {
	for s, want := range map[string]Target{
		"s3://b/k": {"b", "k", false}, "s3://b/a/b c+%20=": {"b", "a/b c+%20=", false}, "s3://b/": {"b", "", true},
		"s3://b/f/": {"b", "f/", true}, "s3://b/f*": {"b", "f", true}, "s3://b/*": {"b", "", true}, "s3://b/f/*": {"b", "f/", true},
		"s3://b/a*b": {"b", "a*b", false}, "s3://b//": {"b", "/", true},
	} {
		if got, err := ParseTarget(s, false); err != nil || got != want {
			t.Errorf("%s: %+v, %v", s, got, err)
		}
	}
	if got, err := ParseTarget("s3://b/f*", true); err != nil || got != (Target{"b", "f*", false}) {
		t.Errorf("exact: %+v, %v", got, err)
	}
	for _, s := range []string{"", "b/k", "s3://", "s3://b", "s3:///k", "S3://b/k", "https://b/k"} {
		if got, err := ParseTarget(s, false); err == nil {
			t.Errorf("%s: %+v", s, got)
		}
	}
}

func TestLocationText(t *testing.T) {
	n := func(v int64) Int { return Int{v, true} }
	for want, l := range map[string]Location{
		"Sheet2!C5, column email":   {Kind: "cell", Row: n(5), Column: n(3), ColumnName: Text{"email", true}, Reference: Text{"Sheet2!C5", true}},
		"row 2, column 3":           {Kind: "cell", Row: n(2), Column: n(3)},
		"column email":              {Kind: "cell", ColumnName: Text{"email", true}},
		"an unknown cell":           {Kind: "cell"},
		"line 12, column 4":         {Kind: "line", Line: Range{n(12), n(12), n(4)}},
		"lines up to 3":             {Kind: "line", Line: Range{End: n(3)}},
		"page 7":                    {Kind: "page", Page: n(7)},
		"record 3, $.ssn":           {Kind: "record", Record: n(3), JSONPath: Text{"$.ssn", true}},
		"offsets 5-9":               {Kind: "offset", Offset: Range{Start: n(5), End: n(9)}},
		"page 1, line 2, offset -1": {Kind: "page", Page: n(1), Line: Range{Start: n(2)}, Offset: Range{Start: n(-1)}},
	} {
		if got := l.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
