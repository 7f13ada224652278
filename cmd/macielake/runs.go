package main

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/macielake/macielake/internal/maintain"
	"github.com/macielake/macielake/internal/render"
)

func newRuns(s *session) *cobra.Command {
	var places placeFlags
	cmd := &cobra.Command{
		Use:   "runs DATASET",
		Short: "List the runs of a dataset",
		Long: `List the runs of a dataset: their number, which commands accept, their run_id,
which the tables have, and what became of them.`,
		Example: `  macielake runs lake
  macielake runs lake --json | jq '.answer.runs[] | select(.state == "open")'`,
		Annotations: exits(exit{code: exitNotFound}),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := places.openNamed(cmd, args[0])
			if err != nil {
				return err
			}
			defer d.Close()
			runs, err := maintain.ListRuns(cmd.Context(), d)
			if err != nil {
				return err
			}
			answer := struct {
				Dataset string                `json:"dataset"`
				Runs    []maintain.RunSummary `json:"runs"`
			}{d.URI("."), runs}
			return s.answer(answer, func(w io.Writer) error { return render.Runs(w, runs) })
		},
	}
	places.addFlags(cmd.Flags())
	return cmd
}
