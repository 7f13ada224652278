package store_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/macielake/macielake/internal/store"
)

func write(t *testing.T, s store.Store, name, content string) {
	t.Helper()
	out, err := s.Create(t.Context(), name, store.Shared)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(out, content); err != nil {
		t.Fatal(err)
	}
	if err := out.Commit(); err != nil {
		t.Fatal(err)
	}
}

func checkContent(t *testing.T, s store.Store, name, want string) {
	t.Helper()
	r, err := s.Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	got, err := io.ReadAll(r)
	if err != nil || string(got) != want {
		t.Fatalf("%s has %.40q (%v), want %.40q", name, got, err, want)
	}
	if size, err := s.Stat(t.Context(), name); err != nil || size.Size != int64(len(want)) {
		t.Fatalf("size of %s = %d, %v, want %d", name, size.Size, err, len(want))
	}
}

func TestCreateLocal(t *testing.T) {
	dir := t.TempDir()
	l := openLocal(t, filepath.Join(dir, "a", "b"))
	if got, want := l.URI("c/d"), filepath.Join(dir, "a", "b", "c", "d"); got != want {
		t.Errorf("URI = %s, want %s", got, want)
	}
	write(t, l, "file", "x")
	if _, err := store.CreateLocal(filepath.Join(dir, "a", "b", "file")); err == nil {
		t.Error("opened a store in a file")
	}
	t.Chdir(dir)
	relative := openLocal(t, "a/b")
	t.Chdir(t.TempDir())
	checkContent(t, relative, "file", "x")
	if got := relative.URI("."); got != l.URI(".") {
		t.Errorf("URI = %s, want %s", got, l.URI("."))
	}
}

// TestDiscardDirectory: Discard removes the directory that OpenLocal made, and
// only where nothing else is in it.
func TestDiscardDirectory(t *testing.T) {
	for _, test := range []struct {
		name   string
		before bool // the directory was there
		other  string
		gone   bool
	}{
		{"made", false, "", true},
		{"was there", true, "", false},
		{"made, but someone uses it", false, "other", false},
		{"was there, and is used", true, "other", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "out")
			if test.before {
				if err := os.Mkdir(dir, 0o777); err != nil {
					t.Fatal(err)
				}
			}
			l := openLocal(t, dir)
			write(t, l, "results/a", "x")
			write(t, l, store.StateDir+"/b", "x")
			if test.other != "" {
				write(t, l, test.other, "x")
			}
			if err := l.Discard(t.Context(), "results", "runs", store.StateDir); err != nil {
				t.Fatal(err)
			}
			entries, err := os.ReadDir(dir)
			if test.gone {
				if !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("the directory is still there, with %v (%v)", entries, err)
				}
				return
			}
			var names []string
			for _, e := range entries {
				names = append(names, e.Name())
			}
			if err != nil || strings.Join(names, " ") != test.other {
				t.Errorf("the directory has %v (%v), want %q", names, err, test.other)
			}
		})
	}
}
