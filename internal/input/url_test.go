package input

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
)

// Whoever has a presigned URL can read the file, so no message shows its signature.
func TestCheckURLHidesSignatures(t *testing.T) {
	for _, in := range []string{
		"https://results.s3.eu-west-1.amazonaws.com/AWSLogs/x.jsonl.gz?X-Amz-Credential=AKIASECRET&X-Amz-Signature=SECRET",
		"HTTPS://user:SECRET@results.example/x#SECRET", "http://127.0.0.1:9000/b/k?AWSAccessKeyId=x&Signature=SECRET",
		"https:/one.slash/x?SECRET", "https://%zz?SECRET", "http://a b/?SECRET",
	} {
		err := Find(context.Background(), []Origin{Local{}}, []string{in}, &Listing{Log: slog.New(slog.DiscardHandler)}, nil)
		var u *URLError
		if !errors.As(err, &u) || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%s: %v", in, err)
		}
	}
	for _, in := range []string{"httpd/x.jsonl", "a/https://x", "s3://b/https:/x", "-", ""} {
		if err := CheckURL(in); err != nil {
			t.Errorf("%s: %v", in, err)
		}
	}
}
