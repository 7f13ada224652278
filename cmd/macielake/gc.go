package main

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/macielake/macielake/internal/maintain"
	"github.com/macielake/macielake/internal/render"
)

func newGC(s *session) *cobra.Command {
	var (
		places placeFlags
		remove bool
	)
	cmd := &cobra.Command{
		Use:   "gc DATASET",
		Short: "List leftovers of interrupted runs; --delete removes them",
		Long: `List files that interrupted converters have left in a dataset and that nothing
needs: files of attempts that were not published, plans and ledgers that no run
names, files of another dataset. --delete removes them, if they are at least 24
hours old by the clock of the store.

It can run beside converters. If the records, the runs and the files of the dataset
contradict each other, it refuses, names the file, and removes nothing.`,
		Example: `  macielake gc lake
  macielake gc lake --delete`,
		Annotations: exits(exit{exitFailed, "failed, or the dataset is not whole: nothing was removed"}, exit{code: exitNotFound}),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := places.openNamed(cmd, args[0])
			if err != nil {
				return err
			}
			defer d.Close()
			garbage, err := maintain.CollectGarbage(cmd.Context(), d, maintain.GarbageOptions{Delete: remove, Log: newLog(s.stderr, false)})
			if err != nil {
				return err
			}
			return s.answer(garbage, func(w io.Writer) error { return render.Garbage(w, garbage) })
		},
	}
	cmd.Flags().BoolVar(&remove, "delete", false, "remove the leftovers")
	places.addFlags(cmd.Flags())
	return cmd
}
