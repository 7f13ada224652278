package doctor

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	macietypes "github.com/aws/aws-sdk-go-v2/service/macie2/types"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/macielake/macielake/internal/awsclient"
	"github.com/macielake/macielake/internal/awsclient/awstest"
	"github.com/macielake/macielake/internal/kms"
	"github.com/macielake/macielake/internal/macie"
	"github.com/macielake/macielake/internal/policy"
	"github.com/macielake/macielake/internal/s3"
	"github.com/macielake/macielake/internal/text"
)

var update = flag.Bool("update", false, "write the golden files anew")

const (
	resultsBucket = "macie-results"
	resultsKey    = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
)

// ask returns clients for a configuration, without patience.
func ask(cfg aws.Config) *AWS {
	cfg = awsclient.Prepare(cfg, awsclient.Options{Backoff: awsclient.Backoff{Base: time.Millisecond, Max: time.Millisecond}})
	client := s3.New(cfg, s3.Options{PathStyle: true})
	return &AWS{S3: client, Identity: client.Identity(), Macie: macie.New(cfg, client.Identity()), KMS: kms.New(cfg)}
}

// good sets up a repository that is as it should be.
func good(t *testing.T, c *awstest.Control, regions ...string) {
	t.Helper()
	for _, region := range regions {
		c.Export(t, region, &macietypes.S3Destination{
			BucketName: aws.String(resultsBucket), KeyPrefix: aws.String("security/"), KmsKeyArn: aws.String(resultsKey),
		})
	}
	yes := aws.Bool(true)
	c.Block(t, resultsBucket, s3types.PublicAccessBlockConfiguration{
		BlockPublicAcls: yes, BlockPublicPolicy: yes, IgnorePublicAcls: yes, RestrictPublicBuckets: yes,
	})
	c.Encrypt(t, resultsBucket, s3types.ServerSideEncryptionRule{
		BucketKeyEnabled: yes,
		ApplyServerSideEncryptionByDefault: &s3types.ServerSideEncryptionByDefault{
			SSEAlgorithm: s3types.ServerSideEncryptionAwsKms, KMSMasterKeyID: aws.String(resultsKey),
		},
	})
	c.Policy(t, resultsBucket, bucketPolicy(t, regions...))
	c.Key(t, resultsKey, awstest.Key{}, keyPolicy(t, regions...))
}

func keyPolicy(t *testing.T, regions ...string) string {
	t.Helper()
	r := policy.Repository{Account: awstest.Account, Regions: regions}
	data, err := json.Marshal(r.KeyPolicy())
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func bucketPolicy(t *testing.T, regions ...string) string {
	t.Helper()
	r := policy.Repository{
		Place:   policy.Place{Bucket: resultsBucket, Prefix: "security", Region: "eu-west-1", Keys: []string{resultsKey}},
		Account: awstest.Account, Regions: regions,
	}
	data, err := json.Marshal(r.BucketPolicy())
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// golden compares a report's text with a file, and looks for secrets in it and
// in its JSON.
func golden(t *testing.T, name string, r *Report) {
	t.Helper()
	var b strings.Builder
	if err := r.Document(true).Write(&b, text.Table, text.Options{}); err != nil {
		t.Fatal(err)
	}
	js, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{awstest.SecretKey, awstest.Token, "Authorization", "Signature="} {
		if strings.Contains(b.String(), secret) || strings.Contains(string(js), secret) {
			t.Errorf("%q is in the report", secret)
		}
	}
	file := filepath.Join("testdata", name+".txt")
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

func run(t *testing.T, o Options) *Report {
	t.Helper()
	r, err := Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// states are the checks that aren't ok: section number, name, state.
func states(r *Report) string {
	var out []string
	for i, s := range r.Sections {
		for _, c := range s.Checks {
			if c.State != OK {
				out = append(out, fmt.Sprintf("%d %s %s", i, c.Name, c.State))
			}
		}
	}
	return strings.Join(out, ", ")
}

func TestAuditGood(t *testing.T) {
	c := awstest.New(t)
	good(t, c, "eu-west-1")
	r := run(t, Options{AWS: ask(c.Config("eu-west-1"))})
	if got := states(r); got != "" || !r.OK {
		t.Errorf("not ok: %s", got)
	}
	golden(t, "audit-good", r)
}

func TestAuditAllRegions(t *testing.T) {
	c := awstest.New(t)
	good(t, c, "eu-west-1", "us-east-1")
	c.Export(t, "eu-west-2", nil)
	c.Fail("GetClassificationExportConfiguration", "me-south-1", awstest.Failure{Status: 403, Code: "UnrecognizedClientException", Message: "The security token included in the request is invalid."})
	c.Fail("GetClassificationExportConfiguration", "sa-east-1", awstest.Failure{Status: 403, Code: "AccessDeniedException", Message: "User: " + awstest.ARN + " is not authorized to perform: macie2:GetClassificationExportConfiguration on resource: * with an explicit deny in a service control policy"})
	r := run(t, Options{AWS: ask(c.Config("eu-west-1")), Regions: macie.Regions("aws")})
	if got := states(r); got != "2 repository failed, 3 repository failed" || r.OK {
		t.Errorf("not ok: %s", got)
	}
	golden(t, "audit-all-regions", r)
	// What regions share is asked for once.
	if n := c.Seen("GetBucketPolicy"); n != 1 {
		t.Errorf("asked %d times for the policy", n)
	}
}

func TestAuditNoMacieAtAll(t *testing.T) {
	c := awstest.New(t)
	r := run(t, Options{AWS: ask(c.Config("eu-west-1")), Regions: macie.Regions("aws")})
	if got := states(r); got != "1 enabled failed" {
		t.Errorf("not ok: %s", got)
	}
	r = run(t, Options{AWS: ask(c.Config("eu-west-1"))})
	if got := states(r); got != "1 repository failed" {
		t.Errorf("not ok: %s", got)
	}
}

// Whatever is wrong shows as the check that says so.
func TestAuditFinds(t *testing.T) {
	const denied = "User: " + awstest.ARN + " is not authorized to perform: %s on resource: \"arn:aws:s3:::macie-results\" because no identity-based policy allows the %s action"
	deny := func(c *awstest.Control, op, action string) {
		c.Fail(op, "", awstest.Failure{Status: 403, Code: "AccessDenied", Message: fmt.Sprintf(denied, action, action)})
	}
	edit := func(change func(d *policy.Document)) func(t *testing.T, c *awstest.Control) {
		return func(t *testing.T, c *awstest.Control) {
			d, err := policy.Parse([]byte(bucketPolicy(t, "eu-west-1")))
			if err != nil {
				t.Fatal(err)
			}
			change(d)
			data, err := json.Marshal(d)
			if err != nil {
				t.Fatal(err)
			}
			c.Policy(t, resultsBucket, string(data))
		}
	}
	statement := func(d *policy.Document, sid string) *policy.Statement {
		for i := range d.Statement {
			if d.Statement[i].Sid == sid {
				return &d.Statement[i]
			}
		}
		panic(sid)
	}
	without := func(sid string) func(t *testing.T, c *awstest.Control) {
		return edit(func(d *policy.Document) { *statement(d, sid) = policy.Statement{Effect: policy.Deny} })
	}
	for name, test := range map[string]struct {
		change func(t *testing.T, c *awstest.Control)
		want   string
	}{
		"no policy": {func(_ *testing.T, c *awstest.Control) {
			c.Fail("GetBucketPolicy", "", awstest.Failure{Status: 404, Code: "NoSuchBucketPolicy"})
		}, "1 macie_locates failed, 1 macie_writes failed, 1 plain_http failed"},
		"no write":         {without("LetMacieWriteResults"), "1 macie_writes failed"},
		"no location":      {without("LetMacieLocateTheBucket"), "1 macie_locates failed"},
		"plain HTTP":       {without("RefusePlainHTTP"), "1 plain_http failed"},
		"other encryption": {without("RefuseResultsWithAnotherKey"), ""}, // optional
		"no conditions": {edit(func(d *policy.Document) {
			statement(d, "LetMacieWriteResults").Condition = nil
		}), "1 macie_of_others failed"},
		"another account's conditions": {edit(func(d *policy.Document) {
			statement(d, "LetMacieWriteResults").Condition["StringEquals"]["aws:SourceAccount"] = policy.List{"444455556666"}
		}), "1 macie_writes failed"},
		"another region's conditions": {edit(func(d *policy.Document) {
			statement(d, "LetMacieWriteResults").Condition["ArnLike"]["aws:SourceArn"] = policy.SourceARNs("us-east-1", awstest.Account)
		}), "1 macie_writes failed"},
		"jobs only": {edit(func(d *policy.Document) {
			statement(d, "LetMacieWriteResults").Condition["ArnLike"]["aws:SourceArn"] = policy.SourceARNs("eu-west-1", awstest.Account)[1:]
		}), "1 macie_writes failed"},
		"another prefix": {edit(func(d *policy.Document) {
			statement(d, "LetMacieWriteResults").Resource = policy.List{"arn:aws:s3:::macie-results/elsewhere/*"}
		}), "1 macie_writes failed"},
		"another key insisted on": {edit(func(d *policy.Document) {
			statement(d, "RefuseResultsWithAnotherKey").Condition["StringNotEquals"]["s3:x-amz-server-side-encryption-aws-kms-key-id"] = policy.List{resultsKey + "0"}
		}), "1 macie_writes failed"},
		"a condition that isn't known": {edit(func(d *policy.Document) {
			statement(d, "LetMacieWriteResults").Condition["DateLessThan"] = map[string]policy.List{"aws:CurrentTime": {"2020-01-01T00:00:00Z"}}
		}), "1 macie_writes not_known"},
		"a fence round the organisation": {edit(func(d *policy.Document) {
			d.Statement = append(d.Statement, policy.Statement{
				Sid: "Fence", Effect: policy.Deny, Principal: &policy.Principal{Anyone: true}, Action: policy.List{"s3:*"}, Resource: policy.List{"*"},
				Condition: policy.Condition{
					"StringNotEqualsIfExists": {"aws:PrincipalOrgID": {"o-1"}}, "BoolIfExists": {"aws:PrincipalIsAWSService": {"false"}},
				},
			})
		}), ""},
		"a fence that Macie is out of": {edit(func(d *policy.Document) {
			d.Statement = append(d.Statement, policy.Statement{
				Sid: "Fence", Effect: policy.Deny, Principal: &policy.Principal{Anyone: true}, Action: policy.List{"s3:*"}, Resource: policy.List{"*"},
				Condition: policy.Condition{"StringNotEquals": {"aws:SourceVpce": {"vpce-1"}}},
			})
		}), "1 macie_locates failed, 1 macie_writes failed"},
		"not a policy": {func(t *testing.T, c *awstest.Control) { c.Policy(t, resultsBucket, `{"Statement":[{"Effect":"?"}]}`) },
			"1 bucket_policy not_known"},
		"no block": {func(t *testing.T, c *awstest.Control) {
			c.Block(t, resultsBucket, s3types.PublicAccessBlockConfiguration{BlockPublicAcls: aws.Bool(true)})
		}, "1 public_access failed"},
		"the account blocks": {func(t *testing.T, c *awstest.Control) {
			c.Block(t, resultsBucket, s3types.PublicAccessBlockConfiguration{BlockPublicAcls: aws.Bool(true)})
			c.BlockAccount(awstest.Account, true)
		}, ""},
		"the account blocks nothing either": {func(t *testing.T, c *awstest.Control) {
			c.Block(t, resultsBucket, s3types.PublicAccessBlockConfiguration{BlockPublicAcls: aws.Bool(true)})
			c.BlockAccount(awstest.Account, false)
		}, "1 public_access failed"},
		"the account's block denied": {func(t *testing.T, c *awstest.Control) {
			c.Block(t, resultsBucket, s3types.PublicAccessBlockConfiguration{BlockPublicAcls: aws.Bool(true)})
			deny(c, "GetAccountPublicAccessBlock", "s3:GetAccountPublicAccessBlock")
		}, "1 public_access not_known"},
		"the account's block denied, the bucket's is enough": {func(_ *testing.T, c *awstest.Control) {
			deny(c, "GetAccountPublicAccessBlock", "s3:GetAccountPublicAccessBlock")
		}, ""},
		"another account's bucket": {func(t *testing.T, c *awstest.Control) {
			c.Export(t, "eu-west-1", &macietypes.S3Destination{
				BucketName: aws.String(resultsBucket), KeyPrefix: aws.String("security/"), KmsKeyArn: aws.String(resultsKey), ExpectedBucketOwner: aws.String("444455556666"),
			})
			c.Block(t, resultsBucket, s3types.PublicAccessBlockConfiguration{BlockPublicAcls: aws.Bool(true)})
			c.BlockAccount(awstest.Account, true) // which is no concern of that bucket
		}, "1 public_access not_known"},
		"default retention": {func(t *testing.T, c *awstest.Control) { c.Lock(t, resultsBucket, 30) }, "1 object_lock failed"},
		"retention denied": {func(_ *testing.T, c *awstest.Control) {
			deny(c, "GetObjectLockConfiguration", "s3:GetBucketObjectLockConfiguration")
		}, "1 object_lock not_known"},
		"key disabled": {func(t *testing.T, c *awstest.Control) {
			c.Key(t, resultsKey, awstest.Key{State: "Disabled"}, keyPolicy(t, "eu-west-1"))
		}, "1 key_state failed"},
		"key to be deleted": {func(t *testing.T, c *awstest.Control) {
			c.Key(t, resultsKey, awstest.Key{State: "PendingDeletion"}, keyPolicy(t, "eu-west-1"))
		}, "1 key_state failed"},
		"asymmetric key": {func(t *testing.T, c *awstest.Control) {
			c.Key(t, resultsKey, awstest.Key{Spec: "RSA_4096"}, keyPolicy(t, "eu-west-1"))
		}, "1 key_state failed"},
		"a key that AWS manages": {func(t *testing.T, c *awstest.Control) {
			c.Key(t, resultsKey, awstest.Key{Manager: "AWS"}, keyPolicy(t, "eu-west-1"))
		}, "1 key_state failed"},
		"no such key": {func(_ *testing.T, c *awstest.Control) {
			c.Fail("DescribeKey", "", awstest.Failure{Status: 400, Code: "NotFoundException", Message: "Key does not exist"})
		}, "1 key_state failed"},
		"key denied": {func(_ *testing.T, c *awstest.Control) {
			c.Fail("DescribeKey", "", awstest.Failure{Status: 400, Code: "AccessDeniedException", Message: fmt.Sprintf(denied, "kms:DescribeKey", "kms:DescribeKey")})
		}, "1 key_state not_known, 1 key_policy not_known"},
		"key policy denied": {func(_ *testing.T, c *awstest.Control) {
			c.Fail("GetKeyPolicy", "", awstest.Failure{Status: 400, Code: "AccessDeniedException", Message: fmt.Sprintf(denied, "kms:GetKeyPolicy", "kms:GetKeyPolicy")})
		}, "1 key_policy not_known"},
		"key policy for people alone": {func(t *testing.T, c *awstest.Control) {
			c.Key(t, resultsKey, awstest.Key{}, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"kms:*","Resource":"*"}]}`)
		}, "1 key_policy failed"},
		"key policy for another region": {func(t *testing.T, c *awstest.Control) {
			c.Key(t, resultsKey, awstest.Key{}, keyPolicy(t, "us-east-1"))
		}, "1 key_policy failed"},
		"a directory bucket": {func(t *testing.T, c *awstest.Control) {
			c.Export(t, "eu-west-1", &macietypes.S3Destination{BucketName: aws.String("results--euw1-az1--x-s3"), KmsKeyArn: aws.String(resultsKey)})
		}, "1 bucket failed"},
		"KMS is down": {func(_ *testing.T, c *awstest.Control) {
			c.Fail("DescribeKey", "", awstest.Failure{Status: 500, Code: "KMSInternalException"})
		}, "1 key_state not_known, 1 key_policy not_known"},
		"public policy": {func(_ *testing.T, c *awstest.Control) { c.PublicPolicy(resultsBucket) }, "1 public_access failed"},
		"policy denied": {func(_ *testing.T, c *awstest.Control) { deny(c, "GetBucketPolicy", "s3:GetBucketPolicy") }, "1 bucket_policy not_known"},
		"block denied": {func(_ *testing.T, c *awstest.Control) {
			deny(c, "GetPublicAccessBlock", "s3:GetBucketPublicAccessBlock")
		}, "1 public_access not_known"},
		"encryption denied": {func(_ *testing.T, c *awstest.Control) {
			deny(c, "GetBucketEncryption", "s3:GetEncryptionConfiguration")
		}, "1 bucket_default not_known"},
		"no encryption": {func(_ *testing.T, c *awstest.Control) {
			c.Fail("GetBucketEncryption", "", awstest.Failure{Status: 404, Code: "ServerSideEncryptionConfigurationNotFoundError"})
		}, ""},
		"a key of AWS":    {exportTo("arn:aws:kms:eu-west-1:111122223333:alias/aws/s3"), "1 key failed, 1 macie_writes failed"},
		"a key elsewhere": {exportTo("arn:aws:kms:us-east-1:111122223333:key/1"), "1 key failed, 1 macie_writes failed"},
		"no ARN":          {exportTo("1234"), "1 key failed, 1 macie_writes failed"},
		"who we are, not known": {func(_ *testing.T, c *awstest.Control) {
			c.Fail("GetCallerIdentity", "", awstest.Failure{Status: 400, Code: "InvalidAction"})
		}, "0 identity not_known, 1 repository failed"},
		"expired": {func(_ *testing.T, c *awstest.Control) {
			c.Fail("GetCallerIdentity", "", awstest.Failure{Status: 403, Code: "ExpiredToken", Message: "The security token included in the request is expired"})
		}, "0 identity failed"},
		"no repository": {func(t *testing.T, c *awstest.Control) { c.Export(t, "eu-west-1", nil) }, "1 repository failed"},
	} {
		t.Run(name, func(t *testing.T) {
			c := awstest.New(t)
			good(t, c, "eu-west-1")
			test.change(t, c)
			r := run(t, Options{AWS: ask(c.Config("eu-west-1"))})
			if got := states(r); got != test.want {
				t.Errorf("got  %s\nwant %s\n%s", got, test.want, checklist(r))
			}
			for _, s := range r.Sections {
				for _, c := range s.Checks {
					if c.State == Failed && c.Fix == "" && c.Name != "identity" && c.Name != "repository" { // those have their hints
						t.Errorf("%s failed, and nothing says what to do", c.Name)
					}
				}
			}
		})
	}
}

func exportTo(key string) func(t *testing.T, c *awstest.Control) {
	return func(t *testing.T, c *awstest.Control) {
		c.Export(t, "eu-west-1", &macietypes.S3Destination{BucketName: aws.String(resultsBucket), KeyPrefix: aws.String("security"), KmsKeyArn: &key})
	}
}

// A denial names the permission that is missing, and for whom.
func TestAuditDenied(t *testing.T) {
	c := awstest.New(t)
	good(t, c, "eu-west-1")
	for _, op := range []string{"GetBucketPolicy", "GetBucketPolicyStatus", "GetPublicAccessBlock", "GetBucketEncryption"} {
		c.Fail(op, "", awstest.Failure{Status: 403, Code: "AccessDenied", Message: "Access Denied"})
	}
	golden(t, "audit-denied", run(t, Options{AWS: ask(c.Config("eu-west-1"))}))
}
