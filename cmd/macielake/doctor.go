package main

import (
	"context"
	"io"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/macielake/macielake/internal/doctor"
	"github.com/macielake/macielake/internal/input"
	"github.com/macielake/macielake/internal/kms"
	"github.com/macielake/macielake/internal/macie"
	"github.com/macielake/macielake/internal/policy"
	"github.com/macielake/macielake/internal/store"
	"github.com/macielake/macielake/internal/text"
)

// doctorOptions are the flags of doctor.
type doctorOptions struct {
	placeFlags
	write      writeFlags
	out        string
	allRegions bool
	maxObjects int64
	policies   bool
	verbose    bool
}

func (o *doctorOptions) addFlags(f *pflag.FlagSet) {
	o.placeFlags.addFlags(f)
	f.StringVarP(&o.out, "out", "o", "", "also check that a dataset can be written to `DIR`")
	f.BoolVar(&o.allRegions, "all-regions", false, "ask Macie in all Regions, not only in one")
	f.Int64Var(&o.maxObjects, "max-objects", doctor.DefaultMaxObjects, "stop listing the input after `N` sources")
	f.BoolVar(&o.policies, "policies", true, "print the smallest sufficient policies")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "name repeated requests")
	o.write.addFlags(f)
}

func newDoctor(s *session) *cobra.Command {
	var o doctorOptions
	cmd := &cobra.Command{
		Use:   "doctor [INPUT] [--out DIR]",
		Short: "Check permissions and settings before a conversion",
		Long: `Check what a conversion needs and print a checklist: each check is ok, failed
(it would stop a conversion, or is not as it should be) or not known, with a next
step.

With an INPUT, as for convert: which identity you are, whether the input can be
listed, whether one source can be read and decrypted and holds discovery results,
and which accounts, Regions and jobs the input has, how large and how old. With
--out: whether a dataset can be written there, and whether the store refuses to
replace objects that must only be created.

Without an INPUT, Macie is asked where it stores its results, in the configured
Region or in all of them (--all-regions), and those buckets are audited: the KMS
key, public access, and whether the bucket policy lets your Macie and no other write
and refuses plain HTTP.

For places in S3 the smallest sufficient policies are printed, for IAM and KMS: for
the writer (who deletes nothing), for readers of the tables (who don't see the
dataset's state) and for maintenance.`,
		Example: `  macielake doctor --all-regions
  macielake doctor macie://eu-west-1
  macielake doctor s3://results/AWSLogs --out s3://lake/macie
  macielake doctor s3://results/AWSLogs --out s3://lake/macie --json | jq .answer.policies.writer.iam`,
		Annotations: exits(exit{exitOK, "no check failed"}, exit{exitFailed, "a check failed"}),
		RunE:        func(cmd *cobra.Command, args []string) error { return o.run(s, cmd, args) },
	}
	o.addFlags(cmd.Flags())
	return cmd
}

func (o *doctorOptions) run(s *session, cmd *cobra.Command, args []string) error {
	in := ""
	if len(args) > 0 {
		in = args[0]
	}
	switch {
	case in == "-":
		return usagef("standard input cannot be checked: it can be read only once")
	case len(args) > 0 && in == "":
		return usagef("the INPUT is empty")
	case o.allRegions && in != "":
		return usagef("--all-regions and an INPUT exclude each other")
	case o.maxObjects <= 0:
		return usagef("--max-objects must be at least 1")
	}
	if err := o.write.check(); err != nil {
		return err
	}
	if err := input.CheckURL(o.out); err != nil {
		return err
	}
	options, err := o.options(s, cmd, in)
	if err != nil {
		return err
	}
	report, err := doctor.Run(cmd.Context(), options)
	if err != nil {
		return err
	}
	err = s.answer(report, func(w io.Writer) error {
		return report.Document(o.policies).Write(w, text.Table, text.Options{Screen: screenOf(w)})
	})
	if err == nil && !report.OK {
		err = &outcome{exitFailed}
	}
	return err
}

// options are the places to check, and the clients to do it with.
func (o *doctorOptions) options(s *session, cmd *cobra.Command, in string) (doctor.Options, error) {
	ctx := cmd.Context()
	places := o.places(newLog(s.stderr, o.verbose))
	options := doctor.Options{
		Input: in, MaxObjects: o.maxObjects, Out: o.out,
		OpenOut: func(ctx context.Context) (store.Store, error) {
			return places.createStore(ctx, o.out, o.write.WriteOptions)
		},
		Hint: func(err error) string { _, hint := classify(err); return hint },
	}
	var err error
	options.Origins, _, _, err = places.origins(ctx, sources{inputs: []string{in}, stdin: s.stdin})
	if err != nil || !doctor.NeedsAWS(in, o.out) {
		return options, err
	}
	client, ask, err := places.aws(ctx)
	if err != nil {
		return options, err
	}
	options.AWS = &doctor.AWS{S3: client, Macie: ask, Identity: client.Identity(), KMS: kms.New(places.cfg)}
	if o.allRegions {
		options.Regions = macie.Regions(policy.Partition(ask.Region()))
		if len(options.Regions) == 0 {
			return options, usagef("Macie is in no Region of the partition of %s", ask.Region())
		}
	}
	return options, nil
}
