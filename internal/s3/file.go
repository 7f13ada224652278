package s3

import (
	"context"
	"io"
	"io/fs"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// OpenAt opens an object for reading at any offset. All bytes come from one version.
// ctx applies to the reads.
func (b *Bucket) OpenAt(ctx context.Context, key string) (*File, error) {
	o, err := b.Stat(ctx, key)
	if err != nil {
		return nil, err
	}
	return &File{ctx: ctx, b: b, o: o}, nil
}

// Stat describes an object as a listing would.
func (b *Bucket) Stat(ctx context.Context, key string) (Object, error) {
	head, err := b.head(ctx, key)
	if err != nil {
		return Object{}, b.explain(ctx, "HeadObject", key, err)
	}
	return Object{
		Key: key, Size: aws.ToInt64(head.ContentLength), ETag: aws.ToString(head.ETag), Modified: modified(head.LastModified),
	}, nil
}

// File reads pieces of an object. It is safe for concurrent use.
type File struct {
	ctx context.Context
	b   *Bucket
	o   Object
}

// Size is the object's size in bytes.
func (f *File) Size() int64 { return f.o.Size }

// Close implements io.Closer.
func (f *File) Close() error { return nil }

// ReadAt implements io.ReaderAt with one request per call.
func (f *File) ReadAt(p []byte, off int64) (int, error) {
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
