package parquet

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
)

// Buffers that grow by taking what others have outgrown hold what was put into
// them, whoever else grows at the time.
func TestSpares(t *testing.T) {
	for name, s := range map[string]*spares[uint32]{"shared": new(spares[uint32]), "none": nil} {
		t.Run(name, func(t *testing.T) {
			var owners sync.WaitGroup
			for owner := range 4 {
				owners.Go(func() {
					rnd := rand.New(rand.NewPCG(1, uint64(owner)))
					for range 50 {
						var buf, want []uint32
						for len(want) < 20_000 {
							n := rnd.IntN(1 << rnd.IntN(12))
							buf = s.room(buf, n)
							if cap(buf)-len(buf) < n {
								t.Errorf("no room for %d", n)
							}
							for range n {
								v := rnd.Uint32()
								buf, want = append(buf, v), append(want, v)
							}
						}
						if !slices.Equal(buf, want) {
							t.Error("a buffer changed while it grew")
						}
						if z := s.zeros(1 << rnd.IntN(15)); slices.ContainsFunc(z, func(v uint32) bool { return v != 0 }) {
							t.Error("zeros that aren't")
						} else {
							s.give(z)
						}
						s.give(buf)
					}
				})
			}
			owners.Wait()
		})
	}
}

// What can't be of use to others isn't kept: small buffers, odd ones, huge ones.
func TestSparesKeep(t *testing.T) {
	s := new(spares[byte])
	for _, n := range []int{0, minSpare / 2, 3 * minSpare, 1 << spareClasses} {
		s.give(make([]byte, n))
	}
	for class := range s.pools {
		if spare := s.pools[class].Get(); spare != nil {
			t.Errorf("kept %d bytes", cap(*spare.(*[]byte)))
		}
	}
	const huge = 1 << spareClasses
	for n, want := range map[int]int{3 * minSpare: 8 * minSpare, huge - 1: 2*huge - 2} {
		if buf := s.room(make([]byte, n), 1); cap(buf) < want || cap(buf) > want+want/8 {
			t.Errorf("room for %d after %d, want %d", cap(buf), n, want)
		}
	}
}
