package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A reader that leaves early ends a summary without a word, in every format.
func TestSummarizeReaderLeaves(t *testing.T) {
	in := filepath.Join(t.TempDir(), "results.jsonl")
	var lines strings.Builder
	for i := range 20_000 {
		lines.WriteString(`{"resourcesAffected":{"s3Bucket":{"name":"b"},"s3Object":{"key":"` + strings.Repeat("k", 1+i%200) + string(rune('a'+i%26)) + `"}},"classificationDetails":{"result":{"status":{"code":"COMPLETE"}}}}` + "\n")
	}
	if err := os.WriteFile(in, []byte(lines.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"table", "json", "ndjson", "csv", "markdown"} {
		for _, args := range [][]string{{"--by", "object"}, {}} {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			r.Close()
			cmd := exec.Command("macielake", append([]string{"summarize", in, "--output", format}, args...)...)
			var stderr strings.Builder
			cmd.Stdout, cmd.Stderr = w, &stderr
			err = cmd.Run()
			w.Close()
			var exit *exec.ExitError
			if !errors.As(err, &exit) {
				t.Fatalf("%s: ended with %v", format, err)
			}
			// A shell makes 141 of the signal.
			if ws := exit.Sys().(syscall.WaitStatus); exit.ExitCode() != 141 && ws.Signal() != syscall.SIGPIPE {
				t.Errorf("%s: ended with %v, want 141", format, exit)
			}
			if stderr.Len() > 0 {
				t.Errorf("%s: %s", format, &stderr)
			}
		}
	}
}
