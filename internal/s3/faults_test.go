package s3_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/parquet/file"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/macielake/macielake/internal/awsclient"
	"github.com/macielake/macielake/internal/convert"
	"github.com/macielake/macielake/internal/gen"
	"github.com/macielake/macielake/internal/input"
	"github.com/macielake/macielake/internal/s3"
	"github.com/macielake/macielake/internal/s3/s3input"
	"github.com/macielake/macielake/internal/s3/s3store"
	"github.com/macielake/macielake/internal/s3/s3test"
	"github.com/macielake/macielake/pkg/schema"
	"github.com/macielake/macielake/pkg/sink"
	"github.com/macielake/macielake/pkg/stream"
)

// logBuffer is a log that is safe for concurrent use.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func newClient(url string, o s3.Options) *s3.Client {
	o.PathStyle = true
	return s3.New(s3test.Config(url, awsclient.Options{Backoff: o.Backoff, Log: o.Log}), o)
}

// quickBackoff makes tests wait a fiftieth of the usual time.
func quickBackoff() awsclient.Backoff {
	b := awsclient.DefaultBackoff()
	return awsclient.Backoff{Base: b.Base / 50, Max: b.Max / 50}
}

// converted converts s3://results/in to a new prefix of the bucket lake through
// a URL, as -v does.
func converted(t *testing.T, url, out string, o s3.Options) (*convert.Summary, string, error) {
	t.Helper()
	var log logBuffer
	o.Log = slog.New(slog.NewTextHandler(&log, nil))
	o.Backoff = quickBackoff()
	client := newClient(url, o)
	ctx, stop := context.WithCancelCause(t.Context())
	defer stop(nil)
	store, err := s3store.Open(ctx, client, "s3://lake/"+out, s3.WriteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var tables []string
	for _, table := range schema.Tables() {
		tables = append(tables, table.Name)
	}
	summary, err := convert.Run(ctx, convert.Options{
		Inputs: []string{"s3://results/in"}, Origins: []input.Origin{s3input.NewOrigin(client, s3input.Filter{}, stop)}, Out: store,
		TableFormat: "parquet", Tables: tables, PartitionBy: []sink.PartitionKey{sink.ByCreatedMonth}, Compression: "zstd",
		TargetFileSize: 64 << 20, PartSize: 1 << 20, Workers: 2, Limits: stream.DefaultLimits(), MaxRejects: -1,
		Version: "test", Log: o.Log,
	})
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause
	}
	return summary, log.String(), err
}

// uploaded returns a server with samples in s3://results/in/, in large objects and many
// small ones, and the expected rows.
func uploaded(t *testing.T, size int64) (server *s3test.Server, want gen.Expected) {
	t.Helper()
	server = s3test.Start(t, "results", "lake")
	for _, profile := range []string{"mixed", "small"} {
		dir := filepath.Join(t.TempDir(), profile)
		expected, err := gen.Run(t.Context(), gen.Options{Dir: dir, Profile: profile, Size: size, Seed: 3})
		if err != nil {
			t.Fatal(err)
		}
		if err := server.Put(t.Context(), "results", "in/"+profile+"/", filepath.Join(dir, "AWSLogs")); err != nil {
			t.Fatal(err)
		}
		want.Sources += expected.Sources
		want.Lines += expected.Lines
		want.Rows.Results += expected.Rows.Results
		want.Rows.Occurrences += expected.Rows.Occurrences
	}
	return server, want
}

// After any passing fault of S3 or the network, every source is converted once, and -v
// reports the fault.
func TestFaultsThatPass(t *testing.T) {
	size := int64(1 << 20)
	if testing.Short() {
		size = 250_000
	}
	server, want := uploaded(t, size)
	gets := s3test.IsOp("GetObject", "/results/in/")
	writes := func(r *http.Request) bool {
		return (r.Method == http.MethodPut || r.Method == http.MethodPost) && strings.HasPrefix(r.URL.Path, "/lake/")
	}
	any := func(*http.Request) bool { return true }
	for _, test := range []struct {
		name  string
		fault s3test.Fault
		log   string // in the log
	}{
		{"slow down, one in five", s3test.Fault{Match: any, Every: 5, Do: s3test.Answer(503, "SlowDown", "Please reduce your request rate.")}, "SlowDown"},
		// A fiftieth of 30 s, as the waits are.
		{"slow down, all for a while", s3test.Fault{Match: any, Until: 600 * time.Millisecond, Do: s3test.Answer(503, "SlowDown", "Please reduce your request rate.")}, "SlowDown"},
		{"KMS throttles", s3test.Fault{Match: gets, Every: 3, Do: s3test.Answer(400, "KMS.ThrottlingException", "You have exceeded the rate at which you may call KMS.")}, "KMS.ThrottlingException"},
		{"internal errors", s3test.Fault{Match: any, Every: 4, Do: s3test.Answer(500, "InternalError", "We encountered an internal error.")}, "InternalError"},
		{"cut off before the body", s3test.Fault{Match: gets, Every: 3, Do: s3test.CutAfter(0)}, "resuming"},
		{"cut off in the body", s3test.Fault{Match: gets, Every: 3, Do: s3test.CutAfter(700)}, "resuming"},
		{"ends early, cleanly", s3test.Fault{Match: gets, Every: 3, Do: s3test.ShortenTo(300)}, "resuming"},
		{"stalls", s3test.Fault{Match: gets, Every: 9, Times: 27, Do: s3test.StallAfter(500, 2*time.Second)}, "resuming"},
		{"drips", s3test.Fault{Match: gets, Every: 9, Times: 27, Do: s3test.Drip(5*time.Millisecond, 2*time.Second)}, "resuming"},
		{"loses answers to writes", s3test.Fault{Match: writes, Every: 2, Do: s3test.Lose()}, "trying again"},
		{"refuses writes", s3test.Fault{Match: writes, Every: 2, Do: s3test.Answer(503, "SlowDown", "m")}, "trying again"},
		{"slow pages", s3test.Fault{Match: s3test.IsOp("ListObjectsV2", ""), Do: s3test.Delay(50 * time.Millisecond)}, ""},
		{"pages that stall", s3test.Fault{Match: s3test.IsOp("ListObjectsV2", "/results"), Times: 1, Do: s3test.Delay(3 * time.Second)}, "trying again"},
		{"pages cut off", s3test.Fault{Match: s3test.IsOp("ListObjectsV2", ""), Every: 2, Do: s3test.CutAfter(200)}, "trying again"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			proxy := s3test.NewProxy(t, server, test.fault)
			out := strings.ReplaceAll(test.name, " ", "-")
			summary, log, err := converted(t, proxy.URL, out, s3.Options{Stall: 300 * time.Millisecond})
			if err != nil {
				t.Fatalf("%v\n%.3000s", err, log)
			}
			o := summary.Sources
			if o.Converted != want.Sources || o.Unreadable+o.Rejected > 0 || summary.Lines != want.Lines ||
				summary.Rows["results"] != want.Rows.Results || summary.Rows["occurrences"] != want.Rows.Occurrences {
				t.Errorf("%+v, lines %d, rows %v; want %d objects, %d lines, %+v\n%.3000s",
					o, summary.Lines, summary.Rows, want.Sources, want.Lines, want.Rows, log)
			}
			if !strings.Contains(log, test.log) {
				t.Errorf("the log has no %q:\n%.2000s", test.log, log)
			}
			checkLake(t, server, out, summary)
		})
	}
}

// checkLake compares the files of a dataset with the run's summary: no file is missing,
// duplicated or cut off.
func checkLake(t *testing.T, server *s3test.Server, out string, summary *convert.Summary) {
	t.Helper()
	s, err := s3store.Open(t.Context(), newClient(server.URL, s3.Options{}), "s3://lake/"+out, s3.WriteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	rows, err := parquetRows(t.Context(), s, []string{"results", "detections", "occurrences"})
	if err != nil {
		t.Fatal(err)
	}
	for table, want := range summary.Rows {
		if rows[table] != want {
			t.Errorf("%s has %d rows, want %d", table, rows[table], want)
		}
	}
}

// A lasting fault makes exactly the sources that it meets unreadable, and names the
// reason.
func TestFaultsThatStay(t *testing.T) {
	server, want := uploaded(t, 250_000)
	const s3Denied = `User: arn:aws:sts::111122223333:assumed-role/reader/x is not authorized to perform: s3:GetObject on resource: "arn:aws:s3:::results/in/k" because no identity-based policy allows the s3:GetObject action`
	const kmsDenied = `User: arn:aws:sts::111122223333:assumed-role/reader/x is not authorized to perform: kms:Decrypt on resource: arn:aws:kms:us-east-1:111122223333:key/11111111-2222-3333-4444-555555555555 because no resource-based policy allows the kms:Decrypt action`
	// One object in seven, chosen by its name, in every request.
	meets := func(r *http.Request) bool {
		if !s3test.IsOp("GetObject", "/results/in/")(r) {
			return false
		}
		sum := 0
		for _, c := range r.URL.Path {
			sum += int(c)
		}
		return sum%7 == 0
	}
	for _, test := range []struct {
		name string
		do   func(http.ResponseWriter, *http.Request, http.Handler)
		why  []string // in the reason of each
	}{
		{"denied", s3test.Answer(403, "AccessDenied", s3Denied), []string{"s3:GetObject", "assumed-role/reader/x"}},
		{"denied by KMS", s3test.Answer(403, "AccessDenied", kmsDenied), []string{"kms:Decrypt", "key/11111111-2222-3333-4444-555555555555"}},
		{"denied, it doesn't say why", s3test.Answer(403, "AccessDenied", "Access Denied"), []string{"s3:GetObject"}},
		{"gone", s3test.Answer(404, "NoSuchKey", "The specified key does not exist."), []string{"NoSuchKey"}},
		{"changed", s3test.Answer(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold"), []string{"changed since it was listed"}},
		{"archived", s3test.Answer(403, "InvalidObjectState", "The operation is not valid for the object's storage class"), []string{"InvalidObjectState"}},
		{"slow down for good", s3test.Answer(503, "SlowDown", "Please reduce your request rate."), []string{"SlowDown", "gave up after 20 attempts"}},
		{"longer than listed", s3test.Lengthen(), []string{"length"}},
		{"a bit flips", s3test.Flip(), []string{"checksum"}},
		{"always cut off", s3test.CutAfter(10), []string{"unexpected EOF"}},
		{"1 byte a second", s3test.Drip(200*time.Millisecond, 5*time.Second), []string{"next to nothing"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			proxy := s3test.NewProxy(t, server, s3test.Fault{Match: meets, Do: test.do})
			out := strings.ReplaceAll(test.name, " ", "-")
			summary, log, err := converted(t, proxy.URL, out, s3.Options{Stall: 300 * time.Millisecond})
			if err != nil {
				t.Fatalf("%v\n%.3000s", err, log)
			}
			o := summary.Sources
			if o.Unreadable == 0 || o.Converted == 0 || o.Unreadable+o.Converted != want.Sources || o.Rejected > 0 {
				t.Errorf("%+v of %d\n%.3000s", o, want.Sources, log)
			}
			checkLake(t, server, out, summary)
			for _, u := range summary.Unreadable {
				for _, why := range test.why {
					if !strings.Contains(u.Error, why) {
						t.Errorf("%s: %s; want %q in it", u.URI, u.Error, why)
					}
				}
			}
		})
	}
}

// A listing that fails or can't be right ends the run: it is never taken for the end of
// the inputs.
func TestFaultsOfListings(t *testing.T) {
	server, _ := uploaded(t, 50_000)
	for _, test := range []struct {
		name  string
		fault s3test.Fault
		kind  awsclient.Kind
		why   string
	}{
		{"denied", s3test.Fault{Do: s3test.Answer(403, "AccessDenied", "Access Denied")}, awsclient.Denied, "s3:ListBucket"},
		{"no bucket", s3test.Fault{Do: s3test.Answer(404, "NoSuchBucket", "The specified bucket does not exist")}, awsclient.NoSuchBucket, "NoSuchBucket"},
		{"elsewhere", s3test.Fault{Do: s3test.Answer(301, "PermanentRedirect", "The bucket you are attempting to access must be addressed using the specified endpoint.")}, awsclient.WrongRegion, "PermanentRedirect"},
		{"token expired", s3test.Fault{Do: s3test.Answer(400, "ExpiredToken", "The provided token has expired.")}, awsclient.Expired, "ExpiredToken"},
		{"slow down for good", s3test.Fault{Do: s3test.Answer(503, "SlowDown", "m")}, awsclient.Throttled, "gave up"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.fault.Match = s3test.IsOp("ListObjectsV2", "/results")
			proxy := s3test.NewProxy(t, server, test.fault)
			out := "list-" + strings.ReplaceAll(test.name, " ", "-")
			_, _, err := converted(t, proxy.URL, out, s3.Options{})
			if awsclient.KindOf(err) != test.kind || !strings.Contains(fmt.Sprint(err), test.why) {
				t.Errorf("kind %d: %v", awsclient.KindOf(err), err)
			}
		})
	}
}

// If all reads are denied, the run stops after 20 objects.
func TestAllDenied(t *testing.T) {
	server, want := uploaded(t, 1<<20)
	if want.Sources < 40 {
		t.Fatalf("%d sources are too few", want.Sources)
	}
	proxy := s3test.NewProxy(t, server, s3test.Fault{
		Match: s3test.IsOp("GetObject", "/results/"), Do: s3test.Answer(403, "AccessDenied", "Access Denied"),
	})
	_, _, err := converted(t, proxy.URL, "denied", s3.Options{})
	var all *s3input.AllDeniedError
	if !errors.As(err, &all) || awsclient.KindOf(err) != awsclient.Denied {
		t.Errorf("%v", err)
	}
}

// Reading resumes at the byte where a body broke off, in the same version, and requests
// only the rest.
func TestReadOn(t *testing.T) {
	server := s3test.Start(t, "results")
	data := bytes.Repeat([]byte("0123456789abcdef"), 20_000)
	key, bucket := "k", "results"
	put(t, server, bucket, key, data)
	for _, n := range []int{0, 1, 16<<10 - 1, 100_000, len(data) - 1, len(data)} {
		var ranges []string
		var mu sync.Mutex
		proxy := s3test.NewProxy(t, server,
			s3test.Fault{Match: func(r *http.Request) bool {
				mu.Lock()
				defer mu.Unlock()
				if s3test.Op(r) == "GetObject" {
					ranges = append(ranges, r.Header.Get("Range")+" "+r.Header.Get("If-Match"))
				}
				return false
			}},
			s3test.Fault{Match: s3test.IsOp("GetObject", ""), Times: 1, Do: s3test.CutAfter(n)})
		b, err := newClient(proxy.URL, s3.Options{Backoff: quickBackoff()}).Bucket(t.Context(), bucket)
		if err != nil {
			t.Fatal(err)
		}
		r, err := b.Get(t.Context(), s3.Object{Key: key, Size: -1})
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		r.Close()
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("cut after %d: %d bytes, %v", n, len(got), err)
		}
		if n < len(data) {
			want := fmt.Sprintf("bytes=%d-%d ", n, len(data)-1)
			if n == 0 {
				want = " "
			}
			if len(ranges) != 2 || !strings.HasPrefix(ranges[1], want) || !strings.HasSuffix(ranges[1], `"`) {
				t.Errorf("cut after %d: asked for %q", n, ranges)
			}
		}
	}
}

// An object that is replaced while it is read is never a mixture of two versions.
func TestChangedWhileRead(t *testing.T) {
	server := s3test.Start(t, "results")
	put(t, server, "results", "k", bytes.Repeat([]byte("a"), 300_000))
	proxy := s3test.NewProxy(t, server, s3test.Fault{Match: s3test.IsOp("GetObject", ""), Times: 1, Do: s3test.CutAfter(100_000)})
	b, err := newClient(proxy.URL, s3.Options{Backoff: quickBackoff()}).Bucket(t.Context(), "results")
	if err != nil {
		t.Fatal(err)
	}
	r, err := b.Get(t.Context(), s3.Object{Key: "k", Size: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	put(t, server, "results", "k", bytes.Repeat([]byte("b"), 300_000))
	got, err := io.ReadAll(r)
	if awsclient.KindOf(err) != awsclient.Precondition || bytes.Contains(got, []byte("b")) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

func put(t *testing.T, server *s3test.Server, bucket, key string, data []byte) {
	t.Helper()
	_, err := server.Client().PutObject(t.Context(), &sdk.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(data)})
	if err != nil {
		t.Fatal(err)
	}
}

// parquetRows counts the rows in all files of the tables.
func parquetRows(ctx context.Context, s *s3store.Store, tables []string) (map[string]int64, error) {
	rows := make(map[string]int64)
	for _, table := range tables {
		err := s.List(ctx, table, func(name string, _ fs.FileInfo) error {
			f, err := s.OpenAt(ctx, name)
			if err != nil {
				return err
			}
			defer f.Close()
			r, err := file.NewParquetReader(io.NewSectionReader(f, 0, f.Size()))
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			defer r.Close()
			rows[table] += r.NumRows()
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return rows, nil
}
