package run

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/macielake/macielake/internal/input"
	"github.com/macielake/macielake/pkg/schema"
	"github.com/macielake/macielake/pkg/sink"
)

func planSource(region, uri string, size int64) input.Source {
	return input.Source{Source: schema.Source{URI: uri}, Region: region, Size: size}
}

// shown is a plan as text: parts of `region/uri`.
func shown(p *plan) string {
	var parts []string
	for _, part := range p.parts {
		var names []string
		for _, s := range part {
			names = append(names, s.Region+"/"+s.URI)
		}
		parts = append(parts, strings.Join(names, " "))
	}
	return strings.Join(parts, " | ")
}

func TestPlan(t *testing.T) {
	const mb = 1 << 20
	months := []string{string(sink.ByCreatedMonth)}
	regions := []string{string(sink.ByRegion), string(sink.ByCreatedMonth)}
	for _, test := range []struct {
		name     string
		partSize int64
		by       []string
		sources  []input.Source
		want     string
	}{
		{"one", 64 * mb, months, []input.Source{planSource("e", "a", 1)}, "e/a"},
		{"by key", 64 * mb, months, []input.Source{planSource("e", "c", 1), planSource("e", "a", 1), planSource("e", "b", 1)}, "e/a e/b e/c"},
		{"regions together", 64 * mb, months, []input.Source{planSource("w", "a", 1), planSource("e", "b", 1), planSource("", "c", 1), planSource("w", "d", 1)},
			"/c e/b w/a w/d"},
		{"regions apart", 64 * mb, regions, []input.Source{planSource("w", "a", 1), planSource("e", "b", 1), planSource("", "c", 1), planSource("w", "d", 1)},
			"/c | e/b | w/a w/d"},
		{"up to the size", 10, months, []input.Source{planSource("e", "a", 5), planSource("e", "b", 5), planSource("e", "c", 1)}, "e/a e/b | e/c"},
		{"past the size", 10, months, []input.Source{planSource("e", "a", 5), planSource("e", "b", 6), planSource("e", "c", 4)}, "e/a | e/b e/c"},
		{"a giant alone", 10, months, []input.Source{planSource("e", "a", 1), planSource("e", "b", 1000), planSource("e", "c", 1)}, "e/a | e/b | e/c"},
		{"empty objects", 10, months, []input.Source{planSource("e", "a", 10), planSource("e", "b", 0), planSource("e", "c", 0)}, "e/a e/b e/c"},
		{"unknown sizes alone", 10, months, []input.Source{planSource("e", "a", 1), planSource("e", "b", -1), planSource("e", "c", -1), planSource("e", "d", 1), planSource("e", "f", 1)},
			"e/a | e/b | e/c | e/d e/f"},
		{"only unknown", 10, months, []input.Source{planSource("", "-", -1)}, "/-"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := shown(makePlan(test.sources, test.partSize, test.by)); got != test.want {
				t.Errorf("%s, want %s", got, test.want)
			}
		})
	}
}

// A run that is small in all has smaller parts, but not tiny ones.
func TestPlanOfSmallRun(t *testing.T) {
	const mb = 1 << 20
	for _, test := range []struct {
		total, partSize, want int64
	}{
		{1 * mb, 64 * mb, smallPart},
		{smallRunParts * smallPart, 64 * mb, smallPart},
		{smallRunParts * (smallPart + 3*mb), 64 * mb, smallPart + 3*mb},
		{smallRunParts * 64 * mb, 64 * mb, 64 * mb},
		{4096 * mb, 64 * mb, 64 * mb},
		{1024 * mb, 1 * mb, 1 * mb},
	} {
		var sources []input.Source
		for i := range test.total / mb {
			sources = append(sources, planSource("e", fmt.Sprintf("%06d", i), mb))
		}
		p := makePlan(sources, test.partSize, nil)
		if p.partSize != test.want || p.bytes != test.total || len(slices.Concat(p.parts...)) != len(sources) {
			t.Errorf("%d MiB in parts of %d: part size %d, want %d", test.total/mb, test.partSize, p.partSize, test.want)
		}
		if want := (test.total + test.want - 1) / test.want; int64(len(p.parts)) != want {
			t.Errorf("%d MiB in parts of %d: %d parts, want %d", test.total/mb, test.partSize, len(p.parts), want)
		}
	}
}

// Whatever the sources: each is in exactly one part, parts keep to their size, to
// the order of regions and keys and, where tables are partitioned so, to their
// region, and the plan is a function of the set.
func TestPlanProperties(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		var sources []input.Source
		for i := range 1 + r.IntN(60) {
			size := r.Int64N(40)
			if r.IntN(10) == 0 {
				size = -1
			}
			sources = append(sources, planSource([]string{"", "e", "w"}[r.IntN(3)], fmt.Sprintf("%03d", i), size))
		}
		partSize := 1 + r.Int64N(60)
		var by []string
		apart := r.IntN(2) == 0
		if apart {
			by = append(by, string(sink.ByRegion))
		}
		shuffled := slices.Clone(sources)
		r.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		p := makePlan(sources, partSize, by)
		if a, b := shown(p), shown(makePlan(shuffled, partSize, by)); a != b {
			t.Fatalf("the order of the inputs matters:\n%s\n%s", a, b)
		}
		seen := map[string]int{}
		before := input.Source{}
		for i, part := range p.parts {
			if len(part) == 0 {
				t.Fatalf("part %d is empty", i)
			}
			size := int64(0)
			for _, s := range part {
				seen[s.URI]++
				if s.Region < before.Region || s.Region == before.Region && s.URI < before.URI {
					t.Fatalf("out of order: %s", shown(p))
				}
				before = s
				if apart && s.Region != part[0].Region || s.Size < 0 && len(part) > 1 {
					t.Fatalf("part %d mixes: %s", i, shown(p))
				}
				size += max(0, s.Size)
			}
			if len(part) > 1 && size > p.partSize {
				t.Fatalf("part %d has %d bytes, more than %d", i, size, p.partSize)
			}
			// No part that could have been one with the part before.
			if i > 0 {
				last, first := p.parts[i-1][len(p.parts[i-1])-1], part[0]
				sum := max(0, first.Size)
				for _, s := range p.parts[i-1] {
					sum += max(0, s.Size)
				}
				if (!apart || last.Region == first.Region) && last.Size >= 0 && first.Size >= 0 && sum <= p.partSize {
					t.Fatalf("parts %d and %d are one: %s", i-1, i, shown(p))
				}
			}
		}
		for uri, n := range seen {
			if n != 1 {
				t.Fatalf("%s is in %d parts", uri, n)
			}
		}
		if len(seen) != len(sources) {
			t.Fatalf("%d of %d sources are in parts", len(seen), len(sources))
		}
		n := 0
		for planned := range (&Run{parts: p.parts}).Planned() {
			if seen[planned.URI] != 1 || !slices.ContainsFunc(p.parts[planned.Part], func(s input.Source) bool { return s.URI == planned.URI && s.Size == planned.Size }) {
				t.Fatalf("the plan that is written down has %+v", planned)
			}
			n++
		}
		if n != len(sources) {
			t.Fatalf("the plan that is written down has %d of %d sources", n, len(sources))
		}
	}
}

func TestPlanSizes(t *testing.T) {
	p := makePlan([]input.Source{
		planSource("e", "a", 5), planSource("e", "b", 3), planSource("e", "c", -1), planSource("e", "d", 9), planSource("w", "a", 0),
	}, 9, nil)
	if got, want := (&Run{parts: p.parts}).sizes(), []int64{8, math.MaxInt64, 9}; !slices.Equal(got, want) {
		t.Errorf("%s: %v, want %v", shown(p), got, want)
	}
}
