package dataset

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
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

	// replacingName names the replacement that is under way, if one is.
	replacingName = stateDir + "/replacing.json"
)

func replacementDir(nonce string) string { return newPrefix + nonce }

// ErrHalfReplaced says that Replace failed, and so did undoing it. Nothing is
// lost: the files of both datasets are in their places, in the replacement, or
// aside below the state's directory.
var ErrHalfReplaced = errors.New("the dataset is half replaced by another one")

// replacingFile is replacing.json.
type replacingFile struct {
	Nonce string `json:"nonce"`
}

// Whole gives ErrHalfReplaced where a replacement was broken off before all of it
// was in place.
func Whole(ctx context.Context, s store.Store) error {
	r, err := begun(ctx, s)
	if err != nil || r == nil {
		return err
	}
	waiting, err := r.whole(ctx)
	if err == nil && waiting {
		err = fmt.Errorf("%s: %w", s.URI("."), ErrHalfReplaced)
	}
	return err
}

// begun returns the replacement that is under way, or was broken off; nil if there
// is none.
func begun(ctx context.Context, s store.Store) (*replacing, error) {
	var file replacingFile
	err := get(ctx, s, replacingName, &file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil && !isHex(file.Nonce, nonceDigits) {
		err = damaged(s, replacingName, "its nonce is %q", file.Nonce)
	}
	if err != nil {
		return nil, err
	}
	return newReplacing(s, file.Nonce), nil
}

// Repair finishes a replacement that was broken off. Where there is none it
// costs one request.
func Repair(ctx context.Context, s store.Store) error {
	r, err := begun(ctx, s)
	if err != nil || r == nil {
		return err
	}
	whole, err := r.whole(ctx)
	if err == nil && whole {
		// Whoever began it may have died before its mark was durable.
		err = s.Sync(ctx)
	}
	if err == nil && whole {
		err = r.swap(ctx)
	}
	if err == nil {
		err = r.clean(ctx)
	}
	if err != nil {
		return fmt.Errorf("%w, and its replacement can't be finished: %w", ErrHalfReplaced, err)
	}
	return nil
}

// Replace puts the replacement in the place of dataset s. The old files go
// aside, the new ones to their places, dataset.json last, and then the old ones
// are removed. Where it fails it puts back the old dataset. Where it died, Repair
// finishes it.
func Replace(ctx context.Context, s store.Store, nonce string) error {
	r := newReplacing(s, nonce)
	whole, err := r.whole(ctx)
	if err != nil {
		return err
	}
	if whole {
		if err := r.begin(ctx); err != nil {
			return err
		}
		if err := r.swap(ctx); err != nil {
			return r.undo(context.WithoutCancel(ctx), err)
		}
	}
	return r.clean(ctx)
}

func newReplacing(s store.Store, nonce string) *replacing {
	return &replacing{s: s, fresh: replacementDir(nonce), old: oldPrefix + nonce, aside: asidePrefix + nonce}
}

// whole reports whether the replacement is whole and not in place: its
// dataset.json moves last.
func (r *replacing) whole(ctx context.Context) (bool, error) {
	_, err := r.s.Stat(ctx, path.Join(r.fresh, datasetName))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// replacing is a replacement under way.
type replacing struct {
	s          store.Store
	fresh, old string // directories
	aside      string // the mark
}

// begin writes down that the replacement is under way, before anything moves.
func (r *replacing) begin(ctx context.Context) error {
	err := r.s.Put(ctx, replacingName, []byte(`{"nonce":"`+strings.TrimPrefix(r.fresh, newPrefix)+`"}`+"\n"))
	if err == nil {
		err = r.s.Sync(ctx)
	}
	if err != nil {
		// It may be there all the same.
		if doneErr := r.done(context.WithoutCancel(ctx)); doneErr != nil {
			return errors.Join(err, fmt.Errorf("%w: %w", ErrHalfReplaced, doneErr))
		}
	}
	return err
}

func (r *replacing) swap(ctx context.Context) error {
	_, err := r.s.Stat(ctx, r.aside)
	if errors.Is(err, fs.ErrNotExist) {
		if err := r.retire(ctx); err != nil {
			return err
		}
		err = r.s.PutNew(ctx, r.aside, nil)
		if errors.Is(err, fs.ErrExist) { // it is this call's, whose answer got lost
			err = nil
		}
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
	}
	if err := r.s.Sync(ctx); err != nil {
		return err
	}
	if err := r.rename(ctx, path.Join(r.fresh, datasetName), datasetName); err != nil {
		if whole, statErr := r.whole(ctx); statErr != nil || whole {
			return fmt.Errorf("publishing %s: %w", datasetName, err)
		}
	}
	return nil
}

// retire moves the old dataset's files aside, but dataset.json.
func (r *replacing) retire(ctx context.Context) error {
	if err := r.moveAll(ctx, r.old); err != nil {
		return fmt.Errorf("setting aside %w", err)
	}
	for _, dir := range Contents() {
		if dir != stateDir {
			if err := r.s.Prune(ctx, dir); err != nil {
				return err
			}
		}
	}
	return r.s.Sync(ctx)
}

// moveAll moves the files that are in place, but dataset.json, to a directory.
func (r *replacing) moveAll(ctx context.Context, to string) error {
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
			if err := r.rename(ctx, name, path.Join(to, name)); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return nil
}

func isReplacement(name string) bool {
	return strings.HasPrefix(name, newPrefix) || strings.HasPrefix(name, oldPrefix) || strings.HasPrefix(name, asidePrefix) || name == replacingName
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

// undo puts the old dataset back after err, in an order in which Repair can go
// forward wherever undo breaks off. It goes by what lies where: a step that failed
// may have been done.
func (r *replacing) undo(ctx context.Context, err error) error {
	undoErr := r.putBack(ctx)
	if undoErr == nil {
		undoErr = r.done(ctx)
	}
	if undoErr != nil {
		return errors.Join(err, fmt.Errorf("%w: %w", ErrHalfReplaced, undoErr))
	}
	return err
}

func (r *replacing) putBack(ctx context.Context) error {
	_, err := r.s.Stat(ctx, r.aside)
	if err == nil { // all old files were aside: what is in place is new
		if err := r.moveAll(ctx, r.fresh); err != nil {
			return err
		}
		if err := r.s.RemoveAll(ctx, r.aside); err != nil {
			return err
		}
		err = r.s.Sync(ctx)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	names, err := r.list(ctx, r.old)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := r.rename(ctx, path.Join(r.old, name), name); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return r.s.Sync(ctx)
}

// clean removes what this and earlier replacements left, now that the new
// dataset is in place.
func (r *replacing) clean(ctx context.Context) error {
	names, err := r.list(ctx, stateDir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if name = path.Join(stateDir, name); isReplacement(name) && name != replacingName {
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
	if err := r.s.Sync(ctx); err != nil {
		return err
	}
	return r.done(ctx)
}

// done forgets the replacement. It is durable before what it was made of goes.
func (r *replacing) done(ctx context.Context) error {
	if err := r.s.RemoveAll(ctx, replacingName); err != nil {
		return err
	}
	return r.s.Sync(ctx)
}
