package maintain

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"time"

	"github.com/macielake/macielake/internal/coord"
	"github.com/macielake/macielake/internal/state"
	"github.com/macielake/macielake/internal/store"
)

// Dropping is what dropping a dataset removes.
type Dropping struct {
	Dataset string `json:"dataset"` // its URI
	ID      string `json:"id"`
	Runs    int    `json:"runs"` // numbers that files carry
	Files   int64  `json:"files"`
	Bytes   int64  `json:"bytes"`
	// Kept are files in the directories of the dataset that are none of its own;
	// they stay.
	Kept []string `json:"kept"`
	// Resumed says that an earlier drop had begun.
	Resumed bool `json:"resumed"`
	Deleted bool `json:"deleted"`
	// Versions says that the store keeps old versions of what is removed; nil
	// where that isn't known.
	Versions *bool `json:"old_versions_remain"`
}

// DropOptions say how a dataset is dropped.
type DropOptions struct {
	// Delete removes the dataset. Otherwise nothing is written at all.
	Delete bool
	// Lease is how long the leases of its converters last; 0 is
	// coord.DefaultLease.
	Lease time.Duration
	// Waiting, if not nil, is told that converters are given time to stop, and
	// which one is still at work, if one is.
	Waiting func(at *state.Address)
}

// versioned is a store that can tell whether it keeps old versions of files.
type versioned interface {
	Versioned(ctx context.Context) (bool, error)
}

// Drop removes a dataset, or says what that would remove. It first creates
// dropped.json, which stops every writer before its next record and every command
// before its first; then it removes leases and staged files and waits until nobody
// beats for two lease periods, then the tables, the other records, dataset.json
// next to last and dropped.json last. A drop that is repeated resumes.
func Drop(ctx context.Context, s store.Store, o DropOptions) (*Dropping, error) {
	if o.Lease <= 0 {
		o.Lease = coord.DefaultLease
	}
	p := &Dropping{Dataset: s.URI("."), Kept: []string{}}
	_, err := s.Stat(ctx, state.DroppedName)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	p.Resumed = err == nil
	d, err := state.LoadDropped(ctx, s)
	missing := errors.Is(err, state.ErrForeign) || errors.As(err, new(*state.NotWholeError))
	gone := missing && p.Resumed // dataset.json went before
	if err != nil && !gone {
		return nil, err
	}
	p.ID = d.ID
	if v, ok := s.(versioned); ok {
		if keeps, err := v.Versioned(ctx); err == nil {
			p.Versions = &keeps
		}
	}
	own, err := p.list(ctx, s)
	if err != nil || !o.Delete {
		return p, err
	}
	if !gone {
		if err := state.Drop(ctx, s, &d, time.Now().UTC()); err != nil {
			return nil, err
		}
		if err := stopWriters(ctx, s, &o); err != nil {
			return nil, err
		}
		// Writers may have published while they were stopped.
		late := &Dropping{}
		if own, err = late.list(ctx, s); err != nil {
			return nil, err
		}
		p.Files, p.Bytes, p.Kept = max(p.Files, late.Files), max(p.Bytes, late.Bytes), late.Kept
	}
	for _, name := range own {
		if err := s.RemoveAll(ctx, name); err != nil {
			return nil, err
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	for _, name := range []string{state.DatasetName, state.DroppedName} {
		// What was removed before must stay so, even if the power fails.
		if err := s.Sync(ctx); err != nil {
			return nil, err
		}
		if err := s.RemoveAll(ctx, name); err != nil {
			return nil, err
		}
	}
	for _, dir := range append(state.Tables(), store.StateDir) {
		if err := s.Prune(ctx, dir); err != nil {
			return nil, err
		}
	}
	p.Deleted = true
	return p, s.Sync(ctx)
}

// list counts what the dataset consists of, and returns the names of its files,
// tables first, except dataset.json and dropped.json.
func (p *Dropping) list(ctx context.Context, s store.Store) (own []string, err error) {
	numbers := map[int]bool{}
	p.Files, p.Bytes, p.Kept = 0, 0, []string{}
	for _, dir := range append(state.Tables(), store.StateDir) {
		err := s.List(ctx, dir, func(name string, info fs.FileInfo) error {
			n := state.ParseName(name)
			if n.Kind == state.Unknown {
				p.Kept = append(p.Kept, name)
				return nil
			}
			p.Files++
			p.Bytes += info.Size()
			if n.Address.Number > 0 {
				numbers[n.Address.Number] = true
			}
			if name != state.DatasetName && name != state.DroppedName {
				own = append(own, name)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	p.Runs = len(numbers)
	slices.Sort(p.Kept)
	return own, nil
}

// stopWriters removes what converters need to work, until none has given a sign
// of life for two lease periods. What a converter stages afterwards carries the
// address of a dropped dataset.
func stopWriters(ctx context.Context, s store.Store, o *DropOptions) error {
	quiet := time.Now()
	for {
		var at *state.Address
		err := s.List(ctx, state.LeasesDir, func(name string, _ fs.FileInfo) error {
			if n := state.ParseName(name); n.Kind == state.LeaseFile {
				at = &n.Address
			}
			return nil
		})
		if err != nil {
			return err
		}
		for _, dir := range []string{state.LeasesDir, state.StagingDir, state.PlansDir} {
			if err := s.RemoveAll(ctx, dir); err != nil {
				return err
			}
		}
		if at != nil {
			quiet = time.Now()
		}
		if time.Since(quiet) >= 2*o.Lease {
			return nil
		}
		if o.Waiting != nil {
			o.Waiting(at)
		}
		if err := coord.Sleep(ctx, o.Lease/4); err != nil {
			return err
		}
	}
}
