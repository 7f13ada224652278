package macie_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	macietypes "github.com/aws/aws-sdk-go-v2/service/macie2/types"

	"github.com/macielake/macielake/internal/awsclient"
	"github.com/macielake/macielake/internal/awsclient/awstest"
	"github.com/macielake/macielake/internal/input"
	"github.com/macielake/macielake/internal/macie"
	"github.com/macielake/macielake/pkg/schema"
)

func client(c *awstest.Control, region string) *macie.Client {
	cfg := awsclient.Prepare(c.Config(region), awsclient.Options{Backoff: awsclient.Backoff{Base: time.Millisecond, Max: time.Millisecond}})
	return macie.New(cfg, awsclient.NewIdentity(cfg))
}

func TestExport(t *testing.T) {
	c := awstest.New(t)
	const key = "arn:aws:kms:eu-west-1:111122223333:key/1"
	c.Export(t, "eu-west-1", &macietypes.S3Destination{
		BucketName: aws.String("results"), KeyPrefix: aws.String("/security/macie/"), KmsKeyArn: aws.String(key), ExpectedBucketOwner: aws.String("444455556666"),
	})
	c.Export(t, "us-east-1", &macietypes.S3Destination{BucketName: aws.String("results"), KmsKeyArn: aws.String(key)})
	c.Export(t, "eu-west-2", nil)
	m := client(c, "eu-west-1")
	ctx := context.Background()

	got, err := m.Export(ctx, "eu-west-1")
	want := macie.Export{Region: "eu-west-1", Account: awstest.Account, Bucket: "results", Prefix: "security/macie", Key: key, Owner: "444455556666"}
	if err != nil || *got != want {
		t.Errorf("%+v, %v", got, err)
	}
	if uri := got.URI(); uri != "s3://results/security/macie/AWSLogs/111122223333/Macie/eu-west-1/" {
		t.Error(uri)
	}
	got, err = m.Export(ctx, "us-east-1")
	if err != nil || got.URI() != "s3://results/AWSLogs/111122223333/Macie/us-east-1/" {
		t.Errorf("%+v, %v", got, err)
	}

	var (
		nowhere *macie.NotConfiguredError
		without *macie.NotEnabledError
		region  *macie.RegionError
		request *awsclient.Error
	)
	if _, err := m.Export(ctx, "eu-west-2"); !errors.As(err, &nowhere) || nowhere.Region != "eu-west-2" {
		t.Error(err)
	}
	if _, err := m.Export(ctx, "eu-west-3"); !errors.As(err, &without) || without.Region != "eu-west-3" {
		t.Error(err)
	}
	for _, bad := range []string{"", "eu-west-1.example.com", "EU-WEST-1", "eu", "a-b-c/", strings.Repeat("a-", 30)} {
		if _, err := m.Export(ctx, bad); !errors.As(err, &region) {
			t.Errorf("%q: %v", bad, err)
		}
	}

	// A denial names the permission, and for whom.
	const message = "User: " + awstest.ARN + " is not authorized to perform: macie2:GetClassificationExportConfiguration on resource: arn:aws:macie2:us-east-1:111122223333:*"
	c.Fail("GetClassificationExportConfiguration", "us-east-1", awstest.Failure{Status: 403, Code: "AccessDeniedException", Message: message})
	c.Fail("GetClassificationExportConfiguration", "eu-west-1", awstest.Failure{Status: 403, Code: "AccessDeniedException", Message: "no"})
	for _, r := range []string{"us-east-1", "eu-west-1"} {
		_, err := m.Export(ctx, r)
		if !errors.As(err, &request) || request.Kind != awsclient.Denied || request.Action != "macie2:GetClassificationExportConfiguration" || request.Identity != awstest.ARN {
			t.Errorf("%s: %+v", r, request)
		}
	}

	// What passes is asked again.
	c.Fail("GetClassificationExportConfiguration", "eu-west-2", awstest.Failure{Status: 429, Code: "ThrottlingException", Message: "slow down"})
	before := c.Seen("GetClassificationExportConfiguration")
	if _, err := m.Export(ctx, "eu-west-2"); awsclient.KindOf(err) != awsclient.Throttled {
		t.Error(err)
	}
	if n := c.Seen("GetClassificationExportConfiguration") - before; n < 3 {
		t.Errorf("asked %d times", n)
	}
}

// bucket is an origin of sources in S3.
type bucket struct{ listed []string }

func (b *bucket) Has(in string) bool { return strings.HasPrefix(in, "s3://") }

func (b *bucket) List(_ context.Context, in string, _ *input.Listing, each func(input.Source) error) error {
	b.listed = append(b.listed, in)
	return each(input.NewSource(b, schema.Source{URI: in + "job/x.jsonl.gz"}, "eu-west-1", 3))
}

func (b *bucket) Open(context.Context, *input.Source) (io.ReadCloser, error) {
	return io.NopCloser(strings.NewReader("{}\n")), nil
}

func TestOrigin(t *testing.T) {
	c := awstest.New(t)
	c.Export(t, "eu-west-1", &macietypes.S3Destination{BucketName: aws.String("results"), KmsKeyArn: aws.String("k")})
	b := &bucket{}
	origins := []input.Origin{macie.NewOrigin(client(c, "eu-west-1"), b), b}
	for _, in := range []string{"macie://eu-west-1", "macie://eu-west-1/", "macie://"} {
		b.listed = nil
		l := input.Listing{Log: slog.New(slog.DiscardHandler)}
		var found []string
		err := input.Find(context.Background(), origins, []string{in}, &l, func(s input.Source) error {
			found = append(found, s.URI)
			return nil
		})
		const uri = "s3://results/AWSLogs/111122223333/Macie/eu-west-1/"
		if err != nil || !slices.Equal(b.listed, []string{uri}) || !slices.Equal(found, []string{uri + "job/x.jsonl.gz"}) {
			t.Errorf("%s: listed %v, found %v, %v", in, b.listed, found, err)
		}
	}
	l := input.Listing{Log: slog.New(slog.DiscardHandler)}
	err := input.Find(context.Background(), origins, []string{"macie://eu-west-3"}, &l, nil)
	if e := (*macie.NotEnabledError)(nil); !errors.As(err, &e) {
		t.Error(err)
	}
}

// The regions are those that the SDK has endpoints of Macie for.
func TestRegions(t *testing.T) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/aws/aws-sdk-go-v2/service/macie2").Output()
	if err != nil {
		t.Skip("no go command to find the SDK's files with:", err)
	}
	source, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(out)), "internal", "endpoints", "endpoints.go"))
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	// An entry with nothing but a region is one of the plain endpoints.
	for _, m := range regexp.MustCompile(`EndpointKey\{\s*Region: +"([^"]+)",\s*\}: endpoints\.Endpoint\{\}`).FindAllSubmatch(source, -1) {
		want = append(want, string(m[1]))
	}
	slices.Sort(want)
	if got := macie.Regions("aws"); !slices.Equal(got, want) || len(want) < 20 {
		t.Errorf("got %v\nthe SDK has %v", got, want)
	}
	if macie.Regions("aws-cn") != nil {
		t.Error("there is no Macie in China")
	}
}
