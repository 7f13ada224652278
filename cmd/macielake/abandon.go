package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/macielake/macielake/internal/dataset"
	"github.com/macielake/macielake/internal/text"
)

func newAbandon(s *session) *cobra.Command {
	var places placeFlags
	cmd := &cobra.Command{
		Use:   "abandon DATASET RUN",
		Short: "End a run that cannot be finished",
		Long: `End an open run that cannot be finished, for example because it exceeds its
--max-rejects. Its published files are removed, and the next convert plans its
sources again. A committed run, or one that a converter is working on, cannot be
abandoned.`,
		Example: `  macielake status lake
  macielake abandon lake 000007`,
		Annotations: exits(
			exit{exitOK, "the run is abandoned, and its sources are free again"},
			exit{exitFailed, "the run has ended or is being worked on, or its files could not be removed"},
			exit{exitNotFound, "the dataset or the run does not exist"}),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := places.openNamed(cmd, args[0])
			if err != nil {
				return err
			}
			defer d.Close()
			if err := dataset.Repair(cmd.Context(), d); err != nil {
				return err
			}
			if err := dataset.Abandon(cmd.Context(), d, args[1], dataset.DefaultLease); err != nil {
				return err
			}
			abandoned := struct {
				Run string `json:"run"`
			}{args[1]}
			return s.answer(abandoned, func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "run %s is abandoned; its sources are free again\n", text.Printable(args[1]))
				return err
			})
		},
	}
	places.addFlags(cmd.Flags())
	return cmd
}
