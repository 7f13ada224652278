package main

import (
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

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
	f.BoolVar(&o.all, "all", false, "show every analysis, not only what is current")
	f.BoolVar(&o.exact, "exact", false, "take the key as it is, also if it ends in / or *")
	f.IntVar(&o.limit, "limit", 100, "show at most so many objects, the first by their keys; -1 for all")
	f.Var(&o.output, "output", "text for people, json for programs")
	o.readFlags.addFlags(f)
}

func newLocate() *cobra.Command {
	var o locateOptions
	cmd := &cobra.Command{
		Use:   "locate INPUT|DATASET... s3://BUCKET/KEY",
		Short: "Show where in an object sensitive data was found",
		Long: `Show everything that is known about an object: by whom it was analysed, what was
found in it, by type, and each location that Macie reported (at most 1,000 of a
type). Files inside an archive stand below it. A key that ends in / or * stands
for all objects whose keys begin so. Keys are taken as they are in S3: nothing in
them is unescaped.

Of several analyses those of the newest content are taken together (see
docs/dataset.md, "What counts as current"); --all shows each. An object that
was skipped is shown with the reason; one that was never looked at is exit code 5.

` + exitHelp,
		Example: `  macielake locate lake s3://hr-files/payroll/2026.xlsx
  macielake locate ./AWSLogs 's3://hr-files/payroll/*' --output json | jq .objects[].uri`,
		Args: cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, args) },
	}
	o.addFlags(cmd.Flags())
	return cmd
}

// neverAnalysedError says that there is no result of an object.
type neverAnalysedError struct{ target locate.Target }

func (e *neverAnalysedError) Error() string {
	if e.target.Prefix {
		return fmt.Sprintf("no object whose key begins with %s was ever analysed, as far as these results go", e.target)
	}
	return fmt.Sprintf("%s was never analysed, as far as these results go", e.target)
}

func (o *locateOptions) run(cmd *cobra.Command, args []string) error {
	if err := o.check(); err != nil {
		return err
	}
	if o.limit < -1 || o.limit == 0 {
		return usagef("--limit must be 1 or more, or -1")
	}
	target, err := locate.ParseTarget(args[len(args)-1], o.exact)
	if err != nil {
		return &usageError{fmt.Errorf("%s: %w", args[len(args)-1], err)}
	}
	limit := o.limit
	if limit < 0 {
		limit = locate.AllObjects
	}
	ctx := cmd.Context()
	in, err := openInputs(ctx, args[:len(args)-1])
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
		if account, err = finder.AddResults(ctx, o.options(cmd, in)); err != nil {
			return err
		}
	}
	objects, more := finder.Objects()
	stdout, stderr := cmd.OutOrStdout(), cmd.ErrOrStderr()
	if o.output.value == "json" {
		err = writeJSON(stdout, locate.JSON(objects, more))
	} else {
		err = locate.WriteText(stdout, objects, screenOf(stdout))
	}
	if err != nil {
		return fmt.Errorf("writing what was found: %w", err)
	}
	if more {
		fmt.Fprintf(stderr, "note: only the first %s by their keys are shown: raise --limit for more\n", text.Plural(int64(limit), "object"))
	}
	outcome := reportAccount(stderr, account)
	if len(objects) == 0 {
		return &neverAnalysedError{target}
	}
	return outcome
}
