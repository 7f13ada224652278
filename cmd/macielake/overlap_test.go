package main

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/macielake/macielake/internal/convert"
	"github.com/macielake/macielake/internal/input"
	"github.com/macielake/macielake/internal/store"
)

// waiting is a store whose first publication waits until it may go on.
type waiting struct {
	store.Store
	once             sync.Once
	reached, release chan struct{}
}

func (w *waiting) Publish(ctx context.Context, from, to string, want store.Content) error {
	w.once.Do(func() { close(w.reached) })
	select {
	case <-w.release:
	case <-ctx.Done():
		return ctx.Err()
	}
	return w.Store.Publish(ctx, from, to, want)
}

// Runs may overlap. One that was open when a later one was reported, and commits
// afterwards, is new to who compares with that one: a gate must see it. And what was
// said as of the later one stays true.
func TestOverlappingRuns(t *testing.T) {
	data, err := os.ReadFile("testdata/diff.txt")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	lines := map[string]string{}
	for _, name := range []string{"first.jsonl", "second.jsonl"} {
		_, rest, _ := strings.Cut(string(data), "-- "+name+" --\n")
		text, _, _ := strings.Cut(rest, "\n-- ")
		lines[name] = text
	}
	second := strings.Split(strings.TrimSpace(lines["second.jsonl"]), "\n")
	for name, text := range map[string]string{"1.jsonl": lines["first.jsonl"], "2.jsonl": second[2], "3.jsonl": second[1]} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	in := func(name string) string { return filepath.Join(dir, name) }
	lake, mark := in("lake"), in("m.json")
	ask := func(want int, args ...string) string {
		t.Helper()
		var out, errs bytes.Buffer
		if code := run(args, nil, &out, &errs); code != want {
			t.Fatalf("%v: exit code %d, not %d\n%s%s", args, code, want, out.String(), errs.String())
		}
		return out.String()
	}
	ask(exitOK, "convert", in("1.jsonl"), "--out", lake, "-q")
	ask(exitOK, "diff", lake, "--mark", mark)

	s, err := store.OpenLocal(lake)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	o, err := (&convertOptions{}).parsed("--out", lake)
	if err != nil {
		t.Fatal(err)
	}
	w := &waiting{Store: s, reached: make(chan struct{}), release: make(chan struct{})}
	o.Inputs, o.Origins, o.Out, o.Log = []string{in("2.jsonl")}, []input.Origin{input.Local{}}, w, slog.New(slog.DiscardHandler)
	done := make(chan error, 1)
	go func() { _, err := convert.Run(t.Context(), o); done <- err }()
	<-w.reached // run 2 is open, and its converter at work
	var out, errs bytes.Buffer
	if code := run([]string{"convert", in("3.jsonl"), "--out", lake, "--no-wait", "-q"}, nil, &out, &errs); code != exitOK && code != exitUnreadable {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	if said := ask(exitUnreadable, "diff", lake, "--mark", mark); !strings.Contains(said, ": 1 new ") {
		t.Fatal(said)
	}
	code := exitUnreadable
	asOf := func(run string) string { // without sentences that may not be said while a run is open
		return regexp.MustCompile(`(?m)^((Nothing|Every) .*)?\n`).ReplaceAllString(ask(code, "summarize", lake, "--as-of", run), "")
	}
	before := asOf("3")
	if before == asOf("1") {
		t.Error("run 3 changes nothing: ", before)
	}
	close(w.release)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	code = exitOK
	if after := asOf("3"); after != before {
		t.Errorf("as of run 3, before run 2 was committed:\n%s\nafterwards:\n%s", before, after)
	}
	if asOf("2") != asOf("last") || asOf("2") == before {
		t.Error("run 2 was committed last, and changes the state")
	}
	if said := ask(exitOK, "diff", lake, "--since", "3"); !strings.Contains(said, ": 1 new, 3 worse") {
		t.Error(said)
	}
	if said := ask(exitOK, "diff", lake, "--since", "2"); !strings.HasPrefix(said, "Nothing new since run 000002-") {
		t.Error(said)
	}
	if said := ask(exitOK, "diff", lake, "--since", "1", "--until", "3"); !strings.Contains(said, ": 1 new ") {
		t.Error(said)
	}
	ask(exitUsage, "diff", lake, "--since", "2", "--until", "3")
	said := ask(exitGate, "diff", lake, "--mark", mark, "--fail-on", "state=new and type=AWS_CREDENTIALS")
	if !strings.Contains(said, "AWS_CREDENTIALS, new") {
		t.Error(said)
	}
	if said := ask(exitOK, "diff", lake, "--mark", mark, "--fail-on", "state=new"); !strings.HasPrefix(said, "Nothing new") {
		t.Error(said)
	}
}
