package awsclient

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

// AnswerError says that an answer reports success, but isn't in the form that the
// service uses. Login pages, proxies and servers that only resemble S3 send such
// answers, and the SDK takes an empty one for an empty result.
type AnswerError struct {
	What string // what is missing or wrong: "it has no ETag"
}

func (e *AnswerError) Error() string {
	return "the server's answer isn't what the service would answer: " + e.What
}

// Bounds of answers, object data apart.
const (
	// maxAnswer is the length of an answer in bytes. The longest legitimate one is a
	// page of 1,000 keys of 1,024 bytes, each of them escaped: 3.4 MB.
	maxAnswer = 4 << 20
	// maxErrorAnswer is the number of bytes that are read of an answer that reports an
	// error.
	maxErrorAnswer = 64 << 10
	// maxText is the length in bytes of a text between two tags, and of an answer
	// that is not XML: a bucket policy has up to 20 KB.
	maxText = 64 << 10
	// maxTag is the length of a tag in bytes. S3's longest tags name a namespace.
	maxTag = 1 << 10
	// maxTags is the number of tags. A page of 1,000 keys has less than half as many.
	maxTags = 1 << 16
	// maxEntries is the number of elements in the root: the 1,000 entries of a page,
	// and what describes the page.
	maxEntries = 1100
	// maxDepth is how deep elements are nested.
	maxDepth = 16
	// maxRedirects is how many redirects a request follows. S3 sends one, for
	// new buckets.
	maxRedirects = 3
)

// jsonContent is the Content-Type of requests to services that answer in JSON.
const jsonContent = "application/x-amz-json-1.1"

type objectDataKey struct{}

// WithObjectData marks a request whose answer is an object's data and may have any
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

// boundedTransport bounds every answer that isn't an object's data.
type boundedTransport struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (t boundedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := t.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body := response.Body
	if response.StatusCode >= 300 {
		// Gateways send pages of their own: the status counts even if one is cut.
		response.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(body, maxErrorAnswer), body}
	} else if data, _ := r.Context().Value(objectDataKey{}).(bool); !data {
		response.Body = &boundedBody{ReadCloser: body, isJSON: r.Header.Get("Content-Type") == jsonContent}
	}
	return response, nil
}

// boundedBody is a body that ends in an error where it exceeds a bound. XML decoders
// hold a tag or text as a whole, make a hundred bytes of an attribute or element of
// five, and know no bounds of their own.
type boundedBody struct {
	io.ReadCloser
	isJSON bool
	err    error
	bytes  int // seen so far
	xml    xmlBounds
}

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.ReadCloser.Read(p)
	if b.bytes += n; b.bytes > maxAnswer {
		b.err = &AnswerError{fmt.Sprintf("it is longer than %d MiB", maxAnswer>>20)}
	} else if !b.isJSON {
		b.err = b.xml.check(p[:n])
	}
	if b.err != nil {
		return 0, b.err
	}
	return n, err
}

// xmlBounds checks the bounds of an XML document as it is read. It follows no more of
// the syntax than tells tags from text: a decoder refuses the rest.
type xmlBounds struct {
	begun, plain         bool // plain: not XML
	inTag                bool
	length               int  // of the current tag or text so far, in bytes
	first, last          byte // of the current tag so far
	quote                byte // that the current attribute value ends with; 0 outside one
	depth, tags, entries int
}

func (x *xmlBounds) check(p []byte) error {
	if !x.begun {
		if start := bytes.TrimLeft(p, " \t\r\n"); len(start) > 0 {
			x.begun, x.plain = true, start[0] != '<'
		}
	}
	for len(p) > 0 {
		if !x.inTag {
			text := len(p)
			if i := bytes.IndexByte(p, '<'); i >= 0 && !x.plain {
				text, x.inTag = i, true
			}
			if x.length += text; x.length > maxText {
				return &AnswerError{fmt.Sprintf("a text in it is longer than %d KiB", maxText>>10)}
			}
			if !x.inTag {
				return nil
			}
			p = p[text+1:]
			x.length, x.first, x.last, x.quote = 0, 0, 0, 0
			continue
		}
		c := p[0]
		p = p[1:]
		if x.length == 0 {
			x.first = c
		}
		if x.length++; x.length > maxTag {
			return &AnswerError{fmt.Sprintf("an XML tag in it is longer than %d bytes", maxTag)}
		}
		switch {
		case x.first == '!':
			return &AnswerError{"it has a comment or declaration"}
		case x.quote != 0:
			if c == x.quote {
				x.quote = 0
			}
		case c == '>' && (x.first != '?' || x.last == '?'):
			if err := x.endTag(); err != nil {
				return err
			}
		case (c == '"' || c == '\'') && x.first != '?':
			x.quote = c
		}
		x.last = c
	}
	return nil
}

// endTag counts the tag that ends.
func (x *xmlBounds) endTag() error {
	x.inTag, x.length = false, 0
	x.tags++
	switch {
	case x.first == '?':
	case x.first == '/':
		x.depth--
	default:
		if x.depth == 1 {
			x.entries++
		}
		if x.last != '/' {
			x.depth++
		}
	}
	switch {
	case x.tags > maxTags:
		return &AnswerError{fmt.Sprintf("it has more than %d XML tags", maxTags)}
	case x.entries > maxEntries:
		return &AnswerError{fmt.Sprintf("it has more than %d entries", maxEntries)}
	case x.depth > maxDepth:
		return &AnswerError{fmt.Sprintf("its elements are nested deeper than %d", maxDepth)}
	}
	return nil
}
