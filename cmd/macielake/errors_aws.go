package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/macielake/macielake/internal/awsclient"
	"github.com/macielake/macielake/internal/macie"
	"github.com/macielake/macielake/internal/s3"
	"github.com/macielake/macielake/internal/s3/s3input"
)

// classifyAWS is classify for errors of places in S3 and of requests to AWS; ok
// says that it is one.
func classifyAWS(err error) (code int, hint string, ok bool) {
	var (
		failed   *awsclient.Error
		place    *placeError
		uri      *s3.URIError
		manifest *s3input.ManifestError
		line     *s3input.LineError
		denied   *s3input.AllDeniedError
		noMacie  *macie.NotEnabledError
		nowhere  *macie.NotConfiguredError
		region   *macie.RegionError
	)
	switch {
	case errors.As(err, &uri):
		return exitUsage, "write an S3 object as s3://BUCKET/KEY, without escaping its key", true
	case errors.As(err, &manifest):
		return exitFailed, manifest.Hint, true
	case errors.As(err, &line):
		return exitFailed, "each line is an s3:// URI, or a key of the bucket that the INPUT names", true
	case errors.As(err, &nowhere):
		return exitNotFound, "configure a bucket in Macie's settings (Discovery results); Macie then also delivers results of the last 90 days", true
	case errors.As(err, &noMacie):
		return exitNotFound, "enable Macie there, or use the account that administers it; 'macielake doctor --all-regions' looks in every Region", true
	case errors.As(err, &region):
		return exitUsage, "name a Region, as in macie://eu-west-1 or --region eu-west-1", true
	case errors.As(err, &denied) && errors.As(err, &failed):
		return exitFailed, hintAWS(failed) + "; nothing was published", true
	case errors.Is(err, s3.ErrDirectoryBucket):
		return exitUsage, "use a general purpose bucket: Macie stores nothing in directory buckets, and their listings can't be checked", true
	case errors.As(err, &failed):
		// A missing output is a failure: exit code 5 is for missing inputs.
		notThere := failed.Kind == awsclient.NotFound || failed.Kind == awsclient.NoSuchBucket
		if notThere && isRead(failed.Op) && !errors.As(err, &place) {
			return exitNotFound, hintAWS(failed), true
		}
		return exitFailed, hintAWS(failed), true
	}
	return 0, "", false
}

func isRead(op string) bool {
	return strings.HasPrefix(op, "Get") || strings.HasPrefix(op, "Head") || strings.HasPrefix(op, "List")
}

// hintAWS returns the next step after a failed request.
func hintAWS(e *awsclient.Error) string {
	switch e.Kind {
	case awsclient.Denied:
		return hintDenied(e)
	case awsclient.NoCredentials:
		return "log in (aws sso login), name a --profile, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; on EC2 and Lambda attach a role"
	case awsclient.Expired:
		return "log in again (aws sso login), or renew the session token"
	case awsclient.BadCredentials:
		return "check the access key, its secret and session token (--profile, AWS_… variables), and this machine's clock"
	case awsclient.NotFound:
		return "check the URI; -v shows the requests"
	case awsclient.NoSuchBucket:
		return "check the bucket's name, and whether --endpoint-url and --profile belong to its account"
	case awsclient.WrongRegion:
		if e.Region != "" {
			return fmt.Sprintf("the bucket is in %s: add --region %[1]s", e.Region)
		}
		return "the bucket is in another Region: name it with --region"
	case awsclient.Archived:
		return "the object is in Glacier or Deep Archive: restore it (aws s3api restore-object), and convert again"
	case awsclient.RequesterPays:
		return "accept the charges with --request-payer: this bucket's owner doesn't pay for requests"
	case awsclient.ObjectLock:
		return "write to a bucket without default retention: Object Lock protects this one's objects"
	case awsclient.BadKey:
		return "check --sse-kms-key-id or the bucket's default encryption: the KMS key doesn't exist, is disabled, or is in another Region than the bucket"
	case awsclient.BadAnswer:
		return "check --endpoint-url, and whether a proxy or a login page answers in place of the service"
	case awsclient.BadEndpoint:
		return "check --endpoint-url, --region, and this machine's DNS and proxy"
	case awsclient.Refused:
		return "check --endpoint-url: nothing listens there"
	case awsclient.BadConfig:
		return "check the --profile and --region, and the files that AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE name"
	case awsclient.Unsupported:
		return "use a store that implements conditional writes, CopyObject and ListObjectsV2"
	case awsclient.Throttled:
		return "lower --fetch-concurrency, or try again later: the bucket or its KMS key accepts fewer requests"
	case awsclient.Unavailable, awsclient.Broken, awsclient.TimedOut:
		return "try again later; -v shows repeated requests"
	}
	return ""
}

// hintDenied names the permission that is missing, and for whom.
func hintDenied(e *awsclient.Error) string {
	who := "the caller"
	if e.Identity != "" {
		who = e.Identity
	}
	switch {
	case e.Action == "kms:Decrypt":
		return fmt.Sprintf("let %s use kms:Decrypt on the key, in the key's policy and, from another account, in the identity's policy as well", who)
	case e.Action == "kms:GenerateDataKey":
		return fmt.Sprintf("let %s use kms:GenerateDataKey and kms:Decrypt on the key that the bucket of --out encrypts with", who)
	case e.Action == "s3:GetObject":
		return fmt.Sprintf("let %s use s3:GetObject and s3:ListBucket (without the latter S3 also denies access to missing objects); requester-pays buckets need --request-payer", who)
	case e.Action == "s3:ListBucket":
		return fmt.Sprintf("let %s use s3:ListBucket on the bucket; requester-pays buckets need --request-payer", who)
	case e.Action == "s3:PutObject":
		return fmt.Sprintf("let %s use s3:PutObject, s3:AbortMultipartUpload and s3:GetObject below --out, and kms:GenerateDataKey and kms:Decrypt on its key", who)
	case strings.HasPrefix(e.Action, "s3:Delete"):
		return fmt.Sprintf("let %s use s3:DeleteObject there, or use the identity that maintains the dataset", who)
	case e.Action != "":
		return fmt.Sprintf("let %s use %s", who, e.Action)
	}
	return "check the permissions of " + who
}
