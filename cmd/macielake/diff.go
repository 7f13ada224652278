package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/macielake/macielake/internal/change"
	"github.com/macielake/macielake/internal/config"
	"github.com/macielake/macielake/internal/lake"
	"github.com/macielake/macielake/internal/render"
	"github.com/macielake/macielake/internal/s3"
	"github.com/macielake/macielake/internal/state"
	"github.com/macielake/macielake/internal/store"
	"github.com/macielake/macielake/internal/text"
	"github.com/macielake/macielake/internal/where"
)

// diffOptions are the flags of diff.
type diffOptions struct {
	placeFlags
	points
	gateFirstRun  bool
	by, output    choiceValue
	top           int
	where         string
	failOn        []string
	strict, quiet bool
	config        configFlag
	splitBy       choiceValue
	grown         string
	memory        sizeValue
	workers       int
}

func (o *diffOptions) addFlags(f *pflag.FlagSet) {
	o.by = choiceValue{change.Bys()[0], change.Bys()}
	o.output = choiceValue{"table", []string{"table", "json", "ndjson", "markdown", "ocsf"}}
	f.StringVar(&o.since, "since", "", "compare with what was committed by a `RUN` or a TIME; 0 is before the first run")
	f.StringVar(&o.until, "until", "", "compare what was committed by a `RUN` or a TIME, not what is there now")
	f.StringVar(&o.mark, "mark", "", "compare with the last run that `FILE` names, a path or s3://BUCKET/KEY, which is moved on once the answer is written")
	f.BoolVar(&o.gateFirstRun, "gate-first-run", false, "let --fail-on look at the first run of a --mark, too")
	f.Var(&o.by, "by", "group by")
	f.IntVar(&o.top, "top", 20, "show the first `N` groups; 0 for all")
	f.StringVar(&o.where, "where", "", "report only findings that match this `FILTER`")
	f.StringArrayVar(&o.failOn, "fail-on", nil, "end with exit code 6 if a finding matches this `FILTER`; may be repeated")
	f.BoolVar(&o.strict, "strict", false, "end with exit code 6 also if rejects or unread sources that nobody has acknowledged limit the answer")
	f.BoolVar(&o.quiet, "quiet", false, "print nothing unless --fail-on or --strict fails")
	o.config.addFlags(f)
	o.splitBy = choiceValue{choices: []string{string(change.ByOwner)}}
	f.Var(&o.splitBy, "split-by", "write each owner's changes to a file of its own in the directory DIR, in the form of --output: markdown, or ndjson")
	f.StringVar(&o.grown, "grown", "2x", "how many `TIMES` a count must have grown for a finding to be worse")
	f.Var(&o.output, "output", "table, and markdown for tickets; ndjson has a line for each finding that isn't unchanged, and ocsf an OCSF event")
	o.memory = change.DefaultMemory
	f.Var(&o.memory, "memory", "memory to use before temporary files")
	f.IntVarP(&o.workers, "workers", "j", runtime.GOMAXPROCS(0), "use `N` cores; the output does not depend on it")
	o.placeFlags.addFlags(f)
}

func newDiff(s *session) *cobra.Command {
	var o diffOptions
	cmd := &cobra.Command{
		Use:   "diff DATASET [DIR]",
		Short: "Show what is new, worse, resolved or gone",
		Long: `Compare a dataset's findings at two points: what was committed by then, so that
results that were delivered late are new. Findings are new, reappeared, worse, not
seen again, unchanged, resolved, no longer detected or gone; docs/changes.md has the rules. Silence is
not resolution: a finding stays open until a later content of its object was
analysed by somebody who looks for it.

--mark is for what runs every night: it remembers the last run that was reported,
and the first use records all findings as known.

Fields for --where and --fail-on:
` + changeFieldHelp() + `
and those of summarize. public and unencrypted are true, false or unknown.`,
		Example: `  macielake diff lake --since 41
  macielake diff lake --mark ~/.macielake/lake.json
  macielake diff lake --mark s3://ops/marks/lake.json --fail-on 'state=new and public=true'
  macielake diff lake --since 2026-11-01 --output ndjson | jq -r .object
  macielake diff lake --mark lake.mark --config macielake.yaml --split-by owner tickets`,
		Annotations: exits(exit{code: exitRejects}, exit{code: exitUnreadable}, exit{code: exitNotFound}, exit{code: exitGate}),
		RunE:        func(cmd *cobra.Command, args []string) error { return o.run(s, cmd, args) },
	}
	o.addFlags(cmd.Flags())
	return cmd
}

func changeFieldHelp() string {
	var out strings.Builder
	for _, f := range change.FieldDocs() {
		helpLine(&out, f[0], f[1], 20, helpColumns)
	}
	return out.String()
}

// check checks the flags, and returns the factor of --grown.
func (o *diffOptions) check() (grown float64, err error) {
	grown, err = strconv.ParseFloat(strings.TrimSuffix(o.grown, "x"), 64)
	switch {
	case err != nil || !(grown >= 1 && grown <= 1e18):
		return 0, usagef("--grown %q: want a number from 1 on, such as 2x", o.grown)
	case (o.since == "") == (o.mark == ""):
		return 0, usagef("--since or --mark is missing: say what to compare with, one of both")
	case o.mark == "" && o.gateFirstRun:
		return 0, usagef("--gate-first-run needs --mark")
	case o.mark != "" && o.until != "":
		return 0, usagef("--mark and --until exclude each other: a mark moves to the last run")
	case o.top < 0:
		return 0, usagef("--top cannot be negative")
	}
	return grown, checkWorkers(o.workers)
}

// filters parses --where, which comes first if it is given, and --fail-on.
func (o *diffOptions) filters(whereGiven bool) ([]*where.Filter, error) {
	var filters []*where.Filter
	texts := o.failOn
	if whereGiven {
		texts = append([]string{o.where}, texts...)
	}
	for _, s := range texts {
		f, err := where.Parse(s, change.Fields())
		if err != nil {
			return nil, &usageError{err}
		}
		filters = append(filters, f)
	}
	return filters, nil
}

func (o *diffOptions) run(s *session, cmd *cobra.Command, args []string) error {
	s.json = s.json || o.output.value == "json"
	grown, err := o.check()
	if err != nil {
		return err
	}
	split, err := o.split(args[1:])
	if err != nil {
		return err
	}
	if s.json && split == nil && o.output.value != "json" && o.output.value != o.output.choices[0] {
		return usagef("--json and --output %s exclude each other", o.output.value)
	}
	whereGiven := cmd.Flags().Changed("where")
	filters, err := o.filters(whereGiven)
	if err != nil {
		return err
	}
	for _, f := range append(filters, nil) {
		if err := o.config.needed(f, change.Fields(), o.by.value == string(change.ByOwner)); err != nil {
			return err
		}
	}
	rules, err := o.config.read(s)
	if err != nil {
		return err
	}
	collectLess()
	ctx := cmd.Context()
	p := o.places(newLog(cmd.ErrOrStderr(), false))
	in, err := openInputs(ctx, p, args[:1])
	if err != nil {
		return err
	}
	defer in.close()
	if len(in.datasets) == 0 {
		return &noDatasetError{args[0]}
	}
	l := in.datasets[0]
	marked, err := o.openMark(ctx, p, l)
	if err != nil {
		return err
	}
	moving := false
	defer func() {
		if !moving {
			marked.close()
		}
	}()
	between, err := o.between(in, marked)
	if err != nil {
		return err
	}
	limited := in.caveats(ctx, s)
	if limited != nil && !isOutcome(limited) {
		return limited
	}
	options := change.Options{
		Since: between.since, Through: between.through, Now: between.now, Grown: grown, Filters: filters,
		Memory: int64(o.memory) / 2, Workers: o.workers,
	}
	report := change.ReportOptions{
		Where: -1, Gate: map[int]string{}, By: change.By(o.by.value), Top: o.top,
		Records: split != nil || slices.Contains([]string{"ndjson", "markdown", "ocsf"}, o.output.value), Split: split != nil,
		Memory: int64(o.memory) / 2,
	}
	gated := !between.first || o.gateFirstRun
	for i := range filters {
		switch {
		case whereGiven && i == 0:
			report.Where = 0
		case gated:
			report.Gate[i] = o.failOn[i-len(filters)+len(o.failOn)]
		}
	}
	if rules != nil {
		options.Config, report.Config = rules, rules
		if options.Filters, report.AcceptWhere, err = change.AcceptFilters(rules, filters); err != nil {
			return err
		}
	}
	c := change.NewComparison(options)
	defer c.Close()
	if err := c.AddDataset(ctx, l); err != nil {
		return err
	}
	r := change.NewReporter(c, report)
	defer r.Close()
	answer, err := r.Report(ctx)
	if err != nil {
		return err
	}
	answer.Since, answer.Until, answer.FirstRun = between.from, between.to, between.first
	if split != nil {
		if err := split.write(ctx, answer, r, args[0], rules); err != nil {
			return err
		}
	}
	failed := len(answer.Failures) > 0 || o.strict && limited != nil
	if failed || !o.quiet {
		if err := o.print(ctx, s, args[0], answer, r, rules); err != nil {
			return err
		}
	} else {
		s.answered = true
		s.json = false
	}
	if marked != nil { // once the answer is written, which of a document is later
		moving = true
		s.then = func() error {
			defer marked.close()
			return marked.move(ctx, l, between)
		}
	}
	if !failed {
		return limited
	}
	for _, f := range answer.Failures {
		fmt.Fprintf(s.stderr, "note: not allowed: %s with %s\n", text.Plural(f.Findings, "finding"), text.Printable(f.Filter))
	}
	if o.strict && limited != nil {
		fmt.Fprintln(s.stderr, "note: not allowed: rejects or unread sources that nobody has acknowledged")
	}
	return &outcome{exitGate}
}

// print writes the answer.
func (o *diffOptions) print(ctx context.Context, s *session, dataset string, answer *change.Report, r *change.Reporter, c *config.Config) error {
	switch {
	case o.splitBy.value != "": // the changes are in files
	case o.output.value == "ndjson" || o.output.value == "ocsf":
		o.config.note(s)
		events := render.OCSF{Report: answer, Config: c, Version: version()}
		return s.rows(func(w io.Writer) error {
			return r.EachRecord(ctx, func(_ int, record []byte) (err error) {
				if o.output.value == "ocsf" {
					if record, err = events.Event(record); err != nil {
						return err
					}
				}
				if _, err := w.Write(append(text.EscapeJSON(record), '\n')); err != nil {
					return &printError{err}
				}
				return nil
			})
		})
	case o.output.value == "markdown":
		return s.answer(nil, func(w io.Writer) error {
			if err := render.Changes(answer, dataset, c).Write(w, text.Markdown, text.Options{}); err != nil || answer.FirstRun {
				return err
			}
			t := render.Tickets{Dataset: dataset, Config: c}
			return r.EachRecord(ctx, func(_ int, record []byte) error {
				ticket, err := t.Add(record)
				if err == nil {
					_, err = io.WriteString(w, ticket)
				}
				return err
			})
		})
	}
	return s.answer(answer, func(w io.Writer) error {
		return render.Changes(answer, dataset, c).Write(w, text.Table, text.Options{Screen: screenOf(w)})
	})
}

// interval is what diff compares.
type interval struct {
	from, to       *change.Point // nil where there is no run
	since, through func(run string) bool
	now            time.Time // what ages are told by
	runs           runSet    // that were committed by the later point
	first          bool      // a mark is used for the first time
}

// points are the flags that say what is compared.
type points struct{ since, until, mark string }

// between returns what the flags choose.
func (o *points) between(in *inputs, m *markFile) (*interval, error) {
	b := &interval{now: time.Now()}
	var since runSet
	var from *state.RunState // the last of since
	var err error
	switch {
	case m != nil && m.mark == nil:
		b.first = true
	case m != nil:
		from, since, err = m.runs(in)
	default:
		since, err = in.committedBy("--since", o.since)
		from = since.last()
	}
	if err != nil {
		return nil, err
	}
	b.runs = in.committed(all)
	if o.until != "" {
		if b.runs, err = in.committedBy("--until", o.until); err != nil {
			return nil, err
		}
	}
	last := b.runs.last()
	for _, r := range since {
		if !slices.Contains(b.runs, r) {
			return nil, usagef("--until comes before --since: run %s was committed by then, and not by --until", r.RunID)
		}
	}
	b.from, b.since = pointOf(from), since.ids()
	b.to, b.through = pointOf(last), b.runs.ids()
	if o.until != "" && last != nil {
		b.now = last.End.EndedAt
	}
	return b, nil
}

func pointOf(r *state.RunState) *change.Point {
	if r == nil {
		return nil
	}
	return &change.Point{Run: r.RunID, EndedAt: r.End.EndedAt}
}

// committedBy returns the runs that were committed by what a flag's run or time
// says; none before the first run.
func (in *inputs) committedBy(flag, value string) (runSet, error) {
	if value == "0" {
		return nil, nil
	}
	t, isTime := parseTime(value)
	if !isTime {
		r, err := in.run(flag, value)
		if missing := (*noSuchRunError)(nil); errors.As(err, &missing) && value == lastRun {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		return in.committed(r.Includes), nil
	}
	return in.committed(func(r *state.RunState) bool { return !r.End.EndedAt.After(t) }), nil
}

// markFile is a mark, and where it lies.
type markFile struct {
	store store.Store
	name  string
	mark  *change.Mark // nil where there is none yet
}

// openMark opens the mark that --mark names; nil without the flag.
func (o *points) openMark(ctx context.Context, p *places, l *lake.Lake) (*markFile, error) {
	if o.mark == "" {
		return nil, nil
	}
	dir, name := filepath.Split(o.mark)
	if s3.IsURI(o.mark) {
		dir, name = path.Split(o.mark)
		dir = strings.TrimSuffix(dir, "/")
	} else if dir == "" {
		dir = "."
	}
	if name == "" {
		return nil, usagef("--mark %q: want the name of a file", o.mark)
	}
	s, err := p.openStore(ctx, dir)
	if err != nil {
		return nil, fmt.Errorf("opening the place of the mark: %w", err)
	}
	m := &markFile{store: s, name: name}
	if m.mark, err = change.ReadMark(ctx, s, name, l.Dataset.ID); err != nil {
		s.Close()
		return nil, err
	}
	return m, nil
}

func (m *markFile) close() {
	if m != nil {
		m.store.Close()
	}
}

// runs returns the run that the mark names and the runs that were reported; none
// where nothing was.
func (m *markFile) runs(in *inputs) (last *state.RunState, reported runSet, err error) {
	if m.mark.Run == "" {
		return nil, nil, nil
	}
	reported = in.committed(func(r *state.RunState) bool { return m.mark.Reported(r.Number) })
	i := slices.IndexFunc(reported, func(r *state.RunState) bool { return r.RunID == m.mark.Run })
	if i < 0 {
		return nil, nil, &change.MarkError{Name: m.store.URI(m.name), What: fmt.Sprintf("names run %q, which the dataset doesn't have", m.mark.Run)}
	}
	return reported[i], reported, nil
}

// move moves the mark on to the runs that were compared.
func (m *markFile) move(ctx context.Context, l *lake.Lake, b *interval) error {
	next := &change.Mark{Format: change.MarkFormat, Dataset: l.Dataset.ID, At: time.Now().UTC()}
	if last := b.runs.last(); last != nil {
		next.Run, next.Number = last.RunID, b.runs[len(b.runs)-1].Number
		reported := b.runs.ids()
		for i := range l.States {
			if r := &l.States[i]; r.Number < next.Number && !reported(r.RunID) && (r.Open() || r.Committed()) {
				next.Open = append(next.Open, r.Number)
			}
		}
	}
	return next.Put(ctx, m.store, m.name)
}
