package store

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
)

// Local is a store in a directory. Names can't leave it, not by symbolic links
// either.
type Local struct {
	dir  string
	root *os.Root
	made int // how many directories CreateLocal made: dir and those above it
	// fsync makes a file, or the names in a directory, durable.
	fsync func(*os.File) error

	mu      sync.Mutex
	checked map[string]fs.FileInfo // staged files that had the wanted bytes, until they are published
	dirty   map[string]bool        // directories with names that may not be durable
	known   map[string]bool        // directories whose own names were dirty once
	syncing sync.Mutex             // held while they are made so: who finds none waits for others
}

// OpenLocal opens the store in the directory dir, which must be there. The caller
// closes it.
func OpenLocal(dir string) (*Local, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(abs)
	if err != nil {
		return nil, err
	}
	return &Local{dir: abs, root: root, fsync: (*os.File).Sync, checked: make(map[string]fs.FileInfo), dirty: make(map[string]bool), known: make(map[string]bool)}, nil
}

// CreateLocal is OpenLocal for a directory that it makes where it isn't there;
// Discard removes what it made.
func CreateLocal(dir string) (*Local, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	made := 0
	for dir := abs; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		made++
	}
	if err := os.MkdirAll(abs, 0o777); err != nil {
		return nil, fmt.Errorf("creating %s: %w", abs, err)
	}
	l, err := OpenLocal(abs)
	if err == nil {
		l.made = made
	}
	return l, err
}

// Close releases the directory.
func (l *Local) Close() error { return l.root.Close() }

// Discard implements Store.
func (l *Local) Discard(ctx context.Context, names ...string) error {
	if err := l.Remove(ctx, names...); err != nil {
		return err
	}
	dir := l.dir
	for range l.made {
		entries, err := os.ReadDir(dir)
		if err != nil || len(entries) > 0 {
			return err
		}
		if err := os.Remove(dir); err != nil {
			return err
		}
		dir = filepath.Dir(dir)
	}
	return nil
}

// URI implements Store.
func (l *Local) URI(name string) string { return filepath.Join(l.dir, filepath.FromSlash(name)) }

func dirMode(name string) fs.FileMode {
	if name == StateDir || strings.HasPrefix(name, StateDir+"/") {
		return 0o700
	}
	return 0o777
}

// makeDir makes a directory and those above it.
func (l *Local) makeDir(dir string) error {
	if dir == "." {
		return nil
	}
	if info, err := l.root.Stat(dir); err == nil {
		if !info.IsDir() {
			return &fs.PathError{Op: "mkdir", Path: l.URI(dir), Err: errors.New("a file is in the way")}
		}
		return nil
	}
	if err := l.makeDir(path.Dir(dir)); err != nil {
		return err
	}
	if err := l.root.Mkdir(dir, dirMode(dir)); err != nil && !errors.Is(err, fs.ErrExist) {
		return l.named(err)
	}
	l.touch(dir)
	return nil
}

// inDir makes a directory and calls create, which creates a file in it. Another process
// may remove the directory in between, as it is empty (Prune): then both are repeated.
func (l *Local) inDir(dir string, create func() error) (err error) {
	for range 10 {
		if err = l.makeDir(dir); err == nil {
			err = l.named(create())
		}
		if !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	return err
}

// touch notes that name may not be durable, and neither may be those of the
// directories above it, which another process may have made.
func (l *Local) touch(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	dir := path.Dir(name)
	l.dirty[dir] = true
	for ; !l.known[dir] && dir != "."; dir = path.Dir(dir) {
		l.known[dir] = true
		l.dirty[path.Dir(dir)] = true
	}
}

// syncs is how many directories are synced at a time.
const syncs = 16

// Sync implements Store.
func (l *Local) Sync(context.Context) error {
	l.syncing.Lock()
	defer l.syncing.Unlock()
	l.mu.Lock()
	dirs := slices.Collect(maps.Keys(l.dirty))
	clear(l.dirty)
	l.mu.Unlock()
	var group errgroup.Group
	group.SetLimit(syncs)
	for _, dir := range dirs {
		group.Go(func() error { return l.syncDir(dir) })
	}
	err := group.Wait()
	if err != nil {
		l.mu.Lock()
		for _, dir := range dirs {
			l.dirty[dir] = true
		}
		l.mu.Unlock()
	}
	return err
}

// named gives an error of the root full paths.
func (l *Local) named(err error) error {
	var linkErr *os.LinkError
	if errors.As(err, &linkErr) {
		return &os.LinkError{Op: linkErr.Op, Old: l.URI(linkErr.Old), New: l.URI(linkErr.New), Err: linkErr.Err}
	}
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return &fs.PathError{Op: pathErr.Op, Path: l.URI(pathErr.Path), Err: pathErr.Err}
	}
	return err
}

func (l *Local) syncDir(dir string) error {
	f, err := l.root.Open(dir)
	if errors.Is(err, fs.ErrNotExist) { // removed meanwhile
		return nil
	}
	if err != nil {
		return l.named(err)
	}
	defer f.Close()
	if err := l.fsync(f); err != nil {
		return fmt.Errorf("syncing %s: %w", l.URI(dir), err)
	}
	return nil
}

// Create implements Store.
func (l *Local) Create(_ context.Context, name string, access Access) (Output, error) {
	mode := fs.FileMode(0o666)
	if access == Private {
		mode = 0o600
	}
	var f *os.File
	err := l.inDir(path.Dir(name), func() (err error) {
		f, err = l.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
		return err
	})
	if err != nil {
		return nil, err
	}
	l.touch(name)
	return &localOutput{l: l, name: name, f: f, w: bufio.NewWriterSize(f, 64<<10)}, nil
}

type localOutput struct {
	l    *Local
	name string
	f    *os.File
	w    *bufio.Writer
}

func (o *localOutput) Write(p []byte) (int, error) { return o.w.Write(p) }

func (o *localOutput) Commit() error {
	err := o.w.Flush()
	if err == nil {
		err = o.l.fsync(o.f)
	}
	if err != nil {
		return err
	}
	return o.f.Close()
}

// ETag implements Output: files have none.
func (o *localOutput) ETag() string { return "" }

func (o *localOutput) Abort() error {
	o.f.Close() // may be closed already
	if err := o.l.root.Remove(o.name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return o.l.named(err)
	}
	return nil
}

// PutNew implements Store: the file is written under another name and linked,
// which fails where the name is taken.
func (l *Local) PutNew(ctx context.Context, name string, data []byte) error {
	if err := l.put(ctx, name, data, l.root.Link); err != nil {
		return fmt.Errorf("creating %s: %w", l.URI(name), err)
	}
	return l.Sync(ctx)
}

// Put implements Store: the file is written under another name and renamed.
func (l *Local) Put(ctx context.Context, name string, data []byte) error {
	if err := l.put(ctx, name, data, l.root.Rename); err != nil {
		return fmt.Errorf("writing %s: %w", l.URI(name), err)
	}
	return nil
}

// put writes a file under another name, which it then gives to bring.
func (l *Local) put(ctx context.Context, name string, data []byte, bring func(from, to string) error) error {
	var nonce [8]byte
	rand.Read(nonce[:])
	temp := path.Join(path.Dir(name), "."+path.Base(name)+"."+hex.EncodeToString(nonce[:]))
	out, err := l.Create(ctx, temp, Private)
	if err != nil {
		return err
	}
	_, err = out.Write(data)
	if err == nil {
		err = out.Commit()
	}
	if err == nil {
		if err = bring(temp, name); err == nil {
			l.touch(name)
		}
	}
	if abortErr := out.Abort(); err == nil { // it is there by its name, or not wanted
		err = abortErr
	}
	return err
}

// Open implements Store.
func (l *Local) Open(_ context.Context, name string) (io.ReadCloser, error) {
	f, err := l.root.Open(name)
	if err != nil {
		return nil, l.named(err)
	}
	l.touch(name)
	return f, nil
}

// OpenAt implements Store.
func (l *Local) OpenAt(_ context.Context, name string) (File, error) {
	f, err := l.root.Open(name)
	if err != nil {
		return nil, l.named(err)
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, err
	}
	l.touch(name)
	return &localFile{f, info.Size()}, nil
}

type localFile struct {
	*os.File
	size int64
}

func (f *localFile) Size() int64 { return f.size }

// Stat implements Store.
func (l *Local) Stat(_ context.Context, name string) (Info, error) {
	info, err := l.root.Stat(name)
	if err != nil {
		return Info{}, l.named(err)
	}
	l.touch(name)
	return Info{Size: info.Size(), Modified: info.ModTime()}, nil
}

// Check implements Store. It reads the whole file, and notes which file that was, so
// that Publish doesn't read it again.
func (l *Local) Check(ctx context.Context, from, to string, want Content) error {
	info, err := l.compare(ctx, from, want)
	if errors.Is(err, fs.ErrNotExist) {
		_, err = l.compare(ctx, to, want)
		return err
	}
	if err == nil {
		l.mu.Lock()
		l.checked[from] = info
		l.mu.Unlock()
	}
	return err
}

// wasChecked reports whether Check has read a file that hasn't changed since, and
// forgets that it has.
func (l *Local) wasChecked(name string, want Content) bool {
	l.mu.Lock()
	was := l.checked[name]
	delete(l.checked, name)
	l.mu.Unlock()
	if was == nil || was.Size() != want.Size {
		return false
	}
	is, err := l.root.Stat(name)
	return err == nil && os.SameFile(is, was) && is.Size() == was.Size() && is.ModTime().Equal(was.ModTime())
}

// Publish implements Store by a link, which fails where the name is taken. The
// staged name stays until the links are durable: a rename would do for one file,
// but not for one that another process publishes, too.
func (l *Local) Publish(ctx context.Context, from, to string, want Content) error {
	var err error
	if !l.wasChecked(from, want) {
		_, err = l.compare(ctx, from, want)
	}
	if err == nil {
		err = l.inDir(path.Dir(to), func() error { return l.root.Link(from, to) })
		if err == nil {
			l.touch(to)
			return nil
		}
	}
	if errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrNotExist) {
		if _, differs := l.compare(ctx, to, want); differs == nil {
			return nil
		}
	}
	return err
}

// compare compares a file with what it must hold, and returns which file it was
// before it was read.
func (l *Local) compare(ctx context.Context, name string, want Content) (fs.FileInfo, error) {
	f, err := l.root.Open(name)
	if err != nil {
		return nil, l.named(err)
	}
	defer f.Close()
	l.touch(name)
	info, err := f.Stat()
	if err != nil {
		return nil, l.named(err)
	}
	h := sha256.New()
	n, err := io.Copy(h, readUntil{ctx, f})
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading %s: %w", l.URI(name), err)
	case n != want.Size:
		return nil, &ContentError{l.URI(name), fmt.Sprintf("it has %d bytes, not %d", n, want.Size)}
	case hex.EncodeToString(h.Sum(nil)) != want.SHA256:
		return nil, &ContentError{l.URI(name), "its SHA-256 is another"}
	}
	return info, nil
}

// readUntil reads for as long as a context isn't done.
type readUntil struct {
	ctx context.Context
	r   io.Reader
}

func (r readUntil) Read(p []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.r.Read(p)
}

// List implements Store.
func (l *Local) List(ctx context.Context, prefix string, each func(name string, info fs.FileInfo) error) error {
	// A walk goes by directory, where `b-c/x` comes after `b/x`.
	var names []string
	err := l.walk(prefix, func(name string, isDir bool) error {
		if isDir {
			return ctx.Err()
		}
		names = append(names, name)
		return nil
	})
	slices.Sort(names)
	for _, name := range names {
		if err != nil {
			break
		}
		var info fs.FileInfo
		if info, err = l.root.Lstat(name); errors.Is(err, fs.ErrNotExist) { // removed meanwhile
			err = nil
		} else if err != nil {
			err = l.named(err)
		} else {
			err = each(name, info)
		}
	}
	if err != nil && err != fs.SkipAll {
		return fmt.Errorf("listing %s: %w", l.URI(prefix), err)
	}
	return nil
}

// Empty implements Store.
func (l *Local) Empty(context.Context) (bool, error) { return l.empty(".") }

func (l *Local) empty(dir string) (bool, error) {
	f, err := l.root.Open(dir)
	if err != nil {
		return false, l.named(err)
	}
	defer f.Close()
	_, err = f.ReadDir(1)
	if err == io.EOF {
		return true, nil
	}
	return false, err
}

// walk calls each for a directory, and the files and directories below it.
func (l *Local) walk(dir string, each func(name string, isDir bool) error) error {
	return fs.WalkDir(l.root.FS(), dir, func(name string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist): // or removed meanwhile
			return nil
		case err != nil:
			return l.named(err)
		}
		return each(name, d.IsDir())
	})
}

// Prune implements Store.
func (l *Local) Prune(ctx context.Context, dir string) error {
	var dirs []string
	err := l.walk(dir, func(name string, isDir bool) error {
		if isDir {
			dirs = append(dirs, name)
		}
		return ctx.Err()
	})
	if err != nil {
		return fmt.Errorf("listing %s: %w", l.URI(dir), err)
	}
	for _, name := range slices.Backward(dirs) {
		empty, err := l.empty(name)
		if empty {
			err = l.named(l.root.Remove(name))
		}
		// Another process may have removed it, or created a file in it.
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return nil
}

// Remove implements Store.
func (l *Local) Remove(ctx context.Context, names ...string) error {
	var errs []error
	for _, name := range names {
		errs = append(errs, l.RemoveAll(ctx, name))
	}
	return errors.Join(errs...)
}

// RemoveAll implements Store.
func (l *Local) RemoveAll(_ context.Context, name string) error {
	if err := l.root.RemoveAll(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return l.named(err)
	}
	if name != "." {
		l.touch(name)
	}
	return nil
}
