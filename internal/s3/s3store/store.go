package s3store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/macielake/macielake/internal/awsclient"
	"github.com/macielake/macielake/internal/s3"
	"github.com/macielake/macielake/internal/s3/listing"
	"github.com/macielake/macielake/internal/store"
)

// Store is a store below a prefix of a bucket. A file exists only once it is whole.
// Without permission to delete, only removing files fails.
type Store struct {
	b      *s3.Bucket
	prefix string // empty, or with a slash at its end
	w      *s3.Writer
	spools spools
}

// Open opens the store at an s3:// URI, which may be empty.
func Open(ctx context.Context, c *s3.Client, uri string, o s3.WriteOptions) (*Store, error) {
	bucket, prefix, err := s3.ParseURI(uri)
	if err != nil {
		return nil, err
	}
	if strings.ContainsAny(prefix, "*?") {
		return nil, &s3.URIError{URI: uri, Why: "a dataset is in one place, so * and ? can't be used"}
	}
	if prefix = strings.TrimRight(prefix, "/"); prefix != "" {
		if !fs.ValidPath(prefix) || prefix == "." {
			return nil, &s3.URIError{URI: uri, Why: "a segment of the key is empty, . or .."}
		}
		prefix += "/"
	}
	b, err := c.Bucket(ctx, bucket)
	if err != nil {
		return nil, err
	}
	if o.ExpectedOwner != "" {
		b = b.OwnedBy(o.ExpectedOwner)
	}
	return &Store{b: b, prefix: prefix, w: s3.NewWriter(b, o), spools: spools{left: spoolMemory}}, nil
}

// Bucket returns the store's bucket.
func (s *Store) Bucket() *s3.Bucket { return s.b }

// key returns the key of the file called name.
func (s *Store) key(name string) (string, error) {
	if !fs.ValidPath(name) || name == "." {
		return "", &fs.PathError{Op: "name", Path: shortName(name), Err: fs.ErrInvalid}
	}
	key := s.prefix + name
	if len(key) > s3.MaxKey {
		return "", &fs.PathError{Op: "name", Path: shortName(name), Err: fmt.Errorf("the key is longer than 1,024 bytes")}
	}
	return key, nil
}

// shortName shortens a name for an error: an invalid one may have any length.
func shortName(name string) string { return name[:min(len(name), 200)] }

// URI implements store.Store.
func (s *Store) URI(name string) string {
	if name == "." {
		return strings.TrimSuffix(s.b.URI(s.prefix), "/")
	}
	return s.b.URI(s.prefix + name)
}

// Close implements store.Store.
func (s *Store) Close() error { return nil }

// Remote implements store.Remote.
func (s *Store) Remote() bool { return true }

// Sync implements store.Store: what is written to S3 is durable.
func (s *Store) Sync(context.Context) error { return nil }

// Prune implements store.Store: S3 has no directories.
func (s *Store) Prune(context.Context, string) error { return nil }

// Create implements store.Store. Commit fails if the name is taken.
func (s *Store) Create(ctx context.Context, name string, _ store.Access) (store.Output, error) {
	key, err := s.key(name)
	if err != nil {
		return nil, err
	}
	return &output{ctx: ctx, s: s, key: key, spool: spool{memory: &s.spools}, sum: sha256.New()}, nil
}

// output is a file being written.
type output struct {
	ctx   context.Context
	s     *Store
	key   string
	spool spool
	sum   hash.Hash
	over  bool
	etag  string
}

func (o *output) Write(p []byte) (int, error) {
	if o.over {
		return 0, fs.ErrClosed
	}
	n, err := o.spool.Write(p)
	o.sum.Write(p[:n])
	return n, err
}

func (o *output) Commit() error {
	if o.over {
		return fs.ErrClosed
	}
	etag, err := o.s.w.Create(o.ctx, o.key, o.spool.size, hex.EncodeToString(o.sum.Sum(nil)), o.spool.reader())
	if err == nil {
		o.etag = etag
		o.over = true
		o.spool.close()
	}
	return asExists(err)
}

// ETag implements store.Output.
func (o *output) ETag() string { return o.etag }

// Abort discards a file that wasn't committed. A failed Commit leaves nothing in the
// store, unless aborting its upload failed too.
func (o *output) Abort() error {
	if !o.over {
		o.over = true
		o.spool.close()
	}
	return nil
}

// asExists makes the error of a name that is taken an fs.ErrExist.
func asExists(err error) error {
	if awsclient.KindOf(err) == awsclient.Precondition {
		return fmt.Errorf("%w: %w", fs.ErrExist, err)
	}
	return err
}

// asNotExist makes the error of a missing file an fs.ErrNotExist.
func asNotExist(err error) error {
	if awsclient.KindOf(err) == awsclient.NotFound {
		return fmt.Errorf("%w: %w", fs.ErrNotExist, err)
	}
	return err
}

// PutNew implements store.Store by a conditional write: S3 lets only one succeed (S3
// user guide, "Conditional writes").
func (s *Store) PutNew(ctx context.Context, name string, data []byte) error {
	key, err := s.key(name)
	if err != nil {
		return err
	}
	return asExists(s.w.Put(ctx, key, data, false))
}

// Put implements store.Store.
func (s *Store) Put(ctx context.Context, name string, data []byte) error {
	key, err := s.key(name)
	if err != nil {
		return err
	}
	return s.w.Put(ctx, key, data, true)
}

// Open implements store.Store.
func (s *Store) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	key, err := s.key(name)
	if err != nil {
		return nil, err
	}
	r, err := s.b.Get(ctx, s3.Object{Key: key, Size: -1})
	return r, asNotExist(err)
}

// OpenAt implements store.Store. All bytes come from one version of the object.
func (s *Store) OpenAt(ctx context.Context, name string) (store.File, error) {
	key, err := s.key(name)
	if err != nil {
		return nil, err
	}
	f, err := s.b.OpenAt(ctx, key)
	if err != nil {
		return nil, asNotExist(err)
	}
	return f, nil
}

// Stat implements store.Store.
func (s *Store) Stat(ctx context.Context, name string) (store.Info, error) {
	key, err := s.key(name)
	if err != nil {
		return store.Info{}, err
	}
	o, err := s.b.Stat(ctx, key)
	return store.Info{Size: o.Size, ETag: o.ETag, Modified: o.Modified}, asNotExist(err)
}

// Check implements store.Store by the size and ETag of the staged object.
func (s *Store) Check(ctx context.Context, from, to string, want store.Content) error {
	return s.publication(ctx, s.w.Check, from, to, want)
}

// Publish implements store.Store by a copy on the condition that the new key is free.
func (s *Store) Publish(ctx context.Context, from, to string, want store.Content) error {
	return s.publication(ctx, s.w.Publish, from, to, want)
}

func (s *Store) publication(ctx context.Context, do func(ctx context.Context, from, to string, want s3.Content) error, from, to string, want store.Content) error {
	fromKey, err := s.key(from)
	if err != nil {
		return err
	}
	toKey, err := s.key(to)
	if err != nil {
		return err
	}
	err = do(ctx, fromKey, toKey, s3.Content{Size: want.Size, ETag: want.ETag, Sum: want.SHA256})
	if changed := (*s3.ContentError)(nil); errors.As(err, &changed) {
		return &store.ContentError{Name: changed.URI, What: changed.What}
	}
	return asNotExist(asExists(err))
}

// storeListConcurrency is the number of pages of a dataset listed at a time.
const storeListConcurrency = 8

// walk lists the files below a directory.
func (s *Store) walk(ctx context.Context, name string, each func(s3.Object) error) error {
	prefix := s.prefix
	if name != "." {
		key, err := s.key(name)
		if err != nil {
			return err
		}
		prefix = key + "/"
	}
	return listing.Walk(ctx, s.b, listing.Options{Prefix: prefix, Concurrency: storeListConcurrency}, func(o s3.Object) error {
		if strings.HasSuffix(o.Key, "/") { // what consoles make for a directory
			return nil
		}
		return each(o)
	})
}

// List implements store.Store.
func (s *Store) List(ctx context.Context, prefix string, each func(name string, info fs.FileInfo) error) error {
	err := s.walk(ctx, prefix, func(o s3.Object) error {
		return each(strings.TrimPrefix(o.Key, s.prefix), fileInfo{o})
	})
	if err != nil && err != fs.SkipAll {
		return fmt.Errorf("listing %s: %w", s.URI(prefix), err)
	}
	return nil
}

// fileInfo describes a file as listed.
type fileInfo struct{ o s3.Object }

func (i fileInfo) Name() string       { return path.Base(i.o.Key) }
func (i fileInfo) Size() int64        { return i.o.Size }
func (i fileInfo) Mode() fs.FileMode  { return 0o400 }
func (i fileInfo) ModTime() time.Time { return i.o.Modified }
func (i fileInfo) IsDir() bool        { return false }
func (i fileInfo) Sys() any           { return nil }
func (i fileInfo) ETag() string       { return i.o.ETag }

// Empty implements store.Store.
func (s *Store) Empty(ctx context.Context) (bool, error) {
	p, err := s.b.Page(ctx, s.prefix, s.prefix, false)
	if err != nil {
		return false, err
	}
	return len(p.Objects) == 0, nil
}

// RemoveAll implements store.Store. Without permission to delete it fails with kind
// Denied.
func (s *Store) RemoveAll(ctx context.Context, name string) error {
	key, err := s.key(name)
	if err != nil {
		return err
	}
	keys := []string{key} // it may be a file, or not exist
	err = s.walk(ctx, name, func(o s3.Object) error {
		if keys = append(keys, o.Key); len(keys) < s3.DeleteKeys {
			return nil
		}
		err := s.b.Delete(ctx, keys)
		keys = nil
		return err
	})
	if err == nil && len(keys) > 0 {
		err = s.b.Delete(ctx, keys)
	}
	return err
}

// Remove implements store.Store.
func (s *Store) Remove(ctx context.Context, names ...string) error {
	for chunk := range slices.Chunk(names, s3.DeleteKeys) {
		keys := make([]string, len(chunk))
		for i, name := range chunk {
			key, err := s.key(name)
			if err != nil {
				return err
			}
			keys[i] = key
		}
		if err := s.b.Delete(ctx, keys); err != nil {
			return err
		}
	}
	return nil
}

// Discard implements store.Store; files stay if deleting them is denied.
func (s *Store) Discard(ctx context.Context, names ...string) error {
	var errs []error
	for _, name := range names {
		err := s.RemoveAll(ctx, name)
		if awsclient.KindOf(err) == awsclient.Denied {
			s.b.Log().Info("left a file, as deleting is denied", "uri", s.URI(name), "why", err.Error())
			continue
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
