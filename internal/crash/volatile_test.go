package crash_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/macielake/macielake/internal/store"
)

// volatile is a store in memory that simulates power cuts. A cut keeps or loses every
// creation, move and removal since the last Sync, independently and in any order. A file
// that wasn't committed keeps any part of its content.
type volatile struct {
	mu      sync.Mutex
	now     map[string]*content
	durable map[string]*content
	pending []change // since the last Sync
}

type content struct {
	data      []byte
	committed bool
	modified  time.Time
}

// change adds a name to a file, removes a name, or does both.
type change struct {
	add    string
	file   *content
	remove string
}

func newVolatile() *volatile {
	return &volatile{now: map[string]*content{}, durable: map[string]*content{}}
}

// cut cuts the power. It returns a new store with the files that are left.
func (v *volatile) cut(r *rand.Rand) *volatile {
	v.mu.Lock()
	defer v.mu.Unlock()
	left := maps.Clone(v.durable)
	for _, c := range v.pending {
		if r.IntN(2) == 0 {
			continue
		}
		if c.remove != "" {
			delete(left, c.remove)
		}
		if c.add != "" {
			left[c.add] = c.file
		}
	}
	w := newVolatile()
	for name, f := range left {
		kept := *f
		if !f.committed {
			kept.data = kept.data[:r.IntN(len(kept.data)+1)]
		}
		w.now[name] = &kept
		w.durable[name] = &kept
	}
	return w
}

func (v *volatile) apply(c change) {
	if c.remove != "" {
		delete(v.now, c.remove)
	}
	if c.add != "" {
		v.now[c.add] = c.file
	}
	v.pending = append(v.pending, c)
}

func missing(op, name string) error {
	return &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
}

func exists(op, name string) error {
	return &fs.PathError{Op: op, Path: name, Err: fs.ErrExist}
}

func (v *volatile) URI(name string) string { return path.Join("/volatile", name) }

func (v *volatile) Create(_ context.Context, name string, _ store.Access) (store.Output, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.now[name] != nil {
		return nil, exists("create", name)
	}
	f := &content{modified: time.Now()}
	v.apply(change{add: name, file: f})
	return &volatileOutput{v, name, f}, nil
}

type volatileOutput struct {
	v    *volatile
	name string
	f    *content
}

func (o *volatileOutput) Write(p []byte) (int, error) {
	o.v.mu.Lock()
	defer o.v.mu.Unlock()
	o.f.data = append(o.f.data, p...)
	return len(p), nil
}

func (o *volatileOutput) Commit() error {
	o.v.mu.Lock()
	defer o.v.mu.Unlock()
	o.f.committed = true
	return nil
}

func (o *volatileOutput) ETag() string { return "" }

func (o *volatileOutput) Abort() error {
	o.v.mu.Lock()
	defer o.v.mu.Unlock()
	if o.v.now[o.name] == o.f {
		o.v.apply(change{remove: o.name})
	}
	return nil
}

func (v *volatile) PutNew(_ context.Context, name string, data []byte) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.now[name] != nil {
		return exists("create", name)
	}
	v.apply(change{add: name, file: &content{data: bytes.Clone(data), committed: true, modified: time.Now()}})
	v.sync()
	return nil
}

func (v *volatile) Put(_ context.Context, name string, data []byte) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.apply(change{add: name, file: &content{data: bytes.Clone(data), committed: true, modified: time.Now()}})
	return nil
}

func (v *volatile) get(name string) (*content, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	f := v.now[name]
	if f == nil {
		return nil, missing("open", name)
	}
	return &content{data: bytes.Clone(f.data), modified: f.modified}, nil
}

func (v *volatile) Open(_ context.Context, name string) (io.ReadCloser, error) {
	f, err := v.get(name)
	if err != nil {
		return nil, err
	}
	return io.NopCloser(bytes.NewReader(f.data)), nil
}

type volatileFile struct{ *bytes.Reader }

func (volatileFile) Close() error { return nil }

func (v *volatile) OpenAt(_ context.Context, name string) (store.File, error) {
	f, err := v.get(name)
	if err != nil {
		return nil, err
	}
	return volatileFile{bytes.NewReader(f.data)}, nil
}

func (v *volatile) Stat(_ context.Context, name string) (store.Info, error) {
	f, err := v.get(name)
	if err != nil {
		return store.Info{}, err
	}
	return store.Info{Size: int64(len(f.data)), Modified: f.modified}, nil
}

func (v *volatile) Check(_ context.Context, from, to string, want store.Content) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	err := v.checkContent(from, want)
	if errors.Is(err, fs.ErrNotExist) {
		err = v.checkContent(to, want)
	}
	return err
}

// checkContent compares a file with the content that it must have. The caller holds the
// lock.
func (v *volatile) checkContent(name string, want store.Content) error {
	f := v.now[name]
	if f == nil {
		return missing("publish", name)
	}
	if sum := sha256.Sum256(f.data); int64(len(f.data)) != want.Size || hex.EncodeToString(sum[:]) != want.SHA256 {
		return &store.ContentError{Name: name, What: "it has other bytes"}
	}
	return nil
}

func (v *volatile) Publish(ctx context.Context, from, to string, want store.Content) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	err := v.checkContent(from, want)
	if err == nil && v.now[to] != nil {
		err = exists("publish", to)
	}
	if err == nil {
		v.apply(change{add: to, file: v.now[from]})
		return nil
	}
	if (errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrNotExist)) && v.checkContent(to, want) == nil {
		return nil
	}
	return err
}

func (v *volatile) Sync(context.Context) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.sync()
	return nil
}

func (v *volatile) sync() { v.durable, v.pending = maps.Clone(v.now), nil }

type volatileInfo struct {
	name string
	f    *content
}

func (i volatileInfo) Name() string       { return path.Base(i.name) }
func (i volatileInfo) Size() int64        { return int64(len(i.f.data)) }
func (i volatileInfo) Mode() fs.FileMode  { return 0o600 }
func (i volatileInfo) ModTime() time.Time { return i.f.modified }
func (i volatileInfo) IsDir() bool        { return false }
func (i volatileInfo) Sys() any           { return nil }

func (v *volatile) List(_ context.Context, prefix string, each func(string, fs.FileInfo) error) error {
	v.mu.Lock()
	all := maps.Clone(v.now)
	v.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if prefix != "." && !strings.HasPrefix(name, prefix+"/") {
			continue
		}
		if err := each(name, volatileInfo{name, all[name]}); err != nil {
			if err == fs.SkipAll {
				return nil
			}
			return err
		}
	}
	return nil
}

func (v *volatile) Empty(context.Context) (bool, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.now) == 0, nil
}

func (v *volatile) RemoveAll(_ context.Context, name string) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	for other := range maps.Clone(v.now) {
		if other == name || strings.HasPrefix(other, name+"/") {
			v.apply(change{remove: other})
		}
	}
	return nil
}

func (v *volatile) Prune(context.Context, string) error { return nil }

func (v *volatile) Remove(ctx context.Context, names ...string) error {
	return v.Discard(ctx, names...)
}

func (v *volatile) Discard(ctx context.Context, names ...string) error {
	for _, name := range names {
		if err := v.RemoveAll(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

func (v *volatile) Close() error { return nil }

// clone returns a copy. Nobody may write to the store meanwhile.
func (v *volatile) clone() *volatile {
	v.mu.Lock()
	defer v.mu.Unlock()
	w := newVolatile()
	for name, f := range v.now {
		kept := *f
		kept.committed = true
		w.now[name] = &kept
	}
	w.sync()
	return w
}
