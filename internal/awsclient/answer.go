package awsclient

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

// AnswerError says that an answer which reports success isn't one that the service
// gives. A login page, a proxy or a server that only resembles S3 answers so, and
// the SDK takes an empty answer for an empty result.
type AnswerError struct {
	What string // what is missing or wrong: "it has no ETag"
}

func (e *AnswerError) Error() string {
	return "the server's answer isn't what the service would answer: " + e.What
}

// Bounds of answers.
const (
	// maxAnswer is how many bytes an answer may have that isn't an object's data.
	// The longest legitimate one is a page of 1,000 keys of 1,024 bytes, each of
	// them escaped: 3 MB.
	maxAnswer = 8 << 20
	// maxTags is how many XML tags such an answer may have. A page of 1,000 keys
	// has less than half as many; a decoder makes a hundred bytes and more of each.
	maxTags = 1 << 16
	// maxRedirects is how many redirects a request follows. S3 sends one, for
	// new buckets.
	maxRedirects = 3
)

type objectDataKey struct{}

// WithObjectData marks a request whose answer is an object's data: it may have any
// length.
func WithObjectData(ctx context.Context) context.Context {
	return context.WithValue(ctx, objectDataKey{}, true)
}

// bounded returns an HTTP client that bounds answers and redirects.
func bounded(client *awshttp.BuildableClient) *http.Client {
	frozen := *client.Freeze().(*http.Client)
	follow := frozen.CheckRedirect
	frozen.Transport = boundedTransport{frozen.Transport}
	frozen.CheckRedirect = func(r *http.Request, via []*http.Request) error {
		if len(via) > maxRedirects {
			return &AnswerError{fmt.Sprintf("more than %d redirects in a row", maxRedirects)}
		}
		return follow(r, via)
	}
	return &frozen
}

// boundedTransport cuts every answer that isn't an object's data.
type boundedTransport struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (t boundedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := t.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if data, _ := r.Context().Value(objectDataKey{}).(bool); !data || response.StatusCode >= 300 {
		response.Body = &boundedBody{ReadCloser: response.Body, bytes: maxAnswer, tags: maxTags}
	}
	return response, nil
}

// boundedBody is a body that ends in an error where it is too long.
type boundedBody struct {
	io.ReadCloser
	bytes, tags int // that may still come
}

func (b *boundedBody) Read(p []byte) (int, error) {
	switch {
	case b.bytes < 0:
		return 0, &AnswerError{fmt.Sprintf("it is longer than %d MiB", maxAnswer>>20)}
	case b.tags < 0:
		return 0, &AnswerError{fmt.Sprintf("it has more than %d XML tags", maxTags)}
	}
	n, err := b.ReadCloser.Read(p)
	b.bytes -= n
	b.tags -= bytes.Count(p[:n], []byte{'<'})
	return n, err
}
