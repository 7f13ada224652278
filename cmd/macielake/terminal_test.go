package main

import (
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
)

// withProgress runs macielake with a terminal for standard error, and a line on
// standard input that is open for a while, and returns what it wrote there.
func withProgress(t *testing.T, args ...string) string {
	t.Helper()
	control, terminal, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer control.Close()
	cmd := exec.Command("macielake", args...)
	cmd.Stderr = terminal
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	terminal.Close()
	if _, err := io.WriteString(stdin, `{"id":"r1"}`+"\n"); err != nil {
		t.Error(err)
	}
	time.AfterFunc(3*progressInterval, func() { stdin.Close() })
	written := make(chan string)
	go func() {
		var all strings.Builder
		buf := make([]byte, 4096)
		for {
			n, err := control.Read(buf)
			all.Write(buf[:n])
			if err != nil { // EIO once nobody has the terminal open
				written <- all.String()
				return
			}
		}
	}()
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	select {
	case s := <-written:
		return s
	case <-time.After(patience):
		t.Fatal("the terminal is still open")
		return ""
	}
}

func TestProgressOnTerminal(t *testing.T) {
	out := filepath.Join(t.TempDir(), "lake")
	s := withProgress(t, "convert", "-", "--out", out)
	if !strings.Contains(s, "\r12 B read  ") {
		t.Errorf("no progress: %q", s)
	}
	bar, summary, ok := strings.Cut(s, "sources ")
	if !ok || !strings.HasSuffix(bar, "\r\x1b[K") {
		t.Errorf("the bar wasn't cleared: %q", s)
	}
	if strings.Contains(summary, "\x1b") {
		t.Errorf("escapes after the bar: %q", summary)
	}
	if s := withProgress(t, "convert", "-", "--out", out+"2", "-q"); s != "" {
		t.Errorf("quiet, but wrote %q", s)
	}
}
