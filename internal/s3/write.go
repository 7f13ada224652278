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

// WriteOptions are those of all objects that are written, copies included. The
// zero value leaves them to the bucket.
type WriteOptions struct {
	SSE          string // AES256, aws:kms or aws:kms:dsse
	KMSKeyID     string // key of the last two; ID, ARN or alias
	StorageClass string
	// ExpectedOwner is the account that must own the bucket.
	ExpectedOwner string
}

const (
	// UploadPart is the size of the parts of an upload, and of the largest
	// object that is written in one request.
	UploadPart = 8 << 20
	// uploadsAtOnce is how many parts of one object are sent at a time.
	uploadsAtOnce = 3
	// uploadMemory bounds what all uploads hold together, in bytes.
	uploadMemory = 96 << 20
	// abortTimeout is how long giving up an upload may take, also once the run
	// has been interrupted.
	abortTimeout = 30 * time.Second
	// partGrace is how long parts that are being sent may still take once the
	// run has been interrupted.
	partGrace = 5 * time.Second
)

// Writer writes objects of a bucket. It is safe for concurrent use.
type Writer struct {
	b       *Bucket
	o       WriteOptions
	manager *transfermanager.Client
	memory  *semaphore.Weighted // of uploadMemory

	conditions atomic.Int32  // what is known of the server's conditions of copies
	finding    chan struct{} // held by who finds out
}

// NewWriter returns a writer of objects of the bucket.
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
	mark    = "macielake-write"  // which writing made the object
	sumMark = "macielake-sha256" // of its bytes, in hexadecimal
)

func newMark() string {
	var b [16]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// Create writes size bytes as a new object, in as many requests as it
// takes; it is there when the last has succeeded, and not before. Where there is
// one of that name already it fails with kind Precondition. sum, the SHA-256 of the
// bytes in hexadecimal, is kept with the object, so that copies can be told from
// other objects. It returns the object's ETag.
func (w *Writer) Create(ctx context.Context, key string, size int64, sum string, body io.Reader) (etag string, err error) {
	// A small object is held twice while it is read, a large one in parts.
	weight := min(2*size+1, UploadPart*(uploadsAtOnce+3))
	if err := w.memory.Acquire(ctx, weight); err != nil {
		return "", context.Cause(ctx)
	}
	defer w.memory.Release(weight)
	ctx = awsclient.WithResource(ctx, w.b.URI(key))
	// A part that is still taken in while its upload is aborted may outlive it
	// (S3 API reference, AbortMultipartUpload), and someone pays for it. So an
	// interruption ends the reading of parts first, and those under way later.
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
	if err := w.settle(ctx, "PutObject", key, wrote, err); err != nil {
		return "", err
	}
	head, err := w.b.head(ctx, key)
	if err != nil {
		return "", w.b.explain(ctx, "HeadObject", key, err)
	}
	return aws.ToString(head.ETag), nil
}

// outliving returns a context that ends so much later than ctx, or when it is
// cancelled.
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

// Put writes an object in one request: as a new one, or over what is there.
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
	return w.settle(ctx, "PutObject", key, wrote, err)
}

// settle says what an error of writing a new object means. It may be that the
// object was written, but the answer was lost, and the request that was then sent
// again found it there: our mark tells.
func (w *Writer) settle(ctx context.Context, op, key, wrote string, err error) error {
	if err == nil {
		return nil
	}
	switch awsclient.KindOf(err) {
	case awsclient.Precondition, awsclient.NotFound: // of the upload, which is over
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

// head asks what an object is.
func (b *Bucket) head(ctx context.Context, key string) (*sdk.HeadObjectOutput, error) {
	return b.api.HeadObject(awsclient.WithResource(ctx, b.URI(key)), &sdk.HeadObjectInput{
		Bucket: &b.name, Key: &key, RequestPayer: b.payer(), ExpectedBucketOwner: b.ownerID(),
	})
}
