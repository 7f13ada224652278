package s3

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/macielake/macielake/internal/awsclient"
)

const (
	// maxExplained is the number of denials that are explained per bucket: each costs a
	// request, and a million objects are mostly denied for one reason.
	maxExplained = 20
	// explainTimeout bounds the explanation of one denial.
	explainTimeout = 20 * time.Second
)

// actionOf returns the permission that an operation needs (S3 user guide, "Required
// permissions for Amazon S3 API operations").
func actionOf(op string) string {
	switch op {
	case "HeadBucket", "ListObjectsV2":
		return "s3:ListBucket"
	case "HeadObject":
		return "s3:GetObject"
	case "CopyObject", "CreateMultipartUpload", "UploadPart", "UploadPartCopy", "CompleteMultipartUpload":
		return "s3:PutObject"
	case "DeleteObjects":
		return "s3:DeleteObject"
	case "GetPublicAccessBlock":
		return "s3:GetBucketPublicAccessBlock"
	case "GetObjectLockConfiguration":
		return "s3:GetBucketObjectLockConfiguration"
	case "GetBucketEncryption":
		return "s3:GetEncryptionConfiguration"
	}
	return "s3:" + op
}

// fail makes an *awsclient.Error that names the operation and the key.
func (b *Bucket) fail(op, key string, err error) error {
	resource := b.URI(key)
	if key == "" {
		resource = scheme + b.name
	}
	return awsclient.Failed(op, resource, err)
}

// explain is fail for final errors: for a denial it finds out which permission is
// missing, on which resource, and for whom.
func (b *Bucket) explain(ctx context.Context, op, key string, err error) error {
	err = b.fail(op, key, err)
	var e *awsclient.Error
	if !errors.As(err, &e) || e.Kind != awsclient.Denied {
		return err
	}
	b.explaining.Lock()
	defer b.explaining.Unlock()
	if b.explained++; b.explained > maxExplained {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, explainTimeout)
	defer cancel()
	if e.Identity == "" {
		if caller, err := b.c.identity.Caller(ctx); err == nil {
			e.Identity = caller.ARN
		}
	}
	known := e.Action
	if known == "" {
		e.Action = actionOf(op)
	}
	if op == "GetObject" && (known == "" || known == "kms:Decrypt" && e.On == "") {
		b.explainGet(ctx, key, e)
	}
	if known == "" && e.On == "" && e.Action != "kms:Decrypt" {
		e.On = "arn:" + b.partition() + ":s3:::" + b.name
		if e.Action != "s3:ListBucket" && key != "" {
			e.On += "/" + key
		}
	}
	return err
}

// explainGet tells which of GetObject's two permissions is missing: HeadObject needs
// only s3:GetObject, and names the KMS key.
func (b *Bucket) explainGet(ctx context.Context, key string, e *awsclient.Error) {
	head, err := b.api.HeadObject(ctx, &sdk.HeadObjectInput{
		Bucket: &b.name, Key: &key, RequestPayer: b.payer(), ExpectedBucketOwner: b.ownerID(),
	})
	if err == nil && aws.ToString(head.SSEKMSKeyId) != "" {
		e.Action, e.On = "kms:Decrypt", aws.ToString(head.SSEKMSKeyId)
	}
}

// partition returns the AWS partition of the bucket's Region.
func (b *Bucket) partition() string {
	switch {
	case len(b.Region) > 3 && b.Region[:3] == "cn-":
		return "aws-cn"
	case len(b.Region) > 7 && b.Region[:7] == "us-gov-":
		return "aws-us-gov"
	}
	return "aws"
}
