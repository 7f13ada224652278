package sum

import (
	"bytes"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

func TestSum(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	values := []int64{math.MaxInt64, math.MinInt64, 0, 1, -1, math.MaxInt64, math.MaxInt64, 1 << 40}
	for range 1000 {
		var s Int
		want := new(big.Int)
		for range r.IntN(10) {
			v := values[r.IntN(len(values))]
			s.Add(v)
			want.Add(want, big.NewInt(v))
		}
		if s.String() != want.String() {
			t.Fatalf("got %s, want %s", s, want)
		}
		if n, ok := s.Int64(); ok != want.IsInt64() || ok && n != want.Int64() {
			t.Fatalf("%s: %d, %v", want, n, ok)
		}
		if got := Decode(Append(nil, s)); got != s {
			t.Fatalf("%s came back as %s", s, got)
		}
		var o Int
		o.Add(values[r.IntN(len(values))])
		if got, want := bytes.Compare(AppendDescending(nil, o), AppendDescending(nil, s)), s.Compare(o); got != want {
			t.Fatalf("%s and %s: %d, want %d", s, o, got, want)
		}
	}
}
