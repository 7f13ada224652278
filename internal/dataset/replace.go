package dataset

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/macielake/macielake/internal/store"
)

// Replacement returns a store inside dataset s in which another dataset can be
// built, unseen by readers, until Replace puts it in the place of s.
func Replacement(s store.Store, nonce string) store.Store {
	return store.Sub(s, replacementDir(nonce))
}

// Beginnings of the names of what replacements need: the new dataset, the old
// one's files, and the mark that all of those are aside.
const (
	newPrefix   = stateDir + "/new-"
	oldPrefix   = stateDir + "/old-"
	asidePrefix = stateDir + "/aside-"
)

func replacementDir(nonce string) string { return newPrefix + nonce }

// ErrHalfReplaced says that Replace failed, and so did undoing it. Nothing is
// lost: the files of both datasets are in their places, in the replacement, or
// aside below the state's directory.
var ErrHalfReplaced = errors.New("the old dataset could not be put back")

// Replace puts the replacement in the place of dataset s. The old files go
// aside, the new ones to their places, dataset.json last, and then the old ones
// are removed. Where it fails it puts back the old dataset. Where it died, it
// can be called again.
func Replace(ctx context.Context, s store.Store, nonce string) error {
	r := &replacing{s: s, fresh: replacementDir(nonce), old: oldPrefix + nonce, aside: asidePrefix + nonce}
	if _, err := s.Stat(ctx, path.Join(r.fresh, datasetName)); err == nil {
		if err := r.swap(ctx); err != nil {
			return r.undo(context.WithoutCancel(ctx), err)
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return r.clean(ctx)
}

// replacing is a replacement under way.
type replacing struct {
	s               store.Store
	fresh, old      string // directories
	aside           string // the mark
	retired, placed []string
}

func (r *replacing) swap(ctx context.Context) error {
	_, err := r.s.Stat(ctx, r.aside)
	if errors.Is(err, fs.ErrNotExist) {
		if err := r.retire(ctx); err != nil {
			return err
		}
		err = r.s.PutNew(ctx, r.aside, nil)
	}
	if err != nil {
		return err
	}
	names, err := r.list(ctx, r.fresh)
	if err != nil {
		return err
	}
	for _, name := range names {
		if name == datasetName {
			continue
		}
		if err := r.rename(ctx, path.Join(r.fresh, name), name); err != nil {
			return fmt.Errorf("publishing %s: %w", name, err)
		}
		r.placed = append(r.placed, name)
	}
	if err := r.s.Sync(ctx); err != nil {
		return err
	}
	if err := r.rename(ctx, path.Join(r.fresh, datasetName), datasetName); err != nil {
		return fmt.Errorf("publishing %s: %w", datasetName, err)
	}
	return nil
}

// retire moves the old dataset's files aside, but dataset.json.
func (r *replacing) retire(ctx context.Context) error {
	for _, dir := range Contents() {
		names, err := r.list(ctx, dir)
		if err != nil {
			return err
		}
		for _, name := range names {
			name = path.Join(dir, name)
			if name == datasetName || isReplacement(name) {
				continue
			}
			if err := r.rename(ctx, name, path.Join(r.old, name)); err != nil {
				return fmt.Errorf("setting aside %s: %w", name, err)
			}
			r.retired = append(r.retired, name)
		}
		if dir != stateDir {
			if err := r.s.Prune(ctx, dir); err != nil {
				return err
			}
		}
	}
	return r.s.Sync(ctx)
}

func isReplacement(name string) bool {
	return strings.HasPrefix(name, newPrefix) || strings.HasPrefix(name, oldPrefix) || strings.HasPrefix(name, asidePrefix)
}

// rename gives a file another name, also in a store that keeps the old one: what
// stays there would be of both datasets.
func (r *replacing) rename(ctx context.Context, from, to string) error {
	if err := r.s.Move(ctx, from, to); err != nil {
		return err
	}
	return r.s.RemoveAll(ctx, from)
}

// list returns the names of the files below dir, relative to it.
func (r *replacing) list(ctx context.Context, dir string) ([]string, error) {
	var names []string
	err := r.s.List(ctx, dir, func(name string, _ fs.FileInfo) error {
		names = append(names, strings.TrimPrefix(name, dir+"/"))
		return nil
	})
	return names, err
}

// undo puts the old dataset back after err, in an order in which Replace can be
// called again wherever undo breaks off.
func (r *replacing) undo(ctx context.Context, err error) error {
	back := func(names []string, dir string, toDir bool) error {
		for _, name := range slices.Backward(names) {
			from, to := path.Join(dir, name), name
			if toDir {
				from, to = to, from
			}
			if err := r.rename(ctx, from, to); err != nil {
				return err
			}
		}
		return nil
	}
	undoErr := back(r.placed, r.fresh, true)
	if undoErr == nil {
		undoErr = r.s.RemoveAll(ctx, r.aside)
	}
	if undoErr == nil {
		undoErr = back(r.retired, r.old, false)
	}
	if undoErr == nil {
		undoErr = r.s.Sync(ctx)
	}
	if undoErr != nil {
		return errors.Join(err, fmt.Errorf("%w: %w", ErrHalfReplaced, undoErr))
	}
	return err
}

// clean removes what this and earlier replacements left, now that the new
// dataset is in place.
func (r *replacing) clean(ctx context.Context) error {
	names, err := r.list(ctx, stateDir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if name = path.Join(stateDir, name); isReplacement(name) {
			if err := r.s.RemoveAll(ctx, name); err != nil {
				return err
			}
		}
	}
	for _, dir := range Contents() {
		if err := r.s.Prune(ctx, dir); err != nil {
			return err
		}
	}
	return r.s.Sync(ctx)
}
