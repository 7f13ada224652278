package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/macielake/macielake/internal/cat"
	"github.com/macielake/macielake/internal/nearest"
	"github.com/macielake/macielake/internal/query"
	"github.com/macielake/macielake/internal/raw"
	"github.com/macielake/macielake/internal/summarize"
	"github.com/macielake/macielake/internal/text"
	"github.com/macielake/macielake/internal/where"
	"github.com/macielake/macielake/pkg/schema"
)

// summarizeOptions are the flags of summarize.
type summarizeOptions struct {
	readFlags
	by       listValue
	measures listValue
	where    string
	filtered bool // --where was given
	top      int64
	sort     string
	all      bool
	members  bool
	trend    bool
	asOf     string
	ofRun    string
	preset   string
	output   choiceValue
	config   configFlag
	csvRaw   bool
	memory   sizeValue
}

func (o *summarizeOptions) addFlags(f *pflag.FlagSet) {
	for _, m := range query.AllMeasures() {
		o.measures.choices = append(o.measures.choices, m.String())
	}
	for _, format := range text.Formats() {
		o.output.choices = append(o.output.choices, string(format))
	}
	o.output.value = o.output.choices[0]
	o.memory = query.DefaultMemory
	f.Var(&o.by, "by", "`DIMENSIONS` to group by")
	f.Var(&o.measures, "measures", "`FIGURES` of each group (default: those of the dimensions)")
	f.StringVar(&o.where, "where", "", "count only rows that match this `FILTER`")
	f.Int64Var(&o.top, "top", 0, "show only the first `N` groups; 5 in each section of the overview by default")
	f.StringVar(&o.sort, "sort", "", "`NAME` of a measure, largest first, or of a dimension to sort by (default: occurrences)")
	f.BoolVar(&o.all, "all", false, "count every result (repeats once), not the current state of each object")
	f.BoolVar(&o.members, "members", false, "also count files inside archives, although the archives' own results include them")
	f.BoolVar(&o.trend, "trend", false, "with --by month: the state at the end of each month")
	addAsOf(f, &o.asOf)
	f.StringVar(&o.ofRun, "run", "", "with --all: count only results of this `RUN` of a dataset, or of the 'last'")
	f.StringVar(&o.preset, "preset", "", "answer a named `QUESTION`; 'list' shows them all")
	o.config.addFlags(f)
	f.Var(&o.output, "output", "format of the answer")
	f.BoolVar(&o.csvRaw, "csv-raw", false, "leave CSV cells unescaped that a spreadsheet takes for formulas")
	f.Var(&o.memory, "memory", "memory to use before temporary files")
	o.readFlags.addFlags(f)
}

// listPresets is the preset that names the others.
const listPresets = "list"

func newSummarize(s *session) *cobra.Command {
	var o summarizeOptions
	cmd := &cobra.Command{
		Use:   "summarize INPUT|DATASET...",
		Short: "Summarize results or a dataset by any dimension",
		Long: `Summarize discovery results or a dataset. Without --by it is an overview: totals,
the top types and buckets, public and unencrypted objects with sensitive data,
objects that were not analysed and why, occurrences without a location, and the
newest results of each administrator, Region and origin.

An INPUT is a file, a directory (read recursively), a glob, or - for standard input,
as for convert. A DATASET is the --out of convert.

An object counts once, in its current state, however often it was analysed
(docs/current.md); --all counts every result. A finding is confirmed if the content
that was analysed last has it, and unconfirmed if that content was replaced and
nothing shows that the finding is gone. Members of archives are left out, since the
archives' own figures include them.

Dimensions for --by and --where:
` + fieldHelp(true) + `
Further fields for --where, with = != < <= > >= ~ !~ in (...) is null, and, or, not:
` + fieldHelp(false) + `
Measures:
` + measureHelp(),
		Example: `  macielake summarize ./AWSLogs
  macielake summarize lake --by bucket --where "type=CREDIT_CARD_NUMBER and bucket~'^hr-' and count>=100"
  macielake summarize lake --by month,category --sort month --output csv
  macielake summarize lake --preset job-types --where job=0123456789abcdef0123456789abcdef`,
		Annotations: exits(exit{code: exitRejects}, exit{code: exitUnreadable}, exit{code: exitNotFound}),
		Args:        anyArguments(func() bool { return o.preset == listPresets }),
		RunE:        func(cmd *cobra.Command, args []string) error { return o.run(s, cmd, args) },
	}
	o.addFlags(cmd.Flags())
	return cmd
}

// fieldHelp lists the dimensions, or the other fields of filters.
func fieldHelp(dimensions bool) string {
	var out strings.Builder
	for _, f := range query.FieldDocs() {
		if f.Dimension == dimensions {
			helpLine(&out, f.Name, f.Doc, 20, helpColumns)
		}
	}
	return out.String()
}

func measureHelp() string {
	var out strings.Builder
	for _, m := range query.AllMeasures() {
		helpLine(&out, m.String(), m.Doc(), 20, helpColumns)
	}
	return out.String()
}

func (o *summarizeOptions) run(s *session, cmd *cobra.Command, args []string) error {
	o.filtered = cmd.Flags().Changed("where")
	options, err := o.options()
	if err != nil {
		return o.withTagKeys(s, cmd, args, err)
	}
	format := text.Format(o.output.value)
	style := text.Options{Screen: screenOf(s.stdout), Raw: o.csvRaw, Terminal: isTerminal(s.stdout)}
	s.json = s.json || format == text.JSON
	overview := o.preset == "" && len(options.By) == 0
	switch {
	case s.json && format != text.JSON && o.output.value != o.output.choices[0]:
		return usagef("--json and --output %s exclude each other", format)
	case s.json:
		format = text.NDJSON // an array's elements
	}
	if o.preset == listPresets {
		columns, rows := summarize.PresetTable()
		return s.rows(func(w io.Writer) error { return text.WriteTable(w, format, columns, rows, style) })
	}
	if options.Config, err = o.config.read(s); err != nil {
		return err
	}
	collectLess()
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
	options.Until, options.Through, options.Late, options.Now = at.until, at.through, at.late, at.now
	limited := in.caveats(ctx, s)
	if limited != nil && !isOutcome(limited) {
		return limited
	}
	options.Limited = in.limited
	inputs := summarize.Inputs{Datasets: in.datasets}
	if len(in.results) > 0 {
		results, err := o.readFlags.options(s, cmd, in, stop)
		if err != nil {
			return err
		}
		inputs.Results = &results
	}
	var tally *raw.Tally
	var late int64
	switch {
	case overview:
		var v *summarize.Overview
		if v, tally, err = summarize.NewOverview(ctx, options, inputs); err == nil {
			late = v.Late
			err = s.answer(v, func(w io.Writer) error { return v.Write(w, format, style) })
		}
	case options.Preset != nil && options.Preset.Lists():
		err = s.rows(func(w io.Writer) (err error) {
			tally, err = summarize.WriteRows(ctx, w, format, style, options, inputs)
			return err
		})
	default:
		tally, late, err = o.groups(ctx, s, options, inputs, format, style)
	}
	if sorting := (*summarize.SortError)(nil); errors.As(err, &sorting) {
		return &usageError{err}
	}
	if err != nil {
		return reason(cmd.Context(), ctx, err)
	}
	o.config.note(s)
	in.sayAsOf(s, at, late)
	return worse(limited, reportTally(s.stderr, tally))
}

// groups answers by dimensions.
func (o *summarizeOptions) groups(ctx context.Context, s *session, options summarize.Options, in summarize.Inputs, format text.Format, style text.Options) (*raw.Tally, int64, error) {
	g, tally, err := summarize.NewGroups(ctx, options, in)
	if err != nil {
		return tally, 0, err
	}
	defer g.Close()
	if g.Heading != "" && !g.ShowsHeading(format, style) {
		fmt.Fprintf(s.stderr, "note: %s\n", g.Heading)
	}
	rows := int64(0)
	err = s.rows(func(w io.Writer) (err error) {
		rows, err = g.Write(ctx, w, format, style)
		return err
	})
	if err == nil && rows == 0 && g.Filtered {
		fmt.Fprintf(s.stderr, "note: %s\n", g.NoneMatch())
	}
	return tally, g.Late, err
}

// options checks the flags against each other.
func (o *summarizeOptions) options() (summarize.Options, error) {
	options := summarize.Options{
		Top: o.top, Sort: o.sort, All: o.all, Members: o.members, Trend: o.trend, Memory: int64(o.memory), Workers: o.workers,
	}
	var none summarize.Options
	if err := o.check(); err != nil {
		return none, err
	}
	switch {
	case o.top < 0:
		return none, usagef("--top must not be negative")
	case o.csvRaw && o.output.value != string(text.CSV):
		return none, usagef("--csv-raw needs --output csv")
	case o.ofRun != "" && !o.all && o.preset == "":
		return none, usagef("--run needs --all: --as-of gives the state as of a run")
	case o.trend && (o.all || o.preset != ""):
		return none, usagef("--trend counts states: leave --all and --preset out")
	case o.trend && !slices.Contains(o.by.values, "month"):
		return none, usagef("--trend needs --by month")
	case o.preset != "" && (o.by.set || o.measures.set || o.all):
		return none, usagef("--preset has its own dimensions and measures, and counts every analysis: leave --by, --measures and --all out")
	case o.preset == "" && !o.by.set && (o.measures.set || o.sort != ""):
		return none, usagef("--measures and --sort need --by")
	}
	for _, name := range o.by.values {
		d, err := query.ParseDimension(name)
		if err != nil {
			return none, &usageError{err}
		}
		options.By = append(options.By, d)
		options.Members = options.Members || d.OfMembers()
	}
	for _, name := range o.measures.values {
		m, err := query.ParseMeasure(name)
		if err != nil {
			return none, &usageError{err}
		}
		options.Measures = append(options.Measures, m)
	}
	fields := query.Fields()
	if o.preset != "" && o.preset != listPresets {
		preset, ok := summarize.PresetNamed(o.preset)
		if !ok {
			return none, noPreset(o.preset)
		}
		if preset.Lists() {
			if o.sort != "" {
				return none, usagef("the preset %s lists rows in the order of the input: leave out --sort", o.preset)
			}
			for _, t := range schema.Tables() {
				if t.Name == preset.Table {
					fields = cat.Fields(t)
				}
			}
		}
		options.Preset = &preset
	}
	if o.filtered {
		filter, err := where.Parse(o.where, fields)
		if err != nil {
			return none, &usageError{err}
		}
		options.Where = filter
		options.Members = options.Members || options.Preset == nil && query.FilterOfMembers(filter)
	}
	byOwner := slices.ContainsFunc(options.By, func(d query.Dimension) bool { return d.Name() == query.OwnerField })
	return options, o.config.needed(options.Where, fields, byOwner)
}

// noPreset says that there is no preset of a name, and which may be meant.
func noPreset(name string) error {
	var names []string
	for _, p := range summarize.Presets() {
		names = append(names, p.Name)
	}
	return usagef("unknown preset %q: %s", name, nearest.Suggestion(name, names))
}
