package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/macielake/macielake/internal/awsclient"
	"github.com/macielake/macielake/internal/convert"
	"github.com/macielake/macielake/internal/gen"
	"github.com/macielake/macielake/internal/s3/s3test"
)

// result is how a command ended.
type result struct {
	code           int
	stdout, stderr string
}

// runAt runs macielake with the server, or a proxy, at url.
func runAt(t *testing.T, url string, stdin io.Reader, args ...string) result {
	t.Helper()
	return runWith(t, s3test.Environ(url), stdin, args...)
}

func runWith(t *testing.T, env []string, stdin io.Reader, args ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "macielake", args...)
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = env, stdin, &stdout, &stderr
	_ = cmd.Run() // the state has it
	r := result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
	if strings.Contains(r.stderr, "goroutine ") {
		t.Errorf("a stack on standard error:\n%s", r.stderr)
	}
	return r
}

// sampleInS3 uploads a sample to s3://results/in/ of a new server, which has a
// bucket named lake too, and returns the sample's directory.
func sampleInS3(t *testing.T, o gen.Options) (server *s3test.Server, dir string) {
	t.Helper()
	dir = sample(t, o)
	server = s3test.Start(t, "results", "lake")
	if err := server.Put(t.Context(), "results", "in/", dir); err != nil {
		t.Fatal(err)
	}
	return server, dir
}

// tableRows lists the rows of a dataset's table in the order of its files, as
// JSON, without the columns that say where a row comes from.
func tableRows(t *testing.T, files map[string][]byte, table string) []string {
	t.Helper()
	var rows []string
	for _, name := range slices.Sorted(func(yield func(string) bool) {
		for name := range files {
			if strings.HasPrefix(name, table+"/") && !yield(name) {
				return
			}
		}
	}) {
		in, err := file.NewParquetReader(bytes.NewReader(files[name]))
		if err != nil {
			t.Fatal(err)
		}
		reader, err := pqarrow.NewFileReader(in, pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
		if err != nil {
			t.Fatal(err)
		}
		read, err := reader.ReadTable(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer read.Release()
		var columns []arrow.Column
		var fields []arrow.Field
		for i, f := range read.Schema().Fields() {
			if f.Name != "source_uri" && f.Name != "source_etag" && f.Name != "run_id" {
				fields, columns = append(fields, f), append(columns, *read.Column(i))
			}
		}
		for row := range int(read.NumRows()) {
			var b strings.Builder
			for i, c := range columns {
				chunk, at := 0, row
				for at >= c.Data().Chunk(chunk).Len() {
					at -= c.Data().Chunk(chunk).Len()
					chunk++
				}
				fmt.Fprintf(&b, "%s=%s;", fields[i].Name, c.Data().Chunk(chunk).ValueStr(at))
			}
			rows = append(rows, b.String())
		}
	}
	return rows
}

// filesOf are the files below a directory by their relative names.
func filesOf(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	names, err := treeOf(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, name := range names {
		if files[name], err = os.ReadFile(filepath.Join(dir, filepath.FromSlash(name))); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// objectsOf are the objects below a prefix by their relative keys.
func objectsOf(t *testing.T, server *s3test.Server, bucket, prefix string) map[string][]byte {
	t.Helper()
	ctx, client := context.Background(), server.Client()
	files := map[string][]byte{}
	pages := sdk.NewListObjectsV2Paginator(client, &sdk.ListObjectsV2Input{Bucket: &bucket, Prefix: &prefix})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range page.Contents {
			got, err := client.GetObject(awsclient.WithObjectData(ctx), &sdk.GetObjectInput{Bucket: &bucket, Key: o.Key})
			if err != nil {
				t.Fatal(err)
			}
			data, err := io.ReadAll(got.Body)
			if err != nil {
				t.Fatal(err)
			}
			got.Body.Close()
			files[strings.TrimPrefix(aws.ToString(o.Key), prefix)] = data
		}
	}
	return files
}

// From wherever to wherever, the rows are the same.
func TestS3SameRows(t *testing.T) {
	server, dir := sampleInS3(t, gen.Options{Profile: "mixed", Size: 4 << 20, Seed: 7})
	local := filepath.Join(t.TempDir(), "lake")
	if r := runAt(t, server.URL, nil, "convert", filepath.Join(dir, "AWSLogs"), "--out", local, "-q"); r.code != 0 {
		t.Fatal(r)
	}
	want := filesOf(t, local)
	for _, way := range []struct{ name, in, out string }{
		{"s3 to s3", "s3://results/in/AWSLogs", "s3://lake/a/b c"},
		{"s3 to local", "s3://results/in/AWSLogs/", filepath.Join(t.TempDir(), "lake")},
		{"local to s3", filepath.Join(dir, "AWSLogs"), "s3://lake/from-local/"},
		{"a pattern to s3", "s3://results/*/AWSLogs/*/Macie", "s3://lake/pattern"},
	} {
		t.Run(way.name, func(t *testing.T) {
			r := runAt(t, server.URL, nil, "convert", way.in, "--out", way.out, "--path-style", "--json", "-q")
			if r.code != 0 || r.stderr != "" {
				t.Fatal(r)
			}
			var got map[string][]byte
			if key, ok := strings.CutPrefix(way.out, "s3://lake/"); ok {
				got = objectsOf(t, server, "lake", strings.TrimSuffix(key, "/")+"/")
			} else {
				got = filesOf(t, way.out)
			}
			for _, table := range []string{"results", "detections", "occurrences"} {
				g, w := tableRows(t, got, table), tableRows(t, want, table)
				if len(w) == 0 || !slices.Equal(g, w) {
					t.Errorf("%s: %d rows, want %d", table, len(g), len(w))
				}
			}
			var summary convert.Summary
			if err := answerIn([]byte(r.stdout), &summary); err != nil || summary.Sources.Converted == 0 {
				t.Errorf("%v: %s", err, r.stdout)
			}
		})
	}
}

// Marks lie in S3, too, and move on after each answer.
func TestS3Marks(t *testing.T) {
	server, dir := sampleInS3(t, gen.Options{Profile: "repeated", Size: 1 << 20, Seed: 7})
	lake := filepath.Join(t.TempDir(), "lake")
	if r := runAt(t, server.URL, nil, "convert", filepath.Join(dir, "AWSLogs"), "--out", lake, "-q"); r.code != 0 {
		t.Fatal(r)
	}
	for _, mark := range []string{"s3://lake/marks/nightly.json", "s3://lake/top.json"} {
		for _, want := range []string{"first run: ", "Nothing new since run 000001-"} {
			r := runAt(t, server.URL, nil, "diff", lake, "--mark", mark, "--path-style")
			if r.code != 0 || r.stderr != "" || !strings.HasPrefix(r.stdout, want) {
				t.Errorf("%s, want %q: %v", mark, want, r)
			}
		}
	}
	marks := objectsOf(t, server, "lake", "")
	if len(marks) != 2 || !bytes.Contains(marks["marks/nightly.json"], []byte(`"run":"000001-`)) {
		t.Errorf("%q", marks)
	}
	if r := runAt(t, server.URL, nil, "diff", lake, "--mark", "s3://nowhere/m.json", "--path-style"); r.code == 0 || !strings.Contains(r.stderr, "nowhere") {
		t.Error(r)
	}
}

// Exit codes and hints of what goes wrong, and that nothing secret is told, with
// -v either.
func TestS3Errors(t *testing.T) {
	server, _ := sampleInS3(t, gen.Options{Profile: "small", Size: 400_000, Seed: 7})
	const token = "FwoGZXIvYXdzEXAMPLE-session-token"
	reads := s3test.IsOp("GetObject", "/results/")
	some := func(r *http.Request) bool { return reads(r) && r.URL.Path[len(r.URL.Path)-12] < '4' } // of a UUID
	writes := func(r *http.Request) bool {
		return r.Method == http.MethodPut && strings.HasPrefix(r.URL.Path, "/lake/")
	}
	isSTS := func(r *http.Request) bool { return r.Method == http.MethodPost && r.URL.Path == "/" }
	const arn = "arn:aws:sts::111122223333:assumed-role/night/x"
	sts := s3test.Fault{Match: isSTS, Do: func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("Content-Type", "text/xml")
		fmt.Fprintf(w, `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Arn>%s</Arn><UserId>x</UserId><Account>111122223333</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`, arn)
	}}
	encrypted := s3test.Fault{Match: s3test.IsOp("HeadObject", "/results/"), Do: func(w http.ResponseWriter, r *http.Request, forward http.Handler) {
		w.Header().Set("X-Amz-Server-Side-Encryption", "aws:kms")
		w.Header().Set("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id", "arn:aws:kms:us-east-1:111122223333:key/abc")
		forward.ServeHTTP(w, r)
	}}
	for i, test := range []struct {
		name   string
		script []s3test.Fault
		in     string
		flags  []string
		code   int
		stderr []string
	}{
		{"all denied", []s3test.Fault{sts, {Match: reads, Do: s3test.Answer(403, "AccessDenied", "Access Denied")}, {Match: s3test.IsOp("HeadObject", "/results/"), Do: s3test.Answer(403, "AccessDenied", "")}}, "s3://results/in", nil,
			exitFailed, []string{"all of the first 20 objects are denied", arn + " may not use s3:GetObject on arn:aws:s3:::results/in/", "hint: let " + arn + " use s3:GetObject"}},
		{"all denied by KMS", []s3test.Fault{sts, encrypted, {Match: reads, Do: s3test.Answer(403, "AccessDenied", "Access Denied")}}, "s3://results/in", nil,
			exitFailed, []string{arn + " may not use kms:Decrypt on arn:aws:kms:us-east-1:111122223333:key/abc", "hint: let " + arn + " use kms:Decrypt"}},
		{"some denied", []s3test.Fault{sts, encrypted, {Match: some, Do: s3test.Answer(403, "AccessDenied", "Access Denied")}}, "s3://results/in", nil,
			exitUnreadable, []string{"unreadable", "kms:Decrypt"}},
		{"some gone", []s3test.Fault{{Match: some, Do: s3test.Answer(404, "NoSuchKey", "The specified key does not exist.")}}, "s3://results/in", nil,
			exitUnreadable, []string{"unreadable", "NoSuchKey"}},
		{"some changed", []s3test.Fault{{Match: some, Do: s3test.Answer(412, "PreconditionFailed", "m")}}, "s3://results/in", nil,
			exitUnreadable, []string{"unreadable", "the object changed since it was listed"}},
		{"slow down", []s3test.Fault{{Match: reads, Every: 3, Do: s3test.Answer(503, "SlowDown", "Please reduce your request rate.")}}, "s3://results/in", nil,
			exitOK, []string{"trying again", "SlowDown"}},
		{"token: listing denied", []s3test.Fault{sts, {Match: s3test.IsOp("ListObjectsV2", "/results"), Do: s3test.Answer(403, "AccessDenied", "Access Denied")}}, "s3://results/in", nil,
			exitFailed, []string{arn + " may not use s3:ListBucket on arn:aws:s3:::results", "hint: let " + arn + " use s3:ListBucket"}},
		{"no bucket", nil, "s3://nowhere/in", nil, exitNotFound, []string{"s3://nowhere", "hint: check the bucket's name"}},
		{"nothing there", nil, "s3://results/out", nil, exitNotFound, []string{"s3://results/out", "hint: "}},
		{"no bucket to write to", []s3test.Fault{{Match: writes, Do: s3test.Answer(404, "NoSuchBucket", "m")}}, "s3://results/in", nil,
			exitFailed, []string{"NoSuchBucket", "hint: check the bucket's name"}},
		{"writing denied", []s3test.Fault{sts, {Match: writes, Do: s3test.Answer(403, "AccessDenied", "Access Denied")}}, "s3://results/in", nil,
			exitFailed, []string{"may not use s3:PutObject on arn:aws:s3:::lake/", "hint: let " + arn + " use s3:PutObject"}},
		{"writing denied by KMS", []s3test.Fault{{Match: writes, Do: s3test.Answer(403, "AccessDenied", "User: "+arn+" is not authorized to perform: kms:GenerateDataKey on resource: arn:aws:kms:us-east-1:111122223333:key/abc because no identity-based policy allows the kms:GenerateDataKey action")}}, "s3://results/in", nil,
			exitFailed, []string{"may not use kms:GenerateDataKey on arn:aws:kms:us-east-1:111122223333:key/abc", "hint: let " + arn + " use kms:GenerateDataKey and kms:Decrypt"}},
		{"no key", []s3test.Fault{{Match: writes, Do: s3test.Answer(400, "KMS.NotFoundException", "Key 'abc' does not exist")}}, "s3://results/in", []string{"--sse", "aws:kms", "--sse-kms-key-id", "abc"},
			exitFailed, []string{"KMS.NotFoundException", "hint: check --sse-kms-key-id"}},
		{"object lock", []s3test.Fault{{Match: writes, Do: s3test.Answer(403, "AccessDenied", "Access Denied because object protected by object lock.")}}, "s3://results/in", nil,
			exitFailed, []string{"hint: write to a bucket without default retention"}},
		{"token: requester pays", []s3test.Fault{{Match: s3test.IsOp("ListObjectsV2", "/results"), Do: s3test.Answer(403, "AccessDenied", "Bucket is requester pays bucket")}}, "s3://results/in", nil,
			exitFailed, []string{"hint: ", "--request-payer"}},
		{"token: expired", []s3test.Fault{{Match: s3test.IsOp("ListObjectsV2", "/results"), Do: s3test.Answer(400, "ExpiredToken", "The provided token has expired.")}}, "s3://results/in", nil,
			exitFailed, []string{"ExpiredToken", "hint: log in again"}},
		{"token: wrong region", []s3test.Fault{{Match: s3test.IsOp("ListObjectsV2", "/results"), Do: func(w http.ResponseWriter, r *http.Request, h http.Handler) {
			w.Header().Set("X-Amz-Bucket-Region", "eu-central-1")
			s3test.Answer(301, "PermanentRedirect", "m")(w, r, h)
		}}}, "s3://results/in", nil, exitFailed, []string{"hint: the bucket is in eu-central-1"}},
		{"an empty prefix", nil, "s3://results/none", nil, exitNotFound, []string{"macielake: no keys below s3://results/none/"}},
		{"a pattern of nothing", nil, "s3://results/none*/x", nil, exitNotFound, []string{"macielake: no keys match s3://results/none*/x"}},
		{"no URI", nil, "s3:///in", nil, exitUsage, []string{"is no S3 URI", "hint: "}},
		{"a key without encryption", nil, "s3://results/in", []string{"--sse-kms-key-id", "abc"}, exitUsage, []string{"--sse aws:kms"}},
		{"no such profile", nil, "s3://results/in", []string{"--profile", "none"}, exitFailed, []string{"hint: check the --profile"}},
		{"nobody listens", nil, "s3://results/in", []string{"--endpoint-url", "http://127.0.0.1:1"}, exitFailed, []string{"hint: check --endpoint-url: nothing listens there"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			proxy := s3test.NewProxy(t, server, test.script...)
			out, env := fmt.Sprintf("s3://lake/%d", i), s3test.Environ(proxy.URL)
			if strings.HasPrefix(test.name, "token: ") { // the server takes none
				out = filepath.Join(t.TempDir(), "lake")
				env = append(env, "AWS_SESSION_TOKEN="+token)
			}
			args := append([]string{"convert", test.in, "--out", out, "-v"}, test.flags...)
			r := runWith(t, env, nil, args...)
			if r.code != test.code {
				t.Errorf("exit code %d, want %d", r.code, test.code)
			}
			for _, want := range test.stderr {
				if !strings.Contains(r.stderr, want) {
					t.Errorf("standard error has no %q", want)
				}
			}
			if t.Failed() {
				t.Logf("%.4000s", r.stderr)
			}
			for _, secret := range []string{s3test.SecretKey, token, "AWS4-HMAC", "Authorization", "Signature=", "X-Amz-Security-Token"} {
				if strings.Contains(strings.ToLower(r.stdout+r.stderr), strings.ToLower(secret)) {
					t.Errorf("%s is told", secret)
				}
			}
		})
	}
	t.Run("no credentials", func(t *testing.T) {
		var env []string
		for _, e := range s3test.Environ(server.URL) {
			if !strings.HasPrefix(e, "AWS_ACCESS_KEY_ID") && !strings.HasPrefix(e, "AWS_SECRET_ACCESS_KEY") {
				env = append(env, e)
			}
		}
		r := runWith(t, env, nil, "convert", "s3://results/in", "--out", filepath.Join(t.TempDir(), "lake"))
		if r.code != exitFailed || !strings.Contains(r.stderr, "hint: log in (aws sso login)") {
			t.Errorf("%+v", r)
		}
		// That comes first, and before any name that only this program knows.
		for _, args := range [][]string{
			{"convert", "s3://results/in", "--out", "s3://lake/x"}, {"summarize", "s3://results/in"}, {"status", "s3://lake/x"},
		} {
			r := runWith(t, env, nil, args...)
			if r.code != exitFailed || !strings.HasPrefix(r.stderr, "macielake: no AWS credentials") || strings.Contains(r.stderr, "_macielake") {
				t.Errorf("%v: %+v", args, r)
			}
		}
	})
}

// A presigned URL gives away what it names: no command prints its signature.
func TestPresignedURL(t *testing.T) {
	const url = "https://results.s3.eu-west-1.amazonaws.com/AWSLogs/x.jsonl.gz?X-Amz-Credential=AKIASECRET&X-Amz-Signature=SECRET"
	dir := t.TempDir()
	list := filepath.Join(dir, "keys.txt")
	if err := os.WriteFile(list, []byte(url+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "lake")
	for _, args := range [][]string{
		{"convert", url, "--out", out}, {"convert", list, "--out", url}, {"convert", "--keys-from", list, "s3://results", "--out", out},
		{"convert", "--keys-from", url, "s3://results", "--out", out}, {"convert", "--inventory", url, "--out", out},
		{"convert", "s3://results/x?X-Amz-Signature=SECRET", "--out", out},
		{"summarize", url}, {"cat", url}, {"locate", url, "s3://b/k"}, {"locate", list, url}, {"status", url}, {"verify", url}, {"gc", url},
		{"doctor", url}, {"doctor", list, "--out", url},
	} {
		r := runWith(t, s3test.Environ("http://127.0.0.1:1"), nil, args...)
		if r.code == 0 || strings.Contains(r.stdout+r.stderr, "SECRET") {
			t.Errorf("%v: %+v", args, r)
		}
	}
}

// A server that ignores If-None-Match lets two converters replace each other's
// files: results may be read from it, and no dataset is written there.
func TestS3WithoutConditionalWrites(t *testing.T) {
	server := s3test.StartMemory(t, "results", "lake")
	if err := server.Put(t.Context(), "results", "in/", filepath.Join(sample(t, gen.Options{Profile: "small", Size: 20_000, Seed: 7}), "AWSLogs")); err != nil {
		t.Fatal(err)
	}
	proxy := s3test.NewProxy(t, server, s3test.Fault{Do: func(w http.ResponseWriter, r *http.Request, forward http.Handler) {
		r.Header.Del("If-None-Match")
		forward.ServeHTTP(w, r)
	}})
	env := s3test.Environ(proxy.URL)
	r := runWith(t, env, nil, "convert", "s3://results/in", "--out", "s3://lake/x")
	if r.code != exitFailed || !strings.Contains(r.stderr, "s3://lake/x replaces files") || !strings.Contains(r.stderr, "hint: use this store as an INPUT only") {
		t.Errorf("%+v", r)
	}
	if r := runWith(t, env, nil, "convert", "s3://results/in", "--out", filepath.Join(t.TempDir(), "lake")); r.code != exitOK {
		t.Errorf("as a source: %+v", r)
	}
}

// Every request of a conversion that creates an object is conditional; only leases
// and the ledger, which decide nothing, are replaced.
func TestS3ConditionalRequests(t *testing.T) {
	server, _ := sampleInS3(t, gen.Options{Profile: "mixed", Size: 300_000, Seed: 7})
	var mu sync.Mutex
	conditional := map[string]int{}
	proxy := s3test.NewProxy(t, server, s3test.Fault{Match: func(r *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		switch op := s3test.Op(r); op {
		case "PutObject", "CompleteMultipartUpload", "CopyObject":
			replaced := strings.Contains(r.URL.Path, "/_macielake/leases/") || strings.Contains(r.URL.Path, "/_macielake/ledger/")
			if r.Header.Get("If-None-Match") == "*" {
				conditional[op]++
			} else if !replaced {
				t.Errorf("%s %s is not conditional", op, r.URL.Path)
			}
		}
		return false
	}})
	r := runWith(t, s3test.Environ(proxy.URL), nil, "convert", "s3://results/in", "--out", "s3://lake/x")
	if r.code != exitOK && r.code != exitRejects || conditional["PutObject"] < 5 || conditional["CopyObject"] < 3 {
		t.Errorf("%v, %+v", conditional, r)
	}
}

// An output has one place: nothing is written to a pattern, and no policies are
// printed for what it matches.
func TestS3OutputIsNoPattern(t *testing.T) {
	server := s3test.Start(t, "results", "lake")
	for _, args := range [][]string{
		{"doctor", "s3://results", "--out", "s3://lake/a*"}, {"convert", "s3://results", "--out", "s3://lake/a*"}, {"status", "s3://lake/?"},
	} {
		r := runWith(t, s3test.Environ(server.URL), nil, args...)
		if r.code == 0 || strings.Contains(r.stdout, "arn:aws:s3:::lake") || !strings.Contains(r.stdout+r.stderr, "a dataset is in one place") {
			t.Errorf("%v: %+v", args, r)
		}
	}
}

// Lists of keys take the place of a listing.
func TestS3KeysFrom(t *testing.T) {
	server, dir := sampleInS3(t, gen.Options{Profile: "small", Size: 60_000, Seed: 7})
	names, err := treeOf(filepath.Join(dir, "AWSLogs"))
	if err != nil {
		t.Fatal(err)
	}
	results := slices.DeleteFunc(names, func(name string) bool { return !strings.HasSuffix(name, ".jsonl.gz") })
	var keys, uris strings.Builder
	for _, name := range results {
		fmt.Fprintf(&keys, "in/AWSLogs/%s\r\n\n", name)
		fmt.Fprintf(&uris, "s3://results/in/AWSLogs/%s\n", name)
	}
	list := filepath.Join(t.TempDir(), "keys.txt")
	if err := os.WriteFile(list, []byte(uris.String()+uris.String()+"s3://results/in/none.jsonl.gz\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name      string
		stdin     string
		args      []string
		code      int
		converted int64
		stderr    string
	}{
		{"keys", keys.String(), []string{"s3://results", "--keys-from", "-"}, exitOK, int64(len(results)), ""},
		{"URIs, twice, and one that is gone", "", []string{"--keys-from", list}, exitUnreadable, int64(len(results)), ""},
		{"keys without a bucket", keys.String(), []string{"--keys-from", "-"}, exitFailed, 0, "line 1"},
		{"outside the input", "", []string{"s3://results/elsewhere", "--keys-from", list}, exitFailed, 0, "in none of the inputs"},
		{"of a directory", "", []string{dir, "--keys-from", list}, exitUsage, 0, "s3:// URI"},
	} {
		t.Run(test.name, func(t *testing.T) {
			args := append([]string{"convert", "--out", filepath.Join(t.TempDir(), "lake"), "--json", "-q"}, test.args...)
			r := runAt(t, server.URL, strings.NewReader(test.stdin), args...)
			if r.code != test.code || !strings.Contains(r.stderr, test.stderr) {
				t.Fatalf("%+v", r)
			}
			var summary convert.Summary
			if r.code == exitOK || r.code == exitUnreadable {
				if err := answerIn([]byte(r.stdout), &summary); err != nil {
					t.Fatal(err)
				}
			}
			if summary.Sources.Converted != test.converted {
				t.Errorf("%+v", summary.Sources)
			}
		})
	}
}
