package main

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/macielake/macielake/internal/athena"
	"github.com/macielake/macielake/internal/state"
	"github.com/macielake/macielake/internal/store"
)

// noDatasetError says that a command names a dataset that doesn't exist.
type noDatasetError struct{ name string }

func (e *noDatasetError) Error() string { return fmt.Sprintf("%s is no dataset", e.name) }

// openNamed opens the place of the dataset that a command names, to read it.
// The caller closes it.
func (f *placeFlags) openNamed(cmd *cobra.Command, name string) (store.Store, error) {
	s, err := f.places(newLog(cmd.ErrOrStderr(), false)).openStore(cmd.Context(), name)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil, &noDatasetError{name}
	}
	return s, err
}

// readLayout reads the layout of the dataset that a command names, whose tables are
// whole.
func (f *placeFlags) readLayout(cmd *cobra.Command, name string) (*athena.Layout, error) {
	s, err := f.openNamed(cmd, name)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	ctx := cmd.Context()
	d, runs, err := state.Open(ctx, s, state.Records)
	if err != nil {
		return nil, err
	}
	layout, err := athena.ReadLayout(ctx, s)
	if err != nil {
		return nil, err
	}
	return layout, state.CheckTables(ctx, s, &d, runs)
}
