package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/macielake/macielake/internal/dataset"
	"github.com/macielake/macielake/internal/text"
)

func newAbandon() *cobra.Command {
	var places placeFlags
	cmd := &cobra.Command{
		Use:   "abandon DATASET RUN",
		Short: "End a run that can't be finished",
		Long: `End a run that didn't end and can't, say for its --max-rejects: what it has
published is removed, and the next convert plans its sources anew. A run that is
committed, or that a converter is at work on, can't be abandoned.`,
		Example: `  macielake status lake
  macielake abandon lake 000007`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := places.openNamed(cmd, args[0])
			if err != nil {
				return err
			}
			defer s.Close()
			if err := dataset.Repair(cmd.Context(), s); err != nil {
				return err
			}
			if err := dataset.Abandon(cmd.Context(), s, args[1], dataset.DefaultLease); err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.ErrOrStderr(), "run %s is abandoned; its sources are free again\n", text.Printable(args[1]))
			return err
		},
	}
	places.addFlags(cmd.Flags())
	return cmd
}
