package query

import (
	"context"
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"testing"

	"github.com/macielake/macielake/internal/sum"
	"github.com/macielake/macielake/internal/where"
)

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
			sums[0].Add(1)
			sums[1].Add(int64(len(key)))
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
	if all.spilled.Empty() {
		t.Error("everything was in memory")
	}
	err := all.each(context.Background(), func(key []byte, sums []sum.Int) error {
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

func TestPadsShortKeys(t *testing.T) {
	o := Order{By: 0}
	key := o.appendKey(nil, where.AppendValue(nil, where.Value{}, where.Text), nil, make([]where.Value, 1))
	if len(key) < 8 {
		t.Errorf("%d bytes", len(key))
	}
}
