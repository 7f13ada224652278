package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/macielake/macielake/internal/convert"
	"github.com/macielake/macielake/internal/input"
	steps "github.com/macielake/macielake/internal/run"
	"github.com/macielake/macielake/internal/store"
)

// window is how much of a file is read to see that it isn't gzip.
const window = 256 << 10

// A line of progress fits the terminal, and has no numbers that can't be.
func TestProgressLine(t *testing.T) {
	if line := progressLine(&steps.Progress{}, 0, 79); line != "finding inputs" {
		t.Errorf("before the plan: %q", line)
	}
	for _, test := range []struct {
		name      string
		total     int64 // stored bytes, of which a window is read; 0 for a window on standard input
		elapsed   time.Duration
		want, not string
	}{
		{"half", 2 * window, time.Second, " 50%  262.1 kB of 524.3 kB read  262.1 kB/s  1s left", ""},
		{"all", window, time.Second, "100%  262.1 kB of 262.1 kB read  262.1 kB/s", "left"},
		{"unknown total", 0, 2 * time.Second, "262.1 kB read  131.1 kB/s", "%"},
		{"slow", 1 << 42, 10 * time.Hour, "  0%", "-"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := progressOf(t, test.total)
			for _, width := range []int{19, 20, 39, 79, 200} {
				line := progressLine(p, test.elapsed, width)
				if len(line) > width || hostileIn(line) != "" {
					t.Errorf("%d columns: %q", width, line)
				}
				if width == 200 && (!strings.Contains(line, test.want) || test.not != "" && strings.Contains(line, test.not)) {
					t.Errorf("%q, want %q in it and not %q", line, test.want, test.not)
				}
			}
		})
	}
}

// progressOf is the progress after a window of so many bytes was read.
func progressOf(t *testing.T, total int64) *steps.Progress {
	t.Helper()
	dir := t.TempDir()
	o, err := (&convertOptions{}).parsed("--out", filepath.Join(dir, "lake"))
	if err != nil {
		t.Fatal(err)
	}
	o.Log = newLog(io.Discard, true)
	o.Origins = []input.Origin{input.NewStdin(strings.NewReader(strings.Repeat("\n", window))), input.Local{}}
	if o.Out, err = store.CreateLocal(filepath.Join(dir, "lake")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { o.Out.Close() })
	if total == 0 {
		o.Inputs = []string{"-"}
	} else {
		in := filepath.Join(dir, "x.jsonl.gz")
		f, err := os.Create(in)
		if err == nil {
			err = f.Truncate(total)
			f.Close()
		}
		if err != nil {
			t.Skip("no sparse files here: ", err)
		}
		o.Inputs = []string{in}
	}
	if _, err := convert.Run(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	return o.Progress
}

// parsed is what the command line makes of the options.
func (o *convertOptions) parsed(args ...string) (convert.Options, error) {
	cmd := newConvert(&session{})
	cmd.ResetFlags()
	o.addFlags(cmd.Flags())
	o.addWorkFlags(cmd.Flags())
	if err := cmd.ParseFlags(args); err != nil {
		return convert.Options{}, err
	}
	return o.options([]string{"in"})
}
