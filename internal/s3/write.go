package s3

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"io"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	tmtypes "github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager/types"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sync/semaphore"

	"github.com/macielake/macielake/internal/awsclient"
)

// WriteOptions apply to all objects written, copies included. The zero value leaves
// the settings to the bucket.
type WriteOptions struct {
	SSE          string // AES256, aws:kms or aws:kms:dsse
	KMSKeyID     string // key for the last two: ID, ARN or alias
	StorageClass string
	// ExpectedOwner is the account that must own the bucket.
	ExpectedOwner string
}

const (
	// UploadPart is the size of an upload's parts, and of the largest object written
	// in one request.
	UploadPart = 8 << 20
	// uploadsAtOnce is the number of parts of one object sent at a time.
	uploadsAtOnce = 3
	// uploadMemory bounds the memory of all uploads together, in bytes.
	uploadMemory = 96 << 20
	// abortTimeout is how long aborting an upload may take, even after an
	// interruption.
	abortTimeout = 30 * time.Second
	// partGrace is how long parts that are being sent may take after an interruption.
	partGrace = 5 * time.Second
)

// Writer writes objects of a bucket. It is safe for concurrent use.
type Writer struct {
	b       *Bucket
	o       WriteOptions
	manager *transfermanager.Client
	memory  *semaphore.Weighted // of uploadMemory

	conditions atomic.Int32  // whether the server checks the conditions of copies
	finding    chan struct{} // has an element while a goroutine finds that out
}

// NewWriter returns a writer of objects in the bucket.
func NewWriter(b *Bucket, o WriteOptions) *Writer {
	return &Writer{
		b: b, o: o, memory: semaphore.NewWeighted(uploadMemory), finding: make(chan struct{}, 1),
		manager: transfermanager.New(b.api, func(t *transfermanager.Options) {
			t.PartSizeBytes, t.MultipartUploadThreshold = UploadPart, UploadPart
			t.Concurrency = uploadsAtOnce
			t.FailTimeout = abortTimeout
		}),
	}
}

// Metadata of objects; copies keep them.
const (
	mark    = "macielake-write"  // identifies the call that wrote the object
	sumMark = "macielake-sha256" // SHA-256 of the object's bytes, in hexadecimal
)

func newMark() string {
	var b [16]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// Create writes size bytes as a new object, in as many requests as it takes; the object
// exists once the last one has succeeded. If the key is taken, Create fails with kind
// Precondition. sum, the SHA-256 of the bytes in hexadecimal, is stored in the metadata,
// so that copies can be recognized. Create returns the object's ETag.
func (w *Writer) Create(ctx context.Context, key string, size int64, sum string, body io.Reader) (etag string, err error) {
	// The manager holds a small object twice while it reads it, a large one in parts.
	weight := min(2*size+1, UploadPart*(uploadsAtOnce+3))
	if err := w.memory.Acquire(ctx, weight); err != nil {
		return "", context.Cause(ctx)
	}
	defer w.memory.Release(weight)
	ctx = awsclient.WithResource(ctx, w.b.URI(key))
	// A part that arrives while its upload is aborted may outlive it (S3 API reference,
	// AbortMultipartUpload) and be charged for. So an interruption first ends the
	// reading of further parts, and later the sending of those under way.
	sending, sent := outliving(ctx, partGrace)
	defer sent()
	wrote := newMark()
	out, err := w.manager.UploadObject(sending, &transfermanager.UploadObjectInput{
		Bucket: &w.b.name, Key: &key, Body: readUntil{ctx, body}, ContentLength: aws.Int64(size),
		IfNoneMatch:         aws.String("*"),
		ExpectedBucketOwner: w.b.ownerID(), RequestPayer: tmtypes.RequestPayer(w.b.payer()),
		ServerSideEncryption: tmtypes.ServerSideEncryption(w.o.SSE), SSEKMSKeyID: given(w.o.KMSKeyID),
		StorageClass: tmtypes.StorageClass(w.o.StorageClass),
		Metadata:     map[string]string{mark: wrote, sumMark: sum},
	})
	if err == nil {
		return aws.ToString(out.ETag), nil
	}
	if err := w.settleWrite(ctx, "PutObject", key, wrote, err); err != nil {
		return "", err
	}
	head, err := w.b.head(ctx, key)
	if err != nil {
		return "", w.b.explain(ctx, "HeadObject", key, err)
	}
	return aws.ToString(head.ETag), nil
}

// outliving returns a context that ends when it is cancelled, or the grace period after
// ctx ends.
func outliving(ctx context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	later, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.NewTimer(grace)
		defer timer.Stop()
		select {
		case <-timer.C:
			cancel(context.Cause(ctx))
		case <-later.Done():
		}
	})
	return later, func() {
		stop()
		cancel(nil)
	}
}

// readUntil reads until a context ends.
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

// Put writes an object in one request: a new one or, with replace, over another.
func (w *Writer) Put(ctx context.Context, key string, data []byte, replace bool) error {
	ctx = awsclient.WithResource(ctx, w.b.URI(key))
	wrote := newMark()
	in := &sdk.PutObjectInput{
		Bucket: &w.b.name, Key: &key, Body: bytes.NewReader(data), ContentLength: aws.Int64(int64(len(data))),
		ExpectedBucketOwner: w.b.ownerID(), RequestPayer: w.b.payer(),
		ServerSideEncryption: types.ServerSideEncryption(w.o.SSE), SSEKMSKeyId: given(w.o.KMSKeyID),
		StorageClass: types.StorageClass(w.o.StorageClass),
		Metadata:     map[string]string{mark: wrote},
	}
	if !replace {
		in.IfNoneMatch = aws.String("*")
	}
	_, err := w.b.api.PutObject(ctx, in)
	return w.settleWrite(ctx, "PutObject", key, wrote, err)
}

// settleWrite returns the final error of a write, or nil if the object was written. If
// an answer is lost, the repeated request fails because its own object exists: the mark
// tells.
func (w *Writer) settleWrite(ctx context.Context, op, key, wrote string, err error) error {
	if err == nil {
		return nil
	}
	switch awsclient.KindOf(err) {
	case awsclient.Precondition, awsclient.NotFound: // NotFound: the upload is completed
		head, headErr := w.b.head(ctx, key)
		if headErr == nil && head.Metadata[mark] == wrote {
			return nil
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return w.b.explain(ctx, op, key, err)
}

func given(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// head requests an object's metadata.
func (b *Bucket) head(ctx context.Context, key string) (*sdk.HeadObjectOutput, error) {
	return b.api.HeadObject(awsclient.WithResource(ctx, b.URI(key)), &sdk.HeadObjectInput{
		Bucket: &b.name, Key: &key, RequestPayer: b.payer(), ExpectedBucketOwner: b.ownerID(),
	})
}
