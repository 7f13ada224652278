package main

import (
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/macielake/macielake/internal/convert"
	"github.com/macielake/macielake/internal/input"
	"github.com/macielake/macielake/internal/text"
)

func newPlan(s *session) *cobra.Command {
	o := convertOptions{workers: 1}
	cmd := &cobra.Command{
		Use:   "plan INPUT... --out DIR",
		Short: "Plan runs for work on many machines",
		Long: `List the inputs as convert does, and claim what is new in runs, without doing the
work. 'macielake work' does it, on any number of machines, and 'macielake commit'
commits; convert is the three in one process. The answer has all runs that are open,
also those of an earlier plan; where nothing is to be done it has 0 parts.`,
		Example: `  macielake plan s3://results-bucket/AWSLogs --out s3://lake-bucket/macie --json
  macielake work s3://lake-bucket/macie --index 0 --of 8
  macielake commit s3://lake-bucket/macie --wait 10m`,
		Annotations: exits(
			exit{exitOK, "planned, or nothing is new"},
			exit{exitUnreadable, "planned, but sources have changed"},
			exit{exitNotFound, "an input does not exist, or holds no discovery results"}),
		Args: anyArguments(func() bool { return o.inventory != "" || o.keysFrom != "" }),
		RunE: func(cmd *cobra.Command, args []string) error {
			if slices.Contains(args, input.StdinName) {
				return usagef("plan can't read standard input: other processes read the sources")
			}
			options, err := o.options(args)
			if err != nil {
				return err
			}
			options.PlanOnly, options.NoWait = true, true
			summary, err := o.convert(s, cmd, args, options)
			if err != nil {
				return err
			}
			p := planOf(summary)
			if err := s.answer(p, p.print); err != nil {
				return err
			}
			for _, uri := range summary.Changed {
				fmt.Fprintf(s.stderr, "note: %s changed after it was converted, and is left out; --accept-changed records that\n", text.Printable(uri))
			}
			if summary.Sources.Changed > 0 {
				return &outcome{exitUnreadable}
			}
			return nil
		},
	}
	o.addFlags(cmd.Flags())
	return cmd
}

// plan is the answer of the command.
type plan struct {
	Run       string               `json:"run,omitempty"` // where there is one
	Parts     int                  `json:"parts"`         // of all runs
	ArraySize int                  `json:"array_size"`    // how many tasks make sense
	Sources   int64                `json:"sources"`
	Bytes     int64                `json:"bytes"`   // stored
	Dollars   float64              `json:"dollars"` // of requests to S3, roughly
	Runs      []convert.PlannedRun `json:"runs"`
	New       int64                `json:"new"`               // sources that this plan claims
	Already   int64                `json:"already_converted"` // sources
	Changed   int64                `json:"changed"`           // sources that are left out
}

// A task should have some parts, so that it is worth its start and that what one
// leaves over at the end is little; and AWS Batch and Slurm take arrays of about this size.
const (
	partsPerTask = 8
	maxArray     = 10_000
)

func planOf(s *convert.Summary) *plan {
	p := &plan{Runs: s.Planned, New: s.Sources.New + s.Sources.Retried, Already: s.Sources.AlreadyConverted, Changed: s.Sources.Changed}
	if p.Runs == nil {
		p.Runs = []convert.PlannedRun{}
	}
	for _, r := range p.Runs {
		p.Parts += r.Parts
		p.Sources += r.Sources
		p.Bytes += r.Bytes
	}
	if len(p.Runs) == 1 {
		p.Run = p.Runs[0].Run
	}
	p.ArraySize = min((p.Parts+partsPerTask-1)/partsPerTask, maxArray)
	p.Dollars = s.WorkDollars
	return p
}

func (p *plan) print(w io.Writer) error {
	if len(p.Runs) == 0 {
		_, err := fmt.Fprintln(w, "nothing to do: no run is open, and nothing is new")
		return err
	}
	for _, r := range p.Runs {
		if _, err := fmt.Fprintf(w, "run %s: %s, %s, %s\n", r.Run, text.Plural(int64(r.Parts), "part"), text.Plural(r.Sources, "source"), text.Bytes(r.Bytes)); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "%s for up to %s; requests to S3 cost about $%.2f\n",
		text.Plural(int64(p.Parts), "part"), text.Plural(int64(p.ArraySize), "task"), p.Dollars)
	return err
}
