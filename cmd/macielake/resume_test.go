package main

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/macielake/macielake/internal/convert"
	"github.com/macielake/macielake/internal/gen"
	"github.com/macielake/macielake/internal/s3/s3test"
)

// summaryOf is what convert --json printed.
func summaryOf(t *testing.T, r result) *convert.Summary {
	t.Helper()
	s := new(convert.Summary)
	if err := answerIn([]byte(r.stdout), s); err != nil {
		t.Fatalf("%v: %+v", err, r)
	}
	return s
}

// checkAgainst has verify recount inputs, all of which must be converted.
func checkAgainst(t *testing.T, env []string, out string, inputs ...string) {
	t.Helper()
	args := []string{"verify", out, "--path-style", "--json"}
	for _, in := range inputs {
		args = append(args, "--against", in)
	}
	r := runWith(t, env, nil, args...)
	var v verification
	if err := answerIn([]byte(r.stdout), &v); err != nil || r.code != exitOK {
		t.Fatalf("%v: %+v", err, r)
	}
	if a := v.Against; len(v.Open) > 0 || a.Sources == 0 || a.Converted != a.Sources {
		t.Errorf("%+v", v)
	}
}

// withoutCredentials is an environment in which AWS can't be asked.
func withoutCredentials(env []string) []string {
	var left []string
	for _, e := range env {
		if !strings.HasPrefix(e, "AWS_ACCESS_KEY_ID=") && !strings.HasPrefix(e, "AWS_SECRET_ACCESS_KEY=") {
			left = append(left, e)
		}
	}
	return left
}

// A run over S3 that was interrupted is finished by a command whose inputs are
// local. Without credentials it fails instead, and gives up none of its sources.
func TestResumeFromS3(t *testing.T) {
	server, dir := sampleInS3(t, gen.Options{Profile: "small", Size: 400_000, Seed: 7})
	expired := s3test.Fault{Match: s3test.IsOp("GetObject", "/results/"), Skip: 10, Do: s3test.Answer(http.StatusBadRequest, "ExpiredToken", "The provided token has expired.")}
	proxy := s3test.NewProxy(t, server, expired)
	env := s3test.Environ(proxy.URL)
	out, local := filepath.Join(t.TempDir(), "lake"), filepath.Join(dir, "AWSLogs")
	if r := runWith(t, env, nil, "convert", "s3://results/in/AWSLogs", "--out", out, "--path-style"); r.code != exitFailed {
		t.Fatalf("%+v", r)
	}
	proxy.Script()
	args := []string{"convert", local, "--out", out, "--path-style", "--json", "-q"}
	for _, broken := range [][]string{withoutCredentials(env), append(env, "AWS_PROFILE=none")} {
		if r := runWith(t, broken, nil, args...); r.code != exitFailed || !strings.Contains(r.stderr, "hint: ") {
			t.Fatalf("%+v", r)
		}
	}
	r := runWith(t, env, nil, args...)
	s := summaryOf(t, r)
	if r.code != exitOK || len(s.Runs) != 1 || s.Sources.Unreadable != 0 || s.Sources.Copies == 0 || s.Sources.Copies != s.Sources.Listed {
		t.Errorf("%+v", r)
	}
	checkAgainst(t, env, out, "s3://results/in/AWSLogs", local)
}

// A run over files that was interrupted is finished by a command whose inputs are
// in S3.
func TestResumeFromLocal(t *testing.T) {
	server, dir := sampleInS3(t, gen.Options{Profile: "small", Size: 60_000, Seed: 7})
	denied := s3test.Fault{Match: s3test.IsOp("PutObject", "/receipts/"), Do: s3test.Answer(http.StatusForbidden, "AccessDenied", "Access Denied")}
	proxy := s3test.NewProxy(t, server, denied)
	env := s3test.Environ(proxy.URL)
	const out = "s3://lake/out"
	local := filepath.Join(dir, "AWSLogs")
	if r := runWith(t, env, nil, "convert", local, "--out", out, "--path-style"); r.code != exitFailed {
		t.Fatalf("%+v", r)
	}
	proxy.Script()
	r := runWith(t, env, nil, "convert", "s3://results/in/AWSLogs", "--out", out, "--path-style", "--json", "-q")
	s := summaryOf(t, r)
	if r.code != exitOK || len(s.Runs) != 1 || s.Sources.Unreadable != 0 || s.Sources.Copies == 0 || s.Sources.Copies != s.Sources.Listed {
		t.Errorf("%+v", r)
	}
	checkAgainst(t, env, out, "s3://results/in/AWSLogs", local)
}

// Who has nothing in S3 needs no AWS, however it is configured.
func TestLocalNeedsNoAWS(t *testing.T) {
	dir := sample(t, gen.Options{Profile: "small", Size: 60_000, Seed: 7})
	env := append(s3test.Environ("http://127.0.0.1:1"), "AWS_PROFILE=none")
	out := filepath.Join(t.TempDir(), "lake")
	for range 2 {
		if r := runWith(t, env, nil, "convert", dir, "--out", out); r.code != exitOK {
			t.Fatalf("%+v", r)
		}
	}
	checkAgainst(t, env, out, dir)
}
