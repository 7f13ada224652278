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
	config configFlag
	asOf   string
	ofRun  string
	// allLocations lists every location.
	allLocations bool
}

func (o *locateOptions) addFlags(f *pflag.FlagSet) {
	o.output = choiceValue{"text", []string{"text", "json"}}
	f.BoolVar(&o.all, "all", false, "show every result, not the current state")
	f.BoolVar(&o.allLocations, "all-locations", false, "list every location, not only the first 10 of a finding")
	addAsOf(f, &o.asOf)
	f.StringVar(&o.ofRun, "run", "", "with --all: show only results of this `RUN` of a dataset, or of the 'last'")
	f.BoolVar(&o.exact, "exact", false, "take the key literally, even if it ends in / or *")
	f.IntVar(&o.limit, "limit", 100, "show at most `N` objects, the first by key; -1 for all")
	f.Var(&o.output, "output", "text for people; json is the same as --json")
	o.config.addFlags(f)
	o.readFlags.addFlags(f)
}

func newLocate(s *session) *cobra.Command {
	var o locateOptions
	cmd := &cobra.Command{
		Use:   "locate INPUT|DATASET... s3://BUCKET/KEY",
		Short: "Show where in an object sensitive data was found",
		Long: `Show everything that is known about an object: how exposed it is, its open findings,
and each location that Macie reported (at most 1,000 per type and result). Members of
an archive are listed below it. A key that ends in / or * selects all
objects whose keys begin like it. Keys are taken as S3 has them, without unescaping.

The object is shown in its current state (docs/current.md); --all shows each
result. An object that was skipped is shown with the reason.`,
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
	conf, err := o.config.read(s)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancelCause(cmd.Context())
	defer stop(nil)
	in, err := o.open(cmd, args[:len(args)-1])
	if err != nil {
		return err
	}
	defer in.close()
	if o.ofRun != "" && !o.all {
		return usagef("--run needs --all: --as-of gives the state as of a run")
	}
	at, err := in.asOf(o.asOf, o.ofRun)
	if err != nil {
		return err
	}
	limited := in.caveats(ctx, s)
	if limited != nil && !isOutcome(limited) {
		return limited
	}
	finder := locate.New(locate.Options{Target: target, All: o.all, Limit: limit, Until: at.until, Through: at.through, Late: at.late, Config: conf, Workers: o.workers})
	defer finder.Close()
	for _, l := range in.datasets {
		if err := finder.AddDataset(ctx, l); err != nil {
			return err
		}
	}
	var tally *raw.Tally
	if len(in.results) > 0 {
		results, err := o.options(s, cmd, in, stop)
		if err != nil {
			return err
		}
		if tally, err = finder.AddResults(ctx, results); err != nil {
			return reason(cmd.Context(), ctx, err)
		}
	}
	answer, err := finder.Answer(ctx)
	if err != nil {
		return err
	}
	err = s.answer(answer, func(w io.Writer) error {
		return answer.Document(o.allLocations, conf).Write(w, text.Table, text.Options{Screen: screenOf(w)})
	})
	if err != nil {
		return err
	}
	if answer.More {
		fmt.Fprintf(s.stderr, "note: only the first %s by key are shown; raise --limit for more\n", text.Plural(limit, "object"))
	}
	o.config.note(s)
	in.sayAsOf(s, at, finder.Late())
	outcome := worse(limited, reportTally(s.stderr, tally))
	if len(answer.Objects) == 0 {
		return &neverAnalysedError{target}
	}
	return outcome
}
