package main

import (
	"io"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/macielake/macielake/internal/maintain"
	"github.com/macielake/macielake/internal/render"
)

// overdueError says that status found something that has been quiet for too long.
type overdueError struct{ what []string }

func (e *overdueError) Error() string { return strings.Join(e.what, "; ") }

func newStatus(s *session) *cobra.Command {
	var (
		places             placeFlags
		maxAge, maxSilence time.Duration
		workers            int
	)
	cmd := &cobra.Command{
		Use:   "status DATASET",
		Short: "Show a dataset's contents, open runs, and who has been silent",
		Long: `Show a dataset's tables, runs, sources, rows and rejects, the runs that have not
ended, when a convert last looked at its inputs, and the newest result of each
origin: a job or automated discovery, per administrator and Region.

--max-age and --max-silence are for monitoring: a convert that no longer runs, a
disabled key or a stopped job looks like a clean estate otherwise. An origin counts
as silent if it was heard of in the last 90 days.`,
		Example: `  macielake status lake
  macielake status lake --max-age 26h --max-silence 72h
  macielake status s3://lake-bucket/macie --json | jq .answer.open_runs`,
		Annotations: exits(exit{exitNotFound, "the dataset does not exist, or something is overdue"}),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkWorkers(workers); err != nil {
				return err
			}
			if maxAge < 0 || maxSilence < 0 {
				return usagef("--max-age and --max-silence cannot be negative")
			}
			d, err := places.openNamed(cmd, args[0])
			if err != nil {
				return err
			}
			defer d.Close()
			status, err := maintain.LoadStatus(cmd.Context(), d, workers)
			if err != nil {
				return err
			}
			now := time.Now()
			if err := s.answer(status, func(w io.Writer) error { return render.Status(w, status, now) }); err != nil {
				return err
			}
			if late := status.Overdue(now, maxAge, maxSilence); len(late) > 0 {
				return &overdueError{late}
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.DurationVar(&maxAge, "max-age", 0, "fail if the last completed look at the inputs is older than `DURATION`, such as 26h")
	f.DurationVar(&maxSilence, "max-silence", 0, "fail if an origin has been silent for longer than `DURATION`, such as 72h")
	f.IntVarP(&workers, "workers", "j", runtime.GOMAXPROCS(0), "read `N` files at the same time")
	places.addFlags(f)
	return cmd
}
