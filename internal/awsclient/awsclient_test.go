package awsclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// answers is an HTTP client that gives one answer after the other, and then repeats the
// last one.
type answers struct {
	given []func(*http.Request) (*http.Response, error)
	n     int
}

func (a *answers) Do(r *http.Request) (*http.Response, error) {
	f := a.given[min(a.n, len(a.given)-1)]
	a.n++
	return f(r)
}

func status(code int, body string) func(*http.Request) (*http.Response, error) {
	return func(r *http.Request) (*http.Response, error) {
		return &http.Response{
			StatusCode: code, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r,
			ContentLength: int64(len(body)),
		}, nil
	}
}

func answer(code int, name, message string) func(*http.Request) (*http.Response, error) {
	return status(code, "<Error><Code>"+name+"</Code><Message>"+message+"</Message></Error>")
}

func breaks(err error) func(*http.Request) (*http.Response, error) {
	return func(*http.Request) (*http.Response, error) { return nil, err }
}

func client(h *answers) *s3.Client {
	cfg := Prepare(aws.Config{
		Region: "eu-west-1", HTTPClient: h,
		Credentials: credentials.NewStaticCredentialsProvider("AKID", "secret", "token"),
	}, Options{Backoff: Backoff{Base: time.Microsecond, Max: time.Microsecond}})
	return s3.NewFromConfig(cfg)
}

// Each kind of answer is recognized, and requested as often as its kind allows.
func TestKinds(t *testing.T) {
	for _, test := range []struct {
		name     string
		answer   func(*http.Request) (*http.Response, error)
		kind     Kind
		attempts int
	}{
		{"slow down", answer(503, "SlowDown", "m"), Throttled, 20},
		{"KMS throttles", answer(400, "KMS.ThrottlingException", "m"), Throttled, 20},
		{"429", status(429, ""), Throttled, 20},
		{"internal", answer(500, "InternalError", "m"), Unavailable, 20},
		{"a gateway's page", status(502, "<html>bad gateway</html>"), Unavailable, 20},
		{"conflict of conditional writes", answer(409, "ConditionalRequestConflict", "m"), Unavailable, 20},
		{"request timeout", answer(400, "RequestTimeout", "m"), Broken, 20},
		{"reset", breaks(&net.OpError{Op: "read", Err: syscall.ECONNRESET}), Broken, 20},
		{"ended", breaks(io.ErrUnexpectedEOF), Broken, 20},
		{"a cut answer", status(200, "<ListBucketResult><Conte"), Broken, 20},
		{"refused", breaks(&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}), Refused, 8},
		{"timeout", breaks(&net.OpError{Op: "read", Err: context.DeadlineExceeded}), TimedOut, 4},
		{"no such host", breaks(&net.DNSError{Err: "no such host", IsNotFound: true}), BadEndpoint, 1},
		{"denied", answer(403, "AccessDenied", "Access Denied"), Denied, 1},
		{"no such key", answer(404, "NoSuchKey", "m"), NotFound, 1},
		{"no such bucket", answer(404, "NoSuchBucket", "m"), NoSuchBucket, 1},
		{"archived", answer(403, "InvalidObjectState", "m"), Archived, 1},
		{"precondition", answer(412, "PreconditionFailed", "m"), Precondition, 1},
		{"elsewhere", answer(301, "PermanentRedirect", "m"), WrongRegion, 1},
		{"malformed for the region", answer(400, "AuthorizationHeaderMalformed", "m"), WrongRegion, 1},
		{"expired", answer(400, "ExpiredToken", "m"), Expired, 1},
		{"unknown key", answer(403, "InvalidAccessKeyId", "m"), BadCredentials, 1},
		{"KMS key", answer(400, "KMS.DisabledException", "m"), BadKey, 1},
		{"not implemented", answer(501, "NotImplemented", "m"), Unsupported, 1},
		{"requester pays", answer(403, "AccessDenied", "Bucket is requester pays bucket"), RequesterPays, 1},
		{"something else", answer(400, "InvalidArgument", "m"), Unknown, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := &answers{given: []func(*http.Request) (*http.Response, error){test.answer}}
			_, err := client(h).ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String("b")})
			if kind := KindOf(err); kind != test.kind || h.n != test.attempts {
				t.Errorf("kind %d after %d attempts, want %d after %d: %v", kind, h.n, test.kind, test.attempts, err)
			}
			failed := Failed("ListObjectsV2", "s3://b", err)
			if again := Failed("other", "", failed); again != failed || KindOf(fmt.Errorf("x: %w", failed)) != test.kind {
				t.Errorf("%v isn't kept", failed)
			}
			if test.attempts > 1 && !strings.Contains(failed.Error(), fmt.Sprintf("gave up after %d attempts", test.attempts)) &&
				errors.As(err, new(smithy.APIError)) {
				t.Errorf("%v", failed)
			}
		})
	}
	h := &answers{given: []func(*http.Request) (*http.Response, error){answer(503, "SlowDown", "m"), breaks(syscall.ECONNRESET), status(200, "<ListBucketResult/>")}}
	if _, err := client(h).ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String("b")}); err != nil || h.n != 3 {
		t.Errorf("%v after %d attempts", err, h.n)
	}
	if KindOf(nil) != Unknown || KindOf(errors.New("x")) != Unknown || KindOf(&smithyhttp.RequestSendError{Err: io.EOF}) != Broken {
		t.Error("plain errors")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := client(h).ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: aws.String("b")})
	if KindOf(err) != Cancelled || Failed("x", "", err) != err {
		t.Errorf("cancelled: %v", err)
	}
}

// Each request has its own attempts.
func TestBudgets(t *testing.T) {
	h := &answers{given: []func(*http.Request) (*http.Response, error){answer(503, "SlowDown", "m")}}
	c := client(h)
	for i := range 50 {
		h.n = 0
		if _, err := c.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String("b")}); err == nil || h.n != 20 {
			t.Fatalf("request %d: %d attempts", i, h.n)
		}
	}
}

// Twenty attempts last for more than half a minute, whatever the jitter.
func TestBackoff(t *testing.T) {
	b := DefaultBackoff()
	var least, most time.Duration
	for attempt := 1; attempt < Throttled.attempts(); attempt++ {
		low, high := time.Hour, time.Duration(0)
		for range 1000 {
			d := b.Delay(attempt)
			low, high = min(low, d), max(high, d)
		}
		if high > b.Max || low < b.Base/2 || high > 2*low+time.Millisecond {
			t.Errorf("after attempt %d: %v to %v", attempt, low, high)
		}
		least, most = least+low, most+high
	}
	if least < 30*time.Second || most > 90*time.Second {
		t.Errorf("%v to %v in all", least, most)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(io.ErrClosedPipe)
	if err := (Backoff{time.Hour, time.Hour}).Wait(ctx, 1); err != io.ErrClosedPipe {
		t.Error(err)
	}
	if d := b.Delay(1000); d > b.Max || d < b.Max/2 {
		t.Errorf("late: %v", d)
	}
}

func TestDenials(t *testing.T) {
	for _, test := range []struct{ message, identity, action, on string }{
		{`User: arn:aws:iam::1:user/a is not authorized to perform: s3:GetObject on resource: "arn:aws:s3:::b/k" because no identity-based policy allows the s3:GetObject action`,
			"arn:aws:iam::1:user/a", "s3:GetObject", "arn:aws:s3:::b/k"},
		{`User: arn:aws:sts::1:assumed-role/r/s is not authorized to perform: kms:Decrypt on resource: arn:aws:kms:eu-west-1:1:key/k because no resource-based policy allows the kms:Decrypt action`,
			"arn:aws:sts::1:assumed-role/r/s", "kms:Decrypt", "arn:aws:kms:eu-west-1:1:key/k"},
		{`User: arn:aws:iam::1:user/a is not authorized to perform: kms:Decrypt on the resource associated with this ciphertext because the resource does not exist in this Region, no resource-based policies allow access, or a resource-based policy explicitly denies access`,
			"arn:aws:iam::1:user/a", "kms:Decrypt", ""},
		{`User: arn:aws:iam::1:user/a is not authorized to perform: glue:GetTable`, "arn:aws:iam::1:user/a", "glue:GetTable", ""},
		{"The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not allowed to access.", "", "kms:Decrypt", ""},
		{"Access Denied", "", "", ""},
	} {
		identity, action, on := deniedBy(test.message)
		if identity != test.identity || action != test.action || on != test.on {
			t.Errorf("%.60s…: %q, %q, %q", test.message, identity, action, on)
		}
	}
}

// Errors of finding credentials are told from errors of requests, and not retried here:
// their providers retry.
func TestCredentials(t *testing.T) {
	for message, want := range map[string]Kind{"no EC2 IMDS role found": NoCredentials, "the SSO session has expired or is invalid": Expired} {
		h := &answers{given: []func(*http.Request) (*http.Response, error){status(200, "<ListBucketResult/>")}}
		cfg := Prepare(aws.Config{Region: "eu-west-1", HTTPClient: h,
			Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
				return aws.Credentials{}, errors.New(message)
			})}, Options{})
		_, err := s3.NewFromConfig(cfg).ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String("b")})
		if KindOf(err) != want || h.n != 0 || !strings.Contains(Failed("x", "", err).Error(), message) {
			t.Errorf("%s: kind %d, %d requests, %v", message, KindOf(err), h.n, err)
		}
	}
}

// The caller's identity is requested once, even if that fails.
func TestIdentity(t *testing.T) {
	const body = `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Arn>arn:aws:iam::1:user/a</Arn><Account>1</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`
	for _, test := range []struct {
		answer func(*http.Request) (*http.Response, error)
		want   string
	}{{status(200, body), "arn:aws:iam::1:user/a"}, {status(403, ""), ""}} {
		h := &answers{given: []func(*http.Request) (*http.Response, error){test.answer}}
		cfg := Prepare(aws.Config{HTTPClient: h, Credentials: credentials.NewStaticCredentialsProvider("AKID", "secret", "")}, Options{})
		i := NewIdentity(cfg)
		for range 3 {
			caller, err := i.Caller(t.Context())
			if caller.ARN != test.want || (err == nil) != (test.want != "") {
				t.Errorf("%+v, %v", caller, err)
			}
		}
		if h.n != 1 {
			t.Errorf("asked %d times", h.n)
		}
	}
}

func TestEndpoint(t *testing.T) {
	own := "https://glue.us-east-1.amazonaws.com"
	for _, test := range []struct {
		name        string
		environment map[string]string
		option      string
		want        string
	}{
		{"AWS's own", nil, "", own},
		{"of all services", map[string]string{"AWS_ENDPOINT_URL": "http://all:1/"}, "", "http://all:1"},
		{"of the service", map[string]string{"AWS_ENDPOINT_URL": "http://all:1", "AWS_ENDPOINT_URL_GLUE": "http://glue:2/"}, "", "http://glue:2"},
		{"of another service", map[string]string{"AWS_ENDPOINT_URL_KMS": "http://kms:3"}, "", own},
		{"of the command line", map[string]string{"AWS_ENDPOINT_URL_GLUE": "http://glue:2"}, "http://option:4", "http://option:4"},
		{"FIPS", map[string]string{"AWS_USE_FIPS_ENDPOINT": "true"}, "", "https://glue-fips.us-east-1.amazonaws.com"},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, name := range []string{"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_GLUE", "AWS_ENDPOINT_URL_KMS", "AWS_USE_FIPS_ENDPOINT"} {
				t.Setenv(name, test.environment[name])
			}
			t.Setenv("AWS_CONFIG_FILE", "/nonexistent")
			cfg, err := Load(t.Context(), Options{Region: "us-east-1", EndpointURL: test.option})
			if err != nil {
				t.Fatal(err)
			}
			r := Request{ID: "Glue", Region: "us-east-1", Host: "glue.us-east-1.amazonaws.com"}
			if got, err := r.endpoint(t.Context(), cfg); got != test.want || err != nil {
				t.Errorf("%s, %v; want %s", got, err, test.want)
			}
		})
	}
}

// An answer keeps to its bounds wherever reads split it, and one that exceeds a bound
// says which.
func TestBounds(t *testing.T) {
	page := `<?xml version='1.0' encoding="UTF-8"?>` + "\n \n" + `<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/" a='>"/>'>` +
		strings.Repeat("<Contents><Key>"+strings.Repeat("%41", 1024)+"</Key><Owner/></Contents>", 1000) + "</ListBucketResult>"
	for _, test := range []struct{ body, wrong string }{
		{page, ""}, {"", ""}, {`{"Statement": "` + strings.Repeat("<a>", 100) + `"}`, ""},
		{strings.Repeat("x", maxText+1), "text"},
		{"<a>" + strings.Repeat("<b>"+strings.Repeat("x", maxText)+"</b>", 65), "4 MiB"},
		{"<a>" + strings.Repeat("<b/>", maxEntries+1), "entries"},
		{"<a>" + strings.Repeat(`<b c="/">`, maxDepth), "deeper"},
		{"<a><b>" + strings.Repeat("<c></c>", maxTags/2), "tags"},
		{"<a " + strings.Repeat("b", maxTag) + ">", "longer than 1024"},
		{"<a><!-- --></a>", "comment"},
		{`<a><?b "?>` + strings.Repeat("<b/>", maxEntries+1) + `<?b "?>`, "entries"},
	} {
		for _, r := range []io.Reader{strings.NewReader(test.body), iotest.OneByteReader(strings.NewReader(test.body))} {
			b := &boundedBody{ReadCloser: io.NopCloser(r)}
			got, err := io.ReadAll(b)
			if test.wrong == "" && (err != nil || string(got) != test.body) {
				t.Errorf("%.20q: %d bytes, %v", test.body, len(got), err)
			}
			if test.wrong != "" && (KindOf(err) != BadAnswer || !strings.Contains(err.Error(), test.wrong)) {
				t.Errorf("%.20q: %v, want %q", test.body, err, test.wrong)
			}
		}
	}
}
