package s3

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/macielake/macielake/internal/awsclient"
)

func TestParseURI(t *testing.T) {
	for _, test := range []struct {
		uri, bucket, key string
		ok               bool
	}{
		{"s3://b", "b", "", true}, {"s3://b/", "b", "", true}, {"s3://b/a b/%20é", "b", "a b/%20é", true}, {"s3://b//x", "b", "/x", true},
		{"s3://arn:aws:s3:eu-west-1:111122223333:accesspoint/name/a/b", "arn:aws:s3:eu-west-1:111122223333:accesspoint/name", "a/b", true},
		{"s3://", "", "", false}, {"s3:///x", "", "", false}, {"b/x", "", "", false}, {"s3://b?x/y", "", "", false},
		{"s3://b/\xff", "", "", false}, {"s3://b/" + strings.Repeat("x", 1025), "", "", false},
	} {
		bucket, key, err := ParseURI(test.uri)
		if (err == nil) != test.ok || test.ok && (bucket != test.bucket || key != test.key) {
			t.Errorf("%.40q: %q, %q, %v", test.uri, bucket, key, err)
		}
	}
}

// asAWS is an HTTP client that answers instead of AWS.
type asAWS struct {
	hosts []string
	head  func(r *http.Request) (status int, region string)
}

func (a *asAWS) Do(r *http.Request) (*http.Response, error) {
	a.hosts = append(a.hosts, r.Method+" "+r.URL.Host)
	status, region := 200, ""
	if r.Method == http.MethodHead {
		status, region = a.head(r)
	}
	h := http.Header{}
	if region != "" {
		h.Set("X-Amz-Bucket-Region", region)
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader("<ListBucketResult><Name>results</Name><IsTruncated>false</IsTruncated></ListBucketResult>")), Request: r}, nil
}

// A bucket's Region is found in any kind of answer; if none has it, the configured one
// is used.
func TestRegion(t *testing.T) {
	for _, test := range []struct {
		name, configured string
		status           int
		header           string
		host             string
		kind             awsclient.Kind
	}{
		{"elsewhere", "eu-west-1", 301, "ap-south-1", "results.s3.ap-south-1.amazonaws.com", 0},
		{"here", "eu-west-1", 200, "eu-west-1", "results.s3.eu-west-1.amazonaws.com", 0},
		{"none configured", "", 301, "ap-south-1", "results.s3.ap-south-1.amazonaws.com", 0},
		{"denied, but it says where", "eu-west-1", 403, "ap-south-1", "results.s3.ap-south-1.amazonaws.com", 0},
		{"denied", "eu-west-1", 403, "", "results.s3.eu-west-1.amazonaws.com", 0},
		{"no bucket", "eu-west-1", 404, "", "", awsclient.NoSuchBucket},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := &asAWS{head: func(*http.Request) (int, string) { return test.status, test.header }}
			cfg := awsclient.Prepare(aws.Config{Region: test.configured, HTTPClient: h,
				Credentials: credentials.NewStaticCredentialsProvider("AKID", "secret", "")}, awsclient.Options{})
			c := New(cfg, Options{})
			b, err := c.Bucket(t.Context(), "results")
			if test.kind != 0 {
				if awsclient.KindOf(err) != test.kind {
					t.Errorf("%v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, err := b.Page(t.Context(), "", "", false); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Bucket(t.Context(), "results"); err != nil || len(h.hosts) != 2 || h.hosts[1] != "GET "+test.host {
				t.Errorf("%v, %q", err, h.hosts)
			}
		})
	}
}
