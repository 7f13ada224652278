package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/macielake/macielake/internal/gen"
)

// A reader of standard output that goes away ends the program as it ends others:
// by SIGPIPE, which a shell shows as 141, without a word.
func TestClosedReader(t *testing.T) {
	in := sample(t, gen.Options{Profile: "mixed", Size: 5_000_000, Seed: 5})
	for _, args := range [][]string{
		{"cat", in, "--table", "occurrences"},
		{"cat", in, "--table", "occurrences", "--output", "csv", "-j", "1"},
		{"cat", in, "--table", "occurrences", "--output", "arrow"},
		{"cat", in, "--table", "occurrences", "--output", "parquet"},
	} {
		reader, writer, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("macielake", args...)
		var stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = writer, &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		writer.Close()
		if _, err := io.ReadFull(reader, make([]byte, 100)); err != nil {
			t.Error(err)
		}
		reader.Close()
		kill := time.AfterFunc(10*patience, func() { cmd.Process.Kill() })
		cmd.Wait() // the state has it
		kill.Stop()
		status := cmd.ProcessState.Sys().(syscall.WaitStatus)
		if !status.Signaled() || status.Signal() != syscall.SIGPIPE || stderr.Len() > 0 {
			t.Errorf("%q: %v, %q", args, cmd.ProcessState, stderr.String())
		}
	}
}
