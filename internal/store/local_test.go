package store_test

import (
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
	"testing"

	"github.com/macielake/macielake/internal/store"
)

func TestLocal(t *testing.T) {
	contract(t, func(t *testing.T) store.Store { return openLocal(t, t.TempDir()) })
}

func TestSub(t *testing.T) {
	contract(t, func(t *testing.T) store.Store {
		return store.Sub(openLocal(t, t.TempDir()), store.StateDir+"/new")
	})
}

func openLocal(t *testing.T, dir string) *store.Local {
	t.Helper()
	l, err := store.CreateLocal(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// contract is what every store promises. The stores that open gives are empty
// and in directories of their own.
func contract(t *testing.T, open func(t *testing.T) store.Store) {
	for _, test := range []struct {
		name string
		run  func(t *testing.T, s store.Store)
	}{
		{"create", testCreate},
		{"abort", testAbort},
		{"put new", testPutNew},
		{"put new side by side", testPutNewRace},
		{"missing", testMissing},
		{"move", testMove},
		{"list", testList},
		{"remove", testRemove},
		{"empty", testEmpty},
		{"sync", testSync},
		{"modes", testModes},
		{"symbolic links", testSymlinks},
		{"discard", testDiscard},
		{"side by side", testConcurrent},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, open(t)) })
	}
}

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
	if size, err := s.Stat(t.Context(), name); err != nil || size != int64(len(want)) {
		t.Fatalf("size of %s = %d, %v, want %d", name, size, err, len(want))
	}
}

func checkMissing(t *testing.T, s store.Store, name string) {
	t.Helper()
	if _, err := s.Stat(t.Context(), name); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("Stat(%s): %v, want that it doesn't exist", name, err)
	}
}

func list(t *testing.T, s store.Store, prefix string) []string {
	t.Helper()
	var names []string
	err := s.List(t.Context(), prefix, func(name string, _ fs.FileInfo) error {
		names = append(names, name)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func testCreate(t *testing.T, s store.Store) {
	large := strings.Repeat("0123456789abcdef", 20_000)
	write(t, s, "a/b/c", large)
	checkContent(t, s, "a/b/c", large)
	write(t, s, "top", "")
	checkContent(t, s, "top", "")
	if _, err := s.Create(t.Context(), "a/b/c", store.Shared); !errors.Is(err, fs.ErrExist) {
		t.Errorf("creating a name that is taken: %v, want fs.ErrExist", err)
	}
	if _, err := s.Create(t.Context(), "a/b/c/d", store.Shared); err == nil {
		t.Error("created a file below a file")
	}
	checkContent(t, s, "a/b/c", large)
}

func testAbort(t *testing.T, s store.Store) {
	out, err := s.Create(t.Context(), "a/b", store.Shared)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := out.Write(make([]byte, 100_000)); err != nil {
		t.Fatal(err)
	}
	if err := out.Abort(); err != nil {
		t.Fatal(err)
	}
	checkMissing(t, s, "a/b")
	if names := list(t, s, "."); len(names) > 0 {
		t.Errorf("an aborted file left %v", names)
	}
	write(t, s, "a/b", "again")
	checkContent(t, s, "a/b", "again")

	// What was removed meanwhile doesn't make an abort fail.
	out, err = s.Create(t.Context(), "c", store.Shared)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.RemoveAll(t.Context(), "c"); err != nil {
		t.Fatal(err)
	}
	if err := out.Abort(); err != nil {
		t.Error(err)
	}
}

func testPutNew(t *testing.T, s store.Store) {
	if err := s.PutNew(t.Context(), "runs/1/run.json", []byte("first")); err != nil {
		t.Fatal(err)
	}
	if err := s.PutNew(t.Context(), "runs/1/run.json", []byte("second")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("the second to create a file: %v, want fs.ErrExist", err)
	}
	checkContent(t, s, "runs/1/run.json", "first")
	if names := list(t, s, "."); !slices.Equal(names, []string{"runs/1/run.json"}) {
		t.Errorf("the store has %v", names)
	}
}

func testPutNewRace(t *testing.T, s store.Store) {
	const writers = 16
	for round := range 20 {
		name := fmt.Sprintf("runs/%d/run.json", round)
		content := func(w int) string { return strings.Repeat(string(rune('a'+w)), 10_000) }
		var group sync.WaitGroup
		start, errs := make(chan struct{}), make([]error, writers)
		for w := range writers {
			group.Go(func() {
				<-start
				errs[w] = s.PutNew(context.Background(), name, []byte(content(w)))
			})
		}
		close(start)
		group.Wait()
		winner := -1
		for w, err := range errs {
			switch {
			case err == nil && winner < 0:
				winner = w
			case err == nil:
				t.Fatalf("%d and %d both created %s", winner, w, name)
			case !errors.Is(err, fs.ErrExist):
				t.Fatalf("a loser got %v, want fs.ErrExist", err)
			}
		}
		if winner < 0 {
			t.Fatalf("nobody created %s", name)
		}
		checkContent(t, s, name, content(winner))
		if names := list(t, s, fmt.Sprintf("runs/%d", round)); !slices.Equal(names, []string{name}) {
			t.Fatalf("losers left %v", names)
		}
	}
}

func testMissing(t *testing.T, s store.Store) {
	write(t, s, "a/file", "x")
	for _, name := range []string{"b", "a/b", "b/c/d"} {
		if _, err := s.Open(t.Context(), name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Open(%s): %v", name, err)
		}
		if _, err := s.Stat(t.Context(), name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Stat(%s): %v", name, err)
		}
		if err := s.Move(t.Context(), name, "to"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Move(%s): %v", name, err)
		}
		if err := s.RemoveAll(t.Context(), name); err != nil {
			t.Errorf("RemoveAll(%s): %v", name, err)
		}
		if names := list(t, s, name); len(names) > 0 {
			t.Errorf("List(%s) gave %v", name, names)
		}
	}
	checkContent(t, s, "a/file", "x")
}

func testMove(t *testing.T, s store.Store) {
	write(t, s, "staging/1", "one")
	write(t, s, "staging/2", "two")
	for _, from := range []string{"staging/1", "staging/2"} { // the second replaces the first
		if err := s.Move(t.Context(), from, "results/p=1/file"); err != nil {
			t.Fatal(err)
		}
		checkMissing(t, s, from)
	}
	checkContent(t, s, "results/p=1/file", "two")
	if names := list(t, s, "."); !slices.Equal(names, []string{"results/p=1/file"}) {
		t.Errorf("the store has %v", names)
	}
}

func testList(t *testing.T, s store.Store) {
	names := []string{"a/1", "a/2", "a/b/1", "a/b/2", "ab/1", "b", "c/d/e/f"}
	for _, i := range []int{3, 6, 0, 5, 2, 4, 1} {
		write(t, s, names[i], names[i])
	}
	for _, test := range []struct {
		prefix string
		want   []string
	}{
		{".", names},
		{"a", names[:4]}, // a directory, not the beginning of a name
		{"a/b", names[2:4]},
		{"c", names[6:]},
		{"b", names[5:6]},
		{"d", nil},
	} {
		if got := list(t, s, test.prefix); !slices.Equal(got, test.want) {
			t.Errorf("List(%s) gave %v, want %v", test.prefix, got, test.want)
		}
	}

	err := s.List(t.Context(), ".", func(name string, info fs.FileInfo) error {
		if info.Size() != int64(len(name)) {
			t.Errorf("%s has %d bytes, want %d", name, info.Size(), len(name))
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	calls, broken := 0, errors.New("broken")
	err = s.List(t.Context(), ".", func(string, fs.FileInfo) error { calls++; return broken })
	if !errors.Is(err, broken) || calls != 1 {
		t.Errorf("after %d calls: %v, want the error of the first", calls, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.List(ctx, ".", func(string, fs.FileInfo) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("List after a cancel: %v", err)
	}
}

func testRemove(t *testing.T, s store.Store) {
	for _, name := range []string{"a/1", "a/b/2", "a/b/3", "c"} {
		write(t, s, name, "x")
	}
	for _, test := range []struct {
		name string
		left []string
	}{
		{"a/b", []string{"a/1", "c"}},
		{"a/b", []string{"a/1", "c"}}, // not there any more
		{"c", []string{"a/1"}},
		{"a", nil},
	} {
		if err := s.RemoveAll(t.Context(), test.name); err != nil {
			t.Fatal(err)
		}
		if got := list(t, s, "."); !slices.Equal(got, test.left) {
			t.Errorf("RemoveAll(%s) left %v, want %v", test.name, got, test.left)
		}
	}
}

func testEmpty(t *testing.T, s store.Store) {
	check := func(want bool) {
		t.Helper()
		if got, err := s.Empty(t.Context()); err != nil || got != want {
			t.Errorf("Empty = %v, %v, want %v", got, err, want)
		}
	}
	check(true)
	write(t, s, "a/b", "x")
	check(false)
	if err := s.RemoveAll(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	check(true)
	write(t, s, ".hidden", "")
	check(false)
}

func testSync(t *testing.T, s store.Store) {
	sync := func() {
		t.Helper()
		if err := s.Sync(t.Context()); err != nil {
			t.Error(err)
		}
	}
	sync()
	write(t, s, "a/b/c", "x")
	sync()
	write(t, s, "a/d", "x")
	if err := s.Move(t.Context(), "a/d", "e/f"); err != nil {
		t.Fatal(err)
	}
	if err := s.RemoveAll(t.Context(), "a"); err != nil { // a directory that was to be synced
		t.Fatal(err)
	}
	sync()
	checkContent(t, s, "e/f", "x")
}

func testModes(t *testing.T, s store.Store) {
	state := store.StateDir
	for name, access := range map[string]store.Access{
		"table/shared": store.Shared, "table/private": store.Private, state + "/staging/1/shared": store.Shared,
	} {
		out, err := s.Create(t.Context(), name, access)
		if err != nil {
			t.Fatal(err)
		}
		if err := out.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.PutNew(t.Context(), state+"/dataset.json", []byte("{}")); err != nil {
		t.Fatal(err)
	}
	check := func(name string, want fs.FileMode) {
		t.Helper()
		info, err := os.Stat(s.URI(name))
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, want %o", name, got, want)
		}
	}
	check("table/private", 0o600)
	check(state+"/dataset.json", 0o600)
	check(state, 0o700)
	check(state+"/staging", 0o700)
	check(state+"/staging/1", 0o700)

	// What is shared is as the process creates files.
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "plain"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dir, "plain"))
	if err != nil {
		t.Fatal(err)
	}
	check("table/shared", info.Mode().Perm())
	check(state+"/staging/1/shared", info.Mode().Perm())
}

func testSymlinks(t *testing.T, s store.Store) {
	outside := t.TempDir()
	secret := filepath.Join(outside, "secret")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	write(t, s, "file", "x")
	for name, target := range map[string]string{"dir": outside, "link": secret, "nowhere": filepath.Join(outside, "new")} {
		if err := os.Symlink(target, s.URI(name)); err != nil {
			t.Skip("no symbolic links:", err)
		}
	}
	ctx := t.Context()
	for _, name := range []string{"dir/secret", "link", "../../../../../../../../etc/passwd"} {
		if r, err := s.Open(ctx, name); err == nil {
			r.Close()
			t.Errorf("opened %s", name)
		}
		if _, err := s.Stat(ctx, name); err == nil {
			t.Errorf("saw %s", name)
		}
	}
	for _, name := range []string{"dir/new", "dir/a/b", "link", "nowhere", "dir/secret"} {
		if out, err := s.Create(ctx, name, store.Shared); err == nil {
			t.Errorf("created %s", name)
			out.Abort()
		}
	}
	for _, name := range []string{"dir/new", "dir/a/b", "dir/secret"} {
		if err := s.PutNew(ctx, name, nil); err == nil {
			t.Errorf("put %s", name)
		}
		if err := s.Move(ctx, "file", name); err == nil {
			t.Errorf("moved a file to %s", name)
		}
	}
	if err := s.Move(ctx, "dir/secret", "stolen"); err == nil {
		t.Error("moved a file in")
	}
	s.RemoveAll(ctx, "dir/secret")
	for _, name := range []string{"link", "nowhere", "dir"} { // the links themselves
		if err := s.RemoveAll(ctx, name); err != nil {
			t.Error(err)
		}
	}
	entries, err := os.ReadDir(outside)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(secret)
	if err != nil || string(got) != "secret" || len(entries) != 1 {
		t.Errorf("outside there is %v, and the secret is %q (%v)", entries, got, err)
	}
	if names := list(t, s, "."); !slices.Equal(names, []string{"file"}) {
		t.Errorf("the store has %v", names)
	}
}

func testDiscard(t *testing.T, s store.Store) {
	write(t, s, "a/b", "x")
	write(t, s, "c", "x")
	if err := s.Discard(t.Context(), "a", "c", "missing"); err != nil {
		t.Fatal(err)
	}
	if names := list(t, s, "."); len(names) > 0 {
		t.Errorf("left %v", names)
	}
}

// testConcurrent gives the race detector something to look at.
func testConcurrent(t *testing.T, s store.Store) {
	var group sync.WaitGroup
	for w := range 8 {
		group.Go(func() {
			for i := range 5 {
				from, to := fmt.Sprintf("staging/%d/%d", w, i), fmt.Sprintf("results/%d/%d", i, w)
				out, err := s.Create(t.Context(), from, store.Shared)
				if err == nil {
					err = errors.Join(out.Commit(), s.Move(t.Context(), from, to), s.Sync(t.Context()),
						s.PutNew(t.Context(), fmt.Sprintf("receipts/%d-%d", w, i), nil))
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if got := len(list(t, s, "results")) + len(list(t, s, "receipts")); got != 80 {
		t.Errorf("%d files, want 80", got)
	}
}

func TestSubNames(t *testing.T) {
	l := openLocal(t, t.TempDir())
	sub := store.Sub(l, "a/b")
	write(t, l, "a/other", "not below")
	write(t, l, "a/bc", "not below either")
	write(t, sub, "c/d", "x")
	checkContent(t, l, "a/b/c/d", "x")
	if got, want := sub.URI("c"), l.URI("a/b/c"); got != want {
		t.Errorf("URI = %s, want %s", got, want)
	}
	if got := list(t, sub, "."); !slices.Equal(got, []string{"c/d"}) {
		t.Errorf("List gave %v", got)
	}
	if err := sub.Discard(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := list(t, l, "."); !slices.Equal(got, []string{"a/bc", "a/other"}) {
		t.Errorf("a store has %v after that below it was discarded", got)
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
