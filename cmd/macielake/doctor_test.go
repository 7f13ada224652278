package main

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	macietypes "github.com/aws/aws-sdk-go-v2/service/macie2/types"

	"github.com/macielake/macielake/internal/awsclient/awstest"
	"github.com/macielake/macielake/internal/convert"
	"github.com/macielake/macielake/internal/doctor"
	"github.com/macielake/macielake/internal/gen"
	"github.com/macielake/macielake/internal/s3/s3test"
)

// estate is a store with results of two regions where Macie puts those of
// awstest.Account, and the rest of AWS before it.
func estate(t *testing.T) (*awstest.Control, *s3test.Proxy) {
	t.Helper()
	server := s3test.Start(t, "results", "lake")
	for i, region := range []string{"eu-west-1", "us-east-1"} {
		dir := sample(t, gen.Options{Seed: uint64(i + 1), Size: 60_000, Profile: "large"})
		err := server.Put(t.Context(), "results", "security/AWSLogs/"+awstest.Account+"/Macie/"+region+"/", dir)
		if err != nil {
			t.Fatal(err)
		}
	}
	control, proxy := awstest.New(t), s3test.NewProxy(t, server)
	control.Objects(http.HandlerFunc(proxy.ServeHTTP))
	for _, region := range []string{"eu-west-1", "us-east-1"} {
		control.Export(t, region, &macietypes.S3Destination{
			BucketName: aws.String("results"), KeyPrefix: aws.String("security/"), KmsKeyArn: aws.String("arn:aws:kms:us-east-1:111122223333:key/1"),
		})
	}
	return control, proxy
}

func TestConvertWhatMacieNames(t *testing.T) {
	control, _ := estate(t)
	dir := t.TempDir()
	get := func(out string, inputs ...string) map[string][]byte {
		t.Helper()
		out = filepath.Join(dir, out)
		r := runAt(t, control.URL, nil, slices.Concat([]string{"convert", "--path-style", "--json", "-q", "--out", out}, inputs)...)
		if r.code != 0 {
			t.Fatalf("%v: exit code %d: %s", inputs, r.code, r.stderr)
		}
		var s convert.Summary
		if err := answerIn([]byte(r.stdout), &s); err != nil || s.Rows["results"] == 0 {
			t.Fatalf("%v: %s", err, r.stdout)
		}
		return filesOf(t, out)
	}
	rows := func(files map[string][]byte) string {
		return strings.Join(tableRows(t, files, "results"), "\n") + strings.Join(tableRows(t, files, "detections"), "\n")
	}
	const place = "s3://results/security/AWSLogs/" + awstest.Account + "/Macie/"
	one, two := rows(get("one", "macie://eu-west-1")), rows(get("two", "macie://us-east-1", "macie://eu-west-1"))
	if one != rows(get("uri", place+"eu-west-1")) {
		t.Error("macie://eu-west-1 isn't what is at its place")
	}
	if two != rows(get("uris", place)) || two == one {
		t.Error("two regions aren't what is at their places")
	}
	// Sources are where they are.
	if r := runAt(t, control.URL, nil, "cat", filepath.Join(dir, "one"), "--table", "results", "--columns", "source_uri", "--where", "not source_uri~'^"+place+"'", "--output", "csv"); r.code != exitOK || strings.Count(r.stdout, "\n") != 1 {
		t.Errorf("%s%s", r.stdout, r.stderr)
	}

	out := filepath.Join(dir, "none")
	r := runAt(t, control.URL, nil, "convert", "macie://eu-west-3", "--out", out)
	if r.code != exitNotFound || !strings.Contains(r.stderr, "Macie is not enabled in eu-west-3") || !strings.Contains(r.stderr, "hint: enable Macie there") {
		t.Errorf("%+v", r)
	}
	control.Export(t, "eu-west-3", nil)
	r = runAt(t, control.URL, nil, "convert", "macie://eu-west-3", "--out", out)
	if r.code != exitNotFound || !strings.Contains(r.stderr, "no repository is configured") || !strings.Contains(r.stderr, "hint: configure a bucket") {
		t.Errorf("%+v", r)
	}
	if r = runAt(t, control.URL, nil, "convert", "macie://eu/west", "--out", out); r.code != exitUsage {
		t.Errorf("%+v", r)
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("an output is left")
	}
}

func TestDoctorInS3(t *testing.T) {
	control, proxy := estate(t)
	examine := func(code int, args ...string) doctor.Report {
		t.Helper()
		r := runAt(t, control.URL, nil, append([]string{"doctor", "--path-style", "--json"}, args...)...)
		var report doctor.Report
		if err := answerIn([]byte(r.stdout), &report); err != nil || r.code != code || report.OK != (code == 0) {
			t.Fatalf("%v: exit code %d, %v\n%s%s", args, r.code, err, r.stdout, r.stderr)
		}
		for _, secret := range []string{s3test.SecretKey, awstest.SecretKey, awstest.Token, "Signature"} {
			if strings.Contains(r.stdout+r.stderr, secret) {
				t.Errorf("%v: prints %q", args, secret)
			}
		}
		return report
	}
	report := examine(0, "macie://us-east-1", "--out", "s3://lake/macie", "-v")
	if p := report.Policies; p == nil || p.Writer.IAM == nil || p.Reader.IAM == nil || p.Maintenance.IAM == nil {
		t.Errorf("policies %+v", p)
	}
	// What was checked works.
	if r := runAt(t, control.URL, nil, "convert", "--path-style", "macie://us-east-1", "--out", "s3://lake/macie", "-q"); r.code != 0 {
		t.Errorf("%+v", r)
	}
	examine(0, "macie://us-east-1", "--out", "s3://lake/macie")

	// There is no policy on the bucket.
	report = examine(1, "--all-regions", "-v")
	if len(report.Policies.Repositories) != 1 || report.Policies.Auditor == nil {
		t.Errorf("policies %+v", report.Policies)
	}
	examine(1, "--region", "eu-west-1")
	examine(1, "macie://eu-west-3")
	examine(1, "s3://")

	proxy.Script(s3test.Fault{Match: s3test.IsOp("GetObject", "/results"), Do: s3test.Answer(403, "AccessDenied",
		"User: "+awstest.ARN+" is not authorized to perform: kms:Decrypt on resource: arn:aws:kms:us-east-1:111122223333:key/1 because no identity-based policy allows the kms:Decrypt action")})
	r := runAt(t, control.URL, nil, "doctor", "--path-style", "macie://us-east-1")
	for _, want := range []string{
		"failed     decrypt", awstest.ARN + " may not use kms:Decrypt on arn:aws:kms:us-east-1:111122223333:key/1", "-> let " + awstest.ARN + " use kms:Decrypt",
		`"kms:Decrypt"`, `"arn:aws:s3:::results/security/AWSLogs/111122223333/Macie/us-east-1/*"`,
	} {
		if r.code != 1 || !strings.Contains(r.stdout, want) {
			t.Errorf("exit code %d, and it doesn't say %q:\n%s", r.code, want, r.stdout)
		}
	}
	r = runAt(t, control.URL, nil, "doctor", "--path-style", "macie://us-east-1", "--policies=false")
	if strings.Contains(r.stdout, "Statement") {
		t.Error(r.stdout)
	}
}
