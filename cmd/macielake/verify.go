package main

import (
	"cmp"
	"context"
	"io"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/macielake/macielake/internal/convert"
	"github.com/macielake/macielake/internal/dataset"
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
	*dataset.Verification
	Against *convert.Recount `json:"against,omitempty"`
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
		Long: `Read a whole dataset and check it: every published file has its checksum and its
rows, receipts add up to plans and to the totals of their runs, no source is
claimed twice, and no file lies among the tables that no run names.

With --against, inputs are read again as well: the lines of every converted source
are counted and compared with records + rejects + blank.`,
		Example: `  macielake verify lake
  macielake verify lake --against ./AWSLogs --json`,
		Annotations: exits(exit{exitOK, "no problem was found"}, exit{exitNotFound, "a problem was found, or the dataset or an input does not exist"}),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := cmp.Or(checkWorkers(workers), places.checkFetches()); err != nil {
				return err
			}
			d, err := places.openNamed(cmd, args[0])
			if err != nil {
				return err
			}
			defer d.Close()
			found, err := dataset.Verify(cmd.Context(), d, workers)
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
				v.Against, err = convert.Against(ctx, d, origins, inputs, limits, workers, log)
				if err != nil {
					return reason(cmd.Context(), ctx, err)
				}
				problems += len(v.Against.Problems)
			}
			if err := s.answer(v, v.write); err != nil {
				return err
			}
			if problems > 0 {
				return &damageError{problems}
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

func (v *verification) write(w io.Writer) error {
	var p printer
	p.line("runs", "%d committed", v.Runs)
	for _, run := range v.Open {
		p.line("open", "run %s: the next convert resumes it", run)
	}
	p.line("files", "%s read, %s", text.Count(v.Files), text.Bytes(v.Bytes))
	t := &v.Totals
	p.line("lines", "%s = %s records + %s rejects + %s blank, of %s sources",
		text.Count(t.Lines), text.Count(t.Records), text.Count(t.RejectedLines), text.Count(t.Blank), text.Count(v.Sources))
	problems := v.Problems
	if a := v.Against; a != nil {
		p.line("against", "%s sources: %s converted, %s rejected, %s not converted, %s changed since, %s can't be read now",
			text.Count(a.Sources), text.Count(a.Converted), text.Count(a.Rejected), text.Count(a.Missing), text.Count(a.Changed), text.Count(a.Gone))
		equals := "="
		if a.Lines != a.Records+a.Rejects+a.Blank {
			equals = "isn't"
		}
		p.line("recounted", "%s lines %s %s records + %s rejects + %s blank",
			text.Count(a.Lines), equals, text.Count(a.Records), text.Count(a.Rejects), text.Count(a.Blank))
		problems = append(problems, a.Problems...)
	}
	for _, problem := range problems {
		p.line("problem", "%s: %s", text.Short(problem.Name), text.Short(problem.What))
	}
	if len(problems) == 0 {
		p.line("problems", "none")
	}
	return p.flush(w)
}
