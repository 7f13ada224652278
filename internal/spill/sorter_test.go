package spill

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

var errStop = errors.New("stop")

type pair struct {
	prefix     uint64
	key, value string
}

func randomPairs(r *rand.Rand, n int) []pair {
	pairs := make([]pair, n)
	for i := range pairs {
		pairs[i] = pair{r.Uint64N(50), fmt.Sprint(r.IntN(1000)), string(make([]byte, r.IntN(40)))}
		if r.IntN(200) == 0 {
			pairs[i].value = string(bytes.Repeat([]byte{byte(i)}, r.IntN(3*chunkBytes)))
		}
	}
	return pairs
}

func comparePairs(a, b pair) int {
	return cmp.Or(cmp.Compare(a.prefix, b.prefix), cmp.Compare(a.key, b.key), cmp.Compare(a.value, b.value))
}

// What is merged from files is what sorting in memory gives, also over several
// levels of runs and with what other sorters held.
func TestSorter(t *testing.T) {
	for _, test := range []struct {
		name        string
		limit       int64
		pairs, from int // from others
		level       int // of the highest run
	}{
		{"in memory", 1 << 30, 5000, 0, -1},
		{"a few runs", 64 << 10, 5000, 0, 0},
		{"runs of runs", 1 << 10, 6000, 0, 1},
		{"absorbed", 32 << 10, 3000, 3000, 0},
		{"a pair each", 1, 300, 20, 1},
		{"nothing", 1, 0, 0, -1},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			s := NewSorter(test.limit)
			defer s.Close()
			pairs := randomPairs(r, test.pairs+test.from)
			other := NewSorter(test.limit / 3)
			defer other.Close()
			for i, p := range pairs {
				to := s
				if i >= test.pairs {
					to = other
				}
				if err := to.Add(p.prefix, []byte(p.key), []byte(p.value)); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.Absorb(other); err != nil {
				t.Fatal(err)
			}
			highest := -1
			for _, run := range s.runs {
				highest = max(highest, run.level)
			}
			if highest != test.level && test.limit > 100 {
				t.Errorf("runs of level %d, want %d", highest, test.level)
			}
			if len(s.runs) >= 2*maxRuns {
				t.Errorf("%d runs", len(s.runs))
			}
			var got []pair
			err := s.Each(context.Background(), func(prefix uint64, key, value []byte) error {
				got = append(got, pair{prefix, string(key), string(value)})
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if !slices.IsSortedFunc(got, func(a, b pair) int {
				return cmp.Or(cmp.Compare(a.prefix, b.prefix), cmp.Compare(a.key, b.key))
			}) {
				t.Error("not in order")
			}
			slices.SortFunc(got, comparePairs)
			slices.SortFunc(pairs, comparePairs)
			if !slices.Equal(got, pairs) {
				t.Errorf("%d pairs in, %d others out", len(pairs), len(got))
			}
		})
	}
}

func TestSorterStops(t *testing.T) {
	s := NewSorter(1 << 10)
	defer s.Close()
	for i := range 1000 {
		if err := s.Add(uint64(i), []byte("key"), nil); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Each(ctx, func(uint64, []byte, []byte) error { return nil }); err != context.Canceled {
		t.Errorf("cancelled: %v", err)
	}
	n := 0
	if err := s.Each(context.Background(), func(uint64, []byte, []byte) error { n++; return errStop }); err != errStop || n != 1 {
		t.Errorf("%v after %d", err, n)
	}
}
