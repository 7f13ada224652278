package query

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"hash/maphash"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/macielake/macielake/internal/where"
)

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
			s := newSorter(test.limit)
			defer s.close()
			pairs := randomPairs(r, test.pairs+test.from)
			other := newSorter(test.limit / 3)
			defer other.close()
			for i, p := range pairs {
				to := s
				if i >= test.pairs {
					to = other
				}
				if err := to.add(p.prefix, []byte(p.key), []byte(p.value)); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.absorb(other); err != nil {
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
			err := s.each(context.Background(), func(prefix uint64, key, value []byte) error {
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
	s := newSorter(1 << 10)
	defer s.close()
	for i := range 1000 {
		if err := s.add(uint64(i), []byte("key"), nil); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.each(ctx, func(uint64, []byte, []byte) error { return nil }); err != context.Canceled {
		t.Errorf("cancelled: %v", err)
	}
	n := 0
	if err := s.each(context.Background(), func(uint64, []byte, []byte) error { n++; return errEnough }); err != errEnough || n != 1 {
		t.Errorf("%v after %d", err, n)
	}
}

// Groups that don't fit the memory have the same sums.
func TestGroupsSpill(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	seed := maphash.MakeSeed()
	all := newGroups(2, seed, 20<<10)
	defer all.close()
	want := map[string][2]int64{}
	for range 5 {
		part := newGroups(2, seed, 4<<10)
		for range 3000 {
			key := fmt.Sprint("key ", r.IntN(2000))
			_, sums := part.at([]byte(key))
			sums[0].add(1)
			sums[1].add(int64(len(key)))
			w := want[key]
			want[key] = [2]int64{w[0] + 1, w[1] + int64(len(key))}
			if err := part.settle(); err != nil {
				t.Fatal(err)
			}
		}
		if err := all.merge(part); err != nil {
			t.Fatal(err)
		}
		part.close()
	}
	if len(all.spilled.runs) == 0 {
		t.Error("everything was in memory")
	}
	err := all.each(context.Background(), func(key []byte, sums []Sum) error {
		w, ok := want[string(key)]
		a, _ := sums[0].Int64()
		b, _ := sums[1].Int64()
		if !ok || w != [2]int64{a, b} {
			return fmt.Errorf("%q: %d, %d, want %v", key, a, b, w)
		}
		delete(want, string(key))
		return nil
	})
	if err != nil || len(want) > 0 {
		t.Errorf("%v, %d groups are missing", err, len(want))
	}
}

func TestSum(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	values := []int64{math.MaxInt64, math.MinInt64, 0, 1, -1, math.MaxInt64, math.MaxInt64, 1 << 40}
	for range 1000 {
		var s Sum
		want := new(big.Int)
		for range r.IntN(10) {
			v := values[r.IntN(len(values))]
			s.add(v)
			want.Add(want, big.NewInt(v))
		}
		if s.String() != want.String() {
			t.Fatalf("got %s, want %s", s, want)
		}
		if n, ok := s.Int64(); ok != want.IsInt64() || ok && n != want.Int64() {
			t.Fatalf("%s: %d, %v", want, n, ok)
		}
		if got := sumOf(appendSum(nil, s)); got != s {
			t.Fatalf("%s came back as %s", s, got)
		}
		var o Sum
		o.add(values[r.IntN(len(values))])
		if got, want := bytes.Compare(appendDescending(nil, o), appendDescending(nil, s)), s.Compare(o); got != want {
			t.Fatalf("%s and %s: %d, want %d", s, o, got, want)
		}
	}
}

// The orders of encoded values are those of the values.
func FuzzOrder(f *testing.F) {
	f.Add("a", "a\x00b", int64(1), int64(-1))
	f.Add("", "\x00", int64(math.MinInt64), int64(math.MaxInt64))
	f.Add("\x00\x01", "\x00\x00", int64(0), int64(0))
	f.Fuzz(func(t *testing.T, a, b string, x, y int64) {
		tail := []byte{0xff}
		text := func(s string) where.Value { return where.TextValue([]byte(s)) }
		one, two := append(appendOrdered(nil, text(a)), tail...), append(appendOrdered(nil, text(b)), 0)
		if a != b && bytes.Compare(one, two) != cmp.Compare(a, b) {
			t.Errorf("%q and %q", a, b)
		}
		if bytes.Compare(one, appendOrdered(nil, where.Value{})) >= 0 {
			t.Errorf("%q isn't before null", a)
		}
		if got := bytes.Compare(appendLatest(nil, where.IntValue(x)), appendLatest(nil, where.IntValue(y))); got != cmp.Compare(y, x) {
			t.Errorf("%d and %d: %d", x, y, got)
		}
		if bytes.Compare(appendLatest(nil, where.IntValue(x)), appendLatest(nil, where.Value{})) >= 0 {
			t.Errorf("%d isn't before null", x)
		}
		encoded := appendValue(appendValue(appendValue(nil, text(a), where.Text), where.Value{}, where.Text), where.IntValue(x), where.Int)
		v, rest := takeValue(encoded, where.Text)
		null, rest := takeValue(rest, where.Text)
		n, rest := takeValue(rest, where.Int)
		if string(v.Text()) != a || !null.Null() || n.Int() != x || len(rest) > 0 {
			t.Errorf("%q, %d came back as %q, %d", a, x, v.Text(), n.Int())
		}
	})
}

func TestPadsShortKeys(t *testing.T) {
	o := Order{By: 0}
	key := o.appendKey(nil, appendValue(nil, where.Value{}, where.Text), nil, make([]where.Value, 1))
	if len(key) < 8 {
		t.Errorf("%d bytes", len(key))
	}
}
