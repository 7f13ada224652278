package s3

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"github.com/macielake/macielake/internal/awsclient"
	"github.com/macielake/macielake/internal/policy"
)

// Head describes an object without its content.
type Head struct {
	Size       int64
	Modified   time.Time
	Encryption string // AES256, aws:kms, aws:kms:dsse; empty if unknown
	Key        string // ARN of the KMS key; empty if there is none
	Class      string // storage class; empty for STANDARD
}

// Head requests the description of an object.
func (b *Bucket) Head(ctx context.Context, key string) (Head, error) {
	out, err := b.api.HeadObject(awsclient.WithResource(ctx, b.URI(key)), &sdk.HeadObjectInput{
		Bucket: &b.name, Key: &key, RequestPayer: b.payer(), ExpectedBucketOwner: b.ownerID(),
	})
	if err != nil {
		return Head{}, b.explain(ctx, "HeadObject", key, err)
	}
	return Head{
		Size: aws.ToInt64(out.ContentLength), Modified: aws.ToTime(out.LastModified),
		Encryption: string(out.ServerSideEncryption), Key: aws.ToString(out.SSEKMSKeyId), Class: string(out.StorageClass),
	}, nil
}

// PublicAccess says which public access the settings of a bucket or account block.
type PublicAccess struct {
	BlockACLs, IgnoreACLs, BlockPolicy, RestrictBucket bool
}

// Blocked reports whether all public access is blocked.
func (p PublicAccess) Blocked() bool {
	return p.BlockACLs && p.IgnoreACLs && p.BlockPolicy && p.RestrictBucket
}

// PublicAccess asks which public access the bucket blocks: none if it has no such
// settings.
func (b *Bucket) PublicAccess(ctx context.Context) (PublicAccess, error) {
	out, err := b.api.GetPublicAccessBlock(b.about(ctx), &sdk.GetPublicAccessBlockInput{Bucket: &b.name, ExpectedBucketOwner: b.ownerID()})
	if absent(err, "NoSuchPublicAccessBlockConfiguration") {
		return PublicAccess{}, nil
	}
	if err != nil {
		return PublicAccess{}, b.explain(ctx, "GetPublicAccessBlock", "", err)
	}
	c := out.PublicAccessBlockConfiguration
	return PublicAccess{
		BlockACLs: aws.ToBool(c.BlockPublicAcls), IgnoreACLs: aws.ToBool(c.IgnorePublicAcls),
		BlockPolicy: aws.ToBool(c.BlockPublicPolicy), RestrictBucket: aws.ToBool(c.RestrictPublicBuckets),
	}, nil
}

// Policy asks for the bucket's policy; it is empty if there is none.
func (b *Bucket) Policy(ctx context.Context) (string, error) {
	out, err := b.api.GetBucketPolicy(b.about(ctx), &sdk.GetBucketPolicyInput{Bucket: &b.name, ExpectedBucketOwner: b.ownerID()})
	if absent(err, "NoSuchBucketPolicy") {
		return "", nil
	}
	if err != nil {
		return "", b.explain(ctx, "GetBucketPolicy", "", err)
	}
	return aws.ToString(out.Policy), nil
}

// PolicyIsPublic asks whether S3 regards the bucket's policy as public.
func (b *Bucket) PolicyIsPublic(ctx context.Context) (bool, error) {
	out, err := b.api.GetBucketPolicyStatus(b.about(ctx), &sdk.GetBucketPolicyStatusInput{Bucket: &b.name, ExpectedBucketOwner: b.ownerID()})
	if absent(err, "NoSuchBucketPolicy") {
		return false, nil
	}
	if err != nil {
		return false, b.explain(ctx, "GetBucketPolicyStatus", "", err)
	}
	return *out.PolicyStatus.IsPublic, nil
}

// Encryption is a bucket's default encryption, for objects written without another.
type Encryption struct {
	Algorithm string // AES256, aws:kms, aws:kms:dsse; empty if there is none
	Key       string // the KMS key, as the bucket's owner wrote it
	BucketKey bool   // one data key serves many objects
}

// Encryption asks for the bucket's default encryption.
func (b *Bucket) Encryption(ctx context.Context) (Encryption, error) {
	out, err := b.api.GetBucketEncryption(b.about(ctx), &sdk.GetBucketEncryptionInput{Bucket: &b.name, ExpectedBucketOwner: b.ownerID()})
	if absent(err, "ServerSideEncryptionConfigurationNotFoundError") {
		return Encryption{}, nil
	}
	if err != nil {
		return Encryption{}, b.explain(ctx, "GetBucketEncryption", "", err)
	}
	var e Encryption
	if c := out.ServerSideEncryptionConfiguration; c != nil && len(c.Rules) > 0 {
		rule := c.Rules[0]
		e.BucketKey = aws.ToBool(rule.BucketKeyEnabled)
		if d := rule.ApplyServerSideEncryptionByDefault; d != nil {
			e.Algorithm, e.Key = string(d.SSEAlgorithm), aws.ToString(d.KMSMasterKeyID)
		}
	}
	return e, nil
}

func (b *Bucket) about(ctx context.Context) context.Context {
	return awsclient.WithResource(ctx, scheme+b.name)
}

// absent reports whether an error has the code that says that a setting is absent.
func absent(err error, code string) bool {
	var api smithy.APIError
	return errors.As(err, &api) && api.ErrorCode() == code
}

// DefaultRetention returns for how long the bucket's Object Lock protects every new
// object, for example "GOVERNANCE for 30 days"; it is empty if it doesn't.
func (b *Bucket) DefaultRetention(ctx context.Context) (string, error) {
	out, err := b.api.GetObjectLockConfiguration(b.about(ctx), &sdk.GetObjectLockConfigurationInput{Bucket: &b.name, ExpectedBucketOwner: b.ownerID()})
	if absent(err, "ObjectLockConfigurationNotFoundError") {
		return "", nil
	}
	if err != nil {
		return "", b.explain(ctx, "GetObjectLockConfiguration", "", err)
	}
	rule := out.ObjectLockConfiguration.Rule
	if rule == nil || rule.DefaultRetention == nil {
		return "", nil
	}
	d := rule.DefaultRetention
	if d.Years != nil {
		return fmt.Sprintf("%s for %d years", d.Mode, *d.Years), nil
	}
	return fmt.Sprintf("%s for %d days", d.Mode, aws.ToInt32(d.Days)), nil
}

// IsOwnedBy reports whether an account owns the bucket.
func (b *Bucket) IsOwnedBy(ctx context.Context, account string) (bool, error) {
	_, err := b.api.HeadBucket(b.about(ctx), &sdk.HeadBucketInput{Bucket: &b.name, ExpectedBucketOwner: &account})
	if err == nil {
		return true, nil
	}
	if awsclient.KindOf(err) == awsclient.Denied {
		return false, nil
	}
	return false, b.explain(ctx, "HeadBucket", "", err)
}

// AccountPublicAccess asks which public access an account blocks on all of its buckets:
// none if it has no such settings.
func (c *Client) AccountPublicAccess(ctx context.Context, account, region string) (PublicAccess, error) {
	body, err := awsclient.Call(ctx, c.cfg, awsclient.Request{
		Operation: "GetPublicAccessBlock of the account", Resource: account, Service: "s3", ID: "S3 Control", Region: region, Method: "GET",
		Host: account + ".s3-control." + region + "." + policy.Domain(region), Path: "/v20180820/configuration/publicAccessBlock",
		Header: map[string]string{"X-Amz-Account-Id": account},
	})
	if absent(err, "NoSuchPublicAccessBlockConfiguration") {
		return PublicAccess{}, nil
	}
	var failed *awsclient.Error
	if errors.As(err, &failed) && failed.Kind == awsclient.Denied && failed.Action == "" {
		failed.Action = "s3:GetAccountPublicAccessBlock"
	}
	if err != nil {
		return PublicAccess{}, err
	}
	var answer struct {
		XMLName                                                                     xml.Name `xml:"PublicAccessBlockConfiguration"`
		BlockPublicAcls, IgnorePublicAcls, BlockPublicPolicy, RestrictPublicBuckets *bool
	}
	if err := xml.Unmarshal(body, &answer); err != nil || answer.BlockPublicAcls == nil && answer.RestrictPublicBuckets == nil {
		return PublicAccess{}, awsclient.Failed("GetPublicAccessBlock of the account", account, bad("it has no PublicAccessBlockConfiguration"))
	}
	return PublicAccess{
		BlockACLs: aws.ToBool(answer.BlockPublicAcls), IgnoreACLs: aws.ToBool(answer.IgnorePublicAcls),
		BlockPolicy: aws.ToBool(answer.BlockPublicPolicy), RestrictBucket: aws.ToBool(answer.RestrictPublicBuckets),
	}, nil
}

// And returns the public access that p, q or both block.
func (p PublicAccess) And(q PublicAccess) PublicAccess {
	return PublicAccess{
		BlockACLs: p.BlockACLs || q.BlockACLs, IgnoreACLs: p.IgnoreACLs || q.IgnoreACLs,
		BlockPolicy: p.BlockPolicy || q.BlockPolicy, RestrictBucket: p.RestrictBucket || q.RestrictBucket,
	}
}
