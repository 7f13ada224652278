package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/macielake/macielake/internal/athena"
	"github.com/macielake/macielake/internal/store"
)

// noDatasetError says that a command names a dataset that isn't there.
type noDatasetError struct{ name string }

func (e *noDatasetError) Error() string { return fmt.Sprintf("there is no dataset %s", e.name) }

// openDataset opens the dataset that a command names, to read it. The caller
// closes it.
func openDataset(_ context.Context, name string) (store.Store, io.Closer, error) {
	// Opening would make it.
	info, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !info.IsDir() {
		return nil, nil, &noDatasetError{name}
	}
	if err != nil {
		return nil, nil, err
	}
	s, err := store.OpenLocal(name)
	if err != nil {
		return nil, nil, err
	}
	return s, s, nil
}

// readLayout reads what the dataset that a command names has.
func readLayout(ctx context.Context, name string) (*athena.Layout, error) {
	s, closer, err := openDataset(ctx, name)
	if err != nil {
		return nil, err
	}
	defer closer.Close()
	return athena.ReadLayout(ctx, s)
}
