package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/macielake/macielake/internal/cat"
	"github.com/macielake/macielake/internal/input"
	"github.com/macielake/macielake/internal/lake"
	"github.com/macielake/macielake/internal/macie"
	"github.com/macielake/macielake/internal/query"
	"github.com/macielake/macielake/internal/raw"
	"github.com/macielake/macielake/internal/s3"
	"github.com/macielake/macielake/internal/state"
	"github.com/macielake/macielake/internal/store"
	"github.com/macielake/macielake/internal/text"
	"github.com/macielake/macielake/internal/where"
	"github.com/macielake/macielake/pkg/stream"
)

// inputs are what the arguments INPUT|DATASET... of a command name: datasets,
// or discovery results.
type inputs struct {
	places   *places
	datasets []*lake.Lake
	results  []string // inputs as input.Find takes them; none where there are datasets
	stores   []store.Store
	limited  bool // something limits answers from the datasets, acknowledged or not
}

// openInputs separates datasets, whose places hold a dataset's state, from inputs.
// The caller closes what it returns. Both in one command are a mistake: the results
// that a dataset was made from would count twice.
func openInputs(ctx context.Context, p *places, args []string) (*inputs, error) {
	in := &inputs{places: p}
	for _, arg := range args {
		s, l, err := openDataset(ctx, p, arg)
		if err != nil {
			in.close()
			return nil, err
		}
		switch {
		case l == nil:
			in.results = append(in.results, arg)
		case in.copyOf(l) != nil:
			s.Close() // named twice, by a link maybe, it is read once
			if err := in.copyOf(l).sameRuns(l); err != nil {
				in.close()
				return nil, usagef("%s: %w: name one", arg, err)
			}
		default:
			in.datasets, in.stores = append(in.datasets, l), append(in.stores, s)
		}
	}
	if len(in.datasets) > 0 && len(in.results) > 0 {
		in.close()
		return nil, usagef("%s is a dataset and %s is not: name datasets or results, not both", in.stores[0].URI("."), in.results[0])
	}
	return in, nil
}

// openedDataset is a dataset that was opened.
type openedDataset struct {
	*lake.Lake
	uri string
}

// copyOf returns the opened dataset that another is or is a copy of; nil if it is a
// new one.
func (in *inputs) copyOf(l *lake.Lake) *openedDataset {
	for i, known := range in.datasets {
		if known.Dataset.ID == l.Dataset.ID {
			return &openedDataset{known, in.stores[i].URI(".")}
		}
	}
	return nil
}

// sameRuns returns an error if a copy of the dataset has other runs.
func (d *openedDataset) sameRuns(l *lake.Lake) error {
	if !slices.Equal(d.Runs(), l.Runs()) {
		return fmt.Errorf("it is a copy of %s with other runs", d.uri)
	}
	return nil
}

// openDataset opens the dataset that an argument names; nil if it is no dataset.
func openDataset(ctx context.Context, p *places, arg string) (store.Store, *lake.Lake, error) {
	pattern := s3.IsURI(arg) && strings.ContainsAny(arg, "*?")
	if arg == input.StdinName || macie.IsURI(arg) || pattern {
		return nil, nil, nil
	}
	s, err := p.openStore(ctx, arg)
	if err != nil && s3.IsURI(arg) {
		return nil, nil, err
	}
	if err != nil {
		return nil, nil, nil // a file or a glob: listing it reports its errors
	}
	l, err := lake.Open(ctx, s)
	if err != nil {
		s.Close() // nothing was written
		if errors.Is(err, state.ErrForeign) {
			err = nil
		}
		return nil, nil, err
	}
	return s, l, nil
}

func (in *inputs) close() {
	for _, s := range in.stores {
		s.Close() // nothing was written
	}
}

// readFlags are the flags of commands that read inputs and answer at once.
type readFlags struct {
	placeFlags
	workers          int
	maxLineBytes     sizeValue
	maxLineValues    int
	maxInflatedBytes sizeValue
	verbose          bool
}

func (o *readFlags) addFlags(f *pflag.FlagSet) {
	limits := stream.DefaultLimits()
	o.maxLineBytes = sizeValue(limits.MaxLineBytes)
	o.maxInflatedBytes = sizeValue(limits.MaxInflatedBytes)
	f.IntVarP(&o.workers, "workers", "j", runtime.GOMAXPROCS(0), "use `N` cores; the output does not depend on it")
	f.Var(&o.maxLineBytes, "max-line-bytes", "reject longer lines (at most 128MiB)")
	f.IntVar(&o.maxLineValues, "max-line-values", limits.MaxLineValues, maxLineValuesHelp)
	f.Var(&o.maxInflatedBytes, "max-inflated-bytes", "reject sources that inflate to more")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "name skipped files and repeated requests")
	o.placeFlags.addFlags(f)
	o.addFetchFlags(f)
}

// check checks the flags.
func (o *readFlags) check() error {
	switch {
	case checkWorkers(o.workers) != nil:
		return checkWorkers(o.workers)
	case o.maxLineBytes < 16 || o.maxLineBytes > maxMaxLineBytes:
		return usagef("--max-line-bytes must be from 16 to 128MiB")
	case o.maxLineValues < 1:
		return usagef("--max-line-values must be at least 1")
	}
	return o.checkFetches()
}

// open opens what the arguments name.
func (o *readFlags) open(cmd *cobra.Command, args []string) (*inputs, error) {
	return openInputs(cmd.Context(), o.places(newLog(cmd.ErrOrStderr(), o.verbose)), args)
}

// options are how the inputs' results are read. Once nothing can be read, stop is
// called with why.
func (o *readFlags) options(s *session, cmd *cobra.Command, in *inputs, stop func(error)) (raw.Options, error) {
	limits := stream.DefaultLimits()
	limits.MaxLineBytes = int(o.maxLineBytes)
	limits.MaxLineValues = o.maxLineValues
	limits.MaxInflatedBytes = int64(o.maxInflatedBytes)
	origins, inputs, _, err := in.places.origins(cmd.Context(), sources{inputs: in.results, stdin: s.stdin, stop: stop})
	if err != nil {
		return raw.Options{}, err
	}
	return raw.Options{
		Inputs: inputs, Origins: origins, Limits: limits, Workers: o.workers, Log: in.places.log,
		Fetches: stream.NewFetchGroup(o.fetchConcurrency, 0),
	}, nil
}

// explainMissing says of inputs without discovery results that one is a dataset,
// which convert doesn't read.
func (p *places) explainMissing(ctx context.Context, args []string, err error) error {
	if missing := (*input.NotFoundError)(nil); !errors.As(err, &missing) {
		return err
	}
	for _, arg := range args {
		if s, l, _ := openDataset(ctx, p, arg); l != nil {
			s.Close()
			return usagef("%s is a dataset: convert reads discovery results, such as ./AWSLogs, and writes datasets; to ask a dataset use summarize, locate or cat", arg)
		}
	}
	return err
}

// reportTally names on standard error the lines and sources that gave no rows. It
// returns the *outcome for the exit code; nil if there are none or t is nil.
func reportTally(stderr io.Writer, t *raw.Tally) error {
	if t == nil {
		return nil
	}
	notes := len(t.Notes)
	for _, n := range t.Notes {
		fmt.Fprintf(stderr, "note: %s\n", text.Printable(noteText(&n)))
	}
	rejected := t.RejectedLines + t.RejectedSources
	if rest := rejected + t.Unreadable - int64(notes); rest > 0 {
		fmt.Fprintf(stderr, "note: and %s more: %s and %s rejected, %s unreadable in all\n",
			text.Count(rest), text.Plural(t.RejectedLines, "line"), text.Plural(t.RejectedSources, "source"), text.Plural(t.Unreadable, "source"))
	}
	switch {
	case t.Unreadable > 0:
		return &outcome{exitUnreadable}
	case rejected > 0:
		return &outcome{exitRejects}
	}
	return nil
}

func noteText(n *raw.Note) string {
	where := text.Short(n.URI)
	if n.Line > 0 {
		where = fmt.Sprintf("%s, line %d", where, n.Line)
	}
	what := "rejected: " + string(n.Class)
	if n.Class == "" {
		what = "could not be read"
		if n.Err != nil {
			what += ": " + n.Err.Error()
		}
	}
	if n.Used {
		what += "; its first lines were used before that showed"
	}
	return where + ": " + what
}

// shownKeys is how many keys of tags an error lists.
const shownKeys = 20

// withTagKeys adds the keys that the inputs' tags have to an error about a field of
// tags without a key, and returns other errors as they are. Standard input is not
// read for it.
func (o *readFlags) withTagKeys(s *session, cmd *cobra.Command, args []string, err error) error {
	field := ""
	if syntax := (*where.SyntaxError)(nil); errors.As(err, &syntax) {
		field = syntax.Keyless
	}
	if keyless := (*query.KeylessError)(nil); errors.As(err, &keyless) {
		field = keyless.Name
	}
	if field == "" || slices.Contains(args, "-") {
		return err
	}
	ctx, stop := context.WithCancelCause(cmd.Context())
	defer stop(nil)
	in, openErr := o.open(cmd, args)
	if openErr != nil {
		return err
	}
	defer in.close()
	var results *raw.Options
	if len(in.results) > 0 {
		options, optionsErr := o.options(s, cmd, in, stop)
		if optionsErr != nil {
			return err
		}
		results = &options
	}
	keys, readErr := cat.TagKeys(ctx, in.datasets, results, field, o.workers)
	if readErr != nil || len(keys) == 0 {
		return err
	}
	list := text.Printable(strings.Join(keys[:min(len(keys), shownKeys)], ", "))
	if more := len(keys) - shownKeys; more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	return &usageError{fmt.Errorf("%w; the keys there are: %s", err, list)}
}
