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

// Options configure requests to buckets.
type Options struct {
	// PathStyle puts the bucket into the path of URLs, as most non-AWS stores need.
	PathStyle bool
	// RequestPayer accepts charges for requester-pays buckets.
	RequestPayer bool
	// Backoff sets the waits before a broken read is resumed; the zero value is
	// awsclient.DefaultBackoff.
	Backoff awsclient.Backoff
	// Stall is the time in which a body must bring 16 KiB, or be requested again; 0 is
	// 30 seconds.
	Stall time.Duration
	// Log receives repeated attempts. It may be nil.
	Log *slog.Logger
}

// Client opens buckets. It is safe for concurrent use.
type Client struct {
	cfg      aws.Config
	o        Options
	identity *awsclient.Identity

	mu      sync.Mutex
	buckets map[string]*Bucket
}

// New returns a client without sending anything. The configuration comes from
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

// Identity returns the identity that signs the client's requests.
func (c *Client) Identity() *awsclient.Identity { return c.identity }

// Bucket is a bucket with a client for its Region. It is safe for concurrent use.
type Bucket struct {
	c    *Client
	name string

	// Region is the bucket's Region, or the configured one if it can't be determined.
	Region string

	api   *sdk.Client
	owner string // account that must own the bucket; empty for any

	explaining sync.Mutex // held while a denial is explained
	explained  int        // denials so far
}

// Name returns the bucket's name.
func (b *Bucket) Name() string { return b.name }

// URI returns the URI of an object in the bucket.
func (b *Bucket) URI(key string) string { return URI(b.name, key) }

// Log returns the log for repeated attempts and objects that could not be removed.
func (b *Bucket) Log() *slog.Logger { return b.c.o.Log }

// API returns the SDK's client for the bucket's Region, for requests that this package
// doesn't offer.
func (b *Bucket) API() *sdk.Client { return b.api }

// Bucket returns the bucket of that name, and determines its Region if it isn't known
// yet. A bucket that doesn't exist is an error; one that can't be used fails with its
// first request.
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
	if first := c.buckets[name]; first != nil { // another goroutine was faster
		return first, nil
	}
	c.buckets[name] = b
	return b, nil
}

// OwnedBy returns the bucket with the account that must own it: S3 then refuses
// requests if another account does.
func (b *Bucket) OwnedBy(account string) *Bucket {
	return &Bucket{c: b.c, name: b.name, Region: b.Region, api: b.api, owner: account}
}

// defaultRegion is asked for a bucket's Region if none is configured: every Region knows
// it.
const defaultRegion = "us-east-1"

func (c *Client) find(ctx context.Context, name string) (*Bucket, error) {
	region := c.cfg.Region
	if region == "" {
		region = defaultRegion
	}
	api := c.api(region)
	b := &Bucket{c: c, name: name, Region: region, api: api}
	if api.Options().BaseEndpoint != nil {
		return b, nil // not AWS: there are no other Regions
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
		// body verifies them, also across broken connections.
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
		o.DisableLogOutputChecksumValidationSkipped = true
		o.DisableS3ExpressSessionAuth = aws.Bool(true)
	})
}

// regionHeader is in every answer about an existing bucket, even in denials (S3 API
// reference, HeadBucket).
const regionHeader = "X-Amz-Bucket-Region"

// regionOf asks for a bucket's Region; it is empty if S3 doesn't tell.
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
		return "", nil // reading may be allowed all the same
	}
	return "", err
}

// ErrDirectoryBucket refuses directory buckets: Macie stores no results in them, and
// their listings are in no order and can't be checked (S3 user guide, "Differences for
// directory buckets").
var ErrDirectoryBucket = errors.New("a directory bucket can't be used")

var errNoSuchBucket = errors.New("there is no bucket of that name")

// payer returns the RequestPayer of each request.
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
