package main

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/macielake/macielake/internal/maintain"
	"github.com/macielake/macielake/internal/render"
)

func newRepair(s *session) *cobra.Command {
	var (
		places placeFlags
		write  bool
	)
	cmd := &cobra.Command{
		Use:   "repair DATASET",
		Short: "Find lost records of a dataset; --write rebuilds them",
		Long: `Find what is missing or damaged among the records and files of a dataset. --write
rebuilds records that other records prove: a claim from the end record of its run,
an end record or a row of the runs table from receipts, the dataset's record from a
claim. For every other file, repair says how many sources and rows it covered: it
has to come from a copy of the dataset.

Repair creates files. It never replaces, moves or removes one: a damaged file that
could be rebuilt has to be moved away first.`,
		Example: `  macielake repair lake
  macielake repair lake --write && macielake verify lake`,
		Annotations: exits(
			exit{exitOK, "nothing is missing, or --write has rebuilt it"},
			exit{exitNotFound, "something is missing or damaged, or the dataset does not exist"}),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := places.openNamed(cmd, args[0])
			if err != nil {
				return err
			}
			defer d.Close()
			repairs, err := maintain.Repair(cmd.Context(), d, write)
			if err != nil {
				return err
			}
			if err := s.answer(repairs, func(w io.Writer) error { return render.Repairs(w, repairs) }); err != nil {
				return err
			}
			left := repairs.Left()
			if !write {
				left += len(repairs.Rebuilt)
			}
			if left > 0 {
				return &damageError{left}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&write, "write", false, "rebuild what other records prove")
	places.addFlags(cmd.Flags())
	return cmd
}
