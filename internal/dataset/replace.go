package dataset

import (
	"context"
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

func replacementDir(nonce string) string { return path.Join(stateDir, "new-"+nonce) }

// Replace removes what dataset s consists of and moves the replacement there.
// dataset.json changes hands last, so that when it breaks off, what is left is
// still a dataset that can be replaced.
func Replace(ctx context.Context, s store.Store, nonce string) error {
	replacement := replacementDir(nonce)
	var old, fresh []string
	for _, dir := range Contents() {
		err := s.List(ctx, dir, func(name string, _ fs.FileInfo) error {
			if inside, ok := strings.CutPrefix(name, replacement+"/"); ok {
				fresh = append(fresh, inside)
			} else if name != datasetName {
				old = append(old, name)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	for _, name := range old {
		if err := s.RemoveAll(ctx, name); err != nil {
			return fmt.Errorf("removing %s: %w", s.URI(name), err)
		}
	}
	for _, name := range fresh {
		if name == datasetName {
			continue
		}
		if err := s.Move(ctx, path.Join(replacement, name), name); err != nil {
			return fmt.Errorf("publishing %s: %w", name, err)
		}
	}
	if err := s.Sync(ctx); err != nil {
		return err
	}
	if err := s.Move(ctx, path.Join(replacement, datasetName), datasetName); err != nil {
		return fmt.Errorf("publishing %s: %w", datasetName, err)
	}
	if err := s.RemoveAll(ctx, replacement); err != nil {
		return err
	}
	return s.Sync(ctx)
}
