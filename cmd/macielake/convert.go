package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/macielake/macielake/internal/convert"
	"github.com/macielake/macielake/internal/dataset"
	"github.com/macielake/macielake/internal/input"
	"github.com/macielake/macielake/internal/s3"
	"github.com/macielake/macielake/internal/s3/s3input"
	"github.com/macielake/macielake/internal/text"
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
	maxInflatedBytes sizeValue
	maxSources       int
	overwrite        bool
	dryRun           bool
	retryRejected    bool
	acceptUnreadable string
	singleWriter     bool
	json             bool
	quiet            bool
	stats            bool
	verbose          bool
}

// A line and what is made of it must stay within the 4 GiB that a batch can
// address.
const maxMaxLineBytes = 128 << 20

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

	f.StringVarP(&o.out, "out", "o", "", "directory or s3:// URI of the dataset, which is made where there is none (required)")
	f.Var(&o.format, "format", "format of the tables")
	f.Var(&o.tables, "tables", "tables to write")
	f.Var(&o.partitionBy, "partition-by", "directories to split tables into: created_month, created_date, region, account, job, or none")
	f.Var(&o.compression, "compression", "compression of the tables")
	f.Var(&o.targetFileSize, "target-file-size", "size at which a file ends and the next begins")
	f.Var(&o.partSize, "part-size", "stored bytes per part, the unit of work and of output; a small run has smaller parts")
	f.IntVarP(&o.workers, "workers", "j", runtime.GOMAXPROCS(0), "how many cores to use; the output doesn't depend on it")
	f.Var(&o.accounts, "only-account", "convert only records of these accounts")
	f.Var(&o.regions, "only-region", "convert only records of these regions")
	f.Var(&o.jobs, "only-job", "convert only records of these jobs")
	f.Var(&o.since, "since", "convert only records created at or after this time")
	f.Var(&o.until, "until", "convert only records created before this time")
	f.Var(&o.rejectRaw, "reject-raw", "keep rejected lines (up to 64 KiB each) with the rejects")
	f.Int64Var(&o.maxRejects, "max-rejects", -1, "stop once more lines and objects than this are rejected; -1 never")
	f.Var(&o.maxLineBytes, "max-line-bytes", "reject longer lines (at most 128MiB)")
	f.Var(&o.maxInflatedBytes, "max-inflated-bytes", "reject objects that inflate to more")
	f.IntVar(&o.maxSources, "max-sources-per-run", convert.DefaultMaxSources, "how many objects a run takes; more become several runs, committed one after the other")
	f.BoolVar(&o.dryRun, "dry-run", false, "only say what would be read, claimed and written")
	f.BoolVar(&o.retryRejected, "retry-rejected", false, "convert again the lines and objects that are recorded as rejected, and nothing else")
	f.StringVar(&o.acceptUnreadable, "accept-unreadable", "", "file of the objects that may stay unread without exit code 4: one a line, as source_uri has them; a * at the end stands for anything")
	f.BoolVar(&o.singleWriter, "single-writer", false, "write also to a store that can't keep two converters apart; there must be no other")
	f.BoolVar(&o.overwrite, "overwrite", false, "replace the dataset that is in --out, once the new one is whole")
	f.BoolVar(&o.json, "json", false, "print the summary as a JSON object on standard output")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "print no summary and no progress on standard error")
	f.BoolVar(&o.stats, "stats", false, "print where the time went; measuring it takes some hundredths")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "name skipped files, and requests that are tried again")
	o.placeFlags.addFlags(f)
	o.addFetchFlags(f)
	f.StringVar(&o.inventory, "inventory", "", "manifest.json of an S3 Inventory report, in place of a listing")
	f.StringVar(&o.keysFrom, "keys-from", "", "file of s3:// URIs or keys, one a line, in place of a listing; - for standard input")
	o.write.addFlags(f)
}

func newConvert() *cobra.Command {
	var o convertOptions
	cmd := &cobra.Command{
		Use:   "convert INPUT... --out DIR",
		Short: "Convert discovery results into Parquet or Arrow tables",
		Long: `Convert the discovery results that aren't converted yet into tables: results (a row per analysed object),
detections (a row per object and type of sensitive data) and occurrences (a row
per location).

An INPUT is a file, a directory (read recursively), a glob, - for standard input,
s3://BUCKET/KEY (an object, all below it, or with * and ? what matches), or
macie://REGION: wherever Macie puts that region's results. Files named *.jsonl.gz
and *.jsonl are read, others are skipped and counted. Lines and objects that can't be converted are written to
DIR/_macielake/rejects and counted, and never stop the others.

DIR remembers what it holds: the same command again converts what is new, and
where the last one was stopped it goes on. All runs of a dataset have the same
format, tables, partitions and filters. An object that changes after it was
converted is reported and left alone.

` + exitHelp,
		Example: `  macielake convert ./AWSLogs --out lake
  macielake convert 'AWSLogs/*/Macie/eu-*' --out lake --partition-by region,created_month
  macielake convert s3://results-bucket/AWSLogs --out s3://lake-bucket/macie
  macielake convert macie://eu-west-1 --out s3://lake-bucket/macie
  zcat results.jsonl.gz | macielake convert - --out lake --json`,
		Args: func(cmd *cobra.Command, args []string) error {
			if o.inventory != "" || o.keysFrom != "" {
				return nil
			}
			return cobra.MinimumNArgs(1)(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, args) },
	}
	o.addFlags(cmd.Flags())
	return cmd
}

func (o *convertOptions) run(cmd *cobra.Command, args []string) error {
	options, err := o.options(args)
	if err != nil {
		return err
	}
	if o.acceptUnreadable != "" {
		if options.AcceptUnreadable, err = readAccepted(o.acceptUnreadable); err != nil {
			return err
		}
	}
	stderr := cmd.ErrOrStderr()
	options.Log = newLog(stderr, o.verbose)
	ctx, stop := context.WithCancelCause(cmd.Context())
	defer stop(nil)
	places := o.places(options.Log)
	var closer io.Closer
	options.Origins, options.Inputs, closer, err = places.origins(ctx, sources{
		inputs: args, inventory: o.inventory, keysFrom: o.keysFrom, stdin: cmd.InOrStdin(), stop: stop,
		filter: s3input.Filter{Accounts: o.accounts.values, Regions: o.regions.values, Jobs: o.jobs.values, Since: o.since.t},
	})
	if err != nil {
		return err
	}
	defer closer.Close()
	if options.Out, err = places.createStore(ctx, o.out, o.write.WriteOptions); err != nil {
		return err
	}
	defer options.Out.Close()
	bar := startProgress(stderr, o.quiet || o.verbose, options.Progress)
	limitMemory(o.workers)
	summary, err := convert.Run(ctx, options)
	bar.stop()
	if err != nil {
		return reason(cmd.Context(), ctx, err)
	}
	if !o.quiet {
		if err := summary.WriteText(stderr); err != nil {
			return &printError{err}
		}
	}
	if o.stats && !o.dryRun {
		if err := summary.Stats.WriteText(stderr); err != nil {
			return &printError{err}
		}
	}
	if o.json {
		if err := writeJSON(cmd.OutOrStdout(), summary); err != nil {
			return &printError{err}
		}
	}
	switch {
	case summary.Objects.Unreadable > summary.Objects.AcceptedUnreadable:
		return &outcome{exitUnreadable}
	case summary.Rejects.Lines+summary.Rejects.Objects > 0:
		return &outcome{exitRejects}
	}
	return nil
}

// readAccepted reads which objects may stay unread: a URI a line, a prefix where
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

// writeJSON writes a line of JSON that is fit for a terminal, too.
func writeJSON(w io.Writer, v any) error {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	_, err := w.Write(text.JSON(buf.Bytes()))
	return err
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
		return none, usagef("--inventory and --keys-from don't go together")
	case (o.inventory != "" || o.keysFrom != "") && slices.ContainsFunc(args, func(in string) bool { return !s3.IsURI(in) }):
		return none, usagef("--inventory and --keys-from list what is in S3: an INPUT must be an s3:// URI")
	case o.write.check() != nil:
		return none, o.write.check()
	case checkWorkers(o.workers) != nil:
		return none, checkWorkers(o.workers)
	case o.maxSources < 1:
		return none, usagef("--max-sources-per-run must be at least 1")
	case o.retryRejected && o.overwrite:
		return none, usagef("--retry-rejected doesn't go with --overwrite")
	case o.retryRejected && slices.Contains(args, input.StdinName):
		return none, usagef("--retry-rejected can't read standard input again")
	case o.maxRejects < -1:
		return none, usagef("--max-rejects must be -1 or more")
	case o.maxLineBytes > maxMaxLineBytes:
		return none, usagef("--max-line-bytes must be at most 128MiB")
	case slices.Contains(o.partitionBy.values, noPartitions) && len(o.partitionBy.values) > 1:
		return none, usagef("--partition-by %s goes with no other key", noPartitions)
	case slices.Contains(o.partitionBy.values, string(sink.ByCreatedMonth)) &&
		slices.Contains(o.partitionBy.values, string(sink.ByCreatedDate)):
		return none, usagef("--partition-by takes created_month or created_date, not both")
	case o.format.value == "arrow" && o.compression.value == "snappy":
		return none, usagef("--format arrow goes with --compression zstd or none: Arrow files have no snappy")
	case o.since.t != nil && o.until.t != nil && !o.since.t.Before(*o.until.t):
		return none, usagef("--since must be before --until")
	}
	limits := stream.DefaultLimits()
	limits.MaxLineBytes = int(o.maxLineBytes)
	limits.MaxInflatedBytes = int64(o.maxInflatedBytes)
	options := convert.Options{
		Inputs:      args,
		TableFormat: o.format.value, Tables: o.tables.values, Compression: o.compression.value,
		TargetFileSize: int64(o.targetFileSize), PartSize: int64(o.partSize), Workers: o.workers, FetchConcurrency: o.fetchConcurrency,
		Filter: dataset.Filter{
			Accounts: o.accounts.values, Regions: o.regions.values, Jobs: o.jobs.values,
			Since: o.since.t, Until: o.until.t,
		},
		Limits: limits, RejectRaw: o.rejectRaw.value == "base64", MaxRejects: o.maxRejects,
		MaxSources: o.maxSources, DryRun: o.dryRun, RetryRejected: o.retryRejected, SingleWriter: o.singleWriter,
		Overwrite: o.overwrite, Version: version(), Progress: &convert.Progress{}, CPUTimes: o.stats,
	}
	for _, k := range o.partitionBy.values {
		if k != noPartitions {
			options.PartitionBy = append(options.PartitionBy, sink.PartitionKey(k))
		}
	}
	return options, nil
}
