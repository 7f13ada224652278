// Package awstest stands in for AWS calls that no loopback server offers: the caller's
// identity (STS), the place of results (Macie), KMS keys, and the protection of a bucket
// (S3). It answers with the bytes that the SDK sent to set a value, so their format is
// the SDK's own.
//
// Start with [New].
package awstest

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/macie2"
	macietypes "github.com/aws/aws-sdk-go-v2/service/macie2/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// The caller that the stand-in reports.
const (
	Account = "111122223333"
	ARN     = "arn:aws:sts::111122223333:assumed-role/lake-writer/nightly"
)

// Control is a server on loopback. It is safe for concurrent use.
type Control struct {
	URL string

	mu      sync.Mutex
	bodies  map[string][]byte  // by call and what it is about
	errors  map[string]Failure // by operation, with and without what it is about
	seen    map[string]int     // by operation
	objects http.Handler       // takes what isn't known here; nil for nothing
}

// Failure is an error answer of a service.
type Failure struct {
	Status        int
	Code, Message string
}

// New starts a server, which ends with the test.
func New(t testing.TB) *Control {
	t.Helper()
	c := &Control{bodies: map[string][]byte{}, errors: map[string]Failure{}, seen: map[string]int{}}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	c.URL = server.URL
	return c
}

// Objects sets a server that answers all other requests.
func (c *Control) Objects(h http.Handler) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.objects = h
}

// Config returns a configuration for requests to the server. Tests check that its secret
// appears nowhere.
func (c *Control) Config(region string) aws.Config {
	return aws.Config{
		Region: region, BaseEndpoint: &c.URL, Credentials: credentials.NewStaticCredentialsProvider(AccessKey, SecretKey, Token),
	}
}

// Credentials of requests.
const (
	AccessKey = "AKIAMACIELAKECTRL"
	SecretKey = "a-secret-that-must-not-be-printed"
	Token     = "a-token-that-must-not-be-printed"
)

// Fail makes an operation, named as in the SDK, fail for a bucket or Region, or for all
// if that is empty.
func (c *Control) Fail(operation, about string, f Failure) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.errors[strings.TrimSpace(operation+" "+about)] = f
}

// Seen returns the number of requests for an operation.
func (c *Control) Seen(operation string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.seen[operation]
}

// Export sets where a Region's results go; nil means that Macie is enabled without a
// repository. Without Export, Macie isn't enabled in the Region.
func (c *Control) Export(t testing.TB, region string, to *macietypes.S3Destination) {
	t.Helper()
	if to == nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.bodies["ClassificationExportConfiguration "+region] = []byte(`{"configuration":{}}`)
		return
	}
	_, err := macie2.NewFromConfig(c.Config(region)).PutClassificationExportConfiguration(context.Background(),
		&macie2.PutClassificationExportConfigurationInput{Configuration: &macietypes.ClassificationExportConfiguration{S3Destination: to}})
	if err != nil {
		t.Fatal(err)
	}
}

func (c *Control) s3() *s3.Client {
	return s3.NewFromConfig(c.Config("us-east-1"), func(o *s3.Options) { o.UsePathStyle = true })
}

// Policy sets a bucket's policy.
func (c *Control) Policy(t testing.TB, bucket, policy string) {
	t.Helper()
	_, err := c.s3().PutBucketPolicy(context.Background(), &s3.PutBucketPolicyInput{Bucket: &bucket, Policy: &policy})
	if err != nil {
		t.Fatal(err)
	}
}

// PublicPolicy sets whether S3 regards a bucket's policy as public: the only answer that
// no call of the SDK sets (S3 API reference, GetBucketPolicyStatus).
func (c *Control) PublicPolicy(bucket string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bodies["BucketPolicyStatus "+bucket] = []byte(`<PolicyStatus><IsPublic>TRUE</IsPublic></PolicyStatus>`)
}

// Block sets which public access a bucket blocks.
func (c *Control) Block(t testing.TB, bucket string, block s3types.PublicAccessBlockConfiguration) {
	t.Helper()
	_, err := c.s3().PutPublicAccessBlock(context.Background(),
		&s3.PutPublicAccessBlockInput{Bucket: &bucket, PublicAccessBlockConfiguration: &block})
	if err != nil {
		t.Fatal(err)
	}
}

// Encrypt sets a bucket's default encryption.
func (c *Control) Encrypt(t testing.TB, bucket string, rule s3types.ServerSideEncryptionRule) {
	t.Helper()
	_, err := c.s3().PutBucketEncryption(context.Background(), &s3.PutBucketEncryptionInput{
		Bucket:                            &bucket,
		ServerSideEncryptionConfiguration: &s3types.ServerSideEncryptionConfiguration{Rules: []s3types.ServerSideEncryptionRule{rule}},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Lock sets the default retention of a bucket's Object Lock.
func (c *Control) Lock(t testing.TB, bucket string, days int32) {
	t.Helper()
	_, err := c.s3().PutObjectLockConfiguration(context.Background(), &s3.PutObjectLockConfigurationInput{
		Bucket: &bucket,
		ObjectLockConfiguration: &s3types.ObjectLockConfiguration{
			ObjectLockEnabled: s3types.ObjectLockEnabledEnabled,
			Rule:              &s3types.ObjectLockRule{DefaultRetention: &s3types.DefaultRetention{Mode: s3types.ObjectLockRetentionModeGovernance, Days: &days}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// BlockAccount sets whether an account blocks all public access or none (S3 API reference,
// GetPublicAccessBlock of S3 Control).
func (c *Control) BlockAccount(account string, all bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bodies["AccountPublicAccessBlock "+account] = fmt.Appendf(nil, `<?xml version="1.0"?><PublicAccessBlockConfiguration xmlns="http://awss3control.amazonaws.com/doc/2018-08-20/">`+
		`<BlockPublicAcls>%[1]t</BlockPublicAcls><IgnorePublicAcls>%[1]t</IgnorePublicAcls><BlockPublicPolicy>%[1]t</BlockPublicPolicy><RestrictPublicBuckets>%[1]t</RestrictPublicBuckets>`+
		`</PublicAccessBlockConfiguration>`, all)
}

// Key describes a KMS key; empty fields have the values of a usual key.
type Key struct{ State, Spec, Usage, Manager string }

// Key sets the description and the policy of a KMS key (KMS API reference, DescribeKey
// and GetKeyPolicy).
func (c *Control) Key(t testing.TB, arn string, k Key, policy string) {
	t.Helper()
	metadata, err := json.Marshal(map[string]any{"KeyMetadata": map[string]string{
		"Arn": arn, "AWSAccountId": Account, "KeyState": cmp.Or(k.State, "Enabled"), "KeyManager": cmp.Or(k.Manager, "CUSTOMER"),
		"KeySpec": cmp.Or(k.Spec, "SYMMETRIC_DEFAULT"), "KeyUsage": cmp.Or(k.Usage, "ENCRYPT_DECRYPT"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	document, err := json.Marshal(map[string]string{"Policy": policy, "PolicyName": "default"})
	if err != nil {
		t.Fatal(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bodies["DescribeKey "+arn], c.bodies["KeyPolicy "+arn] = metadata, document
}

// keyOf returns the key in a request to KMS. The body can be read again.
func keyOf(r *http.Request) string {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return ""
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	var in struct{ KeyId string }
	_ = json.Unmarshal(body, &in)
	return in.KeyId
}

func failKMS(w http.ResponseWriter, f Failure) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.WriteHeader(f.Status)
	fmt.Fprintf(w, `{"__type":%q,"message":%q}`, f.Code, f.Message)
}

// call identifies a request. An operation is Get or Put and the name of a call.
type call struct {
	name    string
	about   string // a bucket, or a region
	service func(http.ResponseWriter, Failure)
	absent  Failure
}

// identify identifies a request, and reports whether it is known.
func identify(r *http.Request) (call, bool) {
	switch query := r.URL.Query(); {
	case r.URL.Path == "/classification-export-configuration":
		return call{"ClassificationExportConfiguration", signedFor(r), failMacie, Failure{403, "AccessDeniedException", "Macie is not enabled"}}, true
	case r.Method == http.MethodPost && r.URL.Path == "/" && strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded"):
		return call{name: "CallerIdentity", service: failSTS}, true
	case r.URL.Path == "/v20180820/configuration/publicAccessBlock":
		return call{"AccountPublicAccessBlock", r.Header.Get("X-Amz-Account-Id"), FailS3, Failure{404, "NoSuchPublicAccessBlockConfiguration", "there is none"}}, true
	case strings.HasPrefix(r.Header.Get("X-Amz-Target"), "TrentService."):
		name := strings.TrimPrefix(strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "TrentService."), "Get")
		return call{name, keyOf(r), failKMS, Failure{400, "NotFoundException", "there is no such key"}}, true
	case r.Method == http.MethodHead && !strings.Contains(strings.Trim(r.URL.Path, "/"), "/"):
		return call{"HeadBucket", strings.Trim(r.URL.Path, "/"), FailS3, Failure{404, "NoSuchBucket", "there is none"}}, true
	default:
		bucket := strings.Trim(r.URL.Path, "/")
		for _, c := range []struct{ query, name, code string }{
			{"policyStatus", "BucketPolicyStatus", "NoSuchBucketPolicy"},
			{"policy", "BucketPolicy", "NoSuchBucketPolicy"},
			{"publicAccessBlock", "PublicAccessBlock", "NoSuchPublicAccessBlockConfiguration"},
			{"object-lock", "ObjectLockConfiguration", "ObjectLockConfigurationNotFoundError"},
			{"encryption", "BucketEncryption", "ServerSideEncryptionConfigurationNotFoundError"},
		} {
			if query.Has(c.query) {
				return call{c.name, bucket, FailS3, Failure{404, c.code, "there is none"}}, true
			}
		}
	}
	return call{}, false
}

// signedFor returns the Region in a request's signature: AWS4-HMAC-SHA256
// Credential=KEY/DATE/REGION/SERVICE/aws4_request, …
func signedFor(r *http.Request) string {
	_, credential, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	if parts := strings.Split(credential, "/"); len(parts) > 2 {
		return parts[2]
	}
	return ""
}

// ServeHTTP implements http.Handler.
func (c *Control) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	what, known := identify(r)
	if !known {
		c.mu.Lock()
		objects := c.objects
		c.mu.Unlock()
		if objects == nil {
			FailS3(w, Failure{501, "NotImplemented", r.Method + " " + r.URL.Path})
			return
		}
		objects.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	operation := "Get" + what.name
	if strings.HasPrefix(what.name, "Describe") || strings.HasPrefix(what.name, "Head") {
		operation = what.name
	}
	if r.Method == http.MethodPut {
		c.bodies[what.name+" "+what.about] = body
		w.WriteHeader(http.StatusOK)
		fmt.Fprint(w, "{}")
		return
	}
	c.seen[operation]++
	for _, name := range []string{operation, operation + " " + what.about} {
		if f, ok := c.errors[name]; ok {
			what.service(w, f)
			return
		}
	}
	if what.name == "CallerIdentity" {
		w.Header().Set("Content-Type", "text/xml")
		fmt.Fprintf(w, `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>`+
			`<Arn>%s</Arn><UserId>AROA:nightly</UserId><Account>%s</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`, ARN, Account)
		return
	}
	if what.name == "HeadBucket" {
		if owner := r.Header.Get("X-Amz-Expected-Bucket-Owner"); owner != "" && owner != Account {
			w.WriteHeader(http.StatusForbidden)
		}
		return
	}
	body, ok := c.bodies[what.name+" "+what.about]
	if !ok {
		if what.name == "BucketPolicyStatus" && c.bodies["BucketPolicy "+what.about] != nil {
			fmt.Fprint(w, `<PolicyStatus><IsPublic>FALSE</IsPublic></PolicyStatus>`)
			return
		}
		what.service(w, what.absent)
		return
	}
	w.Write(body)
}

func failMacie(w http.ResponseWriter, f Failure) {
	w.Header().Set("X-Amzn-Errortype", f.Code)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(f.Status)
	fmt.Fprintf(w, `{"message":%q}`, f.Message)
}

func failSTS(w http.ResponseWriter, f Failure) {
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(f.Status)
	fmt.Fprintf(w, `<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error></ErrorResponse>`, f.Code, f.Message)
}

// FailS3 answers with an error in S3's format.
func FailS3(w http.ResponseWriter, f Failure) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(f.Status)
	fmt.Fprintf(w, `<Error><Code>%s</Code><Message>%s</Message></Error>`, f.Code, f.Message)
}
