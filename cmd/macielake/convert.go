package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/macielake/macielake/internal/convert"
	"github.com/macielake/macielake/internal/input"
	"github.com/macielake/macielake/internal/render"
	steps "github.com/macielake/macielake/internal/run"
	"github.com/macielake/macielake/internal/s3"
	"github.com/macielake/macielake/internal/s3/s3input"
	"github.com/macielake/macielake/internal/state"
	"github.com/macielake/macielake/pkg/schema"
	"github.com/macielake/macielake/pkg/sink"
	"github.com/macielake/macielake/pkg/stream"
)

// convertOptions are the flags of convert.
type convertOptions struct {
	placeFlags
	write            writeFlags
	inventory        string
	keysFrom         string
	out              string
	format           choiceValue
	tables           listValue
	partitionBy      listValue
	compression      choiceValue
	targetFileSize   sizeValue
	partSize         sizeValue
	workers          int
	accounts         listValue
	regions          listValue
	jobs             listValue
	since            timeValue
	until            timeValue
	rejectRaw        choiceValue
	maxRejects       int64
	maxLineBytes     sizeValue
	maxLineValues    int
	maxInflatedBytes sizeValue
	maxSources       int
	allowCopies      bool
	acceptChanged    bool
	noWait           bool
	dryRun           bool
	retryRejected    bool
	acceptUnreadable string
	quiet            bool
	stats            bool
	verbose          bool
}

// A line and what is made of it must stay within the 4 GiB that a batch can
// address.
const maxMaxLineBytes = 128 << 20

// maxLineValuesHelp is the help of --max-line-values.
const maxLineValuesHelp = "reject lines with more than `N` locations, N/25 detections, N/25 tags or N*4/5 unrecognised fields"

const noPartitions = "none"

func (o *convertOptions) addFlags(f *pflag.FlagSet) {
	limits := stream.DefaultLimits()
	o.format = choiceValue{"parquet", []string{"parquet", "arrow"}}
	o.compression = choiceValue{"zstd", []string{"zstd", "snappy", "none"}}
	o.rejectRaw = choiceValue{"base64", []string{"base64", "none"}}
	for _, t := range schema.Tables() {
		o.tables.choices = append(o.tables.choices, t.Name)
	}
	o.tables.values = o.tables.choices
	for _, k := range sink.PartitionKeys() {
		o.partitionBy.choices = append(o.partitionBy.choices, string(k))
	}
	o.partitionBy.choices = append(o.partitionBy.choices, noPartitions)
	o.partitionBy.values = []string{string(sink.ByCreatedMonth)}
	o.targetFileSize = 256 << 20
	o.partSize = 64 << 20
	o.maxLineBytes = sizeValue(limits.MaxLineBytes)
	o.maxInflatedBytes = sizeValue(limits.MaxInflatedBytes)

	f.StringVarP(&o.out, "out", "o", "", "`DIR` or s3:// URI of the dataset, which is created if it does not exist (required)")
	f.Var(&o.format, "format", "format of the tables")
	f.Var(&o.tables, "tables", "tables to write")
	f.Var(&o.partitionBy, "partition-by", "`KEYS` by which tables are split into directories: created_month, created_date, region, account, job, or none")
	f.Var(&o.compression, "compression", "compression of the tables")
	f.Var(&o.targetFileSize, "target-file-size", "size at which a file of a table ends and the next begins")
	f.Var(&o.partSize, "part-size", "stored bytes per part, the unit of work, output and retry; small runs have smaller parts")
	f.Var(&o.accounts, "only-account", "convert only results of these accounts")
	f.Var(&o.regions, "only-region", "convert only results of these Regions")
	f.Var(&o.jobs, "only-job", "convert only results of these jobs")
	f.Var(&o.since, "since", "convert only results created at or after this time")
	f.Var(&o.until, "until", "convert only results created before this time")
	f.Var(&o.rejectRaw, "reject-raw", "how the bytes of rejected lines (up to 64 KiB each) are kept with the rejects")
	f.Int64Var(&o.maxRejects, "max-rejects", -1, "fail if more than `N` lines and sources are rejected (default: no limit)")
	f.Var(&o.maxLineBytes, "max-line-bytes", "reject longer lines (at most 128MiB)")
	f.IntVar(&o.maxLineValues, "max-line-values", limits.MaxLineValues, maxLineValuesHelp)
	f.Var(&o.maxInflatedBytes, "max-inflated-bytes", "reject sources that inflate to more")
	f.IntVar(&o.maxSources, "max-sources-per-run", convert.DefaultMaxSources, "take `N` sources per run; more become several runs, committed one after the other")
	f.BoolVar(&o.retryRejected, "retry-rejected", false, "convert only the lines and sources that were rejected before")
	f.BoolVar(&o.allowCopies, "allow-copies", false, "also convert copies of sources that are converted: the same key from AWSLogs/ on, with the same size")
	f.BoolVar(&o.acceptChanged, "accept-changed", false, "leave changed sources out for good, in the version that they have now")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "print no summary and no progress")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "name skipped files and repeated requests")
	o.placeFlags.addFlags(f)
	o.addFetchFlags(f)
	f.StringVar(&o.inventory, "inventory", "", "manifest.json of an S3 Inventory `REPORT`, in place of a listing")
	f.StringVar(&o.keysFrom, "keys-from", "", "`FILE` of s3:// URIs or keys, one per line, in place of a listing; - for standard input")
	o.write.addFlags(f)
}

// addWorkFlags adds those that say how the work is done, and when it is well done.
func (o *convertOptions) addWorkFlags(f *pflag.FlagSet) {
	f.IntVarP(&o.workers, "workers", "j", runtime.GOMAXPROCS(0), "use `N` cores; the output does not depend on it")
	f.BoolVar(&o.dryRun, "dry-run", false, "show what would be read, claimed and written, and write nothing")
	f.StringVar(&o.acceptUnreadable, "accept-unreadable", "", "`FILE` of sources that may stay unread without exit code 4: one source_uri per line; a * at the end matches any rest")
	f.BoolVar(&o.noWait, "no-wait", false, "do not wait for other converters: exit with 4 if they are still at work")
	f.BoolVar(&o.stats, "stats", false, "show where the time went, which costs about 1% of it")
}

func newConvert(s *session) *cobra.Command {
	var o convertOptions
	cmd := &cobra.Command{
		Use:   "convert INPUT... --out DIR",
		Short: "Convert discovery results into Parquet or Arrow tables",
		Long: `Convert new discovery results into the tables of a dataset: results (a row per
result), detections (a row per result and type of sensitive data) and occurrences
(a row per location).

An INPUT is a file, a directory (read recursively), a glob, - for standard input,
s3://BUCKET/KEY (one object, every object below a prefix, or those that match * and
?), or macie://REGION (wherever Macie stores that Region's results). Files named
*.jsonl.gz and *.jsonl are read; others are skipped and counted. Lines and sources
that cannot be converted never stop the rest: they are counted, and kept in
DIR/_macielake/rejects.

A dataset remembers its sources. Run the same command again to convert new ones, or
to resume a run that was interrupted. All runs of a dataset have the same format,
tables, partitions and filters. A source that changes after it was converted is
left out and named, with exit code 4, until --accept-changed accepts that; so is a
copy of a converted source, without an error.

Several converts can run on one dataset at the same time: they share the work, and
each waits until everything is converted.`,
		Example: `  macielake convert ./AWSLogs --out lake
  macielake convert 'AWSLogs/*/Macie/eu-*' --out lake --partition-by region,created_month
  macielake convert s3://results-bucket/AWSLogs --out s3://lake-bucket/macie
  macielake convert macie://eu-west-1 --out s3://lake-bucket/macie
  zcat results.jsonl.gz | macielake convert - --out lake --json`,
		Annotations: exits(
			exit{exitOK, "every source is converted"},
			exit{exitRejects, "done, but lines or sources were rejected"},
			exit{exitUnreadable, "done, but sources could not be read, have changed, or are left to another convert (wins over 3)"},
			exit{exitNotFound, "an input does not exist, or holds no discovery results"}),
		Args: anyArguments(func() bool { return o.inventory != "" || o.keysFrom != "" }),
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(s, cmd, args) },
	}
	o.addFlags(cmd.Flags())
	o.addWorkFlags(cmd.Flags())
	return cmd
}

func (o *convertOptions) run(s *session, cmd *cobra.Command, args []string) error {
	options, err := o.options(args)
	if err != nil {
		return err
	}
	if o.acceptUnreadable != "" {
		if options.AcceptUnreadable, err = readAccepted(o.acceptUnreadable); err != nil {
			return err
		}
	}
	summary, err := o.convert(s, cmd, args, options)
	if err != nil {
		return err
	}
	err = s.answer(summary, func(io.Writer) error { return nil })
	if err == nil && !o.quiet {
		err = render.Summary(s.stderr, summary)
	}
	if err == nil && o.stats && !o.dryRun {
		err = render.Stats(s.stderr, &summary.Stats)
	}
	if err != nil {
		return &printError{err}
	}
	switch {
	case summary.Sources.Unreadable > summary.Sources.AcceptedUnreadable, summary.Sources.Changed > 0, summary.Sources.InWork > 0:
		return &outcome{exitUnreadable}
	case summary.Rejects.Lines+summary.Rejects.Sources > 0:
		return &outcome{exitRejects}
	}
	return nil
}

// convert opens what the flags name, and runs a converter.
func (o *convertOptions) convert(s *session, cmd *cobra.Command, args []string, options convert.Options) (*convert.Summary, error) {
	options.Log = newLog(s.stderr, o.verbose)
	ctx, stop := context.WithCancelCause(cmd.Context())
	defer stop(nil)
	places := o.places(options.Log)
	var closer io.Closer
	var err error
	options.Origins, options.Inputs, closer, err = places.origins(ctx, sources{
		inputs: args, inventory: o.inventory, keysFrom: o.keysFrom, stdin: s.stdin, stop: stop,
		filter: s3input.Filter{Accounts: o.accounts.values, Regions: o.regions.values, Jobs: o.jobs.values, Since: o.since.t},
	})
	if err != nil {
		return nil, err
	}
	defer closer.Close()
	if options.Out, err = places.createStore(ctx, o.out, o.write.WriteOptions); err != nil {
		return nil, err
	}
	defer options.Out.Close()
	bar := startProgress(s.stderr, o.quiet || o.verbose, options.Progress)
	limitMemory(o.workers)
	summary, err := convert.Run(ctx, options)
	bar.stop()
	if err != nil {
		return nil, places.explainMissing(cmd.Context(), args, reason(cmd.Context(), ctx, err))
	}
	return summary, nil
}

// readAccepted reads which sources may stay unread: a URI per line, or a prefix if
// it ends in *.
func readAccepted(name string) (func(uri string) bool, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("reading --accept-unreadable: %w", err)
	}
	exact := map[string]bool{}
	var prefixes []string
	for line := range strings.Lines(string(data)) {
		line = strings.TrimRight(line, "\r\n")
		if prefix, ok := strings.CutSuffix(line, "*"); ok {
			prefixes = append(prefixes, prefix)
		} else if line != "" {
			exact[line] = true
		}
	}
	return func(uri string) bool {
		return exact[uri] || slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(uri, p) })
	}, nil
}

// options checks the flags against each other.
func (o *convertOptions) options(args []string) (convert.Options, error) {
	var none convert.Options
	switch {
	case o.out == "":
		return none, usagef("--out is missing")
	case o.checkFetches() != nil:
		return none, o.checkFetches()
	case o.inventory != "" && o.keysFrom != "":
		return none, usagef("--inventory and --keys-from exclude each other")
	case (o.inventory != "" || o.keysFrom != "") && slices.ContainsFunc(args, func(in string) bool { return !s3.IsURI(in) }):
		return none, usagef("with --inventory or --keys-from each INPUT must be an s3:// URI")
	case o.write.check() != nil:
		return none, o.write.check()
	case checkWorkers(o.workers) != nil:
		return none, checkWorkers(o.workers)
	case o.maxSources < 1:
		return none, usagef("--max-sources-per-run must be at least 1")
	case o.retryRejected && slices.Contains(args, input.StdinName):
		return none, usagef("--retry-rejected can't read standard input again")
	case o.maxRejects < -1:
		return none, usagef("--max-rejects must be -1 or more")
	case o.maxLineBytes > maxMaxLineBytes:
		return none, usagef("--max-line-bytes must be at most 128MiB")
	case o.maxLineValues < 1:
		return none, usagef("--max-line-values must be at least 1")
	case slices.Contains(o.partitionBy.values, noPartitions) && len(o.partitionBy.values) > 1:
		return none, usagef("--partition-by %s excludes other keys", noPartitions)
	case slices.Contains(o.partitionBy.values, string(sink.ByCreatedMonth)) &&
		slices.Contains(o.partitionBy.values, string(sink.ByCreatedDate)):
		return none, usagef("--partition-by takes created_month or created_date, not both")
	case o.format.value == "arrow" && o.compression.value == "snappy":
		return none, usagef("--format arrow needs --compression zstd or none: Arrow files have no snappy")
	case o.since.t != nil && o.until.t != nil && !o.since.t.Before(*o.until.t):
		return none, usagef("--since must be before --until")
	}
	limits := stream.DefaultLimits()
	limits.MaxLineBytes = int(o.maxLineBytes)
	limits.MaxLineValues = o.maxLineValues
	limits.MaxInflatedBytes = int64(o.maxInflatedBytes)
	options := convert.Options{
		Inputs:      args,
		TableFormat: o.format.value, Tables: o.tables.values, Compression: o.compression.value,
		TargetFileSize: int64(o.targetFileSize), PartSize: int64(o.partSize), Workers: o.workers, FetchConcurrency: o.fetchConcurrency,
		Filter: state.Filter{
			Accounts: o.accounts.values, Regions: o.regions.values, Jobs: o.jobs.values,
			Since: o.since.t, Until: o.until.t,
		},
		Limits: limits, RejectRaw: o.rejectRaw.value == "base64", MaxRejects: o.maxRejects,
		MaxSources: o.maxSources, DryRun: o.dryRun, RetryRejected: o.retryRejected,
		AllowCopies: o.allowCopies, AcceptChanged: o.acceptChanged, NoWait: o.noWait,
		Version: version(), Progress: &steps.Progress{}, CPUTimes: o.stats,
	}
	for _, k := range o.partitionBy.values {
		if k != noPartitions {
			options.PartitionBy = append(options.PartitionBy, sink.PartitionKey(k))
		}
	}
	return options, nil
}
