// Bench runs macielake side by side with decompressors and databases that do
// the same job, and says whether it is as fast and as small as it has to be.
// It runs in the top folder of the repository, on Linux:
//
//	go run ./bench           # everything, into bench/RESULTS.md; half an hour
//	go run ./bench -quick    # small inputs, into build/bench/RESULTS.md
//
// Sides that aren't installed are left out; scripts/clickhouse installs a
// ClickHouse for it.
//
// Every side is a shell line, pinned to the same cores with taskset. All sides
// of a profile run once untimed, and what they produced must agree with what
// the generator says is in the input; that also brings the input into the
// cache. Then they run in turns, and medians are compared. Exit 0: every bar
// that must hold holds; 1: one is missed, or it could not be measured; 2: usage.
//
// The Go benchmarks of the stages are this package's tests:
//
//	go test -bench . ./bench
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
)

// errMissed is how a run ends whose bars don't all hold.
var errMissed = errors.New("a bar that must hold is missed")

var errUsage = errors.New("usage")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case err == nil:
	case errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	default:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// options are what a run measures.
type options struct {
	rounds   int
	quick    bool
	profiles []string // names; empty for all
	only     []string // ids of sides; empty for all
	out      string   // file of the report
}

// all reports whether the run measures everything, at its full size.
func (o *options) all() bool { return !o.quick && len(o.profiles) == 0 && len(o.only) == 0 }

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) == 2 && args[0] == gunzipCommand {
		return gunzip(args[1], stdout)
	}
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	r, err := newRunner(o, stderr)
	if err != nil {
		return err
	}
	defer os.RemoveAll(r.out)
	if err := r.build(ctx); err != nil {
		return err
	}
	report, err := r.measure(ctx)
	if err != nil {
		return err
	}
	text := report.markdown()
	if err := os.MkdirAll(filepath.Dir(o.out), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(o.out, []byte(text), 0o644); err != nil {
		return err
	}
	if _, err := io.WriteString(stdout, text); err != nil {
		return err
	}
	if !o.quick && slices.ContainsFunc(report.bars, bar.missed) {
		return errMissed
	}
	return nil
}

func parse(args []string, stderr io.Writer) (*options, error) {
	o := &options{}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.IntVar(&o.rounds, "rounds", 5, "how often every side is timed; 2 with -quick where it isn't given")
	flags.BoolVar(&o.quick, "quick", false, "small inputs, to try it out: the bars are printed and not judged")
	profileNames := flags.String("profiles", "", "profiles to run, comma-separated; all where it isn't given")
	only := flags.String("only", "", "sides to run, comma-separated; all where it isn't given")
	flags.StringVar(&o.out, "out", "", "file of the report; bench/RESULTS.md for everything, else build/bench/RESULTS.md")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil, err
		}
		return nil, errUsage // the flag set has said it
	}
	given := false
	flags.Visit(func(f *flag.Flag) { given = given || f.Name == "rounds" })
	if o.quick && !given {
		o.rounds = 2
	}
	if o.rounds < 1 || flags.NArg() > 0 {
		return nil, fmt.Errorf("%w: want at least one round, and no arguments besides flags", errUsage)
	}
	var err error
	if o.profiles, err = names(*profileNames, profiles(o.quick), func(p *profile) string { return p.name }); err != nil {
		return nil, err
	}
	if o.only, err = names(*only, sides(), func(s *side) string { return s.id }); err != nil {
		return nil, err
	}
	switch {
	case o.out != "":
	case o.all():
		o.out = filepath.Join("bench", "RESULTS.md")
	default:
		o.out = filepath.Join("build", "bench", "RESULTS.md")
	}
	return o, nil
}

// names splits a list of names, each of which must be one of what there is.
func names[T any](list string, there []*T, name func(*T) string) ([]string, error) {
	if list == "" {
		return nil, nil
	}
	chosen := strings.Split(list, ",")
	for _, c := range chosen {
		if !slices.ContainsFunc(there, func(t *T) bool { return name(t) == c }) {
			var known []string
			for _, t := range there {
				known = append(known, name(t))
			}
			return nil, fmt.Errorf("%w: no %q; there are %s", errUsage, c, strings.Join(known, ", "))
		}
	}
	return chosen, nil
}

// build builds macielake, this program and DuckDB's side into r.bin.
func (r *runner) build(ctx context.Context) error {
	for _, step := range []struct {
		cgo  string
		args []string
	}{
		{"0", []string{"build", "-o", r.bin + string(filepath.Separator), "./cmd/macielake", "./bench"}}, // as make build does
		{"1", []string{"build", "-C", filepath.Join("test", "oracle"), "-o", filepath.Join(r.bin, "oracle"), "."}},
	} {
		fmt.Fprintln(r.log, "go", strings.Join(step.args[:len(step.args)-1], " "))
		cmd := exec.CommandContext(ctx, "go", step.args...)
		cmd.Env = append(os.Environ(), "CGO_ENABLED="+step.cgo)
		cmd.Stderr = r.log
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("building: %w", err)
		}
	}
	return nil
}
