package policy

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// cases are datasets in several partitions.
func cases() map[string]Access {
	tables := []string{"results", "detections", "occurrences", "runs"}
	createOnly := []string{
		"results/", "detections/", "occurrences/", "runs/", "_macielake/runs/", "_macielake/plans/", "_macielake/receipts/",
		"_macielake/staging/", "_macielake/rejects/", "_macielake/looks/", "_macielake/caveats/", "_macielake/dataset.json", "_macielake/dropped.json",
	}
	return map[string]Access{
		"two-keys": {
			Input: &Place{
				Bucket: "macie-results", Prefix: "security/AWSLogs", Region: "eu-west-1",
				Keys: []string{"arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"},
			},
			Output: &Place{
				Bucket: "lake", Prefix: "macie", Region: "eu-central-1",
				Keys: []string{"arn:aws:kms:eu-central-1:444455556666:key/9876fedc-12ab-34cd-56ef-1234567890ab"},
			},
			Account: "111122223333", Tables: tables, CreateOnly: createOnly,
		},
		"one-key": {
			Input: &Place{
				Bucket: "all", Prefix: "AWSLogs", Region: "us-gov-west-1",
				Keys: []string{"arn:aws-us-gov:kms:us-gov-west-1:111122223333:key/1"},
			},
			Output: &Place{
				Bucket: "all", Prefix: "lake", Region: "us-gov-west-1",
				Keys: []string{"arn:aws-us-gov:kms:us-gov-west-1:111122223333:key/1"},
			},
			Account: "111122223333", Tables: tables, CreateOnly: createOnly,
		},
		"china-whole-buckets": {
			AskMacie: true,
			Input:    &Place{Bucket: "in", Region: "cn-north-1", Keys: []string{"arn:aws-cn:kms:cn-north-1:111122223333:key/1"}},
			Output:   &Place{Bucket: "out", Region: "cn-north-1"},
			Account:  "111122223333", Tables: tables, CreateOnly: createOnly,
		},
		"hostile-names": {
			Input:   &Place{Bucket: "in", Prefix: "a*b?/${aws:username}", Region: "eu-west-1"},
			Output:  &Place{Bucket: "arn:aws:s3:eu-west-1:111122223333:accesspoint/lake", Prefix: "lake", Region: "eu-west-1", Keys: []string{"arn:aws:kms:eu-west-1:111122223333:key/1"}},
			Account: "111122223333", Tables: tables, CreateOnly: createOnly,
		},
		"beginning": {
			Input: &Place{Bucket: "in", Prefix: "AWSLogs/1", Beginning: true, Region: "eu-west-1"}, Tables: tables,
		},
		"one-object": {
			Input:   &Place{Bucket: "in", Prefix: "AWSLogs/x.jsonl.gz", Object: true, Region: "eu-west-1", Keys: []string{"arn:aws:kms:eu-west-1:111122223333:key/1"}},
			Account: "", Tables: tables, CreateOnly: createOnly,
		},
	}
}

// grants are a case's policies by who gets them.
func grants(a Access) map[string]Grant {
	return map[string]Grant{"writer": a.Writer(), "reader": a.Reader(), "maintenance": a.Maintenance()}
}

func TestAccessGolden(t *testing.T) {
	for name, a := range cases() {
		t.Run(name, func(t *testing.T) { golden(t, name, grants(a)) })
	}
}

func golden(t *testing.T, name string, v any) {
	t.Helper()
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join("testdata", name+".json")
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("%s differs:\n%s", file, b.String())
	}
}

// The policies in the documentation are those that are made.
func TestDocumentation(t *testing.T) {
	doc, err := os.ReadFile(filepath.Join("..", "..", "docs", "permissions.md"))
	if err != nil {
		t.Fatal(err)
	}
	a, r := cases()["two-keys"], repository()
	for name, d := range map[string]*Document{
		"writer": a.Writer().IAM, "reader": a.Reader().IAM, "maintenance": a.Maintenance().IAM, "key": a.Reader().KMS[0].Policy,
		"bucket": r.BucketPolicy(), "Macie's key": r.KeyPolicy(), "auditor": Auditor([]Place{r.Place}),
	} {
		data, err := json.MarshalIndent(d, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(doc), "```json\n"+string(data)+"\n```\n") {
			t.Errorf("docs/permissions.md lacks the policy of the %s:\n%s", name, data)
		}
	}
}

// parsed is a policy as AWS reads it: its JSON.
func parsed(t *testing.T, d *Document) *Document {
	t.Helper()
	data, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Parse(data)
	if err != nil {
		t.Fatalf("%v: %s", err, data)
	}
	return p
}

// What the policies allow, asked of the evaluator: each line is a request, and
// who may make it.
func TestAccessAllows(t *testing.T) {
	a := cases()["two-keys"]
	const in, out = "arn:aws:s3:::macie-results", "arn:aws:s3:::lake"
	inKey, outKey := a.Input.Keys[0], a.Output.Keys[0]
	list := func(prefix string) map[string]string { return map[string]string{"s3:prefix": prefix} }
	kms := func(region, arn string) map[string]string {
		return map[string]string{"kms:viaservice": "s3." + region + ".amazonaws.com", "kms:encryptioncontext:aws:s3:arn": arn}
	}
	// A request that creates only what isn't there, one that replaces, and a part
	// of an upload, which is no creation.
	put := func(ifNoneMatch, creation string) map[string]string {
		return map[string]string{"s3:if-none-match": ifNoneMatch, "s3:objectcreationoperation": creation}
	}
	for _, c := range []struct {
		action, resource string
		context          map[string]string
		who              string
	}{
		{"s3:ListBucket", in, list("security/AWSLogs"), "writer"},
		{"s3:ListBucket", in, list("security/AWSLogs/1/Macie/"), "writer"},
		{"s3:ListBucket", in, list("security/AWSLogs-of-others/"), ""},
		{"s3:ListBucket", in, list(""), ""},
		{"s3:GetObject", in + "/security/AWSLogs/1/Macie/eu-west-1/j/x.jsonl.gz", nil, "writer"},
		{"s3:GetObject", in + "/security/other", nil, ""},
		{"s3:PutObject", in + "/security/AWSLogs/1", nil, ""},
		{"s3:DeleteObject", in + "/security/AWSLogs/1", nil, ""},
		{"kms:Decrypt", inKey, kms("eu-west-1", in+"/security/AWSLogs/x"), "writer"},
		{"kms:Decrypt", inKey, kms("eu-west-1", in), "writer"},
		{"kms:Decrypt", inKey, kms("eu-west-1", in+"/elsewhere"), ""},
		{"kms:Decrypt", inKey, kms("eu-west-2", in), ""},
		{"kms:GenerateDataKey", inKey, kms("eu-west-1", in), ""},
		{"s3:ListBucket", out, list("macie/"), "writer maintenance"},
		{"s3:ListBucket", out, list("macie/_macielake/runs/"), "writer maintenance"},
		{"s3:ListBucket", out, list("macie/results/"), "writer reader maintenance"},
		{"s3:ListBucket", out, list("macie/runs/"), "writer reader maintenance"},
		{"s3:GetBucketLocation", out, nil, "reader"},
		{"s3:GetObject", out + "/macie/results/created_month=2026-01/x.parquet", nil, "writer reader maintenance"},
		{"s3:GetObject", out + "/macie/_macielake/rejects/000001-00000.jsonl", nil, "writer maintenance"},
		{"s3:GetObject", out + "/macie/resultsx/y", nil, "writer maintenance"},
		{"s3:PutObject", out + "/macie/results/x", put("*", "true"), "writer maintenance"},
		{"s3:PutObject", out + "/macie/results/x", put("", "true"), "maintenance"},
		{"s3:PutObject", out + "/macie/results/x", put("", "false"), "writer maintenance"},
		{"s3:PutObject", out + "/macie/_macielake/runs/000001-8f3c24a1.json", put("*", "true"), "writer maintenance"},
		{"s3:PutObject", out + "/macie/_macielake/runs/000001-8f3c24a1.json", put("", "true"), "maintenance"},
		{"s3:PutObject", out + "/macie/_macielake/dataset.json", put("", "true"), "maintenance"},
		{"s3:PutObject", out + "/macie/_macielake/leases/x.json", put("", "true"), "writer maintenance"},
		{"s3:PutObject", out + "/macie/_macielake/ledger/x", put("", "true"), "writer maintenance"},
		{"s3:AbortMultipartUpload", out + "/macie/results/x", nil, "writer maintenance"},
		{"s3:DeleteObject", out + "/macie/results/x", nil, "maintenance"},
		{"s3:DeleteObject", out + "/other", nil, ""},
		{"s3:PutObject", out + "/other", nil, ""},
		{"kms:GenerateDataKey", outKey, kms("eu-central-1", out+"/macie/results/x"), "writer maintenance"},
		{"kms:Decrypt", outKey, kms("eu-central-1", out+"/macie/results/x"), "writer reader maintenance"},
		{"kms:Decrypt", outKey, kms("eu-central-1", out+"/macie/_macielake/x"), "writer maintenance"},
		{"kms:ScheduleKeyDeletion", outKey, kms("eu-central-1", out), ""},
	} {
		for who, g := range grants(a) {
			got := parsed(t, g.IAM).Evaluate(Request{Action: c.action, Resource: c.resource, Context: c.context}).Permits() == Yes
			if want := slices.Contains(strings.Fields(c.who), who); got != want {
				t.Errorf("%s: %s on %s %v: allowed %v, want %v", who, c.action, c.resource, c.context, got, want)
			}
		}
	}
}

// What must hold of the policies' texts, whatever the case.
func TestAccessIsSmall(t *testing.T) {
	for name, a := range cases() {
		for who, g := range grants(a) {
			var documents []*Document
			if g.IAM != nil {
				documents = append(documents, parsed(t, g.IAM))
			}
			for _, k := range g.KMS {
				documents = append(documents, parsed(t, k.Policy))
			}
			for _, d := range documents {
				for _, s := range d.Statement {
					small(t, name+" "+who, &a, who, &s)
				}
			}
		}
	}
}

func small(t *testing.T, where string, a *Access, who string, s *Statement) {
	t.Helper()
	deny := s.Sid == "ReplaceNothing"
	if (s.Effect == Deny) != deny || s.NotAction != nil || s.NotResource != nil || len(s.Action) == 0 || len(s.Resource) == 0 {
		t.Errorf("%s: %+v", where, s)
	}
	if s.Sid == "" || strings.Trim(s.Sid, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		t.Errorf("%s: IAM doesn't take the Sid %q", where, s.Sid)
	}
	for _, action := range s.Action {
		if strings.Contains(action, "*") {
			t.Errorf("%s: action %s", where, action)
		}
		if strings.Contains(action, "Delete") && who != "maintenance" {
			t.Errorf("%s: may delete: %s", where, action)
		}
		if strings.Contains(action, "Put") && who == "reader" {
			t.Errorf("%s: may write: %s", where, action)
		}
	}
	keyPolicy := s.Principal != nil
	for _, r := range s.Resource {
		if keyPolicy && r == "*" { // the key itself
			continue
		}
		if r == "*" && who == "writer" && slices.Equal(s.Action, List{"macie2:GetClassificationExportConfiguration"}) {
			continue // it knows no resources
		}
		// A wildcard is the end of a prefix of one of the places.
		plain := strings.NewReplacer("${*}", "", "${?}", "", "${$}", "").Replace(strings.TrimSuffix(r, "*"))
		if strings.ContainsAny(plain, "*?") {
			t.Errorf("%s: resource %s", where, r)
		}
		inPlace := strings.Contains(r, ":kms:")
		for _, p := range []*Place{a.Input, a.Output} {
			inPlace = inPlace || p != nil && (r == p.BucketARN() || strings.HasPrefix(r, strings.TrimSuffix(p.ObjectsARN(""), "*")))
		}
		if !inPlace {
			t.Errorf("%s: resource %s is outside", where, r)
		}
		if who == "reader" && strings.Contains(r, "_macielake") {
			t.Errorf("%s: %s", where, r)
		}
	}
	if kms := strings.HasPrefix(s.Action[0], "kms:"); kms && s.Condition["StringEquals"]["kms:ViaService"] == nil {
		t.Errorf("%s: a key may be used for other than S3: %+v", where, s)
	}
}

func TestPartitions(t *testing.T) {
	for region, want := range map[string]string{
		"eu-west-1": "aws", "cn-northwest-1": "aws-cn", "us-gov-east-1": "aws-us-gov", "eusc-de-east-1": "aws-eusc", "": "aws",
	} {
		if got := Partition(region); got != want {
			t.Errorf("%s is in %s, want %s", region, got, want)
		}
	}
	if got := MaciePrincipal("me-south-1"); got != "macie.me-south-1.amazonaws.com" {
		t.Error(got)
	}
	if got := MaciePrincipal("eu-west-1"); got != "macie.amazonaws.com" {
		t.Error(got)
	}
}
