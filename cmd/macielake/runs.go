package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/macielake/macielake/internal/maintain"
	"github.com/macielake/macielake/internal/text"
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
			return s.answer(answer, func(w io.Writer) error { return writeRuns(w, runs) })
		},
	}
	places.addFlags(cmd.Flags())
	return cmd
}

func writeRuns(w io.Writer, runs []maintain.RunSummary) error {
	if len(runs) == 0 {
		_, err := io.WriteString(w, "no runs\n")
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%6s  %-15s  %-9s  %-20s  %12s  %12s  %10s\n", "run", "run_id", "state", "ended", "sources", "results", "rejects")
	for i := range runs {
		r := &runs[i]
		ended, results, rejects := "", "", ""
		if r.EndedAt != nil {
			ended = r.EndedAt.UTC().Format(time.RFC3339)
		}
		if t := r.Totals; t != nil {
			results, rejects = text.Count(t.Rows["results"]), text.Count(t.RejectedLines+t.Rejected)
		}
		fmt.Fprintf(&b, "%6d  %-15s  %-9s  %-20s  %12s  %12s  %10s\n", r.Number, r.RunID, r.State, ended, text.Count(r.Sources), results, rejects)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
