package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"syscall"

	"github.com/macielake/macielake/internal/convert"
	"github.com/macielake/macielake/internal/dataset"
	"github.com/macielake/macielake/internal/gen"
	"github.com/macielake/macielake/internal/input"
	"github.com/macielake/macielake/internal/lake"
	"github.com/macielake/macielake/internal/text"
	"github.com/macielake/macielake/internal/where"
	"github.com/macielake/macielake/pkg/sink"
)

// Exit codes. exitHelp says what they mean.
const (
	exitOK         = 0
	exitFailed     = 1
	exitUsage      = 2
	exitRejects    = 3
	exitUnreadable = 4
	exitNotFound   = 5
	exitInterrupt  = 130
	exitTerminated = 143
)

const exitHelp = `Exit codes:
  0    everything was converted
  1    the job could not be done; nothing was changed
  2    wrong usage
  3    done, but lines or objects were rejected
  4    done, but objects could not be read (wins over 3)
  5    what was asked for isn't there
  130  interrupted
  141  the reader of standard output went away
  143  terminated`

// usageError is a mistake in the command line.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error {
	return &usageError{fmt.Errorf(format, args...)}
}

// printError says that a job was done, but not what came of it could be printed.
type printError struct{ err error }

func (e *printError) Error() string { return "printing the summary: " + e.err.Error() }
func (e *printError) Unwrap() error { return e.err }

// outcome is the end of a command that did its job, though not for all of its
// input: nothing more is to be said.
type outcome struct{ code int }

func (o *outcome) Error() string { return fmt.Sprintf("exit code %d", o.code) }

// report prints an error with a hint what to do about it, and returns the exit
// code. It is the only place that does.
func report(w io.Writer, err error) int {
	if err == nil {
		return exitOK
	}
	if o := (*outcome)(nil); errors.As(err, &o) {
		return o.code
	}
	code, hint := classify(err)
	if syntax := (*where.SyntaxError)(nil); errors.As(err, &syntax) {
		defer fmt.Fprintln(w, syntax.Caret(text.Printable, text.Width))
	}
	message := strings.ReplaceAll(err.Error(), "\n", "; ") // of errors that were joined
	fmt.Fprintf(w, "macielake: %s\n", text.Printable(message))
	if hint != "" {
		fmt.Fprintf(w, "hint: %s\n", hint)
	}
	return code
}

// classify returns an error's exit code and hint.
func classify(err error) (code int, hint string) {
	var (
		stopped    *interruption
		usage      *usageError
		notFound   *input.NotFoundError
		notEmpty   *convert.NotEmptyError
		inside     *input.InsideOutputError
		rejects    *convert.TooManyRejectsError
		partitions *sink.TooManyPartitionsError
		option     *gen.OptionError
		printing   *printError
		never      *neverAnalysedError
		table      *lake.NoTableError
		path       *fs.PathError
	)
	switch {
	case errors.As(err, &stopped):
		if stopped.signal == syscall.SIGTERM {
			return exitTerminated, ""
		}
		return exitInterrupt, ""
	case errors.As(err, &usage):
		return exitUsage, "see 'macielake help'"
	case errors.As(err, &notFound):
		if notFound.Input != "" {
			return exitNotFound, "check the path; quote a glob so that the shell leaves it alone"
		}
		return exitNotFound, "results are under AWSLogs/ACCOUNT/Macie/REGION/ in the bucket Macie exports to; -v names what was skipped"
	case errors.As(err, &never):
		return exitNotFound, "keys are matched exactly, as S3 has them; end one in / or * to see what begins so"
	case errors.As(err, &table):
		return exitNotFound, "convert again with that table (--tables), or ask for what the others hold"
	case errors.As(err, &inside):
		return exitUsage, "name an output that holds none of the inputs"
	case errors.As(err, &notEmpty):
		if notEmpty.Dataset {
			return exitFailed, "name a new directory with --out, or replace the dataset with --overwrite"
		}
		return exitFailed, "name a new or empty directory with --out"
	case errors.As(err, &option):
		return exitUsage, "see 'macielake help gen'"
	case errors.Is(err, gen.ErrNotEmpty):
		return exitFailed, "name a new or empty directory"
	case errors.As(err, &rejects):
		return exitFailed, "raise --max-rejects to convert the rest and have the rejects written down"
	case errors.As(err, &partitions):
		return exitFailed, "partition by something with fewer values, or make parts smaller with --part-size"
	case errors.As(err, &printing):
		return exitFailed, "the dataset is whole; only its summary could not be printed"
	case errors.Is(err, dataset.ErrHalfReplaced):
		return exitFailed, "mend what stopped it, and convert with --overwrite again; no file was removed"
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), errors.Is(err, syscall.EFBIG):
		return exitFailed, "the disk is full, or a limit on file sizes was hit; nothing was left behind"
	case errors.Is(err, syscall.EMFILE):
		return exitFailed, "raise the limit on open files (ulimit -n), or use fewer partitions or workers"
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return exitFailed, "check the permissions of the path"
	case errors.Is(err, syscall.ENOTDIR):
		return exitFailed, "a file is where a directory must be: name another path"
	case errors.As(err, &path):
		return exitFailed, "check the path"
	}
	return exitFailed, ""
}
