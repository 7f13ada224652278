package store

import (
	"context"
	"io"
	"io/fs"
	"path"
	"strings"
)

// Sub returns the store below a directory of s.
func Sub(s Store, dir string) Store { return &sub{s: s, dir: dir} }

type sub struct {
	s   Store
	dir string
}

// name is a name of b as s has it. One that would leave b stays one that would,
// and that s doesn't take.
func (b *sub) name(name string) string {
	if !fs.ValidPath(name) {
		return "../" + name
	}
	return path.Join(b.dir, name)
}

func (b *sub) URI(name string) string { return b.s.URI(b.name(name)) }

func (b *sub) Create(ctx context.Context, name string, access Access) (Output, error) {
	return b.s.Create(ctx, b.name(name), access)
}

func (b *sub) PutNew(ctx context.Context, name string, data []byte) error {
	return b.s.PutNew(ctx, b.name(name), data)
}

func (b *sub) Put(ctx context.Context, name string, data []byte) error {
	return b.s.Put(ctx, b.name(name), data)
}

func (b *sub) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	return b.s.Open(ctx, b.name(name))
}

func (b *sub) OpenAt(ctx context.Context, name string) (File, error) {
	return b.s.OpenAt(ctx, b.name(name))
}

func (b *sub) Stat(ctx context.Context, name string) (Info, error) {
	return b.s.Stat(ctx, b.name(name))
}

func (b *sub) Publish(ctx context.Context, from, to string, want Content) error {
	return b.s.Publish(ctx, b.name(from), b.name(to), want)
}

func (b *sub) Move(ctx context.Context, from, to string) error {
	return b.s.Move(ctx, b.name(from), b.name(to))
}

func (b *sub) Sync(ctx context.Context) error { return b.s.Sync(ctx) }

func (b *sub) List(ctx context.Context, prefix string, each func(name string, info fs.FileInfo) error) error {
	return b.s.List(ctx, b.name(prefix), func(name string, info fs.FileInfo) error {
		return each(strings.TrimPrefix(name, b.dir+"/"), info)
	})
}

func (b *sub) Empty(ctx context.Context) (bool, error) {
	empty := true
	err := b.List(ctx, ".", func(string, fs.FileInfo) error {
		empty = false
		return fs.SkipAll
	})
	return empty, err
}

func (b *sub) RemoveAll(ctx context.Context, name string) error {
	return b.s.RemoveAll(ctx, b.name(name))
}

func (b *sub) Prune(ctx context.Context, dir string) error { return b.s.Prune(ctx, b.name(dir)) }

func (b *sub) Discard(ctx context.Context, _ ...string) error {
	return b.s.RemoveAll(ctx, b.dir)
}

func (b *sub) Close() error { return nil }
