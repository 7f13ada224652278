package main

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/spf13/pflag"
)

// awsFlags are the flags that say which AWS account and endpoint to talk to;
// the SDK's environment and files say the rest.
type awsFlags struct {
	profile     string
	region      string
	endpointURL string
}

func (a *awsFlags) addFlags(f *pflag.FlagSet) {
	f.StringVar(&a.profile, "profile", "", "profile in AWS's configuration files")
	f.StringVar(&a.region, "region", "", "AWS Region to talk to")
	f.StringVar(&a.endpointURL, "endpoint-url", "", "URL to talk to instead of AWS's")
}

// awsConfigError is a mistake in AWS's configuration.
type awsConfigError struct{ err error }

func (e *awsConfigError) Error() string { return e.err.Error() }
func (e *awsConfigError) Unwrap() error { return e.err }

// load reads AWS's configuration. It talks to no service.
func (a *awsFlags) load(ctx context.Context) (aws.Config, error) {
	var options []func(*config.LoadOptions) error
	if a.profile != "" {
		options = append(options, config.WithSharedConfigProfile(a.profile))
	}
	if a.region != "" {
		options = append(options, config.WithRegion(a.region))
	}
	if a.endpointURL != "" {
		options = append(options, config.WithBaseEndpoint(a.endpointURL))
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return aws.Config{}, &awsConfigError{fmt.Errorf("reading AWS's configuration: %w", err)}
	}
	if cfg.Region == "" {
		return aws.Config{}, &awsConfigError{fmt.Errorf("no AWS Region is set")}
	}
	return cfg, nil
}
