// Command macielake turns Amazon Macie's sensitive data discovery results into
// tables. Each command is a file here: flags, help and output; what it does is
// in the packages under internal and pkg.
package main

import (
	"context"
	"errors"
	"io"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/macielake/macielake/internal/convert"
)

func main() {
	// The SDK's uploads print there what their errors say, too.
	log.SetOutput(io.Discard)
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// interruption is the cause of a context that a signal ended.
type interruption struct {
	signal    os.Signal
	resumable bool // the same command resumes
}

func (i *interruption) Error() string { return "stopped by signal: " + i.signal.String() }

// run runs the command line and returns the exit code.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for s := range signals {
			// The second signal ends the program at once.
			signal.Reset(os.Interrupt, syscall.SIGTERM)
			cancel(&interruption{signal: s})
		}
	}()
	defer func() {
		signal.Stop(signals)
		close(signals)
		<-done
	}()

	s := &session{args: args, stdin: stdin, stdout: stdout, stderr: stderr, started: time.Now()}
	root := newRoot(s)
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	s.command = nameOf(cmd)
	s.json = s.json || err != nil && wantsJSON(args)
	if err == nil {
		err = s.helpError
	}
	if err != nil && ctx.Err() != nil {
		if cause := context.Cause(ctx); errors.Is(err, cause) || errors.Is(err, context.Canceled) {
			run, stopped := (*convert.RunError)(nil), (*interruption)(nil)
			if errors.As(cause, &stopped) && errors.As(err, &run) {
				cause = &interruption{signal: stopped.signal, resumable: true}
			}
			err = cause
		}
	}
	return s.finish(err)
}
