package main

import (
	"cmp"
	"context"
	"io"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/macielake/macielake/internal/maintain"
	"github.com/macielake/macielake/internal/render"
	"github.com/macielake/macielake/internal/text"
	"github.com/macielake/macielake/pkg/stream"
)

// damageError says that verify found problems.
type damageError struct{ problems int }

func (e *damageError) Error() string {
	return text.Plural(int64(e.problems), "problem") + " found"
}

// verification is what verify prints.
type verification struct {
	*maintain.Verification
	Against *maintain.Recount `json:"against,omitempty"`
}

func newVerify(s *session) *cobra.Command {
	var (
		places  placeFlags
		against []string
		workers int
	)
	limits := stream.DefaultLimits()
	cmd := &cobra.Command{
		Use:   "verify DATASET",
		Short: "Check every file, checksum and row of a dataset",
		Long: `Read a whole dataset and check it: every record and file has its checksum, every
table file its rows, receipts add up to plans and to the totals of their runs, no
source is claimed twice, and no file lies among the tables that no run names.

With --against, inputs are read again as well: the lines of every converted source
are counted and compared with records + rejects + blank. Sources that have changed
since they were converted, and whose change nobody has accepted, make exit code 4.`,
		Example: `  macielake verify lake
  macielake verify lake --against ./AWSLogs --json`,
		Annotations: exits(exit{exitOK, "no problem was found"}, exit{exitUnreadable, "--against found sources that have changed, and no problem"}, exit{exitNotFound, "a problem was found, or the dataset or an input does not exist"}),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := cmp.Or(checkWorkers(workers), places.checkFetches()); err != nil {
				return err
			}
			d, err := places.openNamed(cmd, args[0])
			if err != nil {
				return err
			}
			defer d.Close()
			found, err := maintain.Verify(cmd.Context(), d, workers)
			if err != nil {
				return err
			}
			v := verification{Verification: found}
			problems := len(found.Problems)
			if len(against) > 0 {
				log := newLog(s.stderr, false)
				ctx, stop := context.WithCancelCause(cmd.Context())
				defer stop(nil)
				origins, inputs, _, err := places.places(log).origins(ctx, sources{inputs: against, stdin: s.stdin, stop: stop})
				if err != nil {
					return err
				}
				v.Against, err = maintain.RecountSources(ctx, d, maintain.RecountOptions{Origins: origins, Inputs: inputs, Limits: limits, Workers: workers, Log: log})
				if err != nil {
					return reason(cmd.Context(), ctx, err)
				}
				problems += len(v.Against.Problems)
			}
			if err := s.answer(v, func(w io.Writer) error { return render.Verification(w, v.Verification, v.Against) }); err != nil {
				return err
			}
			if problems > 0 {
				return &damageError{problems}
			}
			if v.Against != nil && v.Against.Changed > 0 {
				return &outcome{exitUnreadable}
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringArrayVar(&against, "against", nil, "also count the lines of this `INPUT` again; can be repeated")
	f.IntVarP(&workers, "workers", "j", runtime.GOMAXPROCS(0), "read `N` files at the same time")
	places.addFlags(f)
	places.addFetchFlags(f)
	return cmd
}
