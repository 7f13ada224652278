package s3

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"github.com/macielake/macielake/internal/awsclient"
)

// DeleteKeys is the largest number of keys that Delete takes (S3 API reference,
// DeleteObjects).
const DeleteKeys = 1000

// Delete removes at least one and at most DeleteKeys objects; missing objects are no
// error. It requests an answer that names each key, so that it can be checked.
func (b *Bucket) Delete(ctx context.Context, keys []string) error {
	objects := make([]types.ObjectIdentifier, len(keys))
	for i := range keys {
		objects[i].Key = &keys[i]
	}
	out, err := b.api.DeleteObjects(awsclient.WithResource(ctx, b.URI(keys[0])), &sdk.DeleteObjectsInput{
		Bucket: &b.name, Delete: &types.Delete{Objects: objects, Quiet: aws.Bool(false)},
		ExpectedBucketOwner: b.ownerID(), RequestPayer: b.payer(),
	})
	if err != nil {
		return b.explain(ctx, "DeleteObjects", keys[0], err)
	}
	for _, e := range out.Errors {
		if code := aws.ToString(e.Code); code != "NoSuchKey" {
			return b.explain(ctx, "DeleteObjects", aws.ToString(e.Key), &smithy.GenericAPIError{Code: code, Message: aws.ToString(e.Message)})
		}
	}
	return nil
}
