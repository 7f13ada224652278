package main

import (
	"errors"
	"io/fs"
	"syscall"

	"github.com/macielake/macielake/internal/convert"
	"github.com/macielake/macielake/internal/coord"
	"github.com/macielake/macielake/internal/gen"
	"github.com/macielake/macielake/internal/input"
	"github.com/macielake/macielake/internal/lake"
	"github.com/macielake/macielake/internal/maintain"
	steps "github.com/macielake/macielake/internal/run"
	"github.com/macielake/macielake/internal/state"
	"github.com/macielake/macielake/internal/store"
	"github.com/macielake/macielake/internal/text"
	"github.com/macielake/macielake/internal/where"
	"github.com/macielake/macielake/pkg/sink"
)

// printError says that a job was done, but not what came of it could be printed.
type printError struct{ err error }

func (e *printError) Error() string { return "printing the summary: " + e.err.Error() }
func (e *printError) Unwrap() error { return e.err }

// resume is the next step after an interrupted command.
const resume = "run the same command again to resume"

// abandon is how to end a run that cannot be finished as planned.
func abandon(run *convert.RunError) string {
	if run == nil {
		return "abandoning the run"
	}
	return "'macielake abandon DATASET " + run.Run + "'"
}

// classify returns an error's exit code and hint.
func classify(err error) (code int, hint string) {
	var (
		stopped    *interruption
		usage      *usageError
		notFound   *input.NotFoundError
		webAddress *input.URLError
		notEmpty   *convert.NotEmptyError
		inside     *input.InsideOutputError
		stdin      *convert.StdinError
		different  *convert.DifferentError
		busy       *coord.BusyError
		abandoned  *steps.AbandonedError
		noRun      *state.NoRunError
		found      *damageError
		failed     *convert.RunError
		notWhole   *state.NotWholeError
		surveyed   *maintain.NotWholeError
		dropped    *state.DroppedError
		replaced   *state.ReplacedError
		spoiled    *steps.SpoiledError
		content    *store.ContentError
		noRejects  *maintain.NoRejectsError
		overdue    *overdueError
		createOnly *state.NotCreateOnlyError
		format     *state.FormatError
		damaged    *state.DamagedError
		rejects    *steps.TooManyRejectsError
		missing    *convert.MissingPartsError
		partitions *sink.TooManyPartitionsError
		option     *gen.OptionError
		printing   *printError
		never      *neverAnalysedError
		table      *lake.NoTableError
		noDataset  *noDatasetError
		path       *fs.PathError
		literal    *where.LiteralError
		noSuchRun  *noSuchRunError
	)
	switch {
	case errors.As(err, &stopped):
		code = exitInterrupt
		if stopped.signal == syscall.SIGTERM {
			code = exitTerminated
		}
		if stopped.resumable {
			hint = resume
		}
		return code, hint
	case errors.As(err, &usage):
		return exitUsage, ""
	}
	for _, of := range []func(error) (int, string, bool){classifyAthena, classifyRegister, classifyAWS} {
		if code, hint, ok := of(err); ok {
			return code, hint
		}
	}
	switch {
	case errors.As(err, &webAddress):
		return exitUsage, "name the object itself, as s3://BUCKET/KEY, or download it and name the file"
	case errors.As(err, &notFound):
		if notFound.Input != "" {
			return exitNotFound, "check the path; quote a glob so that the shell leaves it alone"
		}
		return exitNotFound, "results are under AWSLogs/ACCOUNT/Macie/REGION/ in the bucket Macie exports to; -v names what was skipped"
	case errors.As(err, &never):
		return exitNotFound, "keys are matched exactly, as S3 has them; a key that ends in / or * selects all that begin like it"
	case errors.As(err, &literal):
		return exitNotFound, literal.Suggestion(text.Printable)
	case errors.As(err, &noSuchRun):
		return exitNotFound, "'macielake runs' lists the dataset's runs"
	case errors.As(err, &table):
		return exitNotFound, "convert into a dataset with that table (--tables), or ask about the tables that it has"
	case errors.As(err, &inside):
		return exitUsage, "name an output that holds none of the inputs"
	case errors.As(err, &notEmpty):
		return exitFailed, "name a dataset, or a new or empty directory, with --out"
	case errors.As(err, &stdin):
		return exitUsage, "name a new directory with --out"
	case errors.As(err, &missing):
		return exitAgain, "run 'macielake work' for them, and then the same command again"
	case errors.As(err, &different):
		return exitUsage, "give the options that the dataset was made with, name another --out, or remove the dataset with 'macielake drop'"
	case errors.As(err, &noRun):
		if noRun.State != "" {
			return exitFailed, "only open runs can be abandoned: 'macielake runs' lists them"
		}
		return exitNotFound, "'macielake runs' lists the runs and which are open"
	case errors.As(err, &found):
		return exitNotFound, "'macielake repair' rebuilds records that others prove; other files have to come from a copy of the dataset"
	case errors.As(err, &busy):
		return exitFailed, "wait until it is done, or stop it"
	case errors.As(err, &abandoned):
		return exitFailed, "its sources are free again; " + resume
	case errors.As(err, &createOnly):
		return exitFailed, "use this store as an INPUT only: --out needs one that honours If-None-Match"
	case errors.As(err, &format):
		return exitFailed, "convert the results into a new dataset, or use the version of macielake that made it"
	case errors.As(err, &noRejects):
		return exitNotFound, "'macielake rejects' lists the rejects by class"
	case errors.As(err, &overdue):
		return exitNotFound, "check that convert still runs, and that Macie and the key of its results bucket are enabled"
	case errors.As(err, &dropped):
		return exitFailed, "finish that with 'macielake drop DATASET --delete'"
	case errors.As(err, &replaced):
		return exitFailed, "run the same command again for the dataset that is there now"
	case errors.As(err, &spoiled):
		errors.As(err, &failed)
		return exitFailed, "exclude _macielake/ from lifecycle rules and from programs that clean up; then " + abandon(failed)
	case errors.As(err, &notWhole), errors.As(err, &surveyed):
		return exitFailed, "'macielake repair' names everything that is missing or damaged, and what can be rebuilt"
	case errors.As(err, &content):
		return exitFailed, "the file was changed by something else: 'macielake verify' checks the rest of the dataset"
	case errors.As(err, &damaged):
		return exitFailed, "'macielake repair' names everything that is missing or damaged, and what can be rebuilt"
	case errors.As(err, &option):
		return exitUsage, "see 'macielake help gen'"
	case errors.Is(err, gen.ErrNotEmpty):
		return exitFailed, "name a new or empty directory"
	case errors.As(err, &rejects):
		errors.As(err, &failed)
		return exitFailed, "convert again with a higher --max-rejects, after " + abandon(failed)
	case errors.As(err, &partitions):
		errors.As(err, &failed)
		return exitFailed, "partition a new dataset by something with fewer values, or make parts smaller with --part-size, after " + abandon(failed)
	case errors.As(err, &printing):
		return exitFailed, "the dataset is whole; only its summary could not be printed"
	case errors.Is(err, state.ErrForeign), errors.As(err, &noDataset):
		return exitNotFound, "name the directory that convert wrote with --out"
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), errors.Is(err, syscall.EFBIG):
		return exitFailed, "the disk is full, or a limit on file sizes was hit: make room, and " + resume
	case errors.Is(err, syscall.EMFILE):
		return exitFailed, "raise the limit on open files (ulimit -n), or use fewer partitions or workers"
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return exitFailed, "check the permissions of the path"
	case errors.Is(err, syscall.ENOTDIR):
		return exitFailed, "name another path: a file is in the place of a directory"
	case errors.As(err, &path):
		return exitFailed, "check the path"
	case errors.As(err, &failed):
		return exitFailed, resume
	}
	return exitFailed, ""
}
