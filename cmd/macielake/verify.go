package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/macielake/macielake/internal/convert"
	"github.com/macielake/macielake/internal/dataset"
	"github.com/macielake/macielake/internal/text"
	"github.com/macielake/macielake/pkg/stream"
)

// damageError says that verify found something.
type damageError struct{ problems int }

func (e *damageError) Error() string {
	if e.problems == 1 {
		return "1 problem was found"
	}
	return fmt.Sprintf("%d problems were found", e.problems)
}

// verification is what verify prints.
type verification struct {
	*dataset.Verification
	Against *convert.Recount `json:"against,omitempty"`
}

func newVerify() *cobra.Command {
	var (
		places  placeFlags
		asJSON  bool
		against []string
		workers int
	)
	limits := stream.DefaultLimits()
	cmd := &cobra.Command{
		Use:   "verify DATASET",
		Short: "Check that a dataset is what its state says",
		Long: `Read all of a dataset and check it: every published file is there with its
checksum and rows, the receipts add up to the plans and to the totals of their
runs, no source is claimed twice, and no file lies among the tables that no run
names. With --against the inputs are read, too: the lines of every source that is
converted are counted again and compared with records + rejects + blank.

Exit code 5 says that something isn't so.`,
		Example: `  macielake verify lake
  macielake verify lake --against ./AWSLogs --json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := cmp.Or(checkWorkers(workers), places.checkFetches()); err != nil {
				return err
			}
			s, err := places.openNamed(cmd, args[0])
			if err != nil {
				return err
			}
			defer s.Close()
			found, err := dataset.Verify(cmd.Context(), s, workers)
			if err != nil {
				return err
			}
			v := verification{Verification: found}
			problems := len(found.Problems)
			if len(against) > 0 {
				log := newLog(cmd.ErrOrStderr(), false)
				ctx, stop := context.WithCancelCause(cmd.Context())
				defer stop(nil)
				origins, inputs, _, err := places.places(log).origins(ctx, sources{inputs: against, stdin: cmd.InOrStdin(), stop: stop})
				if err != nil {
					return err
				}
				v.Against, err = convert.Against(ctx, s, origins, inputs, limits, workers, log)
				if err != nil {
					return reason(cmd.Context(), ctx, err)
				}
				problems += len(v.Against.Problems)
			}
			if asJSON {
				err = writeJSON(cmd.OutOrStdout(), v)
			} else {
				err = v.write(cmd.OutOrStdout())
			}
			if err != nil {
				return &printError{err}
			}
			if problems > 0 {
				return &damageError{problems}
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.BoolVar(&asJSON, "json", false, "print a JSON object")
	f.StringArrayVar(&against, "against", nil, "count the lines of this input again, too; may be repeated")
	f.IntVarP(&workers, "workers", "j", runtime.GOMAXPROCS(0), "how many files to read at a time")
	places.addFlags(f)
	places.addFetchFlags(f)
	return cmd
}

func (v *verification) write(w io.Writer) error {
	var p printer
	p.line("runs", "%d committed", v.Runs)
	for _, run := range v.Open {
		p.line("open", "run %s: the next convert goes on with it", run)
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
