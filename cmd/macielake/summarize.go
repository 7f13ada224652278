package main

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/macielake/macielake/internal/cat"
	"github.com/macielake/macielake/internal/query"
	"github.com/macielake/macielake/internal/summarize"
	"github.com/macielake/macielake/internal/table"
	"github.com/macielake/macielake/internal/where"
	"github.com/macielake/macielake/pkg/schema"
)

// summarizeOptions are the flags of summarize.
type summarizeOptions struct {
	readFlags
	by       listValue
	measures listValue
	where    string
	top      int64
	sort     string
	all      bool
	members  bool
	preset   string
	output   choiceValue
	csvRaw   bool
	memory   sizeValue
}

func (o *summarizeOptions) addFlags(f *pflag.FlagSet) {
	for _, m := range query.Measures() {
		o.measures.choices = append(o.measures.choices, m.String())
	}
	for _, format := range table.Formats() {
		o.output.choices = append(o.output.choices, string(format))
	}
	o.output.value = o.output.choices[0]
	o.memory = query.DefaultMemory
	f.Var(&o.by, "by", "dimensions to group by")
	f.Var(&o.measures, "measures", "figures of each group (default as the dimensions have them)")
	f.StringVar(&o.where, "where", "", "count only what this filter is true of")
	f.Int64Var(&o.top, "top", 0, "print only the first so many groups; 0 for all, and for 5 in each section of the overview")
	f.StringVar(&o.sort, "sort", "", "measure to sort by, the largest first, or dimension (default occurrences)")
	f.BoolVar(&o.all, "all", false, "count every analysis, instead of what is current of each object")
	f.BoolVar(&o.members, "members", false, "count files inside archives, too, whose sums the archives' own results already have")
	f.StringVar(&o.preset, "preset", "", "answer a question that has a name; list names them")
	f.Var(&o.output, "output", "format of the answer")
	f.BoolVar(&o.csvRaw, "csv-raw", false, "leave CSV cells as they are that a spreadsheet takes for formulas")
	f.Var(&o.memory, "memory", "what may be kept in memory before temporary files are used")
	o.readFlags.addFlags(f)
}

// listPresets is the preset that names the others.
const listPresets = "list"

func newSummarize() *cobra.Command {
	var o summarizeOptions
	cmd := &cobra.Command{
		Use:   "summarize INPUT|DATASET...",
		Short: "Count what results or a dataset hold, by what you like",
		Long: `Count what discovery results or a dataset hold. Without --by it is an overview:
totals, the top types and buckets, what is public or unencrypted, what could not
be analysed and why, and where Macie reported fewer locations than there are.

An INPUT is a file, a directory (read recursively), a glob, or - for standard
input, as for convert. A DATASET is what convert has written.

An object that was analysed again and again counts once: only results of its
newest analysed content, of each type the largest count among them. --all counts
every analysis. Files inside archives are left out, as the archive's own result
holds their totals.

Dimensions of --by, which --where may name, too:
` + fieldHelp(true) + `
Others of --where, by = != < <= > >= ~ !~ in (...) is null, and, or, not:
` + fieldHelp(false) + `
Measures:
` + measureHelp() + `
` + exitHelp,
		Example: `  macielake summarize ./AWSLogs
  macielake summarize lake --by bucket --where "type=CREDIT_CARD_NUMBER and bucket~'^hr-' and count>=100"
  macielake summarize lake --by month,category --sort month --output csv
  macielake summarize lake --preset job-types --where job=0123456789abcdef0123456789abcdef`,
		Args: func(cmd *cobra.Command, args []string) error {
			if o.preset == listPresets {
				return cobra.NoArgs(cmd, args)
			}
			return cobra.MinimumNArgs(1)(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, args) },
	}
	o.addFlags(cmd.Flags())
	return cmd
}

// fieldHelp lists the dimensions, or the other fields of filters.
func fieldHelp(dimensions bool) string {
	var out strings.Builder
	for _, f := range query.FieldDocs() {
		if f.Dimension == dimensions {
			helpLine(&out, f.Name, f.Doc)
		}
	}
	return out.String()
}

func measureHelp() string {
	var out strings.Builder
	for _, m := range query.Measures() {
		helpLine(&out, m.String(), m.Doc())
	}
	return out.String()
}

// helpLine writes a name and what it is, in lines of at most 80 characters.
func helpLine(out *strings.Builder, name, doc string) {
	const indent, width = 20, 80
	line := "  " + name + strings.Repeat(" ", max(1, indent-2-len(name)))
	for word := range strings.FieldsSeq(doc) {
		if len(line)+len(word) > width {
			out.WriteString(strings.TrimRight(line, " ") + "\n")
			line = strings.Repeat(" ", indent)
		}
		line += word + " "
	}
	out.WriteString(strings.TrimRight(line, " ") + "\n")
}

func (o *summarizeOptions) run(cmd *cobra.Command, args []string) error {
	stdout := cmd.OutOrStdout()
	options, err := o.options()
	if err != nil {
		return err
	}
	options.Table = table.Options{Screen: screenOf(stdout), Raw: o.csvRaw, Terminal: isTerminal(stdout)}
	if o.preset == listPresets {
		return summarize.WritePresets(table.New(stdout, options.Format, summarize.PresetColumns(), options.Table))
	}
	ctx := cmd.Context()
	in, err := openInputs(ctx, args)
	if err != nil {
		return err
	}
	defer in.close()
	inputs := summarize.Inputs{Datasets: in.datasets}
	if len(in.results) > 0 {
		results := o.readFlags.options(cmd, in)
		inputs.Results = &results
	}
	account, err := summarize.Write(ctx, stdout, options, inputs)
	if sorting := (*summarize.SortError)(nil); errors.As(err, &sorting) {
		return &usageError{err}
	}
	if err != nil {
		return err
	}
	return reportAccount(cmd.ErrOrStderr(), account)
}

// options checks the flags against each other.
func (o *summarizeOptions) options() (summarize.Options, error) {
	options := summarize.Options{
		Top: o.top, Sort: o.sort, All: o.all, Members: o.members, Memory: int64(o.memory), Workers: o.workers,
		Format: table.Format(o.output.value),
	}
	var none summarize.Options
	if err := o.check(); err != nil {
		return none, err
	}
	switch {
	case o.top < 0:
		return none, usagef("--top must not be negative")
	case o.csvRaw && options.Format != table.CSV:
		return none, usagef("--csv-raw goes with --output csv")
	case o.preset != "" && (o.by.set || o.measures.set || o.all):
		return none, usagef("--preset has its own dimensions and measures, and counts every analysis: leave out --by, --measures and --all")
	case o.preset == "" && !o.by.set && (o.measures.set || o.sort != ""):
		return none, usagef("--measures and --sort go with --by")
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
			return none, usagef("there is no preset %q; --preset list names them", o.preset)
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
	if o.where != "" {
		filter, err := where.Parse(o.where, fields)
		if err != nil {
			return none, &usageError{err}
		}
		options.Where = filter
		options.Members = options.Members || options.Preset == nil && query.FilterOfMembers(filter)
	}
	return options, nil
}
