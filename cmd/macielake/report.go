package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/macielake/macielake/internal/change"
	"github.com/macielake/macielake/internal/config"
	"github.com/macielake/macielake/internal/nearest"
	"github.com/macielake/macielake/internal/query"
	"github.com/macielake/macielake/internal/render"
	"github.com/macielake/macielake/internal/report"
	"github.com/macielake/macielake/internal/s3"
	"github.com/macielake/macielake/internal/text"
)

// reportOptions are the flags of report.
type reportOptions struct {
	placeFlags
	points
	asOf, output, title, owner string
	config                     configFlag
	format, splitBy            choiceValue
	noKeys                     bool
	memory                     sizeValue
	workers                    int
}

func (o *reportOptions) addFlags(f *pflag.FlagSet) {
	o.format = choiceValue{"html", []string{"html", "markdown", "json"}}
	o.splitBy = choiceValue{choices: []string{string(change.ByOwner)}}
	o.memory = query.DefaultMemory
	f.StringVarP(&o.output, "output", "o", "", "write the report to this `FILE`, which is replaced; - is standard output")
	f.Var(&o.format, "format", "a page for a browser, Markdown for a wiki, or JSON")
	f.StringVar(&o.title, "title", "Sensitive data in S3", "`TITLE` of the report")
	f.StringVar(&o.since, "since", "", "say what changed since a `RUN` or a TIME; 0 is before the first run")
	f.StringVar(&o.mark, "mark", "", "say what changed since the run that `FILE` names, then record this report's run there")
	f.StringVar(&o.asOf, "as-of", "", "report only what was committed by a `RUN` or a TIME")
	f.StringVar(&o.owner, "owner", "", "report only the objects of this `OWNER` in the configuration; nobody means objects without an owner")
	f.Var(&o.splitBy, "split-by", "write a report for each owner into the new directory DIR, in one pass")
	f.BoolVar(&o.noKeys, "no-keys", false, "leave out the names of objects and of files in archives")
	o.config.addFlags(f)
	f.Var(&o.memory, "memory", "memory to use before temporary files")
	f.IntVarP(&o.workers, "workers", "j", runtime.GOMAXPROCS(0), "use `N` cores; the output does not depend on it")
	o.placeFlags.addFlags(f)
}

func newReport(s *session) *cobra.Command {
	var o reportOptions
	cmd := &cobra.Command{
		Use:   "report DATASET [DIR]",
		Short: "Write a report for people: one page that needs no other file",
		Long: `Write a report on a dataset for managers, auditors and owners: what is exposed and
must be fixed first, what changed, where the sensitive data lies and who owns it, what
was not analysed and why, how it developed, what is accepted, and what the figures
don't cover.

The page is one file without scripts that loads nothing. It is as of the last committed
run, or as of --as-of; the same dataset and flags always give the same bytes. Long lists
are cut, and say how much is not shown.`,
		Example: `  macielake report lake --output report.html
  macielake report lake --mark report.mark --config macielake.yaml --output report.html
  macielake report lake reports --config macielake.yaml --split-by owner
  macielake report lake --no-keys --format markdown --output -`,
		Annotations: exits(exit{code: exitRejects}, exit{code: exitUnreadable}, exit{code: exitNotFound}),
		RunE:        func(cmd *cobra.Command, args []string) error { return o.run(s, cmd, args) },
	}
	o.addFlags(cmd.Flags())
	return cmd
}

// check checks the flags against each other.
func (o *reportOptions) check(s *session, args []string) error {
	split := o.splitBy.value != ""
	switch {
	case split && len(args) == 1:
		return usagef("--split-by %s needs a directory after the dataset", o.splitBy.value)
	case !split && len(args) == 2:
		return usagef("%q is one argument too many: a directory is only for --split-by owner", args[1])
	case split && s3.IsURI(args[1]) || s3.IsURI(o.output):
		return usagef("reports are written to local files only: write one there and copy it")
	case split && (o.output != "" || o.owner != ""):
		return usagef("--split-by writes a report for each owner: leave out --output and --owner")
	case (split || o.owner != "") && o.config.file == "":
		return usagef("--owner and --split-by need --config, which names the owners of objects")
	case !split && o.output == "" && !s.json:
		return usagef("--output is missing: name the file to write, or - for standard output")
	case s.json && o.output != "":
		return usagef("--json prints the report: leave --output out, or use --format json")
	case o.since != "" && o.mark != "":
		return usagef("--since and --mark exclude each other")
	case o.mark != "" && o.asOf != "":
		return usagef("--mark and --as-of exclude each other: a mark moves to the last run")
	}
	return checkWorkers(o.workers)
}

func (o *reportOptions) run(s *session, cmd *cobra.Command, args []string) error {
	if err := o.check(s, args); err != nil {
		return err
	}
	conf, err := o.config.read(s)
	if err != nil {
		return err
	}
	owner := o.owner
	if owner == nobody {
		owner = ""
	} else if owner != "" && !slices.Contains(conf.OwnerNames(), owner) {
		return usagef("the configuration has no owner %q: %s", owner, nearest.Suggestion(owner, append(conf.OwnerNames(), nobody)))
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
	compare := o.since != "" || o.mark != ""
	o.until = o.asOf
	if !compare {
		o.since = "0"
	}
	between, err := o.between(in, marked)
	if err != nil {
		return err
	}
	limited := in.caveats(ctx, s)
	if limited != nil && !isOutcome(limited) {
		return limited
	}
	options := report.Options{
		Through: between.through, Compare: compare, Since: between.since, FirstRun: between.first, Config: conf,
		Split: o.splitBy.value != "" || o.owner != "", Keys: !o.noKeys, Grown: defaultGrown, Memory: int64(o.memory), Workers: o.workers,
	}
	source := report.Source{Title: o.title, Dataset: args[0], Version: version(), AsOf: between.to, Runs: len(between.runs), ConfigFile: o.config.file, Config: s.config}
	if between.to != nil {
		options.Now = between.to.EndedAt
	}
	for _, r := range between.runs {
		if at := r.StartedAt; source.From == nil || at.Before(*source.From) {
			source.From = &at
		}
		if at := r.End.EndedAt; source.To == nil || at.After(*source.To) {
			source.To = &at
		}
	}
	pages, err := report.New(ctx, options, l)
	if err != nil {
		return err
	}
	caveats, err := l.Caveats(ctx)
	if err != nil {
		return fmt.Errorf("what limits the report: %w", err)
	}
	for _, p := range pages {
		p.Source, p.Unknown.Caveats = source, caveats
		if p.Changes != nil {
			p.Changes.Since = between.from
		}
	}
	if o.owner != "" {
		pages = slices.DeleteFunc(pages, func(p *report.Page) bool { return *p.Owner != owner })
	}
	if err := o.write(s, args, pages, conf); err != nil {
		return err
	}
	if marked != nil { // once the report is written, which of a document is later
		moving = true
		s.then = func() error {
			defer marked.close()
			return marked.move(ctx, l, between)
		}
	}
	return limited
}

// write writes the pages.
func (o *reportOptions) write(s *session, args []string, pages []*report.Page, conf *config.Config) error {
	if len(args) == 1 {
		data, err := o.render(pages[0], conf)
		switch {
		case err != nil:
			return err
		case s.json || o.output == "-":
			return s.answer(pages[0], func(w io.Writer) error {
				_, err := w.Write(data)
				return err
			})
		}
		return s.wrote(o.output, data)
	}
	dir := args[1]
	if there, err := os.ReadDir(dir); err == nil && len(there) > 0 {
		return usagef("%s isn't empty: name a new directory, as files of an earlier report could pass for this one's", dir)
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return fmt.Errorf("making the directory of --split-by: %w", err)
	}
	type file struct {
		Owner    string `json:"owner"` // empty for nobody
		File     string `json:"file"`
		Findings int64  `json:"findings"`
	}
	var files []file
	for _, p := range pages {
		data, err := o.render(p, conf)
		if err != nil {
			return err
		}
		name := filepath.Join(dir, fileOf(*p.Owner)+"."+map[string]string{"html": "html", "markdown": "md", "json": "json"}[o.format.value])
		if err := replaceFile(name, data); err != nil {
			return err
		}
		files = append(files, file{*p.Owner, name, p.Totals.Findings})
	}
	return s.answer(files, func(w io.Writer) error {
		for _, f := range files {
			if _, err := fmt.Fprintf(w, "%s\n", text.Printable(f.File)); err != nil {
				return err
			}
		}
		return nil
	})
}

// wrote writes a file and says so.
func (s *session) wrote(name string, data []byte) error {
	if err := replaceFile(name, data); err != nil {
		return err
	}
	fmt.Fprintf(s.stderr, "report written to %s (%s)\n", text.Printable(name), text.Bytes(int64(len(data))))
	return nil
}

// replaceFile writes a file as a whole, or not at all.
func replaceFile(name string, data []byte) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("writing %s: %w", name, err)
		}
	}()
	if info, statErr := os.Stat(name); statErr == nil && !info.Mode().IsRegular() { // such as /dev/stdout
		return os.WriteFile(name, data, 0o666)
	}
	f, err := os.OpenFile(fmt.Sprintf("%s.%d.tmp", name, time.Now().UnixNano()), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	if _, err = f.Write(data); err == nil {
		err = f.Sync()
	}
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// render renders a page in the format that is asked for.
func (o *reportOptions) render(p *report.Page, conf *config.Config) ([]byte, error) {
	var out bytes.Buffer
	r := render.Report{P: p, Config: conf}
	var err error
	switch o.format.value {
	case "html":
		err = r.HTML(&out)
	case "markdown":
		err = r.Document().Write(&out, text.Markdown, text.Options{})
	default:
		var data []byte
		if data, err = marshalJSON(p); err == nil {
			out.Write(data)
			out.WriteByte('\n')
		}
	}
	if err != nil {
		return nil, fmt.Errorf("rendering the report: %w", err)
	}
	return out.Bytes(), nil
}

// nobody is how flags and files name objects without an owner.
const nobody = "nobody"

// defaultGrown is the default of --grown of diff: a count that grew by this factor makes
// a finding worse.
const defaultGrown = 2.0
