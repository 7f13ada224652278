package s3

import (
	"context"
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
	// copyPart is the size of the parts of the copy of a larger one: 10,000 of
	// them are more than an object can have bytes.
	copyPart = 1 << 30
	// copiesAtOnce is how many parts are copied at a time.
	copiesAtOnce = 8
)

// copy copies an object inside the bucket, over what is there.
func (w *writer) copy(ctx context.Context, from, to string) error {
	ctx = awsclient.WithResource(ctx, w.b.URI(to))
	head, err := w.b.head(ctx, from)
	if err != nil {
		return w.b.explain(ctx, "HeadObject", from, err)
	}
	return w.copyAs(ctx, from, to, head, nil)
}

// publish copies an object inside the bucket, unless the new key is taken: then
// it fails with kind Precondition.
func (w *writer) publish(ctx context.Context, from, to string, head *sdk.HeadObjectOutput) error {
	return w.copyAs(awsclient.WithResource(ctx, w.b.URI(to)), from, to, head, aws.String("*"))
}

func (w *writer) copyAs(ctx context.Context, from, to string, head *sdk.HeadObjectOutput, ifNoneMatch *string) error {
	if aws.ToInt64(head.ContentLength) > maxCopy {
		return w.copyInParts(ctx, from, to, head)
	}
	_, err := w.b.api.CopyObject(ctx, &sdk.CopyObjectInput{
		Bucket: &w.b.name, Key: &to, CopySource: w.copySource(from), CopySourceIfMatch: head.ETag,
		IfNoneMatch:         ifNoneMatch,
		ExpectedBucketOwner: w.b.ownerID(), ExpectedSourceBucketOwner: w.b.ownerID(), RequestPayer: w.b.payer(),
		ServerSideEncryption: types.ServerSideEncryption(w.o.SSE), SSEKMSKeyId: given(w.o.KMSKeyID),
		StorageClass: types.StorageClass(w.o.StorageClass),
	})
	if err != nil {
		return w.b.explain(ctx, "CopyObject", to, err)
	}
	return nil
}

// copySource is a key as the header has it: escaped, but for the slashes.
func (w *writer) copySource(key string) *string {
	segments := strings.Split(w.b.name+"/"+key, "/")
	for i, s := range segments {
		segments[i] = strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
	}
	return aws.String(strings.Join(segments, "/"))
}

func (w *writer) copyInParts(ctx context.Context, from, to string, head *sdk.HeadObjectOutput) error {
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
