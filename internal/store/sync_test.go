package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
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

// recorded records what is synced, and fails from some number on.
type recorded struct {
	mu     sync.Mutex
	names  []string // relative to the store
	failAt int
}

var errSync = errors.New("input/output error")

func (r *recorded) into(l *Local) {
	l.fsync = func(f *os.File) error {
		r.mu.Lock()
		defer r.mu.Unlock()
		name, err := filepath.Rel(l.dir, f.Name())
		if err != nil {
			return err
		}
		r.names = append(r.names, filepath.ToSlash(name))
		if r.failAt > 0 && len(r.names) >= r.failAt {
			return errSync
		}
		return f.Sync()
	}
}

// synced takes what was synced since the last time, sorted.
func (r *recorded) synced() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	names := r.names
	r.names = nil
	slices.Sort(names)
	return slices.Compact(names)
}

// What must be durable is synced: content with its commit, and with the next Sync
// or create-only file the directory of each name that came or went.
func TestWhatIsSynced(t *testing.T) {
	ctx := context.Background()
	l := openLocal(t, filepath.Join(t.TempDir(), "lake"))
	r := &recorded{}
	r.into(l)
	out, err := l.Create(ctx, "a/b/file", Shared)
	if err != nil {
		t.Fatal(err)
	}
	if got := r.synced(); len(got) != 0 {
		t.Errorf("creating synced %v", got)
	}
	if err := out.Commit(); err != nil {
		t.Fatal(err)
	}
	if got := r.synced(); !slices.Equal(got, []string{"a/b/file"}) {
		t.Errorf("committing synced %v", got)
	}
	if err := l.Sync(ctx); err != nil {
		t.Fatal(err)
	}
	if got := r.synced(); !slices.Equal(got, []string{".", "a", "a/b"}) {
		t.Errorf("Sync synced %v", got)
	}
	if err := l.Sync(ctx); err != nil {
		t.Fatal(err)
	}
	if got := r.synced(); len(got) != 0 {
		t.Errorf("Sync again synced %v", got)
	}
	empty := sha256.Sum256(nil)
	if err := l.Publish(ctx, "a/b/file", "c/file", Content{SHA256: hex.EncodeToString(empty[:])}); err != nil {
		t.Fatal(err)
	}
	if err := l.RemoveAll(ctx, "a/b"); err != nil {
		t.Fatal(err)
	}
	if err := l.PutNew(ctx, "d/new", []byte("x")); err != nil {
		t.Fatal(err)
	}
	got := r.synced()
	content := slices.IndexFunc(got, func(name string) bool { return filepath.Dir(name) == "d" && filepath.Base(name)[0] == '.' })
	if content < 0 {
		t.Fatalf("a create-only file synced %v, not its content", got)
	}
	got = slices.Delete(got, content, content+1)
	if !slices.Equal(got, []string{".", "a", "c", "d"}) {
		t.Errorf("a create-only file synced %v", got)
	}
	// What another process has made, and this one goes by, becomes durable, too.
	other := openLocal(t, l.dir)
	r.into(other)
	if _, err := other.Stat(ctx, "d/new"); err != nil {
		t.Fatal(err)
	}
	if err := other.Sync(ctx); err != nil {
		t.Fatal(err)
	}
	if got := r.synced(); !slices.Equal(got, []string{".", "d"}) {
		t.Errorf("what is looked at synced %v", got)
	}
	if err := l.Put(ctx, "d/new", []byte("y")); err != nil {
		t.Fatal(err)
	}
	if got := r.synced(); len(got) != 1 {
		t.Errorf("Put synced %v, want the content alone", got)
	}
}

// Where a sync fails, so does what needs it, and the next one tries again.
func TestSyncFails(t *testing.T) {
	ctx := context.Background()
	for failAt := 1; failAt <= 3; failAt++ {
		l := openLocal(t, filepath.Join(t.TempDir(), "lake"))
		r := &recorded{failAt: failAt}
		r.into(l)
		if err := l.PutNew(ctx, "d/new", []byte("x")); !errors.Is(err, errSync) {
			t.Errorf("sync %d failed, and PutNew says %v", failAt, err)
		}
		there, err := l.Stat(ctx, "d/new")
		if failAt == 1 && err == nil {
			t.Error("a file whose content isn't durable has its name")
		}
		if failAt > 1 && (err != nil || there.Size != 1) {
			t.Errorf("sync %d: %v", failAt, err)
		}
		r.failAt = 0
		r.synced()
		if err := l.Sync(ctx); err != nil {
			t.Fatal(err)
		}
		if got := r.synced(); !slices.Contains(got, "d") && failAt > 1 {
			t.Errorf("sync %d failed, and the next synced %v", failAt, got)
		}
	}
}
