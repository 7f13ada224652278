package report

import (
	"fmt"
	"testing"
	"time"

	"github.com/macielake/macielake/internal/sum"
)

// Ages are told by whole days, in UTC; what isn't known is old.
func TestAges(t *testing.T) {
	now := time.Date(2026, 11, 26, 23, 0, 0, 0, time.UTC)
	for day, want := range map[string]int{
		"2026-11-27": 0, "2026-11-26": 0, "2026-11-19": 0, "2026-11-18": 1, "2026-10-27": 1, "2026-10-26": 2, "2026-08-28": 2, "2026-08-27": 3, "1999-01-01": 3, "": 3,
	} {
		e := Exposure{}
		e.add(now, day, 5, 2)
		for i := range e.Ages {
			if got := e.Ages[i].Findings; (got == 5) != (i == want) {
				t.Errorf("%q: %d findings of age %d", day, got, i)
			}
		}
		if e.Total.Findings != 5 || e.Total.Sensitive != 2 {
			t.Errorf("%q: total %+v", day, e.Total)
		}
	}
}

// Lists are capped and count what they leave out; rows have a count for each category,
// also for those that came later.
func TestLists(t *testing.T) {
	var l List
	for range 12 {
		l.add(Row{Name: "b"}, 10)
	}
	if len(l.Rows) != 10 || l.More != 2 {
		t.Errorf("%d rows and %d more", len(l.Rows), l.More)
	}
	m := maker{categories: []string{"A"}}
	p := &Page{Exposed: make([]Exposure, 3), Months: []Month{{Month: "2026-01"}}}
	var counts []int64
	m.count(&counts, "B", 3)
	m.count(&counts, "A", 1)
	p.Buckets.Rows = []HeatRow{{Bucket: "b", Counts: counts}, {Bucket: "c"}}
	p.finish(m.categories)
	if got := p.Buckets.Rows[0].Counts; len(got) != 2 || got[0] != 1 || got[1] != 3 {
		t.Errorf("counts %v", got)
	}
	if len(p.Buckets.Rows[1].Counts) != 2 || len(p.Months[0].Counts) != 2 || p.Missed == nil || p.First.Rows == nil {
		t.Errorf("page %+v", p)
	}
}

// An object that is to be fixed for two reasons counts once among those left out.
func TestFixFirstMore(t *testing.T) {
	m := maker{o: Options{Keys: true}}
	p := &Page{Exposed: make([]Exposure, 3)}
	m.pages = []*Page{p}
	sections := m.sections()
	of := func(n int64) []sum.Int {
		var found, sensitive sum.Int
		found.Add(n)
		sensitive.Add(n)
		return []sum.Int{found, sensitive}
	}
	for _, s := range sections {
		switch {
		case s.by == "object":
			for i := range maxFirst + 3 {
				s.take(p, []string{fmt.Sprint(i)}, of(1))
			}
		case s.where == FixFirst:
			s.take(p, []string{"a"}, of(maxFirst))
			s.take(p, []string{"b"}, of(3))
		}
	}
	p.finish(nil)
	if len(p.First.Rows) != maxFirst || p.First.More != 3 {
		t.Errorf("%d rows and %d more, not %d and 3", len(p.First.Rows), p.First.More, maxFirst)
	}
}
