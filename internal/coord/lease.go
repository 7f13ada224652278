// Package coord keeps converters of one dataset from doing the same work twice:
// leases say who is at work on what, and the ledger which sources are claimed. It
// saves work and decides nothing: what counts is which record was created first
// (internal/state).
//
// Start with [Leases] and [Ledger].
package coord

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/macielake/macielake/internal/state"
	"github.com/macielake/macielake/internal/store"
)

// DefaultLease is how long the lease of a converter that died keeps others
// waiting.
const DefaultLease = 30 * time.Second

// beats is how many times a lease is renewed in the time after which it counts
// as abandoned.
const beats = 10

// Leases are a converter's claims to work on parts that others could work on, too.
// They save work and decide nothing: what two converters do twice is sorted out
// by which receipt comes first.
//
// A lease is a file that its holder keeps rewriting. Another converter that finds it
// watches it: if it stays the same for the duration of a lease by the watcher's own
// clock its holder is gone. No two clocks are compared. Leases are watched by listing
// them, many in a request. Leases is safe for concurrent use.
type Leases struct {
	store    store.Store
	duration time.Duration
	holder   string
	stop     context.CancelFunc
	beating  sync.WaitGroup

	// writing holds an element while a held lease is written or given up. It is a
	// channel because that takes requests: time in testing/synctest stands still while
	// a mutex is waited for.
	writing chan struct{}

	mu      sync.Mutex
	held    map[string]bool
	beat    int64
	watched map[string]*watched
}

// watched is what is known of someone else's lease.
type watched struct {
	version string    // of its file, as it was last listed
	since   time.Time // it was first listed so; of the monotonic clock
	alive   bool      // it has changed
}

// released is the content of a lease that its holder gave up but may not remove; that
// of others is longer.
const released = "{}\n"

// NewLeases returns the leases of one converter. A duration of 0 is
// DefaultLease. The caller closes it.
func NewLeases(s store.Store, duration time.Duration) *Leases {
	if duration <= 0 {
		duration = DefaultLease
	}
	return &Leases{store: s, duration: duration, holder: state.NewNonce(), writing: make(chan struct{}, 1), held: map[string]bool{}, watched: map[string]*watched{}}
}

// Acquire takes a lease, unless another holds it who may be alive: then it has listed
// the leases of the run ([Leases.Held]).
func (l *Leases) Acquire(ctx context.Context, lease string) (bool, error) {
	if l.holds(lease) {
		return true, nil
	}
	if ctx.Err() != nil {
		return false, context.Cause(ctx)
	}
	ctx, cancel := answered(ctx)
	defer cancel()
	mine, err := l.take(ctx, lease)
	if mine {
		l.hold(lease)
	}
	return mine, err
}

// answerGrace is how long a request about a lease may go on once its caller has
// been interrupted.
const answerGrace = 5 * time.Second

// answered returns a context that outlives ctx for long enough that a request is
// answered: a store may do one that is broken off after the lease was given up,
// and everybody would wait for it.
func answered(ctx context.Context) (context.Context, func()) {
	longer, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		time.AfterFunc(answerGrace, func() { cancel(context.Cause(ctx)) })
	})
	return longer, func() {
		stop()
		cancel(nil)
	}
}

// take writes a lease that isn't held, if it may.
func (l *Leases) take(ctx context.Context, lease string) (bool, error) {
	name := state.LeaseName(lease)
	err := l.store.PutNew(ctx, name, l.content())
	if !errors.Is(err, fs.ErrExist) {
		return err == nil, err
	}
	a := state.ParseName(name).Address
	if err := l.List(ctx, &a); err != nil || l.Held(lease) {
		return false, err
	}
	err = l.store.Put(ctx, name, l.content())
	return err == nil, err
}

// remove removes a lease. Who may not remove the file says in it that it is
// free; where that fails, too, others have to wait.
func (l *Leases) remove(ctx context.Context, lease string) {
	if l.store.Remove(ctx, state.LeaseName(lease)) != nil {
		_ = l.store.Put(ctx, state.LeaseName(lease), []byte(released))
	}
}

// List looks at which leases of a run others hold, or at all where run is nil.
func (l *Leases) List(ctx context.Context, run *state.Address) error {
	listed := map[string]string{} // versions
	err := l.store.List(ctx, state.LeasesDir, func(name string, info fs.FileInfo) error {
		if n := state.ParseName(name); n.Kind == state.LeaseFile && (run == nil || n.Address == *run) && info.Size() != int64(len(released)) {
			version := store.ETagOf(info)
			if version == "" { // in a directory
				version = info.ModTime().String()
			}
			listed[strings.TrimSuffix(path.Base(name), ".json")] = version
		}
		return nil
	})
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	for lease := range l.watched {
		if _, ok := listed[lease]; !ok && (run == nil || state.ParseName(state.LeaseName(lease)).Address == *run) {
			delete(l.watched, lease)
		}
	}
	for lease, version := range listed {
		switch w := l.watched[lease]; {
		case l.held[lease]:
		case w == nil:
			l.watched[lease] = &watched{version: version, since: now}
		case w.version != version:
			*w = watched{version: version, since: now, alive: true}
		}
	}
	return nil
}

// Held reports whether another held a lease, who may be alive, when leases were last
// listed.
func (l *Leases) Held(lease string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := l.watched[lease]
	return w != nil && time.Since(w.since) < l.duration
}

// Alive reports whether the holder of a lease was seen to renew it.
func (l *Leases) Alive(lease string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := l.watched[lease]
	return w != nil && w.alive && time.Since(w.since) < l.duration
}

// Duration is how long a lease that nobody renews keeps others waiting.
func (l *Leases) Duration() time.Duration { return l.duration }

// Watch is how long to wait between two attempts to acquire a lease.
func (l *Leases) Watch() time.Duration { return l.duration / beats / 3 }

// Sleep waits, or until ctx ends: then it returns why.
func Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}

func (l *Leases) holds(lease string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.held[lease]
}

// hold begins to renew a lease.
func (l *Leases) hold(lease string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held[lease] = true
	delete(l.watched, lease)
	if l.stop == nil {
		var ctx context.Context
		ctx, l.stop = context.WithCancel(context.Background())
		l.beating.Go(func() { l.renew(ctx) })
	}
}

// renew rewrites all held leases, again and again. Failures are ignored: at
// worst somebody else does the same work.
func (l *Leases) renew(ctx context.Context) {
	tick := time.NewTicker(l.duration / beats)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		l.mu.Lock()
		l.beat++
		held := make([]string, 0, len(l.held))
		for lease := range l.held {
			held = append(held, lease)
		}
		l.mu.Unlock()
		for _, lease := range held {
			if ctx.Err() == nil {
				l.write(ctx, lease)
			}
		}
	}
}

// write renews a lease that is still held.
func (l *Leases) write(ctx context.Context, lease string) {
	ctx, cancel := answered(ctx)
	defer cancel()
	l.writing <- struct{}{}
	defer func() { <-l.writing }()
	if l.holds(lease) {
		_ = l.store.Put(ctx, state.LeaseName(lease), l.content())
	}
}

func (l *Leases) content() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return []byte(`{"holder":"` + l.holder + `","beat":` + strconv.FormatInt(l.beat, 10) + "}\n")
}

// Release gives up a lease: the work is done, or others may do it at
// once.
func (l *Leases) Release(ctx context.Context, lease string) {
	l.writing <- struct{}{}
	defer func() { <-l.writing }()
	l.mu.Lock()
	held := l.held[lease]
	delete(l.held, lease)
	l.mu.Unlock()
	if held {
		l.remove(ctx, lease)
	}
}

// Close gives up all leases and ends their renewal.
func (l *Leases) Close(ctx context.Context) {
	l.mu.Lock()
	stop := l.stop
	var held []string
	for lease := range l.held {
		held = append(held, lease)
	}
	l.mu.Unlock()
	if stop != nil {
		stop()
		l.beating.Wait()
	}
	for _, lease := range held {
		l.Release(ctx, lease)
	}
}

// Live returns the address of a run on which another converter is at work, and
// whether there is one; it looks at the run at only, unless that is nil. It
// watches the leases until that is clear.
func (l *Leases) Live(ctx context.Context, only *state.Address) (run state.Address, live bool, err error) {
	for {
		if err := l.List(ctx, only); err != nil {
			return run, false, err
		}
		l.mu.Lock()
		watched := slices.Sorted(maps.Keys(l.watched))
		l.mu.Unlock()
		unclear := false
		for _, lease := range watched {
			address := state.ParseName(state.LeaseName(lease)).Address
			if only != nil && address != *only {
				continue
			}
			if l.Alive(lease) {
				return address, true, nil
			}
			unclear = unclear || l.Held(lease)
		}
		if !unclear {
			return run, false, nil
		}
		if err := Sleep(ctx, l.Watch()); err != nil {
			return run, false, err
		}
	}
}

// BusyError says that another converter is at work on a run.
type BusyError struct{ Run string }

func (e *BusyError) Error() string {
	return fmt.Sprintf("another converter is at work on run %s", e.Run)
}
