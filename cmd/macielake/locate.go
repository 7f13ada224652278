package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/macielake/macielake/internal/input"
	"github.com/macielake/macielake/internal/locate"
	"github.com/macielake/macielake/internal/raw"
	"github.com/macielake/macielake/internal/text"
)

// locateOptions are the flags of locate.
type locateOptions struct {
	readFlags
	all    bool
	exact  bool
	limit  int
	output choiceValue
}

func (o *locateOptions) addFlags(f *pflag.FlagSet) {
	o.output = choiceValue{"text", []string{"text", "json"}}
	f.BoolVar(&o.all, "all", false, "show every analysis, not only the current state")
	f.BoolVar(&o.exact, "exact", false, "take the key literally, even if it ends in / or *")
	f.IntVar(&o.limit, "limit", 100, "show at most `N` objects, the first by key; -1 for all")
	f.Var(&o.output, "output", "text for people; json is the same as --json")
	o.readFlags.addFlags(f)
}

func newLocate(s *session) *cobra.Command {
	var o locateOptions
	cmd := &cobra.Command{
		Use:   "locate INPUT|DATASET... s3://BUCKET/KEY",
		Short: "Show where in an object sensitive data was found",
		Long: `Show everything that is known about an object: its analyses, the types of sensitive
data found in it, and each location that Macie reported (at most 1,000 per type).
Files inside an archive are listed below it. A key that ends in / or * selects all
objects whose keys begin like it. Keys are taken as S3 has them, without unescaping.

The object is shown in its current state (docs/summaries.md); --all shows each
analysis. An object that was skipped is shown with the reason.`,
		Example: `  macielake locate lake s3://hr-files/payroll/2026.xlsx
  macielake locate ./AWSLogs 's3://hr-files/payroll/*' --json | jq -r .answer.objects[].uri`,
		Annotations: exits(exit{code: exitRejects}, exit{code: exitUnreadable},
			exit{exitNotFound, "no result is about the object, or the input or dataset does not exist"}),
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(s, cmd, args) },
	}
	o.addFlags(cmd.Flags())
	return cmd
}

// neverAnalysedError says that no result is about an object.
type neverAnalysedError struct{ target locate.Target }

func (e *neverAnalysedError) Error() string {
	if e.target.Prefix {
		return fmt.Sprintf("no result here is about an object whose key begins with %s", e.target)
	}
	return fmt.Sprintf("no result here is about %s", e.target)
}

func (o *locateOptions) run(s *session, cmd *cobra.Command, args []string) error {
	s.json = s.json || o.output.value == "json"
	if err := o.check(); err != nil {
		return err
	}
	if o.limit < -1 || o.limit == 0 {
		return usagef("--limit must be 1 or more, or -1")
	}
	if err := input.CheckURL(args[len(args)-1]); err != nil {
		return err
	}
	target, err := locate.ParseTarget(args[len(args)-1], o.exact)
	if err != nil {
		return &usageError{fmt.Errorf("%s: %w", args[len(args)-1], err)}
	}
	limit := o.limit
	if limit < 0 {
		limit = locate.AllObjects
	}
	ctx, stop := context.WithCancelCause(cmd.Context())
	defer stop(nil)
	in, err := o.open(cmd, args[:len(args)-1])
	if err != nil {
		return err
	}
	defer in.close()
	finder := locate.New(locate.Options{Target: target, All: o.all, Limit: limit, Workers: o.workers})
	for _, l := range in.datasets {
		if err := finder.AddDataset(ctx, l); err != nil {
			return err
		}
	}
	var account *raw.Account
	if len(in.results) > 0 {
		results, err := o.options(s, cmd, in, stop)
		if err != nil {
			return err
		}
		if account, err = finder.AddResults(ctx, results); err != nil {
			return reason(cmd.Context(), ctx, err)
		}
	}
	objects, more := finder.Objects()
	err = s.answer(locate.JSON(objects, more), func(w io.Writer) error {
		return locate.WriteText(w, objects, screenOf(w))
	})
	if err != nil {
		return err
	}
	if more {
		fmt.Fprintf(s.stderr, "note: only the first %s by key are shown; raise --limit for more\n", text.Plural(int64(limit), "object"))
	}
	outcome := reportAccount(s.stderr, account)
	if len(objects) == 0 {
		return &neverAnalysedError{target}
	}
	return outcome
}
