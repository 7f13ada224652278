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

// found runs the finder and returns what it found, relative to dir.
func found(t *testing.T, dir, out string, inputs ...string) (paths []string, skipped int64) {
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

// write writes files, all of one time, and returns their directory.
func write(t *testing.T, contents map[string][]byte) string {
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

// find lists inputs.
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
	dir := write(t, map[string][]byte{
		"a.jsonl": nil, "b.jsonl.gz": nil, "sub/c.jsonl": nil, "sub/deep/d.jsonl": nil,
		"macie-test-object": nil, "_SUCCESS": nil, "sub/x.json": nil, "e.jsonl/f.jsonl": nil, ".jsonl": nil,
		"_macielake/rejects/000001-00000.jsonl": nil, "lake/results/x.jsonl": nil,
		"[x].jsonl": nil, "s p/é.jsonl": nil,
	})
	symlink(t, "../sub", filepath.Join(dir, "sub", "loop"))
	symlink(t, "a.jsonl", filepath.Join(dir, "again.jsonl"))
	symlink(t, "nowhere.jsonl", filepath.Join(dir, "gone.jsonl"))
	symlink(t, "nowhere", filepath.Join(dir, "gone"))
	elsewhere := write(t, nil)
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
		{"a loop", []string{"sub/loop"}, []string{"sub/c.jsonl", "sub/deep/d.jsonl"}, 1},
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
			got, skipped := found(t, dir, filepath.Join(dir, "lake"), inputs...)
			if test.name == "a glob of all" { // whatever it finds, nothing of the output or of state
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

// However a file is come upon, and in whatever order, it is found once: in its
// directory, by itself, or by links, whose names alone may make it a result.
func TestFindOnce(t *testing.T) {
	dir := write(t, map[string][]byte{"d/a.jsonl": nil, "d/data": nil, "d/e/b.jsonl.gz": nil})
	links := write(t, map[string][]byte{"none": nil})
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
		if got, _ := found(t, dir, "", inputs...); !slices.Equal(got, []string{"d/a.jsonl", "d/data", "d/e/b.jsonl.gz"}) {
			t.Fatalf("%q: found %q", inputs, got)
		}
	}
}

// A link to itself is a loop that isn't followed; it doesn't fail the run.
func TestFindSelfLink(t *testing.T) {
	dir := write(t, map[string][]byte{"a.jsonl": nil})
	symlink(t, "self", filepath.Join(dir, "self"))
	symlink(t, "pong", filepath.Join(dir, "ping"))
	symlink(t, "ping", filepath.Join(dir, "pong"))
	if got, _ := found(t, dir, "", dir); !slices.Equal(got, []string{"a.jsonl"}) {
		t.Errorf("found %q", got)
	}
}

func TestFindErrors(t *testing.T) {
	dir := write(t, map[string][]byte{"a.jsonl": nil, "other/x": nil, "lake/results/r.jsonl": nil})
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

// What a source is known by: its real path, its size and time, and what its key
// tells.
func TestFindSource(t *testing.T) {
	dir := write(t, map[string][]byte{
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

// What is read is what was listed: a file that is written before it is opened, or
// while it is read, is an error and never half of each.
func TestChangedFiles(t *testing.T) {
	dir := write(t, map[string][]byte{"a.jsonl": bytes.Repeat([]byte("line\n"), 1000)})
	name := filepath.Join(dir, "a.jsonl")
	listed := func() *Source {
		sources, err := find(context.Background(), &Listing{Log: slog.New(slog.DiscardHandler)}, dir)
		if err != nil || len(sources) != 1 {
			t.Fatal(sources, err)
		}
		return &sources[0]
	}
	appended := func() {
		f, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteString("more\n"); err != nil {
			t.Fatal(err)
		}
	}
	touched := func() {
		if err := os.Chtimes(name, time.Time{}, time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)); err != nil {
			t.Fatal(err)
		}
	}
	for _, change := range []func(){appended, touched} {
		s := listed()
		change()
		var changed *ChangedError
		if _, err := s.Open(context.Background()); !errors.As(err, &changed) || !strings.Contains(err.Error(), "since it was listed") {
			t.Errorf("before: %v", err)
		}
		s = listed()
		r, err := s.Open(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(r, make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
		appended()
		if _, err := io.Copy(io.Discard, r); !errors.As(err, &changed) || !strings.Contains(err.Error(), "while it was read") {
			t.Errorf("meanwhile: %v", err)
		}
		r.Close()
	}
	// A file that was replaced is the listed one still, for who has it open.
	r, err := listed().Open(context.Background())
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
