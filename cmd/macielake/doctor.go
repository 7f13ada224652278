package main

import (
	"context"
	"log/slog"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/macielake/macielake/internal/doctor"
	"github.com/macielake/macielake/internal/macie"
	"github.com/macielake/macielake/internal/policy"
	"github.com/macielake/macielake/internal/s3"
	"github.com/macielake/macielake/internal/store"
)

// doctorOptions are the flags of doctor.
type doctorOptions struct {
	aws          awsFlags
	pathStyle    bool
	requestPayer bool
	out          string
	allRegions   bool
	maxObjects   int64
	policies     bool
	json         bool
	verbose      bool
}

func (o *doctorOptions) addFlags(f *pflag.FlagSet) {
	o.aws.addFlags(f)
	f.BoolVar(&o.pathStyle, "path-style", false, "put the bucket into the path of requests, as stores that aren't AWS need")
	f.BoolVar(&o.requestPayer, "request-payer", false, "agree to pay for requests to buckets whose owner doesn't")
	f.StringVarP(&o.out, "out", "o", "", "also check that a dataset can be written there")
	f.BoolVar(&o.allRegions, "all-regions", false, "ask Macie of all regions, not just of one")
	f.Int64Var(&o.maxObjects, "max-objects", doctor.DefaultMaxObjects, "stop counting the input's objects after this many")
	f.BoolVar(&o.policies, "policies", true, "print the smallest policies that would do")
	f.BoolVar(&o.json, "json", false, "print the checklist and the policies as a JSON object")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "name what is tried again")
}

func newDoctor() *cobra.Command {
	var o doctorOptions
	cmd := &cobra.Command{
		Use:   "doctor [INPUT] [--out DIR]",
		Short: "Check that results can be read and a dataset written, and what for is missing",
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
	ctx := cmd.Context()
	options := doctor.Options{
		Input: in, Origins: origins(cmd.InOrStdin()), MaxObjects: o.maxObjects,
		Out:     o.out,
		OpenOut: func(ctx context.Context) (store.Store, error) { return createStore(ctx, o.out) },
		Hint:    func(err error) string { _, hint := classify(err); return hint },
	}
	if doctor.NeedsAWS(in, o.out) {
		level := slog.LevelWarn
		if o.verbose {
			level = slog.LevelInfo
		}
		log := newLog(cmd.ErrOrStderr(), level)
		cfg, err := o.aws.load(ctx, 0, log)
		if err != nil {
			return err
		}
		client := s3.New(cfg, s3.Options{PathStyle: o.pathStyle, RequestPayer: o.requestPayer, Log: log})
		options.AWS = &doctor.AWS{S3: client, Identity: client.Identity(), Macie: macie.New(cfg, client.Identity())}
		if o.allRegions {
			options.Regions = macie.Regions(policy.Partition(cfg.Region))
			if len(options.Regions) == 0 {
				return usagef("there is no Macie in the regions around %s", cfg.Region)
			}
		}
	}
	report, err := doctor.Run(ctx, options)
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
