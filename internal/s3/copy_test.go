package s3

import (
	"bytes"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/macielake/macielake/internal/awsclient"
	"github.com/macielake/macielake/internal/s3/s3test"
)

// A copy in parts behaves like a copy in one request.
func TestCopyInParts(t *testing.T) {
	server := s3test.Start(t, "lake")
	c := New(s3test.Config(server.URL, awsclient.Options{}), Options{PathStyle: true})
	ctx := t.Context()
	b, err := c.Bucket(ctx, "lake")
	if err != nil {
		t.Fatal(err)
	}
	w := NewWriter(b, WriteOptions{})
	const from = "a b/é%.parquet"
	if _, err := w.Create(ctx, from, 6<<20, "", bytes.NewReader(make([]byte, 6<<20))); err != nil {
		t.Fatal(err)
	}
	head, err := b.head(ctx, from)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.copyInParts(ctx, from, "copy", head, aws.String("*")); err != nil {
		t.Fatal(err)
	}
	if err := w.copyInParts(ctx, from, "copy", head, aws.String("*")); awsclient.KindOf(err) != awsclient.Precondition {
		t.Errorf("over what is there: %v", err)
	}
	if n, err := b.Stat(ctx, "copy"); n.Size != 6<<20 || err != nil {
		t.Errorf("%d bytes, %v", n.Size, err)
	}
	err = w.copyInParts(ctx, "none", "other", head, aws.String("*"))
	if awsclient.KindOf(err) != awsclient.NotFound {
		t.Errorf("of nothing: %v", err)
	}
	left, err := server.Client().ListMultipartUploads(ctx, &sdk.ListMultipartUploadsInput{Bucket: aws.String("lake")})
	if err != nil || len(left.Uploads) > 0 {
		t.Errorf("%d uploads are left, %v", len(left.Uploads), err)
	}
}
