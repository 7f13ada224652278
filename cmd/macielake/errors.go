package main

import (
	"errors"
	"io/fs"
	"syscall"

	"github.com/macielake/macielake/internal/convert"
	"github.com/macielake/macielake/internal/dataset"
	"github.com/macielake/macielake/internal/gen"
	"github.com/macielake/macielake/internal/input"
	"github.com/macielake/macielake/internal/lake"
	"github.com/macielake/macielake/internal/query"
	"github.com/macielake/macielake/internal/text"
	"github.com/macielake/macielake/pkg/sink"
)

// printError says that a job was done, but not what came of it could be printed.
type printError struct{ err error }

func (e *printError) Error() string { return "printing the summary: " + e.err.Error() }
func (e *printError) Unwrap() error { return e.err }

// goOn is what to do about what stopped half-way.
const goOn = "run the same command again: it goes on where this one stopped"

// abandon says how to end a run that can't go on as it was planned.
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
		busy       *dataset.BusyError
		abandoned  *convert.AbandonedError
		noRun      *dataset.NoRunError
		found      *damageError
		run        *convert.RunError
		createOnly *dataset.NotCreateOnlyError
		format     *dataset.FormatError
		damaged    *dataset.DamagedError
		rejects    *convert.TooManyRejectsError
		partitions *sink.TooManyPartitionsError
		option     *gen.OptionError
		printing   *printError
		never      *neverAnalysedError
		table      *lake.NoTableError
		noDataset  *noDatasetError
		path       *fs.PathError
		literal    *query.LiteralError
		noSuchRun  *noSuchRunError
	)
	switch {
	case errors.As(err, &stopped):
		code = exitInterrupt
		if stopped.signal == syscall.SIGTERM {
			code = exitTerminated
		}
		if stopped.resumable {
			hint = goOn
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
		return exitNotFound, "keys are matched exactly, as S3 has them; end one in / or * to see what begins so"
	case errors.As(err, &literal):
		return exitNotFound, literal.Suggestion(text.Printable)
	case errors.As(err, &noSuchRun):
		return exitNotFound, "'macielake status' shows the dataset's runs"
	case errors.As(err, &table):
		return exitNotFound, "convert again with that table (--tables), or ask for what the others hold"
	case errors.As(err, &inside):
		return exitUsage, "name an output that holds none of the inputs"
	case errors.As(err, &notEmpty):
		return exitFailed, "name a dataset, or a new or empty directory, with --out"
	case errors.As(err, &stdin):
		return exitUsage, "name a new directory with --out, or replace the dataset with --overwrite"
	case errors.As(err, &different):
		return exitUsage, "give the options that the dataset was made with, or replace it with --overwrite"
	case errors.As(err, &noRun):
		if noRun.State != "" {
			return exitFailed, "only a run that hasn't ended can be abandoned: 'macielake status' names those"
		}
		return exitNotFound, "'macielake status' names the runs that haven't ended"
	case errors.As(err, &found):
		return exitNotFound, "a copy of the files, or converting with --overwrite, mends it; files that no run names go with 'macielake gc'"
	case errors.As(err, &busy):
		return exitFailed, "wait until it is done, or stop it"
	case errors.As(err, &abandoned):
		return exitFailed, "its sources are free again: " + goOn
	case errors.As(err, &createOnly):
		return exitFailed, "give --single-writer if no other converter ever writes to it at the same time"
	case errors.As(err, &format):
		return exitFailed, "a newer version of macielake made it: use that one"
	case errors.As(err, &damaged):
		return exitFailed, "'macielake verify' looks at all of a dataset; a copy of the file, or --overwrite, mends it"
	case errors.As(err, &option):
		return exitUsage, "see 'macielake help gen'"
	case errors.Is(err, gen.ErrNotEmpty):
		return exitFailed, "name a new or empty directory"
	case errors.As(err, &rejects):
		errors.As(err, &run)
		return exitFailed, "convert again with a higher --max-rejects, after " + abandon(run)
	case errors.As(err, &partitions):
		errors.As(err, &run)
		return exitFailed, "partition by something with fewer values (--overwrite), or make parts smaller with --part-size, after " + abandon(run)
	case errors.As(err, &printing):
		return exitFailed, "the dataset is whole; only its summary could not be printed"
	case errors.Is(err, dataset.ErrForeign), errors.As(err, &noDataset):
		return exitNotFound, "name the directory that convert wrote with --out"
	case errors.Is(err, dataset.ErrHalfReplaced):
		return exitFailed, "mend what stopped it, and run convert with that --out again: it ends the replacement first; no file was removed"
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), errors.Is(err, syscall.EFBIG):
		return exitFailed, "the disk is full, or a limit on file sizes was hit: make room, and " + goOn
	case errors.Is(err, syscall.EMFILE):
		return exitFailed, "raise the limit on open files (ulimit -n), or use fewer partitions or workers"
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return exitFailed, "check the permissions of the path"
	case errors.Is(err, syscall.ENOTDIR):
		return exitFailed, "a file is where a directory must be: name another path"
	case errors.As(err, &path):
		return exitFailed, "check the path"
	case errors.As(err, &run):
		return exitFailed, goOn
	}
	return exitFailed, ""
}
