package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"

	"github.com/creack/pty"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/macielake/macielake/internal/text"
)

// onTerminal runs a command whose standard streams are a terminal of that many
// columns, and returns what it wrote there and its exit code.
func onTerminal(columns int, cmd *exec.Cmd) (output string, code int, err error) {
	terminal, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 24, Cols: uint16(columns)})
	if err != nil {
		return "", 0, err
	}
	defer terminal.Close()
	data, err := io.ReadAll(terminal)
	if err != nil && !errors.Is(err, syscall.EIO) { // as Linux ends it
		return "", 0, err
	}
	err = cmd.Wait()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return string(data), exit.ExitCode(), nil
	}
	return string(data), 0, err
}

// terminal COLUMNS CODE COMMAND...: the command runs on a terminal of that many
// columns and ends with that exit code. What it writes, without carriage
// returns, becomes stdout.
func scriptTerminal(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: terminal COLUMNS CODE COMMAND...")
	}
	columns, err := strconv.Atoi(args[0])
	ts.Check(err)
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	cmd := exec.Command(args[2], args[3:]...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = append(os.Environ(), "NO_COLOR="+ts.Getenv("NO_COLOR"), "TERM=xterm")
	output, code, err := onTerminal(columns, cmd)
	ts.Check(err)
	output = strings.ReplaceAll(output, "\r\n", "\n")
	fmt.Fprint(ts.Stdout(), output)
	if code != want {
		ts.Fatalf("exit code %d, want %d:\n%s", code, want, output)
	}
}

// fits COLUMNS: no line of stdout is wider, colours aside.
func scriptFits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: fits COLUMNS")
	}
	columns, err := strconv.Atoi(args[0])
	ts.Check(err)
	for line := range strings.Lines(regexp.MustCompile("\x1b\\[[0-9;]*m").ReplaceAllString(ts.ReadFile("stdout"), "")) {
		if line = strings.TrimSuffix(line, "\n"); text.Width(line) > columns {
			ts.Fatalf("%d columns, not %d: %q", text.Width(line), columns, line)
		}
	}
}
