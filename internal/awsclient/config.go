package awsclient

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go/logging"
)

// Options configure the clients of AWS services. The zero value leaves everything to
// the environment and the shared configuration files.
type Options struct {
	Profile     string // of the shared configuration; empty for the environment's
	Region      string // empty for the environment's or the profile's
	EndpointURL string // of all services; empty for AWS's own
	// Concurrency is the number of requests under way at a time, and of the
	// connections kept. 0 is DefaultConcurrency.
	Concurrency int
	// Backoff sets the wait between attempts; the zero value is DefaultBackoff.
	Backoff Backoff
	// Log receives repeated requests, at level Info. It may be nil.
	Log *slog.Logger
}

// DefaultConcurrency is the number of requests under way at a time by default.
const DefaultConcurrency = 64

// responseTimeout is how long a server may take to begin its answer. S3 copies
// and completes uploads of several GiB within it: it answers at once, and keeps
// the connection busy with spaces.
const responseTimeout = 60 * time.Second

// Load loads the configuration as all AWS tools do (environment, shared files,
// SSO, containers, instances; roles that they name are assumed) and prepares it.
// It sends requests only if a file names a role whose credentials need them.
func Load(ctx context.Context, o Options) (aws.Config, error) {
	// The SDK would log its attempts to standard error.
	options := []func(*config.LoadOptions) error{config.WithLogger(logging.Nop{})}
	if o.Profile != "" {
		options = append(options, config.WithSharedConfigProfile(o.Profile))
	}
	if o.Region != "" {
		options = append(options, config.WithRegion(o.Region))
	}
	if o.EndpointURL != "" {
		options = append(options, config.WithBaseEndpoint(o.EndpointURL))
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return aws.Config{}, &Error{Op: "loading the AWS configuration", Kind: BadConfig, Err: err}
	}
	return Prepare(cfg, o), nil
}

// Prepare returns cfg with our retries, errors, connection pool and bounds of
// answers. It uses the options Concurrency, Backoff and Log. An HTTP client other
// than the SDK's own is kept as it is, without bounds.
func Prepare(cfg aws.Config, o Options) aws.Config {
	cfg = cfg.Copy()
	if o.Concurrency <= 0 {
		o.Concurrency = DefaultConcurrency
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	r := &retryer{backoff: o.Backoff.withDefaults(), log: o.Log}
	cfg.Retryer = func() aws.Retryer { return r }
	cfg.RetryMaxAttempts, cfg.RetryMode = 0, "" // they would wrap ours
	cfg.APIOptions = append(cfg.APIOptions, countAttempts)
	// The SDK's own logs would contain headers.
	cfg.ClientLogMode, cfg.Logger = 0, logging.Nop{}
	if cfg.Credentials != nil {
		cfg.Credentials = credentialsProvider{cfg.Credentials}
	}
	client, ok := cfg.HTTPClient.(*awshttp.BuildableClient)
	if cfg.HTTPClient == nil {
		client, ok = awshttp.NewBuildableClient(), true
	}
	if ok {
		cfg.HTTPClient = bounded(client.WithTransportOptions(func(t *http.Transport) {
			// The SDK keeps 10 idle connections per host: with more requests at a
			// time, most would open a new connection.
			t.MaxIdleConnsPerHost = o.Concurrency + spareConnections
			t.MaxIdleConns = 2 * t.MaxIdleConnsPerHost // two buckets
			t.MaxConnsPerHost = 0
			t.ResponseHeaderTimeout = responseTimeout
			t.ForceAttemptHTTP2 = false // S3 speaks HTTP/1.1
			t.ReadBufferSize = 32 << 10
		}))
	}
	return cfg
}

// CheckCredentials looks for the credentials that requests will be signed with. Its
// error names no operation or resource: without credentials all of them fail.
func CheckCredentials(ctx context.Context, cfg aws.Config) error {
	if cfg.Credentials == nil {
		return nil
	}
	_, err := cfg.Credentials.Retrieve(ctx)
	return Failed("", "", err)
}

// spareConnections are for listings and uploads, besides reading.
const spareConnections = 32

// credentialsProvider marks errors of finding credentials, so that they can be told
// from errors of requests.
type credentialsProvider struct{ aws.CredentialsProvider }

// Retrieve implements aws.CredentialsProvider.
func (p credentialsProvider) Retrieve(ctx context.Context) (aws.Credentials, error) {
	c, err := p.CredentialsProvider.Retrieve(ctx)
	if err != nil && ctx.Err() == nil {
		err = &CredentialsError{err}
	}
	return c, err
}

// IsCredentialsProvider lets the SDK recognize the wrapped provider.
func (p credentialsProvider) IsCredentialsProvider(target aws.CredentialsProvider) bool {
	return aws.IsCredentialsProvider(p.CredentialsProvider, target)
}
