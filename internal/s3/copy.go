package s3

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sync/errgroup"

	"github.com/macielake/macielake/internal/awsclient"
)

const (
	// maxCopy is the largest object that CopyObject takes (S3 API reference).
	maxCopy = 5 << 30
	// copyPart is the size of the parts in which a larger object is copied: 10,000 of
	// them, S3's limit, exceed the largest object.
	copyPart = 1 << 30
	// copiesAtOnce is the number of parts copied at a time.
	copiesAtOnce = 8
)

// Content identifies the bytes of an object.
type Content struct {
	Size int64  // bytes
	ETag string // with its quotes, as returned when the object was written
	Sum  string // SHA-256 in hexadecimal
}

// ContentError says that an object's content isn't the wanted one.
type ContentError struct {
	URI  string
	What string // how it differs
}

func (e *ContentError) Error() string { return e.URI + " has changed: " + e.What }

// Check reports whether Publish would find the object to copy, or else its copy. It
// copies nothing.
func (w *Writer) Check(ctx context.Context, from, to string, want Content) error {
	head, err := w.b.head(ctx, from)
	switch {
	case err == nil:
		return w.compare(from, head, want)
	case awsclient.KindOf(err) == awsclient.NotFound && w.isCopy(ctx, to, want):
		return nil
	}
	return w.b.explain(ctx, "HeadObject", from, err)
}

// compare compares an object with the content that Create wrote.
func (w *Writer) compare(key string, head *sdk.HeadObjectOutput, want Content) error {
	size, etag := aws.ToInt64(head.ContentLength), aws.ToString(head.ETag)
	if size == want.Size && etag == want.ETag {
		return nil
	}
	return &ContentError{w.b.URI(key), fmt.Sprintf("it has %d bytes and ETag %s, not %d and %s", size, etag, want.Size, want.ETag)}
}

// Publish copies an object that Create wrote to another key of the bucket. An object
// without the wanted size and ETag is a ContentError. If the new key is taken, Publish
// fails with kind Precondition, unless it holds a copy of the same bytes; if neither key
// exists, it fails with kind NotFound.
//
// That takes one request if the server checks the condition of a copy. Not every server
// does: the first copy is repeated to find out.
func (w *Writer) Publish(ctx context.Context, from, to string, want Content) error {
	if want.ETag == "" || want.Size > maxCopy {
		_, err := w.publishSeen(ctx, from, to, want)
		return err
	}
	if w.conditions.Load() == unknownConditions {
		select {
		case w.finding <- struct{}{}:
			defer func() { <-w.finding }()
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if w.conditions.Load() == unknownConditions {
			return w.findConditions(ctx, from, to, want)
		}
	}
	if w.conditions.Load() == conditionsIgnored {
		_, err := w.publishSeen(ctx, from, to, want)
		return err
	}
	err := w.copyAs(ctx, from, to, want.ETag)
	switch awsclient.KindOf(err) {
	case awsclient.Precondition, awsclient.NotFound: // of either key
		_, err = w.publishSeen(ctx, from, to, want)
	}
	return err
}

// Whether a server checks the conditions of copies.
const (
	unknownConditions int32 = iota
	conditionsIgnored
	conditionsHonoured
)

// findConditions publishes, and finds out whether the server refuses to repeat the copy.
func (w *Writer) findConditions(ctx context.Context, from, to string, want Content) error {
	copied, err := w.publishSeen(ctx, from, to, want)
	if err != nil || !copied {
		return err
	}
	switch again := w.copyAs(ctx, from, to, want.ETag); {
	case again == nil: // the copy was replaced by the same bytes
		w.conditions.Store(conditionsIgnored)
	case awsclient.KindOf(again) == awsclient.Precondition:
		w.conditions.Store(conditionsHonoured)
	}
	return nil
}

// publishSeen asks for both keys before it publishes, and reports whether it copied.
func (w *Writer) publishSeen(ctx context.Context, from, to string, want Content) (copied bool, err error) {
	there, err := w.b.head(ctx, to)
	if err != nil && awsclient.KindOf(err) != awsclient.NotFound {
		return false, w.b.explain(ctx, "HeadObject", to, err)
	}
	head, err := w.b.head(ctx, from)
	switch {
	case there != nil && (err == nil || awsclient.KindOf(err) == awsclient.NotFound):
		err = &awsclient.Error{Op: "CopyObject", Resource: w.b.URI(to), Kind: awsclient.Precondition, Err: errTaken}
	case err != nil:
		err = w.b.explain(ctx, "HeadObject", from, err)
	default:
		if err := w.compare(from, head, want); err != nil {
			return false, err
		}
		if aws.ToInt64(head.ContentLength) > maxCopy {
			err = w.copyInParts(awsclient.WithResource(ctx, w.b.URI(to)), from, to, head, aws.String("*"))
		} else {
			err = w.copyAs(ctx, from, to, aws.ToString(head.ETag))
		}
		copied = err == nil
	}
	switch awsclient.KindOf(err) {
	case awsclient.Precondition, awsclient.NotFound:
		if w.isCopy(ctx, to, want) {
			return false, nil
		}
	}
	return copied, err
}

var errTaken = errors.New("there is an object with another content")

// isCopy reports whether an object is a copy of the wanted bytes. A copy's ETag differs
// if the original was written in parts or is encrypted with a KMS key, but the SHA-256 in
// the metadata is copied with the object.
func (w *Writer) isCopy(ctx context.Context, key string, want Content) bool {
	head, err := w.b.head(ctx, key)
	return err == nil && aws.ToInt64(head.ContentLength) == want.Size && want.Sum != "" && head.Metadata[sumMark] == want.Sum
}

// copyAs copies the object that has the ETag to a key that must be free.
func (w *Writer) copyAs(ctx context.Context, from, to, etag string) error {
	ctx = awsclient.WithResource(ctx, w.b.URI(to))
	_, err := w.b.api.CopyObject(ctx, &sdk.CopyObjectInput{
		Bucket: &w.b.name, Key: &to, CopySource: w.copySource(from), CopySourceIfMatch: &etag,
		IfNoneMatch:         aws.String("*"),
		ExpectedBucketOwner: w.b.ownerID(), ExpectedSourceBucketOwner: w.b.ownerID(), RequestPayer: w.b.payer(),
		ServerSideEncryption: types.ServerSideEncryption(w.o.SSE), SSEKMSKeyId: given(w.o.KMSKeyID),
		StorageClass: types.StorageClass(w.o.StorageClass),
	})
	if err != nil {
		return w.b.explain(ctx, "CopyObject", to, err)
	}
	return nil
}

// copySource returns a key in the form of its header: escaped, except the slashes.
func (w *Writer) copySource(key string) *string {
	segments := strings.Split(w.b.name+"/"+key, "/")
	for i, s := range segments {
		segments[i] = strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
	}
	return aws.String(strings.Join(segments, "/"))
}

func (w *Writer) copyInParts(ctx context.Context, from, to string, head *sdk.HeadObjectOutput, ifNoneMatch *string) error {
	made, err := w.b.api.CreateMultipartUpload(ctx, &sdk.CreateMultipartUploadInput{
		Bucket: &w.b.name, Key: &to, Metadata: head.Metadata,
		ExpectedBucketOwner: w.b.ownerID(), RequestPayer: w.b.payer(),
		ServerSideEncryption: types.ServerSideEncryption(w.o.SSE), SSEKMSKeyId: given(w.o.KMSKeyID),
		StorageClass: types.StorageClass(w.o.StorageClass),
	})
	if err != nil {
		return w.b.explain(ctx, "CreateMultipartUpload", to, err)
	}
	size := aws.ToInt64(head.ContentLength)
	parts := make([]types.CompletedPart, (size+copyPart-1)/copyPart)
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(copiesAtOnce)
	for i := range parts {
		group.Go(func() error {
			first := int64(i) * copyPart
			number := aws.Int32(int32(i) + 1)
			out, err := w.b.api.UploadPartCopy(groupCtx, &sdk.UploadPartCopyInput{
				Bucket: &w.b.name, Key: &to, UploadId: made.UploadId, PartNumber: number,
				CopySource: w.copySource(from), CopySourceIfMatch: head.ETag,
				CopySourceRange:     aws.String(byteRange(first, min(first+copyPart, size))),
				ExpectedBucketOwner: w.b.ownerID(), ExpectedSourceBucketOwner: w.b.ownerID(), RequestPayer: w.b.payer(),
			})
			if err == nil {
				parts[i] = types.CompletedPart{PartNumber: number, ETag: out.CopyPartResult.ETag}
			}
			return err
		})
	}
	op := "UploadPartCopy"
	if err = group.Wait(); err == nil {
		op = "CompleteMultipartUpload"
		_, err = w.b.api.CompleteMultipartUpload(ctx, &sdk.CompleteMultipartUploadInput{
			Bucket: &w.b.name, Key: &to, UploadId: made.UploadId,
			MultipartUpload:     &types.CompletedMultipartUpload{Parts: parts},
			IfNoneMatch:         ifNoneMatch,
			ExpectedBucketOwner: w.b.ownerID(), RequestPayer: w.b.payer(),
		})
	}
	if err == nil {
		return nil
	}
	abortCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTimeout)
	defer cancel()
	_, abortErr := w.b.api.AbortMultipartUpload(abortCtx, &sdk.AbortMultipartUploadInput{
		Bucket: &w.b.name, Key: &to, UploadId: made.UploadId, ExpectedBucketOwner: w.b.ownerID(), RequestPayer: w.b.payer(),
	})
	if abortErr != nil {
		w.b.c.o.Log.Info("an upload was left to the bucket's lifecycle rules", "uri", w.b.URI(to), "why", abortErr.Error())
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return w.b.explain(ctx, op, to, err)
}
