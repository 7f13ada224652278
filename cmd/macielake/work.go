package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/macielake/macielake/internal/convert"
	"github.com/macielake/macielake/internal/render"
	steps "github.com/macielake/macielake/internal/run"
	"github.com/macielake/macielake/internal/text"
)

// stepOptions are the flags that work and commit share.
type stepOptions struct {
	placeFlags
	write   writeFlags
	run     string
	quiet   bool
	verbose bool
}

func (o *stepOptions) addFlags(f *pflag.FlagSet) {
	f.StringVar(&o.run, "run", "", "only the `RUN` of that number or run_id, not all that are open")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "print no summary and no progress")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "name repeated requests")
	o.placeFlags.addFlags(f)
	o.write.addFlags(f)
}

// with calls do with the dataset, opened to be written to, and what the flags say.
func (o *stepOptions) with(ctx context.Context, s *session, dataset string, do func(ctx context.Context, options convert.StepOptions) error) error {
	if err := o.write.check(); err != nil {
		return err
	}
	if err := o.checkFetches(); err != nil {
		return err
	}
	options := convert.StepOptions{Run: o.run, FetchConcurrency: o.fetchConcurrency, Progress: &steps.Progress{}, Log: newLog(s.stderr, o.verbose)}
	working, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	places := o.places(options.Log)
	var closer io.Closer
	var err error
	if options.Origins, _, closer, err = places.origins(working, sources{stdin: s.stdin, stop: stop}); err != nil {
		return err
	}
	defer closer.Close()
	if options.Dataset, err = places.reopenStore(working, dataset, o.write.WriteOptions); err != nil {
		return err
	}
	defer options.Dataset.Close()
	bar := startProgress(s.stderr, o.quiet || o.verbose, options.Progress)
	err = do(working, options)
	bar.stop()
	if err != nil {
		err = reason(ctx, working, err)
	}
	return err
}

// workOptions are the flags of work.
type workOptions struct {
	stepOptions
	index, of int
	maxTime   time.Duration
	workers   int
}

// errTimeUp is the cause of a context that --max-time ended.
var errTimeUp = errors.New("--max-time is over")

func newWork(s *session) *cobra.Command {
	var o workOptions
	cmd := &cobra.Command{
		Use:   "work DATASET",
		Short: "Convert parts of planned runs, beside any number of others",
		Long: `Convert parts of the runs that 'macielake plan' has made, until each has a receipt
or is in work elsewhere. Tasks that die leave no hole: who comes later takes their
parts. Rejected lines and unreadable sources are no failure here; 'macielake commit'
tells of them.

--index and --of say with which parts to begin, so that many tasks seldom meet.
They are taken from the array jobs of AWS Batch, Slurm, Kubernetes, Cloud Run, LSF,
Grid Engine and PBS where the flags are not given: an index alone chooses the order,
too.`,
		Example: `  macielake work s3://lake-bucket/macie
  macielake work s3://lake-bucket/macie --run 12 --index 3 --of 20 --max-time 13m`,
		Annotations: exits(
			exit{exitOK, "every part has a receipt, or is in work elsewhere"},
			exit{code: exitAgain},
			exit{exitNotFound, "the dataset or the run does not exist"}),
		RunE: func(cmd *cobra.Command, args []string) error {
			index, of, err := o.share(cmd.Flags(), os.Getenv)
			if err != nil {
				return err
			}
			if err := checkWorkers(o.workers); err != nil {
				return err
			}
			ctx, cancel := cmd.Context(), context.CancelFunc(func() {})
			if o.maxTime > 0 {
				ctx, cancel = context.WithTimeoutCause(ctx, o.maxTime, errTimeUp)
			}
			defer cancel()
			var worked *convert.Worked
			err = o.with(ctx, s, args[0], func(ctx context.Context, options convert.StepOptions) error {
				options.Index, options.Of, options.Workers = index, of, o.workers
				limitMemory(o.workers)
				var err error
				worked, err = convert.Work(ctx, options)
				return err
			})
			if err != nil && cmd.Context().Err() == nil && errors.Is(context.Cause(ctx), errTimeUp) {
				fmt.Fprintf(s.stderr, "note: stopped after %s: run the same command again for what is left\n", o.maxTime)
				return &outcome{exitAgain}
			}
			if err != nil {
				return err
			}
			return s.answer(worked, func(w io.Writer) error {
				if o.quiet {
					return nil
				}
				what := "no run is open"
				if n := len(worked.Runs); n > 0 {
					what = fmt.Sprintf("%s worked on", text.Plural(int64(n), "run"))
					if e := len(worked.Elsewhere); e > 0 {
						what += fmt.Sprintf(", of %d of which others have parts in work", e)
					}
				}
				_, err := fmt.Fprintln(w, what)
				return err
			})
		},
	}
	f := cmd.Flags()
	f.IntVar(&o.index, "index", 0, "begin with the `I`th of --of slices of a run, from 0")
	f.IntVar(&o.of, "of", 0, "how many `N` tasks share a run")
	f.DurationVar(&o.maxTime, "max-time", 0, "stop after this `TIME`, such as 13m, and exit with 75 if something is left")
	f.IntVarP(&o.workers, "workers", "j", runtime.GOMAXPROCS(0), "use `N` cores; the output does not depend on it")
	o.addFlags(f)
	o.addFetchFlags(f)
	return cmd
}

// arrays are the environment variables by which schedulers tell the tasks of an array
// apart, with that of the first index and that of how many there are, where they say it
// so.
var arrays = [...]struct {
	index, first, count string
	from                int // the first index where no variable says it
}{
	{"AWS_BATCH_JOB_ARRAY_INDEX", "", "AWS_BATCH_JOB_ARRAY_SIZE", 0},
	{"SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_COUNT", 0},
	{"JOB_COMPLETION_INDEX", "", "", 0},
	{"CLOUD_RUN_TASK_INDEX", "", "CLOUD_RUN_TASK_COUNT", 0},
	{"LSB_JOBINDEX", "", "", 1},
	{"SGE_TASK_ID", "SGE_TASK_FIRST", "", 1},
	{"PBS_ARRAY_INDEX", "", "", 0},
}

// share returns which slice of a run to begin with, of how many; of is 0 where nothing
// says so.
func (o *workOptions) share(f *pflag.FlagSet, env func(string) string) (index, of int, err error) {
	if f.Changed("index") || f.Changed("of") {
		if o.of < 1 || o.index < 0 || o.index >= o.of {
			return 0, 0, usagef("--index %d --of %d: want an index from 0 to one less than --of", o.index, o.of)
		}
		return o.index, o.of, nil
	}
	for _, a := range arrays {
		value := env(a.index)
		if value == "" || value == "undefined" { // as Grid Engine says of jobs that are no arrays
			continue
		}
		number := func(name string, otherwise int) int {
			text := env(name)
			if name == "" || text == "" {
				return otherwise
			}
			n, numErr := strconv.Atoi(text)
			if numErr != nil && err == nil {
				err = usagef("the environment variable %s is %q: want a number, or --index and --of", name, text)
			}
			return n
		}
		index = number(a.index, 0) - number(a.first, a.from)
		of = number(a.count, max(index+1, defaultShares))
		if err != nil {
			return 0, 0, err
		}
		// An array may have gaps, and be larger than it says: only the order depends on it.
		of = max(of, 1)
		return ((index % of) + of) % of, of, nil
	}
	return 0, 0, nil
}

// defaultShares is into how many slices a run is cut where nothing says how many
// tasks there are.
const defaultShares = 64

// commitOptions are the flags of commit.
type commitOptions struct {
	stepOptions
	wait time.Duration
}

func newCommit(s *session) *cobra.Command {
	o := commitOptions{}
	o.fetchConcurrency = 1
	cmd := &cobra.Command{
		Use:   "commit DATASET",
		Short: "Commit planned runs whose parts are all converted",
		Long: `Publish the tables of the runs of which 'macielake work' has converted all parts,
and end them: readers see all rows of a run at once. It may be repeated, and any
number may do it at a time.`,
		Example: `  macielake commit s3://lake-bucket/macie --wait 10m`,
		Annotations: exits(
			exit{exitOK, "every run is committed"},
			exit{exitRejects, "committed, but lines or sources were rejected"},
			exit{exitUnreadable, "committed, but sources could not be read (wins over 3)"},
			exit{exitAgain, "parts are missing: the message names them"},
			exit{exitNotFound, "the dataset or the run does not exist"}),
		RunE: func(cmd *cobra.Command, args []string) error {
			var summary *convert.Summary
			err := o.with(cmd.Context(), s, args[0], func(ctx context.Context, options convert.StepOptions) error {
				options.Wait, options.Workers = o.wait, 1
				var err error
				summary, err = convert.Commit(ctx, options)
				return err
			})
			if err != nil {
				return err
			}
			err = s.answer(summary, func(io.Writer) error { return nil })
			if err == nil && !o.quiet {
				err = render.Committed(s.stderr, summary)
			}
			if err != nil {
				return &printError{err}
			}
			switch {
			case summary.Sources.Unreadable > 0:
				return &outcome{exitUnreadable}
			case summary.Rejects.Lines+summary.Rejects.Sources > 0:
				return &outcome{exitRejects}
			}
			return nil
		},
	}
	cmd.Flags().DurationVar(&o.wait, "wait", 0, "wait this `TIME`, such as 10m, for parts that nobody has finished")
	o.addFlags(cmd.Flags())
	return cmd
}
