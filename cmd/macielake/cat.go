package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/macielake/macielake/internal/cat"
	"github.com/macielake/macielake/internal/nearest"
	"github.com/macielake/macielake/internal/raw"
	"github.com/macielake/macielake/internal/text"
	"github.com/macielake/macielake/internal/where"
	"github.com/macielake/macielake/pkg/schema"
)

// catOptions are the flags of cat.
type catOptions struct {
	readFlags
	table   choiceValue
	columns listValue
	where   string
	limit   int64
	output  choiceValue
	csvRaw  bool
	asOf    string
	ofRun   string
}

func (o *catOptions) addFlags(f *pflag.FlagSet) {
	for _, t := range schema.Tables() {
		o.table.choices = append(o.table.choices, t.Name)
	}
	o.output.value = string(cat.NDJSON)
	for _, format := range cat.Formats() {
		o.output.choices = append(o.output.choices, string(format))
	}
	f.Var(&o.table, "table", "`TABLE` whose rows to write: results, detections or occurrences (required)")
	f.Var(&o.columns, "columns", "`COLUMNS` to write, in that order (default: all)")
	f.StringVar(&o.where, "where", "", "write only rows that match this `FILTER`")
	f.Int64Var(&o.limit, "limit", -1, "write at most `N` rows and read no further (default: all)")
	f.Var(&o.output, "output", "format of the rows")
	f.BoolVar(&o.csvRaw, "csv-raw", false, "leave CSV cells unescaped that a spreadsheet takes for formulas")
	addAsOf(f, &o.asOf)
	f.StringVar(&o.ofRun, "run", "", "write only rows of this `RUN` of a dataset, or of the 'last'")
	o.readFlags.addFlags(f)
}

func newCat(s *session) *cobra.Command {
	var o catOptions
	cmd := &cobra.Command{
		Use:   "cat INPUT|DATASET... --table TABLE",
		Short: "Write rows of results or of a dataset to standard output",
		Long: `Write the rows of a table to standard output, in the order of the input, for jq,
DuckDB, pandas and the like: results (a row per result), detections (a row per
result and type of sensitive data) or occurrences (a row per location).

An INPUT is a file, a directory (read recursively), a glob, or - for standard input,
as for convert. A DATASET is the --out of convert. Lines and sources that cannot be
read give no rows: notes on standard error name them. With --json each row is an
element of the answer.`,
		Example: `  macielake cat ./AWSLogs --table detections --where 'type=CREDIT_CARD_NUMBER and count>=100'
  macielake cat lake --table detections | jq -r '[.bucket_name, .detection_type] | @tsv'
  macielake cat lake --table occurrences --output csv --columns object_key,cell_reference > cells.csv
  macielake cat lake --table results --output arrow | python3 -c 'import pyarrow as pa, sys
  print(pa.ipc.open_stream(sys.stdin.buffer).read_all().num_rows)'`,
		Annotations: exits(exit{code: exitRejects}, exit{code: exitUnreadable}, exit{code: exitNotFound}),
		RunE:        func(cmd *cobra.Command, args []string) error { return o.run(s, cmd, args) },
	}
	o.addFlags(cmd.Flags())
	return cmd
}

func (o *catOptions) run(s *session, cmd *cobra.Command, args []string) error {
	format := cat.Format(o.output.value)
	if s.json && format != cat.NDJSON {
		return usagef("--json and --output %s exclude each other", format)
	}
	if format.Binary() && isTerminal(s.stdout) {
		return usagef("--output %s is not text, and standard output is a terminal: send it to a file or a program", format)
	}
	options, err := o.rows(cmd.Flags().Changed("where"))
	if err != nil {
		return o.withTagKeys(s, cmd, args, err)
	}
	style := text.Options{Screen: screenOf(s.stdout), Raw: o.csvRaw, Terminal: isTerminal(s.stdout)}
	ctx, stop := context.WithCancelCause(cmd.Context())
	defer stop(nil)
	in, err := o.open(cmd, args)
	if err != nil {
		return err
	}
	defer in.close()
	at, err := in.asOf(o.asOf, o.ofRun)
	if err != nil {
		return err
	}
	limited := in.caveats(ctx, s)
	if limited != nil && !isOutcome(limited) {
		return limited
	}
	options.Through = at.through
	if !at.until.Null() {
		until, err := where.Parse("created_at<="+time.UnixMicro(at.until.Int()).UTC().Format(time.RFC3339Nano)+" or created_at is null", cat.Fields(options.Table))
		if err != nil {
			return err
		}
		options.Filter = where.And(options.Filter, until)
	}
	late := int64(0)
	if at.late != nil {
		for _, l := range in.datasets {
			n, err := cat.LateResults(ctx, l, options.Table, at.until.Int(), at.late, o.workers)
			if err != nil {
				return err
			}
			late += n
		}
	}
	var tally *raw.Tally
	none := false
	err = s.rows(func(w io.Writer) error {
		output := cat.NewOutput(w, format, options.Columns, style, "macielake version "+version())
		c := cat.New(options, output)
		for _, l := range in.datasets {
			if err := c.AddDataset(ctx, l); err != nil {
				return err
			}
		}
		if len(in.results) > 0 {
			results, err := o.readFlags.options(s, cmd, in, stop)
			if err != nil {
				return err
			}
			if tally, err = c.AddResults(ctx, results); err != nil {
				return reason(cmd.Context(), ctx, err)
			}
		}
		if err := output.End(); err != nil {
			return err
		}
		none = options.Filter != nil && c.Written() == 0 && options.Limit != 0
		return reason(cmd.Context(), ctx, c.Check(ctx))
	})
	if err != nil {
		return err
	}
	if none {
		fmt.Fprintf(s.stderr, "note: no row of %s matches\n", o.table.value)
	}
	in.sayAsOf(s, at, late)
	return worse(limited, reportTally(s.stderr, tally))
}

// rows checks the flags against each other.
func (o *catOptions) rows(filtered bool) (cat.Options, error) {
	var none cat.Options
	if err := o.check(); err != nil {
		return none, err
	}
	tables := schema.Tables()
	i := slices.IndexFunc(tables, func(t *schema.Table) bool { return t.Name == o.table.value })
	switch {
	case i < 0:
		return none, usagef("--table is missing: choose %s", strings.Join(o.table.choices, ", "))
	case o.limit < -1:
		return none, usagef("--limit must be -1 or more")
	case o.csvRaw && o.output.value != string(cat.CSV):
		return none, usagef("--csv-raw needs --output csv")
	}
	options := cat.Options{Table: tables[i], Columns: tables[i].Columns, Limit: o.limit, Workers: o.workers}
	if o.columns.set {
		options.Columns = nil
		for _, name := range o.columns.values {
			c, ok := cat.Column(options.Table, name)
			if !ok {
				return none, usagef("the table %s has no column %q: %s", o.table.value, name, nearest.Suggestion(name, columnNames(options.Table)))
			}
			if slices.ContainsFunc(options.Columns, func(o schema.Column) bool { return o.Name == c.Name }) {
				return none, usagef("--columns has %s twice", c.Name)
			}
			options.Columns = append(options.Columns, c)
		}
	}
	if filtered {
		filter, err := where.Parse(o.where, cat.Fields(options.Table))
		if err != nil {
			return none, &usageError{err}
		}
		options.Filter = filter
	}
	return options, nil
}

func columnNames(t *schema.Table) []string {
	fields := cat.Fields(t)
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.Name
	}
	return names
}
