package main

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/spf13/pflag"

	"github.com/macielake/macielake/internal/awsclient"
)

// awsFlags say with which identity and where requests to AWS are made.
type awsFlags struct {
	profile, region, endpointURL string
}

func (a *awsFlags) addFlags(f *pflag.FlagSet) {
	f.StringVar(&a.profile, "profile", "", "`NAME` of a profile in the AWS configuration files")
	f.StringVar(&a.region, "region", "", "AWS `REGION`; bucket Regions are detected automatically")
	f.StringVar(&a.endpointURL, "endpoint-url", "", "`URL` to send requests to, for stores other than AWS")
}

// load returns the configuration for requests to AWS; it sends none. The flags
// replace the options of the same names.
func (a *awsFlags) load(ctx context.Context, o awsclient.Options) (aws.Config, error) {
	o.Profile, o.Region, o.EndpointURL = a.profile, a.region, a.endpointURL
	return awsclient.Load(ctx, o)
}
