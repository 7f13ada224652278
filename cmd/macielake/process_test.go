package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/macielake/macielake/internal/convert"
	"github.com/macielake/macielake/internal/gen"
)

func gzipped(data []byte) []byte {
	var out bytes.Buffer
	zw := gzip.NewWriter(&out)
	zw.Write(data) // a bytes.Buffer takes everything
	zw.Close()
	return out.Bytes()
}

// patience is how long a process may take to end once it was told to.
const patience = time.Minute

// program is a running macielake.
type program struct {
	*exec.Cmd
	stdout, stderr bytes.Buffer
	ended          chan struct{}
}

func start(t *testing.T, stdin io.Reader, args ...string) *program {
	t.Helper()
	p := &program{Cmd: exec.Command("macielake", args...), ended: make(chan struct{})}
	p.Stdin, p.Stdout, p.Stderr = stdin, &p.stdout, &p.stderr
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		_ = p.Wait() // the state has it
	}()
	t.Cleanup(func() {
		p.Process.Kill()
		<-p.ended
	})
	return p
}

// code waits for the exit code.
func (p *program) code(t *testing.T) int {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(patience):
		p.Process.Kill()
		<-p.ended
		t.Fatalf("still running after %v", patience)
	}
	if strings.Contains(p.stderr.String(), "goroutine ") {
		t.Errorf("a stack on standard error:\n%s", p.stderr.String())
	}
	return p.ProcessState.ExitCode()
}

// sample writes a sample and returns its directory.
func sample(t *testing.T, o gen.Options) string {
	t.Helper()
	if o.Dir == "" {
		o.Dir = filepath.Join(t.TempDir(), "sample")
	}
	if _, err := gen.Run(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	return o.Dir
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// waitFor waits until a path matches the pattern.
func waitFor(t *testing.T, p *program, pattern string) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		if m, _ := filepath.Glob(pattern); len(m) > 0 {
			return
		}
		select {
		case <-p.ended:
			t.Fatalf("ended too early: %s", p.stderr.String())
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("no %s", pattern)
		}
	}
}

func TestSignals(t *testing.T) {
	large := sample(t, gen.Options{Profile: "mixed", Size: 60_000_000, Seed: 5})
	signals := []struct {
		name   string
		signal os.Signal
		code   int
	}{{"INT", os.Interrupt, exitInterrupt}, {"TERM", syscall.SIGTERM, exitTerminated}}
	check := func(t *testing.T, p *program, want int, resumable bool) {
		t.Helper()
		if code := p.code(t); code != want {
			t.Errorf("exit code %d, want %d", code, want)
		}
		checkFailure(t, p.stdout.Bytes(), want)
		if s := p.stderr.String(); !strings.HasPrefix(s, "macielake: stopped by signal: ") ||
			strings.Contains(s, "\nhint: run the same command again") != resumable {
			t.Errorf("standard error: %s", s)
		}
	}
	for _, s := range signals {
		t.Run("files/"+s.name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "lake")
			p := start(t, nil, "convert", large, "--out", out, "--json", "-j", "2")
			waitFor(t, p, filepath.Join(out, "_macielake", "staging", "*", "*"))
			p.Process.Signal(s.signal)
			check(t, p, s.code, true)
			again := start(t, nil, "convert", large, "--out", out, "-q")
			if code := again.code(t); code != exitOK {
				t.Errorf("going on: exit code %d: %s", code, again.stderr.String())
			}
			fresh := filepath.Join(t.TempDir(), "lake")
			if code := start(t, nil, "convert", large, "--out", fresh, "-q").code(t); code != exitOK {
				t.Fatal(code)
			}
			got, err1 := tableSums(out)
			want, err2 := tableSums(fresh)
			if err1 != nil || err2 != nil || !slices.Equal(got, want) {
				t.Errorf("the tables aren't those of one go: %v, %v", err1, err2)
			}
		})
		t.Run("pipe/"+s.name, func(t *testing.T) {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
			defer r.Close()
			out := filepath.Join(t.TempDir(), "lake")
			p := start(t, r, "convert", "-", "--out", out, "--json")
			if _, err := io.WriteString(w, `{"id":"r1"}`+"\n"); err != nil {
				t.Fatal(err)
			}
			waitFor(t, p, filepath.Join(out, "_macielake", "runs", "000001-????????.json"))
			p.Process.Signal(s.signal)
			check(t, p, s.code, false)
			if exists(out) {
				t.Error("the output is still there")
			}
		})
		t.Run("gen/"+s.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "sample")
			p := start(t, nil, "gen", dir, "--json", "--size", "2GB")
			waitFor(t, p, filepath.Join(dir, "AWSLogs", "*"))
			p.Process.Signal(s.signal)
			check(t, p, s.code, false)
			if exists(dir + ".expected.json") {
				t.Error("counts of a tree that isn't whole")
			}
		})
	}
}

// A limit on file sizes stands in for a full disk.
func TestFileSizeLimit(t *testing.T) {
	in := sample(t, gen.Options{Size: 2_000_000})
	for _, format := range []string{"parquet", "arrow"} {
		t.Run(format, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "lake")
			p := &program{Cmd: exec.Command("sh", "-c", `ulimit -f 40; exec macielake "$@"`, "sh", "convert", in, "--out", out, "--json", "--format", format)}
			p.Stdout, p.Stderr = &p.stdout, &p.stderr
			var exit *exec.ExitError
			if err := p.Run(); !errors.As(err, &exit) || exit.ExitCode() != exitFailed {
				t.Errorf("ended with %v, want exit code %d", err, exitFailed)
			}
			s := p.stderr.String()
			if !strings.HasPrefix(s, "macielake: run 000001-") || !strings.Contains(s, ": writing ") || strings.Count(s, "\n") != 2 || !strings.Contains(s, "\nhint: the disk is full, or ") {
				t.Errorf("standard error: %s", s)
			}
			checkFailure(t, p.stdout.Bytes(), exitFailed)
			after, err := treeOf(out)
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range after {
				if !strings.HasPrefix(name, "_macielake/") {
					t.Errorf("%s is published", name)
				}
			}
			again := start(t, nil, "convert", in, "--out", out, "-q", "--format", format)
			if code := again.code(t); code != exitOK {
				t.Errorf("with room: exit code %d: %s", code, again.stderr.String())
			}
		})
	}
}

// Where nothing can be written, the error names the path, and a hint says what
// to do.
func TestBadOutput(t *testing.T) {
	in := sample(t, gen.Options{Size: 20_000})
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("x"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, out := range []string{file, filepath.Join(file, "lake"), filepath.Join(file, "a", "lake"), "/proc/lake", "/proc/version/lake"} {
		t.Run(out, func(t *testing.T) {
			p := start(t, nil, "convert", in, "--out", out, "--json")
			if code := p.code(t); code != exitFailed {
				t.Errorf("exit code %d", code)
			}
			s := p.stderr.String()
			if !strings.HasPrefix(s, "macielake: ") || !strings.Contains(s, "\nhint: ") || strings.Count(s, "\n") != 2 {
				t.Errorf("standard error: %s", s)
			}
			if !strings.Contains(s, out) {
				t.Errorf("standard error doesn't name %s: %s", out, s)
			}
		})
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != "x" {
		t.Error("the file in the way was changed")
	}
}

// What is published stays when only the report of it can't be written, and the
// report says nothing else.
func TestStdoutFails(t *testing.T) {
	in := sample(t, gen.Options{Size: 20_000})
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("there is no /dev/full here")
	}
	defer full.Close()
	t.Run("full", func(t *testing.T) {
		out := filepath.Join(t.TempDir(), "lake")
		cmd := exec.Command("macielake", "convert", in, "--out", out, "--json", "-q")
		var stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = full, &stderr
		var exit *exec.ExitError
		if err := cmd.Run(); !errors.As(err, &exit) || exit.ExitCode() != exitFailed {
			t.Errorf("ended with %v, want exit code %d", err, exitFailed)
		}
		if exists(out) && strings.Contains(stderr.String(), "nothing was left behind") {
			t.Errorf("the dataset is there, and yet: %s", stderr.String())
		}
	})
	t.Run("gone", func(t *testing.T) {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		r.Close()
		defer w.Close()
		out := filepath.Join(t.TempDir(), "lake")
		cmd := exec.Command("macielake", "convert", in, "--out", out, "--json", "-q")
		cmd.Stdout = w
		var exit *exec.ExitError
		if err := cmd.Run(); !errors.As(err, &exit) {
			t.Fatalf("ended with %v", err)
		}
		// A shell makes 141 of the signal.
		if ws := exit.Sys().(syscall.WaitStatus); exit.ExitCode() != 141 && ws.Signal() != syscall.SIGPIPE {
			t.Errorf("ended with %v, want 141", exit)
		}
		if names, _ := filepath.Glob(filepath.Join(out, "_macielake", "runs", "*.end.json")); len(names) != 1 {
			t.Error("the run isn't committed")
		}
	})
}

// harmless fails where a terminal could be told something by output that ends in
// a newline.
func harmless(t *testing.T, what string, output []byte) {
	t.Helper()
	for line := range strings.SplitSeq(strings.TrimSuffix(string(output), "\n"), "\n") {
		if problem := hostileIn(line); problem != "" {
			t.Errorf("%s has %s: %q", what, problem, line)
		}
	}
}

func hostileIn(line string) string {
	if strings.ToValidUTF8(line, "") != line {
		return "bytes that are no UTF-8"
	}
	for _, r := range line {
		switch {
		case r < ' ', 0x7f <= r && r < 0xa0:
			return "a control character"
		case 0x200b <= r && r <= 0x200f, 0x202a <= r && r <= 0x202e, 0x2060 <= r && r <= 0x2069, r == 0x2028, r == 0x2029, r == 0xfeff:
			return "a character that changes the order of what is read"
		}
	}
	return ""
}

func TestHostileNames(t *testing.T) {
	const name = "x\x1b]0;owned\x07\x1b[2J\r\n\u202egnp\u2028\x9b\xff"
	dir := t.TempDir()
	in := filepath.Join(dir, "in"+name)
	key := filepath.Join(in, "AWSLogs", "1111"+name, "Macie", "region"+name)
	if err := os.MkdirAll(key, 0o777); err != nil {
		t.Skip("the file system refuses such names: ", err)
	}
	for suffix, content := range map[string]string{
		".jsonl":     `{"id":"\u001b[2J\u202e","region":"\u001b[2J/..","` + "\u202e" + `\u001b[2J\u0007":1,"accountId":"\r\n"}` + "\n" + `{"\u001b[2J` + "\x1b[2J\x9b\xff\n[]\n",
		"b.jsonl.gz": "no gzip \x1b[2J",
		".txt":       "",
	} {
		if err := os.WriteFile(filepath.Join(key, name+suffix), []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(in, "nowhere"), filepath.Join(key, "gone"+name+".jsonl.gz")); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		code int
		args []string
	}{
		{"convert", exitUnreadable, []string{"convert", in, "--out", filepath.Join(dir, "out"+name), "-v", "--stats", "--json", "--partition-by", "region,account"}},
		{"again", exitUnreadable, []string{"convert", in, "--out", filepath.Join(dir, "out"+name), "-v", "--partition-by", "region,account"}},
		{"other options", exitUsage, []string{"convert", in, "--out", filepath.Join(dir, "out"+name), "--only-region", name}},
		{"status", exitOK, []string{"status", filepath.Join(dir, "out"+name)}},
		{"verify", exitOK, []string{"verify", filepath.Join(dir, "out"+name), "--against", in}},
		{"list rejects", exitOK, []string{"rejects", filepath.Join(dir, "out"+name), "--raw"}},
		{"gc", exitOK, []string{"gc", filepath.Join(dir, "out"+name)}},
		{"abandon", exitNotFound, []string{"abandon", filepath.Join(dir, "out"+name), name}},
		{"status of nothing", exitNotFound, []string{"status", filepath.Join(dir, "none"+name)}},
		{"rejects", exitFailed, []string{"convert", in, "--out", filepath.Join(dir, "out2"+name), "--max-rejects", "0"}},
		{"nowhere", exitNotFound, []string{"convert", name, "--out", filepath.Join(dir, "out3")}},
		{"inside", exitUsage, []string{"convert", in, "--out", in}},
		{"file", exitFailed, []string{"convert", in, "--out", filepath.Join(key, name+".txt", name)}},
		{"command", exitUsage, []string{name}},
		{"flag", exitUsage, []string{"convert", "--" + name}},
		{"short flag", exitUsage, []string{"convert", "-" + name}},
		{"value", exitUsage, []string{"convert", in, "--format", name}},
		{"list", exitUsage, []string{"convert", in, "--tables", "results," + name}},
		{"twice", exitUsage, []string{"convert", in, "--only-account", name + "," + name}},
		{"size", exitUsage, []string{"convert", in, "--part-size", name}},
		{"time", exitUsage, []string{"convert", in, "--since", name}},
		{"number", exitUsage, []string{"convert", in, "--workers", name}},
		{"gen", exitOK, []string{"gen", filepath.Join(dir, "gen"+name), "--size", "20kB"}},
		{"gen again", exitFailed, []string{"gen", filepath.Join(dir, "gen"+name)}},
		{"gen profile", exitUsage, []string{"gen", filepath.Join(dir, "gen2"), "--profile", name}},
		{"man", exitFailed, []string{"man", filepath.Join(key, name+".txt", name)}},
		{"version", exitUsage, []string{"version", name}},
		{"help", exitUsage, []string{"help", name}},
		{"completion", exitUsage, []string{"completion", name}},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := start(t, nil, test.args...)
			if code := p.code(t); code != test.code {
				t.Errorf("exit code %d, want %d: %s%s", code, test.code, p.stdout.String(), p.stderr.String())
			}
			harmless(t, "standard error", p.stderr.Bytes())
			if test.name != "convert" {
				return
			}
			harmlessJSON(t, p.stdout.Bytes())
			var summary convert.Summary
			if err := answerIn(p.stdout.Bytes(), &summary); err != nil {
				t.Fatal(err)
			}
			if o := summary.Sources; o.Converted != 1 || o.Rejected != 1 || o.Unreadable != 1 || o.Skipped != 1 {
				t.Errorf("objects %+v", o)
			}
		})
	}
}

// harmlessJSON fails where JSON has control characters or invalid UTF-8.
func harmlessJSON(t *testing.T, b []byte) {
	t.Helper()
	b = bytes.TrimSuffix(b, []byte("\n"))
	if i := bytes.IndexFunc(b, func(r rune) bool { return r < ' ' || r == 0x7f }); i >= 0 || !json.Valid(b) {
		t.Errorf("JSON isn't clean: %q", b)
	}
}
