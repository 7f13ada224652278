// Package storetest checks that a store is one: [Run] is what every
// implementation of store.Store must pass.
package storetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/macielake/macielake/internal/store"
)

// Kind is what stores may differ in.
type Kind struct {
	Directories bool // a name can't be a file and a directory
}

// Run checks what every store must do. open returns an empty one, which is
// closed by whoever opened it.
func Run(t *testing.T, kind Kind, open func(t *testing.T) store.Store) {
	for _, test := range []struct {
		name  string
		check func(t *testing.T, kind Kind, s store.Store)
	}{
		{"create and commit", createAndCommit},
		{"create what is there", createTaken},
		{"abort", abort},
		{"what isn't there", absent},
		{"put new", putNew},
		{"put new by many", putNewByMany},
		{"list", listNames},
		{"list while cancelled", listCancelled},
		{"publish", publish},
		{"publish by many", publishByMany},
		{"publish side by side", publishSideBySide},
		{"remove", remove},
		{"empty", emptyFile},
		{"discard", discard},
		{"names that leave it", escapingNames},
		{"uri", uri},
		{"list below a name", listBelowName},
		{"side by side", sideBySide},
		{"put", putTwice},
		{"read in pieces", readInPieces},
		{"a large file", largeFile},
	} {
		t.Run(test.name, func(t *testing.T) { test.check(t, kind, open(t)) })
	}
}

func createAndCommit(t *testing.T, _ Kind, s store.Store) {
	ctx := context.Background()
	for _, access := range []store.Access{store.Shared, store.Private} {
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
		if info, err := s.Stat(ctx, name); err != nil || info.Size != int64(len(data)) {
			t.Errorf("size %d, %v", info.Size, err)
		}
	}
	if err := s.Sync(ctx); err != nil {
		t.Error(err)
	}
}

func createTaken(t *testing.T, _ Kind, s store.Store) {
	ctx := context.Background()
	put(t, s, "a", "first")
	out, err := s.Create(ctx, "a", store.Shared)
	if err == nil {
		if _, err := out.Write([]byte("second")); err != nil {
			t.Fatal(err)
		}
		err = out.Commit() // at the latest
		if err := out.Abort(); err != nil {
			t.Error(err)
		}
	}
	if !errors.Is(err, fs.ErrExist) {
		t.Error(err)
	}
	if got := get(t, s, "a"); got != "first" {
		t.Errorf("it holds %q", got)
	}
}

func abort(t *testing.T, _ Kind, s store.Store) {
	ctx := context.Background()
	out, err := s.Create(ctx, "d/a", store.Shared)
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
	out, err = s.Create(ctx, "d/b", store.Shared)
	if err != nil {
		t.Fatal(err)
	}
	if err := out.Commit(); err != nil {
		t.Fatal(err)
	}
	if info, err := s.Stat(ctx, "d/b"); err != nil || info.Size != 0 {
		t.Errorf("an empty file has %d bytes, %v", info.Size, err)
	}
	// Its directory went, and with it the file.
	out, err = s.Create(ctx, "gone/c", store.Shared)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.RemoveAll(ctx, "gone"); err != nil {
		t.Fatal(err)
	}
	if err := out.Abort(); err != nil {
		t.Error(err)
	}
}

func absent(t *testing.T, _ Kind, s store.Store) {
	ctx := context.Background()
	missing(t, s, "a")
	missing(t, s, "a/b/c")
	if err := s.RemoveAll(ctx, "a/b"); err != nil {
		t.Error(err)
	}
	if err := s.Publish(ctx, "a", "b", store.Content{}); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if got := list(t, s, "a"); len(got) > 0 {
		t.Errorf("listed %q", got)
	}
	if got := list(t, s, "."); len(got) > 0 {
		t.Errorf("listed %q", got)
	}
}

func putNew(t *testing.T, _ Kind, s store.Store) {
	ctx := context.Background()
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
}

func putNewByMany(t *testing.T, _ Kind, s store.Store) {
	ctx := context.Background()
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
}

func listNames(t *testing.T, _ Kind, s store.Store) {
	ctx := context.Background()
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
}

func listCancelled(t *testing.T, _ Kind, s store.Store) {
	ctx := context.Background()
	put(t, s, "d/a", "")
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	if err := s.List(ctx, ".", func(string, fs.FileInfo) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func publish(t *testing.T, kind Kind, s store.Store) {
	ctx := context.Background()
	stage := func(name, content string) store.Content {
		t.Helper()
		out, err := s.Create(ctx, name, store.Shared)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := out.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
		if err := out.Commit(); err != nil {
			t.Fatal(err)
		}
		info, err := s.Stat(ctx, name)
		if err != nil || info.ETag != out.ETag() {
			t.Errorf("the ETag is %s, that of the output %s, %v", info.ETag, out.ETag(), err)
		}
		if since := time.Since(info.Modified).Abs(); since > time.Hour {
			t.Errorf("it was modified %v ago", since)
		}
		sum := sha256.Sum256([]byte(content))
		return store.Content{Size: int64(len(content)), SHA256: hex.EncodeToString(sum[:]), ETag: out.ETag()}
	}
	a := stage("stage/a", "first")
	for range 2 { // once more changes nothing
		if err := s.Check(ctx, "stage/a", "t/p=1/a", a); err != nil {
			t.Fatal(err)
		}
		if err := s.Publish(ctx, "stage/a", "t/p=1/a", a); err != nil {
			t.Fatal(err)
		}
		if got := get(t, s, "t/p=1/a"); got != "first" {
			t.Errorf("it holds %q", got)
		}
	}
	if got := get(t, s, "stage/a"); got != "first" {
		t.Errorf("the staged file holds %q", got)
	}
	b := stage("stage/b", "other")
	if err := s.Publish(ctx, "stage/b", "t/p=1/a", b); !errors.Is(err, fs.ErrExist) {
		t.Errorf("publishing over another file: %v", err)
	}
	if got := get(t, s, "t/p=1/a"); got != "first" {
		t.Errorf("it holds %q", got)
	}
	if err := s.RemoveAll(ctx, "stage/a"); err != nil {
		t.Fatal(err)
	}
	if err := s.Check(ctx, "stage/a", "t/p=1/a", a); err != nil { // another removed what it had published
		t.Error(err)
	}
	if err := s.Publish(ctx, "stage/a", "t/p=1/a", a); err != nil {
		t.Error(err)
	}
	if err := s.Check(ctx, "stage/a", "t/p=1/c", a); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("checking a file that vanished: %v", err)
	}
	if err := s.Publish(ctx, "stage/a", "t/p=1/c", a); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("publishing a file that vanished: %v", err)
	}
	var changed *store.ContentError
	if err := s.Check(ctx, "stage/b", "t/p=1/d", a); !errors.As(err, &changed) {
		t.Errorf("checking other bytes: %v", err)
	}
	// What was checked and is another file since, of the same length.
	if err := s.Check(ctx, "stage/b", "t/p=1/d", b); err != nil {
		t.Error(err)
	}
	if err := s.RemoveAll(ctx, "stage/b"); err != nil {
		t.Fatal(err)
	}
	time.Sleep(20 * time.Millisecond) // longer than the steps of a file system's times
	stage("stage/b", "newer")
	if err := s.Publish(ctx, "stage/b", "t/p=1/d", b); !errors.As(err, &changed) {
		t.Errorf("publishing a file that changed after it was checked: %v", err)
	}
	if err := s.RemoveAll(ctx, "stage/b"); err != nil {
		t.Fatal(err)
	}
	b = stage("stage/b", "other")
	if err := s.Publish(ctx, "stage/b", "t/p=1/d", a); !errors.As(err, &changed) {
		t.Errorf("publishing other bytes: %v", err)
	}
	if err := s.Publish(ctx, "stage/b", "t/p=1/d", store.Content{Size: b.Size - 1, SHA256: b.SHA256, ETag: b.ETag}); !errors.As(err, &changed) {
		t.Errorf("publishing other bytes: %v", err)
	}
	missing(t, s, "t/p=1/c")
	missing(t, s, "t/p=1/d")
	for _, name := range []string{"../outside", "a/../../outside"} {
		if err := s.Publish(ctx, "stage/b", name, b); err == nil {
			t.Errorf("published as %s", name)
		}
	}
	put(t, s, "d/file", "")
	if kind.Directories {
		for _, name := range []string{"d", "d/file/below"} {
			if err := s.Publish(ctx, "stage/b", name, b); err == nil {
				t.Errorf("published as %s", name)
			}
		}
	}
	if err := s.Sync(ctx); err != nil {
		t.Error(err)
	}
}

func publishByMany(t *testing.T, _ Kind, s store.Store) {
	ctx := context.Background()
	out, err := s.Create(ctx, "stage/x", store.Shared)
	if err != nil {
		t.Fatal(err)
	}
	if err := out.Commit(); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(nil)
	want := store.Content{SHA256: hex.EncodeToString(sum[:]), ETag: out.ETag()}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if err := s.Publish(ctx, "stage/x", "t/p=1/x", want); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if got := list(t, s, "t"); !slices.Equal(got, []string{"t/p=1/x"}) {
		t.Errorf("there is %q", got)
	}
}

func publishSideBySide(t *testing.T, _ Kind, s store.Store) {
	ctx := context.Background()
	var group sync.WaitGroup
	for i := range 32 {
		name := fmt.Sprintf("stage/%d", i)
		put(t, s, name, fmt.Sprint(i))
		want := contentOf(t, s, name)
		group.Go(func() {
			if err := s.Publish(ctx, name, fmt.Sprintf("t/p=%d/q/%d", i%3, i), want); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if n := len(list(t, s, "t")); n != 32 {
		t.Errorf("%d arrived", n)
	}
}

func remove(t *testing.T, _ Kind, s store.Store) {
	ctx := context.Background()
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
}

func emptyFile(t *testing.T, _ Kind, s store.Store) {
	ctx := context.Background()
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
}

func discard(t *testing.T, _ Kind, s store.Store) {
	ctx := context.Background()
	put(t, s, "a/b", "")
	put(t, s, "c", "")
	if err := s.Discard(ctx, "a", "c", "nowhere"); err != nil {
		t.Error(err)
	}
	if got := list(t, s, "."); len(got) > 0 {
		t.Errorf("there is %q", got)
	}
}

func escapingNames(t *testing.T, _ Kind, s store.Store) {
	ctx := context.Background()
	put(t, s, "here", "here")
	for _, name := range []string{"../outside", "a/../../outside"} {
		if _, err := s.Create(ctx, name, store.Shared); err == nil {
			t.Errorf("created %s", name)
		}
		if err := s.PutNew(ctx, name, nil); err == nil {
			t.Errorf("put %s", name)
		}
	}
	if got := get(t, s, "here"); got != "here" {
		t.Errorf("it holds %q", got)
	}
}

func uri(t *testing.T, _ Kind, s store.Store) {
	if a, b := s.URI("."), s.URI("d/x"); !strings.HasPrefix(b, a) || !strings.HasSuffix(filepath.ToSlash(b), "/d/x") || strings.HasSuffix(a, ".") {
		t.Errorf("%s, %s", a, b)
	}
}

func listBelowName(t *testing.T, _ Kind, s store.Store) {
	names := []string{"a/1", "a/2", "a/b/1", "a/b/2", "ab/1", "b", "c/d/e/f"}
	for _, i := range []int{3, 6, 0, 5, 2, 4, 1} {
		put(t, s, names[i], names[i])
	}
	for _, test := range []struct {
		prefix string
		want   []string
	}{
		{".", names},
		{"a", names[:4]}, // a directory, not the beginning of a name
		{"a/b", names[2:4]},
		{"c", names[6:]},
		{"d", nil},
	} {
		if got := list(t, s, test.prefix); !slices.Equal(got, test.want) {
			t.Errorf("below %s: %q, want %q", test.prefix, got, test.want)
		}
	}
}

func sideBySide(t *testing.T, _ Kind, s store.Store) {
	ctx := context.Background()
	var group sync.WaitGroup
	for w := range 8 {
		group.Go(func() {
			for i := range 5 {
				from, to := fmt.Sprintf("staging/%d/%d", w, i), fmt.Sprintf("results/%d/%d", i, w)
				out, err := s.Create(ctx, from, store.Shared)
				if err == nil {
					err = errors.Join(out.Commit(), s.Publish(ctx, from, to, contentOf(t, s, from)), s.Sync(ctx),
						s.PutNew(ctx, fmt.Sprintf("receipts/%d-%d", w, i), nil))
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

func putTwice(t *testing.T, _ Kind, s store.Store) {
	ctx := context.Background()
	for _, data := range []string{"first", "", "the third"} {
		if err := s.Put(ctx, "d/x", []byte(data)); err != nil {
			t.Fatal(err)
		}
		if got := get(t, s, "d/x"); got != data {
			t.Errorf("it holds %q, want %q", got, data)
		}
	}
	if got := list(t, s, "."); !slices.Equal(got, []string{"d/x"}) {
		t.Errorf("there is %q", got)
	}
	if err := s.Put(ctx, "../x", nil); err == nil {
		t.Error("a name left the store")
	}
}

func readInPieces(t *testing.T, _ Kind, s store.Store) {
	ctx := context.Background()
	data := make([]byte, 100_000)
	for i := range data {
		data[i] = byte(i % 251)
	}
	for name, data := range map[string][]byte{"d/empty": nil, "d/small": []byte("small"), "d/large": data} {
		put(t, s, name, string(data))
		f, err := s.OpenAt(ctx, name)
		if err != nil {
			t.Fatal(err)
		}
		if f.Size() != int64(len(data)) {
			t.Errorf("%s has %d bytes, want %d", name, f.Size(), len(data))
		}
		for _, piece := range [][2]int{{0, 0}, {0, 1}, {0, len(data)}, {1, 16}, {len(data) / 2, 20_000}, {len(data), 1}, {len(data) + 5, 1}, {0, len(data) + 1}} {
			p := make([]byte, piece[1])
			n, err := f.ReadAt(p, int64(piece[0]))
			want := data[min(piece[0], len(data)):min(piece[0]+piece[1], len(data))]
			if !bytes.Equal(p[:n], want) || err != nil && err != io.EOF || (n < len(p)) != (err == io.EOF) && len(p) > 0 && n != len(want) {
				t.Errorf("%s at %d: %d bytes of %d, %v", name, piece[0], n, piece[1], err)
			}
			if n < len(p) && err != io.EOF {
				t.Errorf("%s at %d: %d bytes of %d without io.EOF: %v", name, piece[0], n, piece[1], err)
			}
		}
		var group sync.WaitGroup
		for i := range 8 {
			group.Go(func() {
				from := min(i*1000, len(data))
				p := make([]byte, min(1000, len(data)-from))
				if _, err := f.ReadAt(p, int64(from)); err != nil && err != io.EOF || !bytes.Equal(p, data[from:from+len(p)]) {
					t.Errorf("%s at %d: %v", name, from, err)
				}
			})
		}
		group.Wait()
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := s.OpenAt(ctx, "none"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func largeFile(t *testing.T, _ Kind, s store.Store) {
	ctx := context.Background()
	out, err := s.Create(ctx, "large", store.Shared)
	if err != nil {
		t.Fatal(err)
	}
	block := make([]byte, 1<<20)
	want := sha256.New()
	for i := range 20 {
		for j := range block {
			block[j] = byte(i * j)
		}
		want.Write(block)
		if _, err := out.Write(block); err != nil {
			t.Fatal(err)
		}
	}
	if err := out.Commit(); err != nil {
		t.Fatal(err)
	}
	r, err := s.Open(ctx, "large")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	got := sha256.New()
	if n, err := io.Copy(got, r); err != nil || n != 20<<20 || !bytes.Equal(got.Sum(nil), want.Sum(nil)) {
		t.Errorf("read %d other bytes, %v", n, err)
	}
}

func put(t *testing.T, s store.Store, name, content string) {
	t.Helper()
	if err := s.PutNew(context.Background(), name, []byte(content)); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, s store.Store, name string) string {
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

// contentOf is what a file holds.
func contentOf(t *testing.T, s store.Store, name string) store.Content {
	t.Helper()
	info, err := s.Stat(context.Background(), name)
	if err != nil {
		t.Error(err)
	}
	sum := sha256.Sum256([]byte(get(t, s, name)))
	return store.Content{Size: info.Size, SHA256: hex.EncodeToString(sum[:]), ETag: info.ETag}
}

func missing(t *testing.T, s store.Store, name string) {
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
func list(t *testing.T, s store.Store, prefix string) []string {
	t.Helper()
	var names []string
	err := s.List(context.Background(), prefix, func(name string, info fs.FileInfo) error {
		names = append(names, name)
		if got, err := s.Stat(context.Background(), name); err != nil || got.Size != info.Size() {
			t.Errorf("%s is listed with %d bytes and has %d, %v", name, info.Size(), got.Size, err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	return names
}
