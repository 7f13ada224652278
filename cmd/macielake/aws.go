package main

import (
	"context"
	"log/slog"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/spf13/pflag"

	"github.com/macielake/macielake/internal/awsclient"
)

// awsFlags say as whom and where AWS is asked.
type awsFlags struct {
	profile, region, endpointURL string
}

func (a *awsFlags) addFlags(f *pflag.FlagSet) {
	f.StringVar(&a.profile, "profile", "", "profile of the AWS configuration files")
	f.StringVar(&a.region, "region", "", "AWS region; that of a bucket is found by itself")
	f.StringVar(&a.endpointURL, "endpoint-url", "", "send AWS requests to this URL, for stores that aren't AWS")
}

// load returns the configuration for requests; concurrency is how many of them
// are under way at a time, 0 for the usual number.
func (a *awsFlags) load(ctx context.Context, concurrency int, log *slog.Logger) (aws.Config, error) {
	return awsclient.Load(ctx, awsclient.Options{
		Profile: a.profile, Region: a.region, EndpointURL: a.endpointURL,
		Concurrency: concurrency, Log: log,
	})
}
