package main

import (
	"net/http/httptest"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/macielake/macielake/internal/athena/athenatest"
)

// fakeaws [denied|foreign]: serves Glue and Athena at $AWS_ENDPOINT until the
// script ends; denied refuses to create tables as Lake Formation does, foreign
// has a table results that isn't ours.
func scriptFakeAWS(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 1 {
		ts.Fatalf("usage: fakeaws [denied|foreign]")
	}
	fake := athenatest.New()
	switch strings.Join(args, "") {
	case "denied":
		fake.Fail = func(operation, _ string) *athenatest.Error {
			if operation != "glue:CreateTable" {
				return nil
			}
			return &athenatest.Error{Code: "AccessDeniedException", Message: "Insufficient Lake Formation permission(s): Required Create Table on macie"}
		}
	case "foreign":
		fake.PutTable("macie", types.Table{Name: aws.String("results"), PartitionKeys: []types.Column{
			{Name: aws.String("created_month"), Type: aws.String("string")},
		}})
	}
	server := httptest.NewServer(fake)
	ts.Defer(func() {
		server.Close()
		if problems := fake.Problems(); len(problems) > 0 {
			ts.Fatalf("%s", strings.Join(problems, "\n"))
		}
	})
	for name, value := range map[string]string{
		"AWS_ENDPOINT": server.URL, "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
		"AWS_SECRET_ACCESS_KEY": "secret", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
	} {
		ts.Setenv(name, value)
	}
}
