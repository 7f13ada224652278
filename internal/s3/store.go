package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"github.com/macielake/macielake/internal/awsclient"
	"github.com/macielake/macielake/internal/store"
)

// Store is a store below a prefix of a bucket. What is written there is whole
// or not there; who may not delete can do all but RemoveAll.
type Store struct {
	b      *Bucket
	prefix string // empty, or with a slash at its end
	w      *writer
	spools spools
}

// OpenStore opens the store at an s3:// URI, which needs not hold anything yet.
func (c *Client) OpenStore(ctx context.Context, uri string, o WriteOptions) (*Store, error) {
	bucket, prefix, err := ParseURI(uri)
	if err != nil {
		return nil, err
	}
	if prefix = strings.TrimRight(prefix, "/"); prefix != "" {
		if !fs.ValidPath(prefix) || prefix == "." {
			return nil, &URIError{uri, "a segment of the key is empty, . or .."}
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
	return &Store{b: b, prefix: prefix, w: newWriter(b, o), spools: spools{left: spoolMemory}}, nil
}

// Bucket is the bucket that the store lies in.
func (s *Store) Bucket() *Bucket { return s.b }

// key is the key of a name.
func (s *Store) key(name string) (string, error) {
	if !fs.ValidPath(name) || name == "." {
		return "", &fs.PathError{Op: "name", Path: text(name), Err: fs.ErrInvalid}
	}
	key := s.prefix + name
	if len(key) > maxKey {
		return "", &fs.PathError{Op: "name", Path: text(name), Err: fmt.Errorf("the key is longer than 1,024 bytes")}
	}
	return key, nil
}

// text is a name for an error: one that isn't valid may have any length.
func text(name string) string { return name[:min(len(name), 200)] }

// URI implements store.Store.
func (s *Store) URI(name string) string {
	if name == "." {
		return strings.TrimSuffix(s.b.URI(s.prefix), "/")
	}
	return s.b.URI(s.prefix + name)
}

// Close implements store.Store.
func (s *Store) Close() error { return nil }

// Sync implements store.Store: what is written to S3 is durable.
func (s *Store) Sync(context.Context) error { return nil }

// Prune implements store.Store: S3 has no directories.
func (s *Store) Prune(context.Context, string) error { return nil }

// Create implements store.Store. That the name is taken is found by the Commit.
func (s *Store) Create(ctx context.Context, name string, _ store.Access) (store.Output, error) {
	key, err := s.key(name)
	if err != nil {
		return nil, err
	}
	return &output{ctx: ctx, s: s, key: key, spool: spool{memory: &s.spools}}, nil
}

// output is a file being written.
type output struct {
	ctx   context.Context
	s     *Store
	key   string
	spool spool
	over  bool
	etag  string
}

func (o *output) Write(p []byte) (int, error) {
	if o.over {
		return 0, fs.ErrClosed
	}
	return o.spool.Write(p)
}

func (o *output) Commit() error {
	if o.over {
		return fs.ErrClosed
	}
	etag, err := o.s.w.create(o.ctx, o.key, &o.spool)
	if err == nil {
		o.etag = etag
		o.over = true
		o.spool.close()
	}
	return exists(err)
}

// ETag implements store.Output.
func (o *output) ETag() string { return o.etag }

// Abort drops what wasn't committed. Of a Commit that failed nothing is in the
// store, but where even its giving up failed.
func (o *output) Abort() error {
	if !o.over {
		o.over = true
		o.spool.close()
	}
	return nil
}

// exists makes the error of a name that is taken one.
func exists(err error) error {
	if awsclient.KindOf(err) == awsclient.Precondition {
		return fmt.Errorf("%w: %w", fs.ErrExist, err)
	}
	return err
}

// missing makes the error of a name that isn't there one.
func missing(err error) error {
	if awsclient.KindOf(err) == awsclient.NotFound {
		return fmt.Errorf("%w: %w", fs.ErrNotExist, err)
	}
	return err
}

// PutNew implements store.Store by a conditional write, of which S3 lets one
// succeed (S3 user guide, "Conditional writes").
func (s *Store) PutNew(ctx context.Context, name string, data []byte) error {
	key, err := s.key(name)
	if err != nil {
		return err
	}
	return exists(s.w.put(ctx, key, data, false))
}

// Put implements store.Store.
func (s *Store) Put(ctx context.Context, name string, data []byte) error {
	key, err := s.key(name)
	if err != nil {
		return err
	}
	return s.w.put(ctx, key, data, true)
}

// Open implements store.Store.
func (s *Store) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	key, err := s.key(name)
	if err != nil {
		return nil, err
	}
	r, err := s.b.Get(ctx, Object{Key: key, Size: -1})
	return r, missing(err)
}

// OpenAt implements store.Store. All that is read is of one version of the
// object.
func (s *Store) OpenAt(ctx context.Context, name string) (store.File, error) {
	key, err := s.key(name)
	if err != nil {
		return nil, err
	}
	f, err := s.b.openAt(ctx, key)
	if err != nil {
		return nil, missing(err)
	}
	return f, nil
}

// openAt opens an object for reading anywhere in it.
func (b *Bucket) openAt(ctx context.Context, key string) (store.File, error) {
	o, err := b.stat(ctx, key)
	if err != nil {
		return nil, err
	}
	return &objectFile{ctx: ctx, b: b, o: o}, nil
}

// stat is what a listing would say of an object.
func (b *Bucket) stat(ctx context.Context, key string) (Object, error) {
	head, err := b.head(ctx, key)
	if err != nil {
		return Object{}, b.explain(ctx, "HeadObject", key, err)
	}
	return Object{
		Key: key, Size: aws.ToInt64(head.ContentLength), ETag: aws.ToString(head.ETag), Modified: modified(head.LastModified),
	}, nil
}

// objectFile reads pieces of an object.
type objectFile struct {
	ctx context.Context
	b   *Bucket
	o   Object
}

func (f *objectFile) Size() int64 { return f.o.Size }

func (f *objectFile) Close() error { return nil }

func (f *objectFile) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, &fs.PathError{Op: "read", Path: f.b.URI(f.o.Key), Err: fs.ErrInvalid}
	}
	to := min(off+int64(len(p)), f.o.Size)
	if off >= to {
		if len(p) == 0 {
			return 0, nil
		}
		return 0, io.EOF
	}
	r, err := f.b.open(f.ctx, f.o, off, to)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	n, err := io.ReadFull(r, p[:to-off])
	if err == nil && n < len(p) {
		err = io.EOF
	}
	return n, err
}

// Stat implements store.Store.
func (s *Store) Stat(ctx context.Context, name string) (store.Info, error) {
	key, err := s.key(name)
	if err != nil {
		return store.Info{}, err
	}
	o, err := s.b.stat(ctx, key)
	return store.Info{Size: o.Size, ETag: o.ETag, Modified: o.Modified}, missing(err)
}

// Publish implements store.Store by a copy under the condition that the new key
// is free.
func (s *Store) Publish(ctx context.Context, from, to string, want store.Content) error {
	fromKey, err := s.key(from)
	if err != nil {
		return err
	}
	toKey, err := s.key(to)
	if err != nil {
		return err
	}
	// Not every server looks at the condition of a copy.
	there, err := s.b.head(ctx, toKey)
	if err != nil && awsclient.KindOf(err) != awsclient.NotFound {
		return s.b.explain(ctx, "HeadObject", toKey, err)
	}
	head, err := s.b.head(ctx, fromKey)
	switch {
	case there != nil && err == nil || there != nil && awsclient.KindOf(err) == awsclient.NotFound:
		err = &fs.PathError{Op: "publish", Path: s.b.URI(toKey), Err: fs.ErrExist}
	case err != nil:
		err = s.b.explain(ctx, "HeadObject", fromKey, err)
	case aws.ToInt64(head.ContentLength) != want.Size || aws.ToString(head.ETag) != want.ETag:
		return &store.ContentError{Name: s.b.URI(fromKey), What: fmt.Sprintf("it has %d bytes and ETag %s, not %d and %s",
			aws.ToInt64(head.ContentLength), aws.ToString(head.ETag), want.Size, want.ETag)}
	default:
		err = s.w.publish(ctx, fromKey, toKey, head)
	}
	err = missing(exists(err))
	if (errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrNotExist)) && s.isCopy(ctx, toKey, head, want) {
		return nil
	}
	return err
}

// isCopy reports whether an object is a copy of the staged one, whose head is nil
// where that is gone. The ETag of a copy is another where the original was
// written in parts or is encrypted with a key of KMS, but its metadata name the
// same writing.
func (s *Store) isCopy(ctx context.Context, key string, from *sdk.HeadObjectOutput, want store.Content) bool {
	head, err := s.b.head(ctx, key)
	if err != nil || aws.ToInt64(head.ContentLength) != want.Size {
		return false
	}
	return from == nil || head.Metadata[mark] == from.Metadata[mark]
}

// Move implements store.Store by a copy; the old name stays.
func (s *Store) Move(ctx context.Context, from, to string) error {
	fromKey, err := s.key(from)
	if err != nil {
		return err
	}
	toKey, err := s.key(to)
	if err != nil {
		return err
	}
	return missing(s.w.copy(ctx, fromKey, toKey))
}

// storeListConcurrency is how many pages of a dataset are listed at a time.
const storeListConcurrency = 8

// walk lists a file, or what is below a directory.
func (s *Store) walk(ctx context.Context, name string, each func(Object) error) error {
	prefix := s.prefix
	if name != "." {
		key, err := s.key(name)
		if err != nil {
			return err
		}
		o, err := s.b.stat(ctx, key)
		switch {
		case err == nil:
			if err := each(o); err != nil {
				return err
			}
		case awsclient.KindOf(err) != awsclient.NotFound:
			return err
		}
		prefix = key + "/"
	}
	return s.b.Walk(ctx, WalkOptions{Prefix: prefix, Concurrency: storeListConcurrency}, func(o Object) error {
		if strings.HasSuffix(o.Key, "/") { // what consoles make for a directory
			return nil
		}
		return each(o)
	})
}

// List implements store.Store.
func (s *Store) List(ctx context.Context, prefix string, each func(name string, info fs.FileInfo) error) error {
	err := s.walk(ctx, prefix, func(o Object) error {
		return each(strings.TrimPrefix(o.Key, s.prefix), fileInfo{o})
	})
	if err != nil && err != fs.SkipAll {
		return fmt.Errorf("listing %s: %w", s.URI(prefix), err)
	}
	return nil
}

// fileInfo is what a listing says of a file.
type fileInfo struct{ o Object }

func (i fileInfo) Name() string       { return path.Base(i.o.Key) }
func (i fileInfo) Size() int64        { return i.o.Size }
func (i fileInfo) Mode() fs.FileMode  { return 0o400 }
func (i fileInfo) ModTime() time.Time { return i.o.Modified }
func (i fileInfo) IsDir() bool        { return false }
func (i fileInfo) Sys() any           { return nil }

// Empty implements store.Store.
func (s *Store) Empty(ctx context.Context) (bool, error) {
	p, err := s.b.page(ctx, s.prefix, s.prefix, false)
	if err != nil {
		return false, err
	}
	return len(p.objects) == 0, nil
}

// deleteKeys is how many keys DeleteObjects takes (S3 API reference).
const deleteKeys = 1000

// RemoveAll implements store.Store. Who may not delete gets an error of kind
// Denied.
func (s *Store) RemoveAll(ctx context.Context, name string) error {
	var keys []types.ObjectIdentifier
	remove := func() error {
		if len(keys) == 0 {
			return nil
		}
		out, err := s.b.api.DeleteObjects(awsclient.WithResource(ctx, s.URI(name)), &sdk.DeleteObjectsInput{
			Bucket: &s.b.name, Delete: &types.Delete{Objects: keys, Quiet: aws.Bool(true)},
			ExpectedBucketOwner: s.b.ownerID(), RequestPayer: s.b.payer(),
		})
		keys = nil
		if err != nil {
			return s.b.explain(ctx, "DeleteObjects", s.prefix+name, err)
		}
		for _, e := range out.Errors {
			if code := aws.ToString(e.Code); code != "NoSuchKey" {
				return s.b.explain(ctx, "DeleteObjects", aws.ToString(e.Key), &smithy.GenericAPIError{Code: code, Message: aws.ToString(e.Message)})
			}
		}
		return nil
	}
	err := s.walk(ctx, name, func(o Object) error {
		keys = append(keys, types.ObjectIdentifier{Key: aws.String(o.Key)})
		if len(keys) == deleteKeys {
			return remove()
		}
		return nil
	})
	if err == nil {
		err = remove()
	}
	return err
}

// Discard implements store.Store; what may not be deleted stays.
func (s *Store) Discard(ctx context.Context, names ...string) error {
	var errs []error
	for _, name := range names {
		err := s.RemoveAll(ctx, name)
		if awsclient.KindOf(err) == awsclient.Denied {
			s.b.c.o.Log.Info("left what may not be deleted", "uri", s.URI(name), "why", err.Error())
			continue
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
