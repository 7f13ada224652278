package maintain

import (
	"cmp"
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
	var err error
	if p.Resumed, err = store.Exists(ctx, s, state.DroppedName); err != nil {
		return nil, err
	}
	d, err := state.LoadDropped(ctx, s)
	// Without dataset.json the place holds what an earlier drop left, or a writer
	// that was stopped for as long as that took.
	gone := errors.Is(err, state.ErrForeign) || errors.As(err, new(*state.NotWholeError))
	if err != nil && !gone {
		return nil, err
	}
	if gone && !p.Resumed {
		own, listErr := p.list(ctx, s)
		if listErr != nil || len(own) == 0 {
			return nil, cmp.Or(listErr, err)
		}
		p.Resumed = true
	}
	p.ID = d.ID
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
	if err := own.remove(ctx, s); err != nil {
		return nil, err
	}
	for _, dir := range append(state.Tables(), store.StateDir) {
		if err := s.Prune(ctx, dir); err != nil {
			return nil, err
		}
	}
	p.Deleted = true
	return p, s.Sync(ctx)
}

// owned is a file of a dataset that is removed.
type owned struct {
	name string
	was  store.Info // unless its name is of this dataset alone
}

// ownedFiles are the files of a dataset in the order in which they are removed:
// tables, records, dataset.json, dropped.json.
type ownedFiles []owned

// remove removes the files. Another drop may have come first, and a new dataset may
// lie in the place: a file that every dataset can have is removed only as long as it
// is the one that was listed.
func (own ownedFiles) remove(ctx context.Context, s store.Store) error {
	for _, f := range own {
		if f.name == state.DatasetName || f.name == state.DroppedName {
			// What was removed before must stay so, even if the power fails.
			if err := s.Sync(ctx); err != nil {
				return err
			}
		}
		gone, err := true, error(nil)
		if f.was == (store.Info{}) {
			err = s.RemoveAll(ctx, f.name)
		} else {
			gone, err = store.RemoveSame(ctx, s, f.name, f.was)
		}
		switch {
		case err != nil:
			return err
		case !gone:
			return &state.ReplacedError{Dataset: s.URI(".")}
		case ctx.Err() != nil:
			return ctx.Err()
		}
	}
	return nil
}

// list counts what the dataset consists of, and returns its files.
func (p *Dropping) list(ctx context.Context, s store.Store) (own ownedFiles, err error) {
	numbers := map[int]bool{}
	p.Files, p.Bytes, p.Kept = 0, 0, []string{}
	var last ownedFiles // dataset.json and dropped.json
	for _, dir := range append(state.Tables(), store.StateDir) {
		var names []string
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
			names = append(names, name)
			return nil
		})
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			f := owned{name: name}
			switch n := state.ParseName(name); {
			case n.Address.Nonce != "", n.Kind == state.PlanFile, n.Kind == state.Temporary, n.Kind == state.LookFile, n.Kind == state.CaveatFile:
				// No other dataset has a file of that name.
			default:
				if f.was, err = s.Stat(ctx, name); errors.Is(err, fs.ErrNotExist) {
					continue
				} else if err != nil {
					return nil, err
				}
			}
			if name == state.DatasetName || name == state.DroppedName {
				last = append(last, f)
			} else {
				own = append(own, f)
			}
		}
	}
	p.Runs = len(numbers)
	slices.Sort(p.Kept)
	return append(own, last...), nil
}

// stopWriters removes what converters need to work, until none has given a sign
// of life for two lease periods. What a converter stages afterwards carries the
// address of a dropped dataset.
func stopWriters(ctx context.Context, s store.Store, o *DropOptions) error {
	quiet := time.Now()
	for {
		var at *state.Address
		var names []string
		for _, dir := range []string{state.LeasesDir, state.StagingDir, state.PlansDir} {
			err := s.List(ctx, dir, func(name string, _ fs.FileInfo) error {
				n := state.ParseName(name)
				if n.Kind == state.LeaseFile {
					at = &n.Address
				}
				if n.Kind != state.Unknown {
					names = append(names, name)
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		if err := s.Remove(ctx, names...); err != nil {
			return err
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
