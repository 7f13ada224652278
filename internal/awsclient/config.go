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

// Options say where services are and how they are talked to. The zero value is
// what the environment and the shared configuration files say.
type Options struct {
	Profile     string // of the shared configuration; empty for the environment's
	Region      string // empty for the environment's or the profile's
	EndpointURL string // of all services; empty for AWS's own
	// Concurrency is how many requests are under way at the same time; that
	// many connections are kept. 0 is DefaultConcurrency.
	Concurrency int
	// Backoff is how long to wait between attempts; the zero value is
	// DefaultBackoff.
	Backoff Backoff
	// Log is told of requests that are sent again, at level Info. It may be
	// nil.
	Log *slog.Logger
}

// DefaultConcurrency is how many requests are under way at the same time where
// nothing else is said.
const DefaultConcurrency = 64

// responseTimeout is how long a server may take to begin its answer. S3 copies
// and completes uploads of several GiB within it: it answers at once, and keeps
// the connection busy meanwhile.
const responseTimeout = 60 * time.Second

// Load loads the configuration as all AWS tools do (environment, shared files,
// SSO, containers, instances; roles that they name are assumed) and prepares it.
// It sends no requests, but where a role's credentials are in a file that names
// one.
func Load(ctx context.Context, o Options) (aws.Config, error) {
	// The SDK would tell standard error of what it tries on the way.
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
// answers; of the
// options it uses Concurrency, Backoff and Log. An HTTP client that isn't the
// SDK's own is left as it is.
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
	// Nothing of the SDK's own logs: at its levels it prints headers.
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
			// The SDK keeps 10 idle connections a host: with more requests
			// than that, most would open one of their own.
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

// CheckCredentials looks for the credentials that requests will be signed with.
// Without them nothing else is worth trying, and what that would have been is no
// news to the user.
func CheckCredentials(ctx context.Context, cfg aws.Config) error {
	if cfg.Credentials == nil {
		return nil
	}
	_, err := cfg.Credentials.Retrieve(ctx)
	return Failed("", "", err)
}

// spareConnections are those for requests besides the reading: listings and
// uploads.
const spareConnections = 32

// credentialsProvider tells errors of finding credentials from those of
// requests.
type credentialsProvider struct{ aws.CredentialsProvider }

// Retrieve implements aws.CredentialsProvider.
func (p credentialsProvider) Retrieve(ctx context.Context) (aws.Credentials, error) {
	c, err := p.CredentialsProvider.Retrieve(ctx)
	if err != nil && ctx.Err() == nil {
		err = &CredentialsError{err}
	}
	return c, err
}

// IsCredentialsProvider lets the SDK see what is inside.
func (p credentialsProvider) IsCredentialsProvider(target aws.CredentialsProvider) bool {
	return aws.IsCredentialsProvider(p.CredentialsProvider, target)
}
