package main

import (
	"context"

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

// load returns the configuration for requests to AWS; it sends none. Of the
// options the flags set those that are theirs.
func (a *awsFlags) load(ctx context.Context, o awsclient.Options) (aws.Config, error) {
	o.Profile, o.Region, o.EndpointURL = a.profile, a.region, a.endpointURL
	return awsclient.Load(ctx, o)
}
