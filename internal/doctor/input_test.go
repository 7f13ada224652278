package doctor

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	macietypes "github.com/aws/aws-sdk-go-v2/service/macie2/types"

	"github.com/macielake/macielake/internal/awsclient"
	"github.com/macielake/macielake/internal/awsclient/awstest"
	"github.com/macielake/macielake/internal/gen"
	"github.com/macielake/macielake/internal/input"
	"github.com/macielake/macielake/internal/macie"
	"github.com/macielake/macielake/internal/s3"
	"github.com/macielake/macielake/internal/s3/s3input"
	"github.com/macielake/macielake/internal/s3/s3store"
	"github.com/macielake/macielake/internal/s3/s3test"
	"github.com/macielake/macielake/internal/store"
	"github.com/macielake/macielake/internal/text"
)

const lakeKey = "arn:aws:kms:us-east-1:444455556666:key/9876fedc-12ab-34cd-56ef-1234567890ab"

// estate is a real store with results in it, behind a proxy, and what else AWS
// answers.
type estate struct {
	control *awstest.Control
	proxy   *s3test.Proxy
	aws     *AWS
}

// newEstate starts one: sample results below s3://results/security/AWSLogs, and
// an empty bucket lake. Objects of both name KMS keys, which the server itself
// doesn't have.
func newEstate(t *testing.T) *estate {
	t.Helper()
	server := s3test.Start(t, "results", "lake", "empty")
	e := &estate{control: awstest.New(t), proxy: s3test.NewProxy(t, server)}
	e.control.Objects(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead {
			w.Header().Set("X-Amz-Server-Side-Encryption", "aws:kms")
			w.Header().Set("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id", resultsKey)
			if strings.HasPrefix(r.URL.Path, "/lake/") {
				w.Header().Set("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id", lakeKey)
			}
		}
		e.proxy.ServeHTTP(w, r)
	}))
	e.aws = ask(s3test.Config(e.control.URL, awsclient.Options{}))
	dir := filepath.Join(t.TempDir(), "sample")
	if _, err := gen.Run(context.Background(), gen.Options{Dir: dir, Seed: 1, Size: 100_000, Profile: "mixed", Encoding: gen.EncodingReal}); err != nil {
		t.Fatal(err)
	}
	if err := server.Put(context.Background(), "results", "security/", dir); err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	err := filepath.WalkDir(filepath.Join(server.Dir, "results"), func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		at = at.Add(time.Hour)
		return os.Chtimes(path, at, at)
	})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func (e *estate) run(t *testing.T, in, out string) *Report {
	t.Helper()
	inS3 := s3input.NewOrigin(e.aws.S3, s3input.Filter{}, nil)
	return run(t, Options{
		Input: in, Origins: []input.Origin{macie.NewOrigin(e.aws.Macie, inS3), inS3},
		Out: out, OpenOut: func(ctx context.Context) (store.Store, error) {
			return s3store.Open(ctx, e.aws.S3, out, s3.WriteOptions{})
		},
		AWS: e.aws,
	})
}

func TestInputAndOutputInS3(t *testing.T) {
	e := newEstate(t)
	r := e.run(t, "s3://results/security/AWSLogs", "s3://lake/macie")
	if got := states(r); got != "" || !r.OK {
		t.Errorf("not ok: %s", got)
	}
	golden(t, "s3", r)
	if got := r.Policies.Writer.IAM; got == nil || len(r.Policies.Writer.KMS) != 2 {
		t.Errorf("%+v", r.Policies.Writer)
	}
	// Nothing is left where that may be removed.
	if r := e.run(t, "s3://results/security/AWSLogs", "s3://lake/macie"); states(r) != "" {
		t.Error(states(r))
	}
	s, err := s3store.Open(context.Background(), e.aws.S3, "s3://lake/macie", s3.WriteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if empty, err := s.Empty(context.Background()); !empty || err != nil {
		t.Errorf("something is left: %v", err)
	}
}

func TestInputByMacie(t *testing.T) {
	e := newEstate(t)
	// The sample has results of this account in its regions.
	const account, region = "333377771111", "ap-southeast-2"
	_ = account
	e.control.Export(t, region, &macietypes.S3Destination{
		BucketName: aws.String("results"), KeyPrefix: aws.String("security/"), KmsKeyArn: aws.String(resultsKey),
	})
	r := e.run(t, "macie://"+region, "")
	// The caller's account made none of the sample's.
	if got := states(r); got != "1 list failed" {
		t.Errorf("not ok: %s", got)
	}
	if got := r.Sections[1].Checks[0].Detail; got != "s3://results/security/AWSLogs/111122223333/Macie/ap-southeast-2/" {
		t.Error(got)
	}
	if r := e.run(t, "macie://eu-west-3", ""); states(r) != "1 repository failed" {
		t.Error(states(r))
	}
}

// Each fault shows as the check that names what is missing, on what and for
// whom.
func TestFaults(t *testing.T) {
	const (
		user = "User: arn:aws:sts::111122223333:assumed-role/lake-writer/nightly is not authorized to perform: "
		kms  = user + "kms:Decrypt on resource: " + resultsKey + " because no identity-based policy allows the kms:Decrypt action"
		gdk  = user + "kms:GenerateDataKey on resource: " + lakeKey + " because no identity-based policy allows the kms:GenerateDataKey action"
	)
	deny := func(op, path, message string) s3test.Fault {
		return s3test.Fault{Match: s3test.IsOp(op, path), Do: s3test.Answer(403, "AccessDenied", message)}
	}
	e := newEstate(t)
	for name, test := range map[string]struct {
		faults  []s3test.Fault
		in, out string
		want    string // states
		says    []string
	}{
		"no list": {
			faults: []s3test.Fault{deny("ListObjectsV2", "/results", "Access Denied")}, in: "s3://results/security",
			want: "1 list failed", says: []string{awstest.ARN + " may not use s3:ListBucket on arn:aws:s3:::results"},
		},
		"no head": {
			faults: []s3test.Fault{deny("HeadObject", "/results", "")}, in: "s3://results/security",
			want: "1 head failed, 1 get not_known", says: []string{awstest.ARN + " may not use s3:GetObject on arn:aws:s3:::results/security/AWSLogs/"},
		},
		"no get": {
			faults: []s3test.Fault{deny("GetObject", "/results", user+"s3:GetObject on resource: \"arn:aws:s3:::results/x\" because no")}, in: "s3://results/security",
			want: "1 get failed", says: []string{"may not use s3:GetObject on arn:aws:s3:::results/x"},
		},
		"no decrypt": {
			faults: []s3test.Fault{deny("GetObject", "/results", kms)}, in: "s3://results/security",
			want: "1 get not_known, 1 decrypt failed", says: []string{awstest.ARN + " may not use kms:Decrypt on " + resultsKey},
		},
		"no decrypt, and S3 doesn't say so": {
			faults: []s3test.Fault{deny("GetObject", "/results", "Access Denied")}, in: "s3://results/security",
			want: "1 get not_known, 1 decrypt failed", says: []string{awstest.ARN + " may not use kms:Decrypt on " + resultsKey},
		},
		"the key is disabled": {
			faults: []s3test.Fault{{Match: s3test.IsOp("GetObject", "/results"), Do: s3test.Answer(400, "KMS.DisabledException", resultsKey+" is disabled.")}}, in: "s3://results/security",
			want: "1 get not_known, 1 decrypt failed", says: []string{"is disabled"},
		},
		"older results have a key that isn't allowed": {
			faults: []s3test.Fault{deny("GetObject", "/25fb5a3f-", kms)}, in: "s3://results/security",
			want: "1 oldest failed", says: []string{"may not use kms:Decrypt on " + resultsKey},
		},
		"archived": {
			faults: []s3test.Fault{{Match: s3test.IsOp("GetObject", "/results"), Do: s3test.Answer(403, "InvalidObjectState", "The operation is not valid for the object's storage class")}}, in: "s3://results/security",
			want: "1 get failed", says: []string{"InvalidObjectState"},
		},
		"not gzip": {
			faults: []s3test.Fault{{Match: s3test.IsOp("GetObject", "/results"), Do: s3test.Flip()}}, in: "s3://results/security",
			want: "1 result failed", says: []string{"don't match its checksum"},
		},
		"nothing there": {in: "s3://empty/x", want: "1 list failed", says: []string{"no keys below s3://empty/x/"}},
		"no such bucket": {
			faults: []s3test.Fault{{Match: s3test.IsOp("ListObjectsV2", "/nosuch"), Do: s3test.Answer(404, "NoSuchBucket", "The specified bucket does not exist")}},
			in:     "s3://nosuch/x", want: "1 list failed", says: []string{"NoSuchBucket"},
		},
		"no URI": {in: "s3://", want: "1 bucket failed", says: []string{"the bucket is missing"}},
		"no write": {
			faults: []s3test.Fault{deny("PutObject", "/lake", "Access Denied")}, in: "s3://results/security", out: "s3://lake/x",
			want: "2 write failed, 2 create_only not_known", says: []string{awstest.ARN + " may not use s3:PutObject on arn:aws:s3:::lake/x/_macielake/probe.json"},
		},
		"no data key": {
			faults: []s3test.Fault{deny("PutObject", "/lake", gdk)}, in: "s3://results/security", out: "s3://lake/x",
			want: "2 write failed, 2 create_only not_known", says: []string{"may not use kms:GenerateDataKey on " + lakeKey},
		},
		"no reading back": {
			faults: []s3test.Fault{deny("GetObject", "/lake/x/_macielake/probe.json", "Access Denied")}, in: "s3://results/security", out: "s3://lake/x",
			want: "2 read_back failed",
		},
		"no listing of the output": {
			faults: []s3test.Fault{deny("ListObjectsV2", "/lake", "Access Denied")}, in: "s3://results/security", out: "s3://lake/x",
			want: "2 content failed", says: []string{"s3:ListBucket"},
		},
		"no conditional writes": {
			faults: []s3test.Fault{{Match: s3test.IsOp("PutObject", "/lake"), Do: unconditional}}, in: "s3://results/security", out: "s3://lake/y",
			want: "2 create_only failed", says: []string{"If-None-Match"},
		},
		"conditional writes not implemented": {
			faults: []s3test.Fault{{Match: func(r *http.Request) bool { return s3test.Op(r) == "PutObject" && r.Header.Get("If-None-Match") != "" },
				Do: s3test.Answer(501, "NotImplemented", "A header you provided implies functionality that is not implemented")}},
			in: "s3://results/security", out: "s3://lake/z", want: "2 create_only failed", says: []string{"NotImplemented"},
		},
		"no delete": {
			faults: []s3test.Fault{deny("DeleteObjects", "/lake", "Access Denied")}, in: "s3://results/security", out: "s3://lake/kept",
			want: "", says: []string{"s3://lake/kept/_macielake/probe.json, as conversions do"},
		},
		"not empty": {in: "s3://results/security", out: "s3://results/security", want: "2 content failed", says: []string{"files, but no dataset"}},
	} {
		t.Run(name, func(t *testing.T) {
			e.proxy.Script(test.faults...)
			defer e.proxy.Script()
			r := e.run(t, test.in, test.out)
			var b strings.Builder
			if err := r.Document(true).Write(&b, text.Table, text.Options{}); err != nil {
				t.Fatal(err)
			}
			if got := states(r); got != test.want || r.OK == strings.Contains(got, "failed") {
				t.Errorf("got  %s\nwant %s\n%s", got, test.want, checklist(r))
			}
			for _, say := range test.says {
				if !strings.Contains(b.String(), say) {
					t.Errorf("doesn't say %q:\n%s", say, checklist(r))
				}
			}
			for _, secret := range []string{s3test.SecretKey, "Signature="} {
				if strings.Contains(b.String(), secret) {
					t.Errorf("says %q", secret)
				}
			}
		})
	}
}

// unconditional is a store that takes no notice of conditions.
func unconditional(w http.ResponseWriter, r *http.Request, forward http.Handler) {
	// The signature holds for the header, so it is answered without asking.
	if r.Header.Get("If-None-Match") == "" {
		forward.ServeHTTP(w, r)
		return
	}
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("ETag", `"0123456789abcdef0123456789abcdef"`)
}

func TestLocal(t *testing.T) {
	dir := t.TempDir()
	sample := filepath.Join(dir, "sample")
	if _, err := gen.Run(context.Background(), gen.Options{Dir: sample, Seed: 1, Size: 100_000, Profile: "mixed", Encoding: gen.EncodingReal}); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "new", "lake")
	o := Options{
		Input: sample, Origins: []input.Origin{input.Local{}}, Out: out,
		OpenOut: func(context.Context) (store.Store, error) { return store.CreateLocal(out) },
	}
	r := run(t, o)
	if got := states(r); got != "" || r.Policies != nil {
		t.Errorf("not ok: %s, %+v", got, r.Policies)
	}
	if _, err := os.Stat(filepath.Join(dir, "new")); !errors.Is(err, os.ErrNotExist) {
		t.Error("something is left:", err)
	}

	o.MaxObjects = 3
	if r := run(t, o); r.Layout.Objects != 3 || !r.Layout.Truncated || !r.OK {
		t.Errorf("%+v", r.Layout)
	}

	write := func(name, content string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for content, want := range map[string]string{
		"": "empty_object", "not JSON\n": "malformed", "{}\n": "no discovery result", "\n \n": "blank", "[]\n{}\n": "not_object",
		`{"id":"1"}` + "\n": "no discovery result",
	} {
		write("x.jsonl", content)
		r := run(t, Options{Input: filepath.Join(dir, "x.jsonl"), Origins: []input.Origin{input.Local{}}})
		if c := r.Sections[0].Checks; states(r) == "" || !strings.Contains(c[len(c)-1].Detail, want) && content != "[]\n{}\n" {
			t.Errorf("%q: %+v", content, c)
		}
	}
}

func TestNamesNeverReachATerminal(t *testing.T) {
	var b strings.Builder
	r := Report{Layout: &Layout{Accounts: []Group{{Name: "\x1b[2J"}}}}
	s := r.section(inputSubject, "s3://b/\x1b]0;x\a")
	s.failed("list", "do \x1b[1m", "a\nb\r\u202e")
	if err := r.Document(true).Write(&b, text.Table, text.Options{}); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(b.String(), "\x1b\a\r\u202e") {
		t.Errorf("%q", b.String())
	}
}

// checklist is a report's text without the policies.
func checklist(r *Report) string {
	var b strings.Builder
	_ = r.Document(false).Write(&b, text.Table, text.Options{})
	return b.String()
}
