package coord

import (
	"testing"
	"time"

	"github.com/macielake/macielake/internal/state"
)

// A lease is had by one; it is free once it is given up, or its holder has not
// been seen to renew it for its duration.
func TestLeases(t *testing.T) {
	s, d := newDataset(t)
	a := state.NewAddress(d, 1)
	lease := state.PartLease(a, 3)
	const duration = 300 * time.Millisecond
	first, second := NewLeases(s, duration), NewLeases(s, duration)
	defer second.Close(t.Context())
	acquire := func(l *Leases, want bool) {
		t.Helper()
		if mine, err := l.Acquire(t.Context(), lease); mine != want || err != nil {
			t.Errorf("acquired: %v, %v, want %v", mine, err, want)
		}
	}
	acquire(first, true)
	acquire(first, true)
	acquire(second, false)
	if run, live, err := second.Live(t.Context(), &a); run != a || !live || err != nil {
		t.Errorf("%v, %v, %v", run, live, err)
	}
	other := state.NewAddress(d, 2)
	if _, live, err := second.Live(t.Context(), &other); live || err != nil {
		t.Errorf("of another run: %v, %v", live, err)
	}
	if !second.Alive(lease) {
		t.Error("it isn't seen to be renewed")
	}
	first.Release(t.Context(), lease)
	acquire(second, true)
	second.Release(t.Context(), lease)
	acquire(first, true)
	first.stop() // its process dies
	first.beating.Wait()
	begun := time.Now()
	acquire(second, false)
	for {
		mine, err := second.Acquire(t.Context(), lease)
		if err != nil {
			t.Fatal(err)
		}
		if mine {
			break
		}
		if err := Sleep(t.Context(), second.Watch()); err != nil {
			t.Fatal(err)
		}
	}
	if waited := time.Since(begun); waited < duration {
		t.Errorf("it was taken after %v", waited)
	}
	if _, live, err := NewLeases(s, duration).Live(t.Context(), nil); !live || err != nil {
		t.Errorf("%v, %v", live, err)
	}
}
