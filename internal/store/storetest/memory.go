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
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/macielake/macielake/internal/store"
)

// Memory is a store in memory, for tests. It has no directories, as S3 hasn't.
type Memory struct {
	name string

	mu    sync.Mutex
	files map[string]memoryFile
}

type memoryFile struct {
	data     []byte // never changed
	modified time.Time
}

// NewMemory returns an empty store; name begins its URIs.
func NewMemory(name string) *Memory {
	return &Memory{name: name, files: make(map[string]memoryFile)}
}

// URI implements Store.
func (m *Memory) URI(name string) string {
	if name == "." {
		return m.name
	}
	return m.name + "/" + name
}

// Close implements Store; what is in it stays.
func (m *Memory) Close() error { return nil }

// Sync implements Store.
func (m *Memory) Sync(context.Context) error { return nil }

// Prune implements Store.
func (m *Memory) Prune(context.Context, string) error { return nil }

func (m *Memory) fail(op, name string, err error) error {
	return &fs.PathError{Op: op, Path: m.URI(name), Err: err}
}

// Create implements Store.
func (m *Memory) Create(_ context.Context, name string, _ store.Access) (store.Output, error) {
	if !fs.ValidPath(name) || name == "." {
		return nil, m.fail("create", name, fs.ErrInvalid)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.files[name]; ok {
		return nil, m.fail("create", name, fs.ErrExist)
	}
	return &memoryOutput{m: m, name: name}, nil
}

type memoryOutput struct {
	m    *Memory
	name string
	buf  bytes.Buffer
	over bool
}

func (o *memoryOutput) Write(p []byte) (int, error) {
	if o.over {
		return 0, fs.ErrClosed
	}
	return o.buf.Write(p)
}

func (o *memoryOutput) Commit() error {
	if o.over {
		return fs.ErrClosed
	}
	o.over = true
	return o.m.put(o.name, o.buf.Bytes(), false)
}

// ETag implements Output.
func (o *memoryOutput) ETag() string { return etag(o.buf.Bytes()) }

// etag is a file's ETag: like S3's, which stands for its bytes.
func etag(data []byte) string {
	sum := sha256.Sum256(data)
	return `"` + hex.EncodeToString(sum[:16]) + `"`
}

func (o *memoryOutput) Abort() error {
	o.over = true
	return nil
}

func (m *Memory) put(name string, data []byte, replace bool) error {
	if !fs.ValidPath(name) || name == "." {
		return m.fail("write", name, fs.ErrInvalid)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.files[name]; ok && !replace {
		return m.fail("create", name, fs.ErrExist)
	}
	m.files[name] = memoryFile{bytes.Clone(data), time.Now()}
	return nil
}

// PutNew implements Store.
func (m *Memory) PutNew(_ context.Context, name string, data []byte) error {
	return m.put(name, data, false)
}

// Put implements Store.
func (m *Memory) Put(_ context.Context, name string, data []byte) error {
	return m.put(name, data, true)
}

func (m *Memory) get(op, name string) (memoryFile, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f, ok := m.files[name]
	if !ok {
		return f, m.fail(op, name, fs.ErrNotExist)
	}
	return f, nil
}

// Open implements Store.
func (m *Memory) Open(_ context.Context, name string) (io.ReadCloser, error) {
	f, err := m.get("open", name)
	return io.NopCloser(bytes.NewReader(f.data)), err
}

// OpenAt implements Store.
func (m *Memory) OpenAt(_ context.Context, name string) (store.File, error) {
	f, err := m.get("open", name)
	return memoryReader{bytes.NewReader(f.data)}, err
}

type memoryReader struct{ *bytes.Reader }

func (memoryReader) Close() error { return nil }

// Stat implements Store.
func (m *Memory) Stat(_ context.Context, name string) (store.Info, error) {
	f, err := m.get("stat", name)
	return store.Info{Size: int64(len(f.data)), ETag: etag(f.data), Modified: f.modified}, err
}

// Check implements Store.
func (m *Memory) Check(ctx context.Context, from, to string, want store.Content) error {
	err := m.compare(ctx, from, want)
	if errors.Is(err, fs.ErrNotExist) {
		err = m.compare(ctx, to, want)
	}
	return err
}

// Publish implements Store.
func (m *Memory) Publish(ctx context.Context, from, to string, want store.Content) error {
	err := m.compare(ctx, from, want)
	if err == nil {
		f, getErr := m.get("publish", from)
		if err = getErr; err == nil {
			err = m.put(to, f.data, false)
		}
	}
	if (errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrNotExist)) && m.compare(ctx, to, want) == nil {
		return nil
	}
	return err
}

// compare compares a file with what it must hold.
func (m *Memory) compare(ctx context.Context, name string, want store.Content) error {
	info, err := m.Stat(ctx, name)
	if err != nil {
		return err
	}
	if info.Size != want.Size || info.ETag != want.ETag {
		return &store.ContentError{Name: m.URI(name), What: fmt.Sprintf("it has %d bytes and ETag %s, not %d and %s", info.Size, info.ETag, want.Size, want.ETag)}
	}
	return nil
}

// below returns the names of a file or of all below a directory, in order.
func (m *Memory) below(dir string) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var names []string
	for name := range m.files {
		if dir == "." || name == dir || strings.HasPrefix(name, dir+"/") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// List implements Store.
func (m *Memory) List(ctx context.Context, prefix string, each func(name string, info fs.FileInfo) error) error {
	err := ctx.Err()
	for _, name := range m.below(prefix) {
		if err != nil {
			break
		}
		f, getErr := m.get("list", name)
		if getErr == nil { // else it was removed meanwhile
			err = each(name, memoryInfo{name, f})
		}
	}
	if err != nil && !errors.Is(err, fs.SkipAll) {
		return fmt.Errorf("listing %s: %w", m.URI(prefix), err)
	}
	return nil
}

type memoryInfo struct {
	name string
	f    memoryFile
}

func (i memoryInfo) Name() string       { return path.Base(i.name) }
func (i memoryInfo) Size() int64        { return int64(len(i.f.data)) }
func (i memoryInfo) Mode() fs.FileMode  { return 0o600 }
func (i memoryInfo) ModTime() time.Time { return i.f.modified }
func (i memoryInfo) IsDir() bool        { return false }
func (i memoryInfo) Sys() any           { return nil }

// Empty implements Store.
func (m *Memory) Empty(context.Context) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.files) == 0, nil
}

// RemoveAll implements Store.
func (m *Memory) RemoveAll(_ context.Context, name string) error {
	names := m.below(name)
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, n := range names {
		delete(m.files, n)
	}
	return nil
}

// Remove implements Store.
func (m *Memory) Remove(ctx context.Context, names ...string) error { return m.Discard(ctx, names...) }

// Discard implements Store.
func (m *Memory) Discard(ctx context.Context, names ...string) error {
	for _, name := range names {
		if err := m.RemoveAll(ctx, name); err != nil {
			return err
		}
	}
	return nil
}
