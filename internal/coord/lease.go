// Package coord keeps converters of one dataset from doing the same work twice:
// leases say who is at work on what, and the ledger which sources are claimed. It
// saves work and decides nothing: what counts is which record was created first
// (internal/state).
//
// Start with [Leases] and [Ledger].
package coord

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
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
// watches it: if its content stays the same for the duration of a lease by the
// watcher's own clock its holder is gone. No two clocks are compared. Leases is
// safe for concurrent use.
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
	content string
	since   time.Time // it was first seen; of the monotonic clock
	alive   bool      // it has changed
}

// leaseFile is the content of a lease.
type leaseFile struct {
	Holder   string `json:"holder"`
	Beat     int64  `json:"beat"`
	Released bool   `json:"released,omitempty"` // its holder has no use for it any more
}

// NewLeases returns the leases of one converter. A duration of 0 is
// DefaultLease. The caller closes it.
func NewLeases(s store.Store, duration time.Duration) *Leases {
	if duration <= 0 {
		duration = DefaultLease
	}
	return &Leases{store: s, duration: duration, holder: state.NewNonce(), writing: make(chan struct{}, 1), held: map[string]bool{}, watched: map[string]*watched{}}
}

// Acquire takes a lease, unless another holds it who may be alive.
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
	for range 2 { // the lease may go while it is looked at
		err := l.store.PutNew(ctx, name, l.content(false))
		if err == nil {
			return true, nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return false, err
		}
		data, err := l.look(ctx, name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil || !l.free(lease, data) {
			return false, err
		}
		err = l.store.Put(ctx, name, l.content(false))
		return err == nil, err
	}
	return false, nil
}

// remove removes a lease. Who may not remove the file says in it that it is
// free; where that fails, too, others have to wait.
func (l *Leases) remove(ctx context.Context, lease string) {
	if l.store.Remove(ctx, state.LeaseName(lease)) != nil {
		_ = l.store.Put(ctx, state.LeaseName(lease), l.content(true))
	}
}

// look reads someone's lease. It may be written anew meanwhile, and a reading
// that broke off then has no end: what can't be read is as good as a content, and
// is watched like others.
func (l *Leases) look(ctx context.Context, name string) ([]byte, error) {
	data, err := state.ReadFile(ctx, l.store, name)
	switch {
	case err == nil, errors.Is(err, fs.ErrNotExist):
		return data, err
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	}
	return nil, nil
}

// free reports whether a lease with that content may be taken.
func (l *Leases) free(lease string, data []byte) bool {
	var file leaseFile
	if err := json.Unmarshal(data, &file); err == nil && (file.Released || file.Holder == l.holder) {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	w := l.watched[lease]
	now := time.Now()
	switch {
	case w == nil:
		l.watched[lease] = &watched{content: string(data), since: now}
	case w.content != string(data):
		*w = watched{content: string(data), since: now, alive: true}
	case now.Sub(w.since) >= l.duration:
		return true
	}
	return false
}

// Alive reports whether the holder of a lease that Acquire didn't get was seen
// to renew it.
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
		_ = l.store.Put(ctx, state.LeaseName(lease), l.content(false))
	}
}

func (l *Leases) content(released bool) []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return []byte(`{"holder":"` + l.holder + `","beat":` + strconv.FormatInt(l.beat, 10) + map[bool]string{true: `,"released":true`}[released] + "}\n")
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
		var names []string
		err := l.store.List(ctx, state.LeasesDir, func(name string, _ fs.FileInfo) error {
			if n := state.ParseName(name); n.Kind == state.LeaseFile && (only == nil || n.Address == *only) {
				names = append(names, name)
			}
			return nil
		})
		if err != nil {
			return run, false, err
		}
		unclear := false
		for _, name := range names {
			data, err := l.look(ctx, name)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return run, false, err
			}
			lease := strings.TrimSuffix(path.Base(name), ".json")
			if l.free(lease, data) {
				continue
			}
			if l.Alive(lease) {
				return state.ParseName(name).Address, true, nil
			}
			unclear = true
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
