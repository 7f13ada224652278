package macie

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/macie2"
	"github.com/aws/smithy-go"

	"github.com/macielake/macielake/internal/awsclient"
	"github.com/macielake/macielake/internal/keylayout"
)

// Client asks Macie. It is safe for concurrent use.
type Client struct {
	cfg      aws.Config
	identity *awsclient.Identity
}

// New returns a client; it sends nothing. The configuration comes from
// awsclient.Load or Prepare, and identity is its.
func New(cfg aws.Config, identity *awsclient.Identity) *Client {
	return &Client{cfg: cfg, identity: identity}
}

// Region is the region of the configuration; empty where it has none.
func (c *Client) Region() string { return c.cfg.Region }

// Export is where the Macie of a region puts the results of an account.
type Export struct {
	Region  string // of Macie; the bucket may be in another
	Account string // 12 digits: whose Macie it is
	Bucket  string
	Prefix  string // without slashes at its ends; empty for none
	Key     string // ARN of the KMS key that results are encrypted with
	Owner   string // account that must own the bucket; empty for any
}

// Place is the key that all results of the Region and account begin with; it ends
// in a slash.
func (e *Export) Place() string { return keylayout.RegionDir(e.Prefix, e.Account, e.Region) }

// URI is the s3:// URI of Place.
func (e *Export) URI() string { return "s3://" + e.Bucket + "/" + e.Place() }

// NotEnabledError says that there is no Macie in a region.
type NotEnabledError struct {
	Region string
	Err    error
}

func (e *NotEnabledError) Error() string { return "Macie is not enabled in " + e.Region }
func (e *NotEnabledError) Unwrap() error { return e.Err }

// NotConfiguredError says that a region's Macie keeps results for 90 days, where
// nobody can read them, and puts them nowhere.
type NotConfiguredError struct{ Region string }

func (e *NotConfiguredError) Error() string {
	return "Macie in " + e.Region + " puts its discovery results nowhere: no repository is configured"
}

// RegionError says that a text is no region's name.
type RegionError struct{ Region string }

func (e *RegionError) Error() string {
	if e.Region == "" {
		return "no AWS region is configured"
	}
	return fmt.Sprintf("%q is no AWS region", e.Region)
}

// Export asks where a region's results go. Besides the errors of this package it
// returns *awsclient.Error.
func (c *Client) Export(ctx context.Context, region string) (*Export, error) {
	if !keylayout.IsRegion(region) { // it becomes part of a host's name
		return nil, &RegionError{region}
	}
	cfg := c.cfg.Copy()
	cfg.Region = region
	resource := "macie://" + region
	out, err := macie2.NewFromConfig(cfg).GetClassificationExportConfiguration(
		awsclient.WithResource(ctx, resource), &macie2.GetClassificationExportConfigurationInput{})
	if err != nil {
		if notEnabled(err) {
			return nil, &NotEnabledError{region, err}
		}
		err = awsclient.Failed("GetClassificationExportConfiguration", resource, err)
		var e *awsclient.Error
		if errors.As(err, &e) && e.Kind == awsclient.Denied {
			c.explain(ctx, e)
		}
		return nil, err
	}
	if out.Configuration == nil || out.Configuration.S3Destination == nil || aws.ToString(out.Configuration.S3Destination.BucketName) == "" {
		return nil, &NotConfiguredError{region}
	}
	caller, err := c.identity.Caller(ctx)
	if err != nil {
		return nil, fmt.Errorf("finding the account whose results Macie stores: %w", err)
	}
	to := out.Configuration.S3Destination
	return &Export{
		Region: region, Account: caller.Account,
		Bucket: aws.ToString(to.BucketName), Prefix: strings.Trim(aws.ToString(to.KeyPrefix), "/"),
		Key: aws.ToString(to.KmsKeyArn), Owner: aws.ToString(to.ExpectedBucketOwner),
	}, nil
}

// explain names the permission that is missing, and for whom.
func (c *Client) explain(ctx context.Context, e *awsclient.Error) {
	if e.Action == "" {
		e.Action = "macie2:GetClassificationExportConfiguration"
	}
	if e.Identity == "" {
		if caller, err := c.identity.Caller(ctx); err == nil {
			e.Identity = caller.ARN
		}
	}
}

// notEnabled knows the denial that means something else: Macie has no error of
// its own for that.
func notEnabled(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && api.ErrorCode() == "AccessDeniedException" &&
		strings.Contains(strings.ToLower(api.ErrorMessage()), "macie is not enabled")
}
