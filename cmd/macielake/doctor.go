package main

import (
	"context"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/macielake/macielake/internal/doctor"
	"github.com/macielake/macielake/internal/macie"
	"github.com/macielake/macielake/internal/policy"
	"github.com/macielake/macielake/internal/store"
)

// doctorOptions are the flags of doctor.
type doctorOptions struct {
	placeFlags
	write      writeFlags
	out        string
	allRegions bool
	maxObjects int64
	policies   bool
	json       bool
	verbose    bool
}

func (o *doctorOptions) addFlags(f *pflag.FlagSet) {
	o.placeFlags.addFlags(f)
	f.StringVarP(&o.out, "out", "o", "", "also check that a dataset can be written there")
	f.BoolVar(&o.allRegions, "all-regions", false, "ask Macie of all regions, not just of one")
	f.Int64Var(&o.maxObjects, "max-objects", doctor.DefaultMaxObjects, "stop listing the input after this many results")
	f.BoolVar(&o.policies, "policies", true, "print the smallest policies that would do")
	f.BoolVar(&o.json, "json", false, "print the checklist and the policies as a JSON object")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "name requests that are tried again")
	o.write.addFlags(f)
}

func newDoctor() *cobra.Command {
	var o doctorOptions
	cmd := &cobra.Command{
		Use:   "doctor [INPUT] [--out DIR]",
		Short: "Check that results can be read and a dataset written, and say what is missing",
		Long: `Check, before a conversion, what it needs, and print a checklist: each check is
ok, failed (something would stop a conversion, or isn't as it should be) or not
known, with what to do about it.

With an INPUT, as convert takes it: who you are, whether the input can be listed,
one object's head and content be read and decrypted, whether that is a discovery
result, and which accounts, regions and jobs the input holds, how large and from
when. With --out: whether a dataset can be written there, and whether the store
refuses to replace what it should only create.

Without an INPUT, Macie is asked where its results go, in the configured region
or in all of them (--all-regions), and those buckets are audited: the KMS key,
public access, and whether the bucket's policy lets Macie write, and only your
Macie, and refuses plain HTTP.

For places in S3 the smallest policies that would do are printed, for IAM and for
KMS: for the writer (who removes nothing), for readers of the tables (who don't
see the dataset's state) and for maintenance.

Exit codes: 0 no check failed, 1 one did, 2 wrong usage.`,
		Example: `  macielake doctor --all-regions
  macielake doctor macie://eu-west-1
  macielake doctor s3://results/AWSLogs --out s3://lake/macie
  macielake doctor s3://results/AWSLogs --out s3://lake/macie --json | jq .policies.writer.iam`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, args) },
	}
	o.addFlags(cmd.Flags())
	return cmd
}

func (o *doctorOptions) run(cmd *cobra.Command, args []string) error {
	in := ""
	if len(args) > 0 {
		in = args[0]
	}
	switch {
	case in == "-":
		return usagef("standard input can't be looked at before it is converted")
	case len(args) > 0 && in == "":
		return usagef("the INPUT is empty")
	case o.allRegions && in != "":
		return usagef("--all-regions goes without an INPUT")
	case o.maxObjects <= 0:
		return usagef("--max-objects must be at least 1")
	}
	if err := o.write.check(); err != nil {
		return err
	}
	options, err := o.options(cmd, in)
	if err != nil {
		return err
	}
	report, err := doctor.Run(cmd.Context(), options)
	if err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	if o.json {
		err = writeJSON(out, report)
	} else {
		err = report.WriteText(out, o.policies)
	}
	switch {
	case err != nil:
		return &printError{err}
	case !report.OK:
		return &outcome{exitFailed}
	}
	return nil
}

// options says what is looked at, and by which clients.
func (o *doctorOptions) options(cmd *cobra.Command, in string) (doctor.Options, error) {
	ctx := cmd.Context()
	places := o.places(newLog(cmd.ErrOrStderr(), o.verbose))
	options := doctor.Options{
		Input: in, MaxObjects: o.maxObjects, Out: o.out,
		OpenOut: func(ctx context.Context) (store.Store, error) {
			return places.createStore(ctx, o.out, o.write.WriteOptions)
		},
		Hint: func(err error) string { _, hint := classify(err); return hint },
	}
	var err error
	options.Origins, _, _, err = places.origins(ctx, sources{inputs: []string{in}, stdin: cmd.InOrStdin()})
	if err != nil || !doctor.NeedsAWS(in, o.out) {
		return options, err
	}
	client, ask, err := places.aws(ctx)
	if err != nil {
		return options, err
	}
	options.AWS = &doctor.AWS{S3: client, Macie: ask, Identity: client.Identity()}
	if o.allRegions {
		options.Regions = macie.Regions(policy.Partition(ask.Region()))
		if len(options.Regions) == 0 {
			return options, usagef("there is no Macie in the regions around %s", ask.Region())
		}
	}
	return options, nil
}
