package input

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// findPaths lists the inputs and returns the sources' paths, relative to dir and
// sorted.
func findPaths(t *testing.T, dir, out string, inputs ...string) (paths []string, skipped int64) {
	t.Helper()
	l := Listing{Output: out, Log: slog.New(slog.DiscardHandler)}
	sources, err := find(context.Background(), &l, inputs...)
	if err != nil {
		t.Fatal(err)
	}
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range sources {
		rel, err := filepath.Rel(real, s.URI)
		if err != nil {
			rel = s.URI
		}
		paths = append(paths, rel)
	}
	slices.Sort(paths)
	return paths, l.Skipped
}

// writeFiles writes files with one modification time and returns their directory.
func writeFiles(t *testing.T, contents map[string][]byte) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "in")
	at := time.Date(2026, 2, 3, 4, 5, 6, 789e6, time.UTC)
	for name, data := range contents {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func find(ctx context.Context, l *Listing, inputs ...string) (sources []Source, err error) {
	origins := []Origin{NewStdin(strings.NewReader("")), Local{}}
	err = Find(ctx, origins, inputs, l, func(s Source) error {
		sources = append(sources, s)
		return nil
	})
	return sources, err
}

func symlink(t *testing.T, target, name string) {
	t.Helper()
	if err := os.Symlink(target, name); err != nil {
		t.Skip("no symbolic links here: ", err)
	}
}

func TestFind(t *testing.T) {
	dir := writeFiles(t, map[string][]byte{
		"a.jsonl": nil, "b.jsonl.gz": nil, "sub/c.jsonl": nil, "sub/deep/d.jsonl": nil,
		"macie-test-object": nil, "_SUCCESS": nil, "sub/x.json": nil, "e.jsonl/f.jsonl": nil, ".jsonl": nil,
		"_macielake/rejects/000001-00000.jsonl": nil, "lake/results/x.jsonl": nil,
		"[x].jsonl": nil, "s p/é.jsonl": nil,
	})
	symlink(t, "../sub", filepath.Join(dir, "sub", "loop"))
	symlink(t, "a.jsonl", filepath.Join(dir, "again.jsonl"))
	symlink(t, "nowhere.jsonl", filepath.Join(dir, "gone.jsonl"))
	symlink(t, "nowhere", filepath.Join(dir, "gone"))
	elsewhere := writeFiles(t, nil)
	if err := os.MkdirAll(elsewhere, 0o777); err != nil {
		t.Fatal(err)
	}
	symlink(t, dir, filepath.Join(elsewhere, "all"))
	symlink(t, elsewhere, filepath.Join(dir, "zz"))
	all := []string{".jsonl", "[x].jsonl", "a.jsonl", "b.jsonl.gz", "e.jsonl/f.jsonl", "gone.jsonl", "s p/é.jsonl", "sub/c.jsonl", "sub/deep/d.jsonl"}
	for _, test := range []struct {
		name    string
		inputs  []string
		want    []string
		skipped int64
	}{
		{"a directory", []string{"."}, all, 4},
		{"twice", []string{".", "sub", ".", "a.jsonl", "sub/../again.jsonl"}, all, 4},
		{"a file", []string{"a.jsonl"}, []string{"a.jsonl"}, 0},
		{"a link", []string{"again.jsonl"}, []string{"a.jsonl"}, 0},
		{"a link to a loop", []string{"sub/loop"}, []string{"sub/c.jsonl", "sub/deep/d.jsonl"}, 1},
		{"a glob", []string{"*.jsonl"}, []string{".jsonl", "[x].jsonl", "a.jsonl", "e.jsonl/f.jsonl", "gone.jsonl"}, 0},
		{"a glob of all", []string{"*/*"}, nil, 0},
		{"a name like a glob", []string{"[x].jsonl"}, []string{"[x].jsonl"}, 0},
		{"standard input", []string{"-", "a.jsonl", "-"}, []string{"-", "a.jsonl"}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			var inputs []string
			for _, in := range test.inputs {
				if in != "-" {
					in = filepath.Join(dir, in)
				}
				inputs = append(inputs, in)
			}
			got, skipped := findPaths(t, dir, filepath.Join(dir, "lake"), inputs...)
			if test.name == "a glob of all" { // what it finds doesn't matter, except that it skips output and state
				for _, name := range got {
					if strings.HasPrefix(name, "lake/") || strings.HasPrefix(name, "_macielake/rejects") {
						t.Errorf("found %s", name)
					}
				}
				return
			}
			if !slices.Equal(got, test.want) || skipped != test.skipped {
				t.Errorf("found %q and skipped %d, want %q and %d", got, skipped, test.want, test.skipped)
			}
		})
	}
}

// A file is listed once, whether its directory, its path or a link leads to it, and
// in any order of the inputs. A link may have the name of a result where the file
// has not.
func TestFindListsEachFileOnce(t *testing.T) {
	dir := writeFiles(t, map[string][]byte{"d/a.jsonl": nil, "d/data": nil, "d/e/b.jsonl.gz": nil})
	links := writeFiles(t, map[string][]byte{"none": nil})
	symlink(t, filepath.Join(dir, "d", "a.jsonl"), filepath.Join(links, "a.jsonl"))
	symlink(t, filepath.Join(dir, "d", "data"), filepath.Join(links, "data.jsonl"))
	symlink(t, filepath.Join(dir, "d", "data"), filepath.Join(links, "more.jsonl"))
	symlink(t, filepath.Join(dir, "d", "e"), filepath.Join(links, "e"))
	inputs := []string{
		filepath.Join(dir, "d"), filepath.Join(dir, "d", "a.jsonl"), filepath.Join(dir, "d", "e"),
		filepath.Join(dir, "d", "e", "b.jsonl.gz"), links,
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		rng.Shuffle(len(inputs), func(i, j int) { inputs[i], inputs[j] = inputs[j], inputs[i] })
		if got, _ := findPaths(t, dir, "", inputs...); !slices.Equal(got, []string{"d/a.jsonl", "d/data", "d/e/b.jsonl.gz"}) {
			t.Fatalf("%q: found %q", inputs, got)
		}
	}
}

// Links that lead to themselves are skipped without an error.
func TestFindSkipsLinkLoops(t *testing.T) {
	dir := writeFiles(t, map[string][]byte{"a.jsonl": nil})
	symlink(t, "self", filepath.Join(dir, "self"))
	symlink(t, "pong", filepath.Join(dir, "ping"))
	symlink(t, "ping", filepath.Join(dir, "pong"))
	if got, _ := findPaths(t, dir, "", dir); !slices.Equal(got, []string{"a.jsonl"}) {
		t.Errorf("found %q", got)
	}
}

func TestFindErrors(t *testing.T) {
	dir := writeFiles(t, map[string][]byte{"a.jsonl": nil, "other/x": nil, "lake/results/r.jsonl": nil})
	for _, test := range []struct {
		inputs []string
		want   any
	}{
		{[]string{"nowhere"}, &NotFoundError{}},
		{[]string{"a.jsonl", "nowhere"}, &NotFoundError{}},
		{[]string{"*.gz"}, &NotFoundError{}},
		{[]string{"[a"}, &NotFoundError{}},
		{[]string{"other"}, &NotFoundError{}},
		{[]string{"other/x"}, &NotFoundError{}},
		{[]string{"lake"}, &InsideOutputError{}},
		{[]string{"lake/results/r.jsonl"}, &InsideOutputError{}},
	} {
		var inputs []string
		for _, in := range test.inputs {
			inputs = append(inputs, filepath.Join(dir, in))
		}
		l := Listing{Output: filepath.Join(dir, "lake"), Log: slog.New(slog.DiscardHandler)}
		_, err := find(context.Background(), &l, inputs...)
		switch want := test.want.(type) {
		case *NotFoundError:
			if !errors.As(err, &want) {
				t.Errorf("%q: %v", test.inputs, err)
			}
		case *InsideOutputError:
			if !errors.As(err, &want) {
				t.Errorf("%q: %v", test.inputs, err)
			}
		}
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errors.New("stop"))
	l := Listing{Log: slog.New(slog.DiscardHandler)}
	if _, err := find(ctx, &l, dir); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// A source has the file's real path, size and time, and what its key says.
func TestFindFillsSources(t *testing.T) {
	dir := writeFiles(t, map[string][]byte{
		"AWSLogs/111122223333/Macie/eu-west-1/job/444455556666/x.jsonl.gz": []byte("12345"),
		"b\xff%20 ö.jsonl": nil,
	})
	l := Listing{Log: slog.New(slog.DiscardHandler)}
	sources, err := find(context.Background(), &l, dir)
	if err != nil {
		t.Skip("the file system refuses such names: ", err)
	}
	if len(sources) != 2 {
		t.Fatalf("%d sources", len(sources))
	}
	s, odd := sources[0], sources[1]
	if s.Region != "eu-west-1" || s.AdminAccountID != "111122223333" || s.Size != 5 || s.ETag != "5-1770091506789000000" ||
		s.LastModified != 1770091506789000 || localPath(s.URI) != s.URI || !filepath.IsAbs(s.URI) {
		t.Errorf("%+v", s)
	}
	if rc, err := odd.Open(context.Background()); err != nil {
		t.Error(err)
	} else {
		rc.Close()
	}
	if !utf8.ValidString(odd.URI) || !strings.HasPrefix(odd.URI, "file:///") || !strings.HasSuffix(odd.URI, "/b%FF%2520%20%C3%B6.jsonl") {
		t.Errorf("%q", odd.URI)
	}
}

// A file that changes after it was listed, or while it is read, gives an error, and
// never bytes of two versions.
func TestOpenRefusesChangedFiles(t *testing.T) {
	dir := writeFiles(t, map[string][]byte{"a.jsonl": bytes.Repeat([]byte("line\n"), 1000)})
	name := filepath.Join(dir, "a.jsonl")
	list := func() *Source {
		sources, err := find(context.Background(), &Listing{Log: slog.New(slog.DiscardHandler)}, dir)
		if err != nil || len(sources) != 1 {
			t.Fatal(sources, err)
		}
		return &sources[0]
	}
	appendLine := func() {
		f, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteString("more\n"); err != nil {
			t.Fatal(err)
		}
	}
	touch := func() {
		if err := os.Chtimes(name, time.Time{}, time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)); err != nil {
			t.Fatal(err)
		}
	}
	for _, change := range []func(){appendLine, touch} {
		s := list()
		change()
		var changed *ChangedError
		if _, err := s.Open(context.Background()); !errors.As(err, &changed) || !strings.Contains(err.Error(), "since it was listed") {
			t.Errorf("changed before Open: %v", err)
		}
		s = list()
		r, err := s.Open(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(r, make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
		appendLine()
		if _, err := io.Copy(io.Discard, r); !errors.As(err, &changed) || !strings.Contains(err.Error(), "while it was read") {
			t.Errorf("changed while it was read: %v", err)
		}
		r.Close()
	}
	// An open file can be replaced: the reader still has the listed version.
	r, err := list().Open(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := os.Rename(name, name+".old"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, r); err != nil {
		t.Error(err)
	}
}
