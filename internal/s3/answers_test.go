package s3

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/macielake/macielake/internal/awsclient"
	"github.com/macielake/macielake/internal/s3/s3test"
)

// bucketAt returns the bucket "bucket" of a server that h implements.
func bucketAt(t testing.TB, h http.Handler) *Bucket {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	backoff := awsclient.Backoff{Base: time.Microsecond, Max: time.Microsecond}
	b, err := New(s3test.Config(server.URL, awsclient.Options{Backoff: backoff}), Options{PathStyle: true, Backoff: backoff}).Bucket(t.Context(), "bucket")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// requests returns all requests to a bucket, each with the lies that it must refuse
// besides those that every request must refuse.
func requests() []struct {
	name string
	do   func(ctx context.Context, b *Bucket) error
	lies []string
} {
	page := func(ctx context.Context, b *Bucket) error { _, err := b.Page(ctx, "in/", "in/b", false); return err }
	listing := func(inner string) string { return "<ListBucketResult>" + inner + "</ListBucketResult>" }
	const (
		name      = "<Name>bucket</Name>"
		prefix    = "<Prefix>in/</Prefix>"
		complete  = "<IsTruncated>false</IsTruncated>"
		truncated = "<IsTruncated>true</IsTruncated>"
		object    = "<Contents><Key>in/c</Key><Size>1</Size><ETag>e</ETag></Contents>"
	)
	return []struct {
		name string
		do   func(ctx context.Context, b *Bucket) error
		lies []string
	}{
		{"ListObjectsV2", page, []string{
			listing(""),
			listing(prefix + complete), // whose?
			listing("<Name>other</Name>" + prefix + complete), // another bucket's
			listing(name + complete),                          // of all keys
			listing(name + "<Prefix>out/</Prefix>" + complete),
			listing(name + prefix), // to its end?
			listing(name + prefix + complete + "<KeyCount>1</KeyCount>"),
			listing(name + prefix + complete + "<KeyCount>0</KeyCount>" + object),
			listing(name + prefix + truncated),
			listing(name + prefix + complete + "<StartAfter>in/a</StartAfter>" + object), // another page
			listing(name + prefix + complete + "<CommonPrefixes><Prefix>in/d/</Prefix></CommonPrefixes>"),
			listing(name + prefix + complete + "<Contents><Key>out/c</Key><Size>1</Size></Contents>"),
			listing(name + prefix + complete + "<Contents><Key>in/a</Key><Size>1</Size></Contents>"), // came before
			listing(name + prefix + complete + "<Contents><Key>in/c</Key></Contents>"),               // how long?
			listing(name + prefix + complete + "<Contents><Key>in/c</Key><Size>-1</Size></Contents>"),
			listing(name + prefix + complete + object + object),
			listing(name + prefix + complete + strings.Repeat("<Contents/>", 1001)),
			"<Error><Code>InternalError</Code><Message>m</Message></Error>",
			listing(name + prefix + complete + strings.Repeat(object, 100_000)),
			listing(name + prefix + complete + "<Delimiter>" + strings.Repeat("x", 9<<20) + "</Delimiter>"),
		}},
		{"GetObject", func(ctx context.Context, b *Bucket) error {
			r, err := b.Get(ctx, Object{Key: "k", Size: -1})
			if err != nil {
				return err
			}
			defer r.Close()
			_, err = io.Copy(io.Discard, r)
			return err
		}, nil},
		{"GetObject of a version", func(ctx context.Context, b *Bucket) error {
			r, err := b.Get(ctx, Object{Key: "k", Size: 5, ETag: `"e"`})
			if err != nil {
				return err
			}
			defer r.Close()
			_, err = io.Copy(io.Discard, r)
			return err
		}, []string{"12345"}},
		{"HeadObject", func(ctx context.Context, b *Bucket) error { _, err := b.Stat(ctx, "k"); return err }, nil},
		{"PutObject", func(ctx context.Context, b *Bucket) error {
			return NewWriter(b, WriteOptions{}).Put(ctx, "k", []byte("12345"), false)
		}, nil},
		{"PutObject over another", func(ctx context.Context, b *Bucket) error {
			return NewWriter(b, WriteOptions{}).Put(ctx, "k", []byte("12345"), true)
		}, nil},
		{"Create", func(ctx context.Context, b *Bucket) error {
			_, err := NewWriter(b, WriteOptions{}).Create(ctx, "k", 5, "", strings.NewReader("12345"))
			return err
		}, nil},
		{"Create in parts", func(ctx context.Context, b *Bucket) error {
			_, err := NewWriter(b, WriteOptions{}).Create(ctx, "k", UploadPart+1, "", bytes.NewReader(make([]byte, UploadPart+1)))
			return err
		}, nil},
		{"Publish", func(ctx context.Context, b *Bucket) error {
			return NewWriter(b, WriteOptions{}).Publish(ctx, "from", "to", Content{Size: 5, ETag: `"e"`})
		}, nil},
		{"CopyObject", func(ctx context.Context, b *Bucket) error {
			return NewWriter(b, WriteOptions{}).copyAs(ctx, "from", "to", `"e"`)
		}, []string{"<CopyObjectResult></CopyObjectResult>"}},
		{"copy in parts", func(ctx context.Context, b *Bucket) error {
			return NewWriter(b, WriteOptions{}).copyInParts(ctx, "from", "to", &sdk.HeadObjectOutput{ContentLength: aws.Int64(maxCopy + 1), ETag: aws.String(`"e"`)}, aws.String("*"))
		}, []string{
			"<InitiateMultipartUploadResult></InitiateMultipartUploadResult>",
			"<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>",
		}},
		{"DeleteObjects", func(ctx context.Context, b *Bucket) error { return b.Delete(ctx, []string{"a", "b"}) }, []string{
			"<DeleteResult></DeleteResult>", "<DeleteResult><Deleted><Key>a</Key></Deleted></DeleteResult>",
			"<DeleteResult><Deleted><Key>a</Key></Deleted><Deleted><Key>c</Key></Deleted></DeleteResult>",
		}},
		{"GetPublicAccessBlock", func(ctx context.Context, b *Bucket) error { _, err := b.PublicAccess(ctx); return err }, nil},
		{"GetBucketPolicy", func(ctx context.Context, b *Bucket) error { _, err := b.Policy(ctx); return err }, nil},
		{"GetBucketPolicyStatus", func(ctx context.Context, b *Bucket) error { _, err := b.PolicyIsPublic(ctx); return err }, nil},
		{"GetObjectLockConfiguration", func(ctx context.Context, b *Bucket) error { _, err := b.DefaultRetention(ctx); return err }, nil},
		{"GetBucketEncryption", func(ctx context.Context, b *Bucket) error { _, err := b.Encryption(ctx); return err }, nil},
	}
}

// An answer that reports success but isn't S3's is an error that says so, whatever the
// request: it is never taken for an empty listing, an object or a write.
func TestLies(t *testing.T) {
	common := []string{
		"", "<html><body>Please log in</body></html>", "<!doctype html><p>Please <br> log in", "<ListBucketResult/>",
		`{"message":"ok"}`, "\x00\xff", "<Error><Code>NoSuchThing</Code></Error>",
	}
	for _, request := range requests() {
		t.Run(request.name, func(t *testing.T) {
			for _, lie := range append(common, request.lies...) {
				var asked atomic.Int64
				b := bucketAt(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					asked.Add(1)
					io.Copy(io.Discard, r.Body)
					if len(lie) > 0 && lie[0] != '<' { // it is the length that a HEAD has to be without
						w.Header().Set("Content-Type", "text/plain")
					}
					w.WriteHeader(http.StatusOK)
					if f, ok := w.(http.Flusher); ok && r.Method == http.MethodHead {
						f.Flush()
					}
					io.WriteString(w, lie)
				}))
				err := request.do(t.Context(), b)
				if kind := awsclient.KindOf(err); err != nil &&
					(strings.HasPrefix(lie, "<Error>") && kind == awsclient.Unavailable || // as S3 does report errors
						strings.HasPrefix(lie, "<!doctype") && kind == awsclient.Broken) { // as if it were cut off
					continue
				}
				if awsclient.KindOf(err) != awsclient.BadAnswer {
					t.Errorf("%.60q: kind %d: %v", lie, awsclient.KindOf(err), err)
				} else if !strings.Contains(err.Error(), "s3://bucket") || !strings.Contains(err.Error(), "isn't what the service would answer") {
					t.Errorf("%.60q: %v", lie, err)
				}
				if n := asked.Load(); n > 60 {
					t.Errorf("%.60q: asked %d times", lie, n)
				}
			}
		})
	}
}

// S3's own answers pass, even after a lie.
func TestLiesThatPass(t *testing.T) {
	page := "<ListBucketResult><Name>bucket</Name><Prefix>in/</Prefix><IsTruncated>false</IsTruncated></ListBucketResult>"
	var asked atomic.Int64
	b := bucketAt(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) <= 3 {
			io.WriteString(w, "<html>one moment please</html>")
			return
		}
		io.WriteString(w, page)
	}))
	if p, err := b.Page(t.Context(), "in/", "", false); err != nil || len(p.Objects) > 0 || p.More {
		t.Errorf("%+v, %v", p, err)
	}
}

// A server that always redirects gets only a few requests.
func TestRedirects(t *testing.T) {
	var asked atomic.Int64
	b := bucketAt(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, fmt.Sprintf("/bucket/%d", asked.Add(1)), http.StatusTemporaryRedirect)
	}))
	_, err := b.Page(t.Context(), "", "", false)
	if awsclient.KindOf(err) != awsclient.BadAnswer || asked.Load() > 20 {
		t.Errorf("asked %d times: %v", asked.Load(), err)
	}
}

// Answers of any length and with any number of entries are cut off.
func TestAnswersAreBounded(t *testing.T) {
	for name, unit := range map[string]string{
		"tags": "<Contents/>", "keys": "<Contents><Key>" + strings.Repeat("k", 1000) + "</Key></Contents>",
		"text": strings.Repeat("x", 1000),
	} {
		chunk := []byte(strings.Repeat(unit, 1000))
		for _, status := range []int{200, 400} {
			b := bucketAt(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(status)
				io.WriteString(w, "<ListBucketResult><Name>")
				for range 300 << 20 / len(chunk) {
					if _, err := w.Write(chunk); err != nil {
						return
					}
				}
			}))
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := b.Page(t.Context(), "", "", false)
			runtime.ReadMemStats(&after)
			if err == nil {
				t.Errorf("%s with %d: no error", name, status)
			}
			// The decoder reads a byte at a time and copies what grows: of the
			// 300 MB sent, four attempts of 4 MiB are seen.
			if took := (after.TotalAlloc - before.TotalAlloc) >> 20; took > 300 {
				t.Errorf("%s with %d: %d MiB were allocated", name, status, took)
			}
		}
	}
}
