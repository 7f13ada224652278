package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/macielake/macielake/internal/coord"
	"github.com/macielake/macielake/internal/maintain"
)

func newAbandon(s *session) *cobra.Command {
	var places placeFlags
	cmd := &cobra.Command{
		Use:   "abandon DATASET RUN",
		Short: "End a run that cannot be finished",
		Long: `End an open run that cannot be finished, for example because it exceeds its
--max-rejects. Its published files are removed, and the next convert plans its
sources again. A committed run, or one that a converter is working on, cannot be
abandoned. RUN is a number or a run_id, as 'macielake runs' lists them.`,
		Example: `  macielake runs lake
  macielake abandon lake 7`,
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
			run, err := maintain.Abandon(cmd.Context(), d, args[1], coord.DefaultLease)
			if err != nil {
				return err
			}
			abandoned := struct {
				Run string `json:"run"`
			}{run.RunID}
			return s.answer(abandoned, func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "run %s is abandoned; its sources are free again\n", run.RunID)
				return err
			})
		},
	}
	places.addFlags(cmd.Flags())
	return cmd
}
