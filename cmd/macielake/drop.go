package main

import (
	"fmt"
	"io"
	"sync"

	"github.com/spf13/cobra"

	"github.com/macielake/macielake/internal/coord"
	"github.com/macielake/macielake/internal/maintain"
	"github.com/macielake/macielake/internal/render"
	"github.com/macielake/macielake/internal/state"
)

func newDrop(s *session) *cobra.Command {
	var (
		places placeFlags
		remove bool
	)
	cmd := &cobra.Command{
		Use:   "drop DATASET",
		Short: "Remove a whole dataset, with --delete",
		Long: `Show what a dataset consists of; --delete removes it, so that the place can hold
a new one. The sources are not touched.

Converters that are working on the dataset are stopped first: from the moment a
drop has begun, every command but drop refuses the dataset. Then drop waits until
no converter has given a sign of life for ` + (2 * coord.DefaultLease).String() + `. A drop that was interrupted is
resumed by the same command. Files that are not the dataset's stay, and are named.`,
		Example: `  macielake drop lake
  macielake drop s3://lake-bucket/macie --delete`,
		Annotations: exits(
			exit{exitOK, "the dataset is removed, or was shown"},
			exit{exitFailed, "failed: run the same command again to resume"},
			exit{exitNotFound, "the dataset does not exist"}),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := places.openNamed(cmd, args[0])
			if err != nil {
				return err
			}
			defer d.Close()
			var once sync.Once
			dropped, err := maintain.Drop(cmd.Context(), d, maintain.DropOptions{Delete: remove, Waiting: func(at *state.Address) {
				once.Do(func() {
					fmt.Fprintf(s.stderr, "waiting until converters have been silent for %s\n", 2*coord.DefaultLease)
				})
			}})
			if err != nil {
				return err
			}
			return s.answer(dropped, func(w io.Writer) error { return render.Dropping(w, dropped) })
		},
	}
	cmd.Flags().BoolVar(&remove, "delete", false, "remove the dataset")
	places.addFlags(cmd.Flags())
	return cmd
}
