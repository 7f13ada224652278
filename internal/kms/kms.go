// Package kms asks AWS KMS what a key is and who may use it.
//
// Start with [New].
package kms

import (
	"context"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/macielake/macielake/internal/awsclient"
	"github.com/macielake/macielake/internal/policy"
)

// Client asks KMS. It is safe for concurrent use.
type Client struct{ cfg aws.Config }

// New returns a client; it sends nothing. The configuration comes from
// awsclient.Load or Prepare.
func New(cfg aws.Config) *Client { return &Client{cfg} }

// Key is what KMS says of a key (KMS API reference, KeyMetadata).
type Key struct {
	ARN     string `json:"Arn"`
	Account string `json:"AWSAccountId"`
	State   string `json:"KeyState"`   // Enabled, Disabled, PendingDeletion, …
	Manager string `json:"KeyManager"` // CUSTOMER or AWS
	Spec    string `json:"KeySpec"`    // SYMMETRIC_DEFAULT, RSA_2048, …
	Usage   string `json:"KeyUsage"`   // ENCRYPT_DECRYPT, SIGN_VERIFY, …
}

// NoKeyError says that there is no such key.
type NoKeyError struct{ ARN string }

func (e *NoKeyError) Error() string { return e.ARN + ": there is no such key" }

// Describe asks what a key is, by the ARN of the key or of an alias.
func (c *Client) Describe(ctx context.Context, arn string) (*Key, error) {
	var answer struct{ KeyMetadata Key }
	if err := c.call(ctx, "DescribeKey", arn, map[string]string{"KeyId": arn}, &answer); err != nil {
		return nil, err
	}
	if k := &answer.KeyMetadata; k.ARN == "" || k.State == "" {
		return nil, awsclient.Failed("DescribeKey", arn, &awsclient.AnswerError{What: "it has no KeyMetadata"})
	}
	return &answer.KeyMetadata, nil
}

// Policy asks for a key's policy, by the ARN of the key.
func (c *Client) Policy(ctx context.Context, arn string) (*policy.Document, error) {
	var answer struct{ Policy string }
	if err := c.call(ctx, "GetKeyPolicy", arn, map[string]string{"KeyId": arn, "PolicyName": "default"}, &answer); err != nil {
		return nil, err
	}
	return policy.Parse([]byte(answer.Policy))
}

// call sends a request as KMS takes them: JSON, in the Region of the key.
func (c *Client) call(ctx context.Context, operation, arn string, in, out any) error {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 {
		return errors.New(arn + " is no ARN of a KMS key")
	}
	err := awsclient.CallJSON(ctx, c.cfg, awsclient.JSONRequest{
		Operation: operation, Resource: arn, Service: "kms", ID: "KMS", Target: "TrentService",
		Region: parts[3], Domain: policy.Domain(parts[3]),
	}, in, out)
	var failed *awsclient.Error
	if errors.As(err, &failed) && failed.Kind == awsclient.Denied && failed.Action == "" {
		failed.Action, failed.On = "kms:"+operation, arn
	}
	if failed != nil && failed.Code == "NotFoundException" {
		return &NoKeyError{arn}
	}
	return err
}
