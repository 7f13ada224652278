package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

func openLocal(t *testing.T, dir string) *Local {
	t.Helper()
	l, err := CreateLocal(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func TestLocalContract(t *testing.T) {
	runContract(t, func(t *testing.T) Store { return openLocal(t, t.TempDir()) })
}

func TestSubContract(t *testing.T) {
	runContract(t, func(t *testing.T) Store {
		l := openLocal(t, t.TempDir())
		// What is beside a store is none of its business.
		put(t, l, "beside", "x")
		put(t, l, "_macielake/new-10/x", "x")
		return Sub(l, "_macielake/new-1")
	})
}

func TestSubOfSubContract(t *testing.T) {
	runContract(t, func(t *testing.T) Store { return Sub(Sub(openLocal(t, t.TempDir()), "a/b"), "c") })
}

// runContract checks what every store must do. open returns an empty one.
func runContract(t *testing.T, open func(t *testing.T) Store) {
	ctx := context.Background()
	test := func(name string, f func(t *testing.T, s Store)) {
		t.Run(name, func(t *testing.T) { f(t, open(t)) })
	}
	test("create and commit", func(t *testing.T, s Store) {
		for _, access := range []Access{Shared, Private} {
			name := fmt.Sprintf("a/b=%d/c.parquet", access)
			out, err := s.Create(ctx, name, access)
			if err != nil {
				t.Fatal(err)
			}
			data := bytes.Repeat([]byte("0123456789"), 20_000)
			for part := range slices.Chunk(data, 7777) {
				if n, err := out.Write(part); err != nil || n != len(part) {
					t.Fatal(n, err)
				}
			}
			if err := out.Commit(); err != nil {
				t.Fatal(err)
			}
			if got := get(t, s, name); got != string(data) {
				t.Errorf("read %d bytes, wrote %d", len(got), len(data))
			}
			if n, err := s.Stat(ctx, name); err != nil || n != int64(len(data)) {
				t.Errorf("size %d, %v", n, err)
			}
		}
		if err := s.Sync(ctx); err != nil {
			t.Error(err)
		}
	})
	test("create what is there", func(t *testing.T, s Store) {
		put(t, s, "a", "first")
		if _, err := s.Create(ctx, "a", Shared); !errors.Is(err, fs.ErrExist) {
			t.Error(err)
		}
		if got := get(t, s, "a"); got != "first" {
			t.Errorf("it holds %q", got)
		}
	})
	test("abort", func(t *testing.T, s Store) {
		out, err := s.Create(ctx, "d/a", Shared)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := out.Write(make([]byte, 200_000)); err != nil {
			t.Fatal(err)
		}
		if err := out.Abort(); err != nil {
			t.Error(err)
		}
		missing(t, s, "d/a")
		put(t, s, "d/a", "again")
		out, err = s.Create(ctx, "d/b", Shared)
		if err != nil {
			t.Fatal(err)
		}
		if err := out.Commit(); err != nil {
			t.Fatal(err)
		}
		if n, err := s.Stat(ctx, "d/b"); err != nil || n != 0 {
			t.Errorf("an empty file has %d bytes, %v", n, err)
		}
		// Its directory went, and with it the file.
		out, err = s.Create(ctx, "gone/c", Shared)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.RemoveAll(ctx, "gone"); err != nil {
			t.Fatal(err)
		}
		if err := out.Abort(); err != nil {
			t.Error(err)
		}
	})
	test("what isn't there", func(t *testing.T, s Store) {
		missing(t, s, "a")
		missing(t, s, "a/b/c")
		if err := s.RemoveAll(ctx, "a/b"); err != nil {
			t.Error(err)
		}
		if err := s.Move(ctx, "a", "b"); !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
		if got := list(t, s, "a"); len(got) > 0 {
			t.Errorf("listed %q", got)
		}
		if got := list(t, s, "."); len(got) > 0 {
			t.Errorf("listed %q", got)
		}
	})
	test("put new", func(t *testing.T, s Store) {
		put(t, s, "state/a.json", "first")
		if err := s.PutNew(ctx, "state/a.json", []byte("second")); !errors.Is(err, fs.ErrExist) {
			t.Error(err)
		}
		if got := get(t, s, "state/a.json"); got != "first" {
			t.Errorf("it holds %q", got)
		}
		put(t, s, "state/empty", "")
		if got := list(t, s, "."); !slices.Equal(got, []string{"state/a.json", "state/empty"}) {
			t.Errorf("there is %q", got)
		}
	})
	test("put new by many", func(t *testing.T, s Store) {
		for round := range 5 {
			name := fmt.Sprintf("d%d/x", round)
			var won atomic.Int32
			var winner atomic.Value
			var group sync.WaitGroup
			start := make(chan struct{})
			for i := range 16 {
				group.Go(func() {
					<-start
					content := strings.Repeat(fmt.Sprint(i), 1000)
					switch err := s.PutNew(ctx, name, []byte(content)); {
					case err == nil:
						won.Add(1)
						winner.Store(content)
					case !errors.Is(err, fs.ErrExist):
						t.Error(err)
					}
				})
			}
			close(start)
			group.Wait()
			if won.Load() != 1 {
				t.Fatalf("%d won", won.Load())
			}
			if got := get(t, s, name); got != winner.Load() {
				t.Error("it doesn't hold what the winner wrote")
			}
			if got := list(t, s, fmt.Sprintf("d%d", round)); !slices.Equal(got, []string{name}) {
				t.Errorf("there is %q", got)
			}
		}
	})
	test("list", func(t *testing.T, s Store) {
		names := []string{"a", "a.b", "b/c.d/e", "b/c/d", "b-c/x", "é/ü", " x", "c/%25=1/x", "b2/y", "bb"}
		for _, name := range names {
			put(t, s, name, name)
		}
		got := list(t, s, ".")
		want := slices.Sorted(slices.Values(names))
		if sorted := slices.Sorted(slices.Values(got)); !slices.Equal(sorted, want) {
			t.Errorf("listed %q, want %q", sorted, want)
		}
		if again := list(t, s, "."); !slices.Equal(again, got) {
			t.Errorf("listed %q, then %q", got, again)
		}
		if got := list(t, s, "b"); !slices.Equal(slices.Sorted(slices.Values(got)), []string{"b/c.d/e", "b/c/d"}) {
			t.Errorf("below b: %q", got)
		}
		if !slices.Equal(got, want) {
			t.Errorf("in order of their names: %q, want %q", got, want)
		}
		stop := errors.New("stop")
		n := 0
		err := s.List(ctx, ".", func(string, fs.FileInfo) error {
			n++
			return stop
		})
		if !errors.Is(err, stop) || n != 1 {
			t.Errorf("stopped after %d with %v", n, err)
		}
		n = 0
		err = s.List(ctx, ".", func(string, fs.FileInfo) error {
			n++
			return fs.SkipAll
		})
		if err != nil || n != 1 {
			t.Errorf("skipped after %d with %v", n, err)
		}
	})
	test("list while cancelled", func(t *testing.T, s Store) {
		put(t, s, "d/a", "")
		ctx, cancel := context.WithCancel(ctx)
		cancel()
		if err := s.List(ctx, ".", func(string, fs.FileInfo) error { return nil }); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	test("move", func(t *testing.T, s Store) {
		put(t, s, "stage/a", "a")
		put(t, s, "old", "old")
		if err := s.Move(ctx, "stage/a", "x=1/y=2/a"); err != nil {
			t.Fatal(err)
		}
		missing(t, s, "stage/a")
		if got := get(t, s, "x=1/y=2/a"); got != "a" {
			t.Errorf("it holds %q", got)
		}
		if err := s.Move(ctx, "old", "x=1/y=2/a"); err != nil {
			t.Fatal(err)
		}
		if got := get(t, s, "x=1/y=2/a"); got != "old" {
			t.Errorf("it holds %q", got)
		}
		put(t, s, "d/file", "")
		put(t, s, "e", "")
		if err := s.Move(ctx, "e", "d"); err == nil {
			t.Error("moved onto a directory")
		}
		if err := s.Move(ctx, "e", "d/file/below"); err == nil {
			t.Error("moved below a file")
		}
		if err := s.Sync(ctx); err != nil {
			t.Error(err)
		}
	})
	test("move by many", func(t *testing.T, s Store) {
		var group sync.WaitGroup
		for i := range 32 {
			put(t, s, fmt.Sprintf("stage/%d", i), fmt.Sprint(i))
		}
		for i := range 32 {
			group.Go(func() {
				if err := s.Move(ctx, fmt.Sprintf("stage/%d", i), fmt.Sprintf("t/p=%d/q/%d", i%3, i)); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		if n := len(list(t, s, "t")); n != 32 {
			t.Errorf("%d arrived", n)
		}
	})
	test("remove", func(t *testing.T, s Store) {
		for _, name := range []string{"a/b/c", "a/b/d", "a/e", "ab"} {
			put(t, s, name, "")
		}
		for _, step := range []struct {
			name string
			want []string
		}{
			{"a/b/c", []string{"a/b/d", "a/e", "ab"}},
			{"a/b", []string{"a/e", "ab"}},
			{"a", []string{"ab"}},
			{"nowhere", []string{"ab"}},
			{"ab", nil},
		} {
			if err := s.RemoveAll(ctx, step.name); err != nil {
				t.Error(err)
			}
			if got := list(t, s, "."); !slices.Equal(got, step.want) {
				t.Errorf("without %s there is %q", step.name, got)
			}
		}
	})
	test("empty", func(t *testing.T, s Store) {
		check := func(want bool) {
			t.Helper()
			if empty, err := s.Empty(ctx); err != nil || empty != want {
				t.Errorf("empty: %v, %v", empty, err)
			}
		}
		check(true)
		put(t, s, "a/b", "")
		check(false)
		if err := s.RemoveAll(ctx, "a"); err != nil {
			t.Fatal(err)
		}
		check(true)
	})
	test("discard", func(t *testing.T, s Store) {
		put(t, s, "a/b", "")
		put(t, s, "c", "")
		if err := s.Discard(ctx, "a", "c", "nowhere"); err != nil {
			t.Error(err)
		}
		if got := list(t, s, "."); len(got) > 0 {
			t.Errorf("there is %q", got)
		}
	})
	test("names that leave it", func(t *testing.T, s Store) {
		put(t, s, "here", "here")
		for _, name := range []string{"../outside", "a/../../outside"} {
			if _, err := s.Create(ctx, name, Shared); err == nil {
				t.Errorf("created %s", name)
			}
			if err := s.PutNew(ctx, name, nil); err == nil {
				t.Errorf("put %s", name)
			}
			if err := s.Move(ctx, "here", name); err == nil {
				t.Errorf("moved to %s", name)
			}
		}
		if got := get(t, s, "here"); got != "here" {
			t.Errorf("it holds %q", got)
		}
	})
	test("uri", func(t *testing.T, s Store) {
		if a, b := s.URI("."), s.URI("d/x"); !strings.HasPrefix(b, a) || !strings.HasSuffix(filepath.ToSlash(b), "/d/x") || strings.HasSuffix(a, ".") {
			t.Errorf("%s, %s", a, b)
		}
	})
}

func put(t *testing.T, s Store, name, content string) {
	t.Helper()
	if err := s.PutNew(context.Background(), name, []byte(content)); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, s Store, name string) string {
	t.Helper()
	r, err := s.Open(context.Background(), name)
	if err != nil {
		t.Error(err)
		return ""
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		t.Error(err)
	}
	return string(data)
}

func missing(t *testing.T, s Store, name string) {
	t.Helper()
	if r, err := s.Open(context.Background(), name); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("opening %s: %v", name, err)
		if err == nil {
			r.Close()
		}
	}
	if _, err := s.Stat(context.Background(), name); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("size of %s: %v", name, err)
	}
}

// list returns the names below a directory in the order in which they come, and
// checks the sizes.
func list(t *testing.T, s Store, prefix string) []string {
	t.Helper()
	var names []string
	err := s.List(context.Background(), prefix, func(name string, info fs.FileInfo) error {
		names = append(names, name)
		if n, err := s.Stat(context.Background(), name); err != nil || n != info.Size() {
			t.Errorf("%s is listed with %d bytes and has %d, %v", name, info.Size(), n, err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	return names
}

func TestLocalModes(t *testing.T) {
	l := openLocal(t, filepath.Join(t.TempDir(), "lake"))
	ctx := context.Background()
	for name, access := range map[string]Access{"results/p=1/a": Shared, "_macielake/staging/x/results/b": Shared, "_macielake/rejects/c": Private} {
		out, err := l.Create(ctx, name, access)
		if err != nil {
			t.Fatal(err)
		}
		if err := out.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	put(t, l, "_macielake/dataset.json", "")
	put(t, l, "_macielakes/x", "")
	if err := l.Move(ctx, "_macielake/staging/x/results/b", "results/p=2/b"); err != nil {
		t.Fatal(err)
	}
	plain := filepath.Join(t.TempDir(), "plain") // what the umask makes of it
	if err := os.Mkdir(plain, 0o777); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(plain)
	if err != nil {
		t.Fatal(err)
	}
	shared := info.Mode().Perm()
	for name, want := range map[string]fs.FileMode{
		"results": shared, "results/p=1": shared, "results/p=2": shared, "results/p=1/a": shared &^ 0o111, "results/p=2/b": shared &^ 0o111,
		"_macielake": 0o700, "_macielake/staging": 0o700, "_macielake/staging/x/results": 0o700, "_macielake/rejects": 0o700,
		"_macielake/rejects/c": 0o600, "_macielake/dataset.json": 0o600, "_macielakes": shared,
	} {
		info, err := os.Stat(l.URI(name))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s has mode %v, want %v; %v", name, info.Mode().Perm(), want, err)
		}
	}
}

// A link in the store can't take anything out of it.
func TestLocalLinks(t *testing.T) {
	ctx := context.Background()
	outside := t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "secret"), []byte("secret"), 0o666); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, target := range map[string]string{"results": outside, "up": "../" + filepath.Base(outside), "file": filepath.Join(outside, "secret"), "_macielake": outside} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Skip("no symbolic links here: ", err)
		}
	}
	l := openLocal(t, dir)
	put(t, l, "here", "")
	for _, name := range []string{"results/new", "up/new", "_macielake/dataset.json", "results/a/b/c"} {
		if out, err := l.Create(ctx, name, Shared); err == nil {
			out.Abort()
			t.Errorf("created %s", name)
		}
		if err := l.PutNew(ctx, name, nil); err == nil {
			t.Errorf("put %s", name)
		}
		if err := l.Move(ctx, "here", name); err == nil {
			t.Errorf("moved to %s", name)
		}
	}
	for _, name := range []string{"results/secret", "up/secret", "file"} {
		if r, err := l.Open(ctx, name); err == nil {
			r.Close()
			t.Errorf("opened %s", name)
		}
		if _, err := l.Stat(ctx, name); err == nil {
			t.Errorf("looked at %s", name)
		}
	}
	for _, name := range []string{"results/secret", "up/secret"} {
		_ = l.RemoveAll(ctx, name) // whether an error or nothing
	}
	for _, name := range []string{"results", "file", "up", "_macielake"} {
		if err := l.RemoveAll(ctx, name); err != nil {
			t.Error(err)
		}
	}
	entries, err := os.ReadDir(outside)
	if err != nil || len(entries) != 1 {
		t.Errorf("outside there is %v, %v", entries, err)
	}
	if data, err := os.ReadFile(filepath.Join(outside, "secret")); err != nil || string(data) != "secret" {
		t.Errorf("outside: %q, %v", data, err)
	}
}

// Discard takes away the directory that opening made, and no other.
func TestLocalDiscard(t *testing.T) {
	ctx := context.Background()
	there := func(path string) bool {
		_, err := os.Stat(path)
		return err == nil
	}
	dir := t.TempDir()
	old := filepath.Join(dir, "old")
	if err := os.Mkdir(old, 0o777); err != nil {
		t.Fatal(err)
	}
	l := openLocal(t, old)
	put(t, l, "a/b", "")
	if err := l.Discard(ctx, "a"); err != nil || !there(old) || there(filepath.Join(old, "a")) {
		t.Errorf("%v; the directory is there: %v", err, there(old))
	}
	made := filepath.Join(dir, "new")
	l = openLocal(t, made)
	put(t, l, "a/b", "")
	put(t, l, "c", "")
	if err := l.Discard(ctx, "a"); err != nil || !there(filepath.Join(made, "c")) {
		t.Errorf("%v; what else is in it is there: %v", err, there(filepath.Join(made, "c")))
	}
	if err := l.Discard(ctx, "a", "c"); err != nil || there(made) {
		t.Errorf("%v; the directory is there: %v", err, there(made))
	}
	deep := filepath.Join(dir, "x", "y", "z")
	l = openLocal(t, deep)
	if err := l.Discard(ctx); err != nil || there(filepath.Join(dir, "x")) {
		t.Errorf("%v; directories above are there: %v", err, there(filepath.Join(dir, "x")))
	}
}

func TestOpenLocalFails(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{file, filepath.Join(file, "below")} {
		if l, err := CreateLocal(dir); err == nil {
			l.Close()
			t.Errorf("opened %s", dir)
		} else if !strings.Contains(err.Error(), file) {
			t.Errorf("%s isn't named: %v", file, err)
		}
	}
}

// Errors name what they are about in full.
func TestLocalErrorsNameThePath(t *testing.T) {
	ctx := context.Background()
	l := openLocal(t, t.TempDir())
	put(t, l, "file", "")
	_, createErr := l.Create(ctx, "file", Shared)
	_, belowErr := l.Create(ctx, "file/below", Shared)
	_, openErr := l.Open(ctx, "nowhere")
	_, statErr := l.Stat(ctx, "nowhere")
	for what, err := range map[string]error{
		"file": createErr, "file ": belowErr, "nowhere": openErr, "nowhere ": statErr,
		"nowhere  ": l.Move(ctx, "nowhere", "x"), " file": l.PutNew(ctx, "file", nil),
	} {
		if path := l.URI(strings.TrimSpace(what)); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s isn't named: %v", path, err)
		}
	}
}

func TestPutAndOpenAt(t *testing.T) {
	ctx := context.Background()
	for name, s := range map[string]Store{"local": openLocal(t, t.TempDir()), "sub": Sub(openLocal(t, t.TempDir()), "a/b")} {
		for _, data := range []string{"first", "", "the third"} {
			if err := s.Put(ctx, "d/x", []byte(data)); err != nil {
				t.Fatal(err)
			}
			f, err := s.OpenAt(ctx, "d/x")
			if err != nil {
				t.Fatal(err)
			}
			got := make([]byte, 16)
			n, err := f.ReadAt(got, 1)
			if f.Size() != int64(len(data)) || err != io.EOF || string(got[:n]) != data[min(1, len(data)):] {
				t.Errorf("%s: %d bytes, %q, %v", name, f.Size(), got[:n], err)
			}
			f.Close()
		}
		left := 0
		if err := s.List(ctx, ".", func(string, fs.FileInfo) error { left++; return nil }); err != nil || left != 1 {
			t.Errorf("%s: %d files, %v", name, left, err)
		}
		if _, err := s.OpenAt(ctx, "none"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
		if err := s.Put(ctx, "../x", nil); err == nil {
			t.Errorf("%s: a name left the store", name)
		}
	}
}
