package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/macielake/macielake/internal/athena"
	"github.com/macielake/macielake/internal/store"
)

// noDatasetError says that a command names a dataset that isn't there.
type noDatasetError struct{ name string }

func (e *noDatasetError) Error() string { return fmt.Sprintf("there is no dataset %s", e.name) }

// openNamed opens the place of the dataset that a command names, to read it.
// The caller closes it.
func openNamed(ctx context.Context, name string) (store.Store, error) {
	s, err := openStore(ctx, name)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil, &noDatasetError{name}
	}
	return s, err
}

// readLayout reads what the dataset that a command names has.
func readLayout(ctx context.Context, name string) (*athena.Layout, error) {
	s, err := openNamed(ctx, name)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	return athena.ReadLayout(ctx, s)
}
