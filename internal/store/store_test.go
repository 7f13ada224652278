package store_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/macielake/macielake/internal/store"
	"github.com/macielake/macielake/internal/store/storetest"
)

func openLocal(t *testing.T, dir string) *store.Local {
	t.Helper()
	l, err := store.CreateLocal(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func TestLocalContract(t *testing.T) {
	storetest.Run(t, storetest.Kind{Directories: true}, func(t *testing.T) store.Store { return openLocal(t, t.TempDir()) })
}

func TestMemoryContract(t *testing.T) {
	storetest.Run(t, storetest.Kind{}, func(*testing.T) store.Store { return storetest.NewMemory("memory:") })
}

// contentOf is the content of a file that holds a text.
func contentOf(text string) store.Content {
	sum := sha256.Sum256([]byte(text))
	return store.Content{Size: int64(len(text)), SHA256: hex.EncodeToString(sum[:])}
}

func put(t *testing.T, s store.Store, name, content string) {
	t.Helper()
	if err := s.PutNew(context.Background(), name, []byte(content)); err != nil {
		t.Fatal(err)
	}
}

func TestLocalModes(t *testing.T) {
	l := openLocal(t, filepath.Join(t.TempDir(), "lake"))
	ctx := context.Background()
	for name, access := range map[string]store.Access{"results/p=1/a": store.Shared, "_macielake/staging/x/results/b": store.Shared, "_macielake/rejects/c": store.Private} {
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
	if err := l.Publish(ctx, "_macielake/staging/x/results/b", "results/p=2/b", contentOf("")); err != nil {
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
		if out, err := l.Create(ctx, name, store.Shared); err == nil {
			out.Abort()
			t.Errorf("created %s", name)
		}
		if err := l.PutNew(ctx, name, nil); err == nil {
			t.Errorf("put %s", name)
		}
		if err := l.Publish(ctx, "here", name, contentOf("here")); err == nil {
			t.Errorf("published as %s", name)
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
		if l, err := store.CreateLocal(dir); err == nil {
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
	_, createErr := l.Create(ctx, "file", store.Shared)
	_, belowErr := l.Create(ctx, "file/below", store.Shared)
	_, openErr := l.Open(ctx, "nowhere")
	_, statErr := l.Stat(ctx, "nowhere")
	for what, err := range map[string]error{
		"file": createErr, "file ": belowErr, "nowhere": openErr, "nowhere ": statErr,
		"nowhere  ": l.Publish(ctx, "nowhere", "x", contentOf("")), " file": l.PutNew(ctx, "file", nil),
	} {
		if path := l.URI(strings.TrimSpace(what)); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s isn't named: %v", path, err)
		}
	}
}

// Files are created and published while another process removes the directories that it
// finds empty.
func TestPruneMeanwhile(t *testing.T) {
	dir := t.TempDir()
	writer, pruner := openLocal(t, dir), openLocal(t, dir)
	done := make(chan struct{})
	var pruning sync.WaitGroup
	pruning.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			for _, dir := range []string{"a", "b"} {
				if err := pruner.Prune(t.Context(), dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("pruning %s: %v", dir, err)
				}
			}
		}
	})
	empty := contentOf("")
	for i := range 2000 {
		from, to := fmt.Sprintf("a/%d/x/file", i), fmt.Sprintf("b/%d/y/file", i)
		out, err := writer.Create(t.Context(), from, store.Private)
		if err == nil {
			err = out.Commit()
		}
		if err == nil {
			err = writer.Publish(t.Context(), from, to, empty)
		}
		if err == nil {
			err = writer.Remove(t.Context(), from, to)
		}
		if err != nil {
			t.Fatalf("file %d: %v", i, err)
		}
	}
	close(done)
	pruning.Wait()
}
