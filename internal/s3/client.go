package s3

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/macielake/macielake/internal/awsclient"
)

// Options are how buckets are talked to.
type Options struct {
	// PathStyle puts the bucket into the path, as most stores that aren't
	// AWS's need.
	PathStyle bool
	// RequestPayer agrees to pay for requests to buckets whose owner doesn't.
	RequestPayer bool
	// Backoff is between attempts to read on; the zero value is
	// awsclient.DefaultBackoff.
	Backoff awsclient.Backoff
	// Stall is how long a body may bring fewer than 16 KiB before it is asked
	// for again; 0 is 30 seconds.
	Stall time.Duration
	// Log is told of what is tried again. It may be nil.
	Log *slog.Logger
}

// Client makes buckets. It is safe for concurrent use.
type Client struct {
	cfg      aws.Config
	o        Options
	identity *awsclient.Identity

	mu      sync.Mutex
	buckets map[string]*Bucket
}

// New returns a client; it sends nothing. The configuration comes from
// awsclient.Load or Prepare.
func New(cfg aws.Config, o Options) *Client {
	if o.Backoff.Base <= 0 || o.Backoff.Max <= 0 {
		o.Backoff = awsclient.DefaultBackoff()
	}
	if o.Stall <= 0 {
		o.Stall = 30 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Client{cfg: cfg, o: o, identity: awsclient.NewIdentity(cfg), buckets: make(map[string]*Bucket)}
}

// Identity is who the client's requests are signed by.
func (c *Client) Identity() *awsclient.Identity { return c.identity }

// Bucket is a bucket in the region where it is. It is safe for concurrent use.
type Bucket struct {
	c    *Client
	name string

	// Region is where the bucket is, as far as it could be found out.
	Region string

	api   *sdk.Client
	owner string // that the bucket must have; empty for any

	explaining sync.Mutex // held while a denial is looked into
	explained  int        // denials that were
}

// Name is the bucket's name.
func (b *Bucket) Name() string { return b.name }

// URI is that of an object of the bucket.
func (b *Bucket) URI(key string) string { return URI(b.name, key) }

// Log is told of what is tried again and of what had to be left.
func (b *Bucket) Log() *slog.Logger { return b.c.o.Log }

// API is the SDK's client for the bucket's region, for requests that aren't
// made here.
func (b *Bucket) API() *sdk.Client { return b.api }

// Bucket returns a bucket of that name, and finds out its region where it isn't
// known yet. That the bucket can't be used is found by the first request that
// uses it, but one that isn't there is an error at once.
func (c *Client) Bucket(ctx context.Context, name string) (*Bucket, error) {
	c.mu.Lock()
	b := c.buckets[name]
	c.mu.Unlock()
	if b != nil {
		return b, nil
	}
	if strings.HasSuffix(name, "--x-s3") {
		return nil, &awsclient.Error{Resource: scheme + name, Kind: awsclient.Unsupported, Err: ErrDirectoryBucket}
	}
	b, err := c.find(ctx, name)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if first := c.buckets[name]; first != nil { // found side by side
		return first, nil
	}
	c.buckets[name] = b
	return b, nil
}

// OwnedBy returns the bucket with the account that must own it: requests to a
// bucket of another are then refused by S3.
func (b *Bucket) OwnedBy(account string) *Bucket {
	return &Bucket{c: b.c, name: b.name, Region: b.Region, api: b.api, owner: account}
}

// anywhere is the region that is asked where none is configured: any knows where
// a bucket is.
const anywhere = "us-east-1"

func (c *Client) find(ctx context.Context, name string) (*Bucket, error) {
	region := c.cfg.Region
	if region == "" {
		region = anywhere
	}
	api := c.api(region)
	b := &Bucket{c: c, name: name, Region: region, api: api}
	if api.Options().BaseEndpoint != nil {
		return b, nil // not AWS: it has no other regions
	}
	found, err := regionOf(awsclient.WithResource(ctx, scheme+name), api, name)
	if err != nil {
		return nil, b.fail("HeadBucket", "", err)
	}
	if found != "" && found != region {
		b.Region, b.api = found, c.api(found)
	}
	return b, nil
}

func (c *Client) api(region string) *sdk.Client {
	cfg := c.cfg.Copy()
	cfg.Region = region
	return sdk.NewFromConfig(cfg, func(o *sdk.Options) {
		o.UsePathStyle = c.o.PathStyle
		o.UseARNRegion = true
		o.APIOptions = append(o.APIOptions, checkAnswers)
		// Bodies are verified here, across connections that break.
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
		o.DisableLogOutputChecksumValidationSkipped = true
		o.DisableS3ExpressSessionAuth = aws.Bool(true)
	})
}

// regionHeader is in every answer about a bucket that is there, also in those
// that deny (S3 API reference, HeadBucket).
const regionHeader = "X-Amz-Bucket-Region"

// regionOf asks where a bucket is: empty if that can't be known.
func regionOf(ctx context.Context, api *sdk.Client, name string) (string, error) {
	out, err := api.HeadBucket(ctx, &sdk.HeadBucketInput{Bucket: &name})
	if err == nil {
		return aws.ToString(out.BucketRegion), nil
	}
	var response *awshttp.ResponseError
	if errors.As(err, &response) && response.Response != nil {
		if region := response.Response.Header.Get(regionHeader); region != "" {
			return region, nil
		}
	}
	switch awsclient.KindOf(err) {
	case awsclient.NotFound:
		return "", &awsclient.Error{Op: "HeadBucket", Resource: scheme + name, Kind: awsclient.NoSuchBucket, Err: errNoSuchBucket}
	case awsclient.Denied, awsclient.Unknown, awsclient.WrongRegion:
		return "", nil // it may still be read
	}
	return "", err
}

// ErrDirectoryBucket is of directory buckets: Macie stores no results in directory buckets, and their
// listings, which are in no order, can't be checked (S3 user guide, "Differences
// for directory buckets").
var ErrDirectoryBucket = errors.New("a directory bucket can't be used")

var errNoSuchBucket = errors.New("there is no bucket of that name")

// payer is the request payer of each request.
func (b *Bucket) payer() types.RequestPayer {
	if b.c.o.RequestPayer {
		return types.RequestPayerRequester
	}
	return ""
}

func (b *Bucket) ownerID() *string {
	if b.owner == "" {
		return nil
	}
	return &b.owner
}
