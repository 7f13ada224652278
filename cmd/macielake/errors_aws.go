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
		return exitUsage, "an object in S3 is s3://BUCKET/KEY, as its key stands, without escapes", true
	case errors.As(err, &manifest):
		return exitFailed, manifest.Hint, true
	case errors.As(err, &line):
		return exitFailed, "each line is an s3:// URI, or a key of the bucket that the INPUT names", true
	case errors.As(err, &nowhere):
		return exitNotFound, "configure a bucket for results in Macie's settings (Discovery results): it adds those of the last 90 days", true
	case errors.As(err, &noMacie):
		return exitNotFound, "enable Macie there, or ask as the account that administers it; 'macielake doctor --all-regions' looks everywhere", true
	case errors.As(err, &region):
		return exitUsage, "name a region, as in macie://eu-west-1 or --region eu-west-1", true
	case errors.As(err, &denied) && errors.As(err, &failed):
		return exitFailed, hintAWS(failed) + "; nothing was published", true
	case errors.Is(err, s3.ErrDirectoryBucket):
		return exitUsage, "use a general purpose bucket: Macie stores nothing in directory buckets, and their listings can't be checked", true
	case errors.As(err, &failed):
		// What can't be written to isn't what was asked for.
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

// hintAWS says what to do about a request that failed.
func hintAWS(e *awsclient.Error) string {
	switch e.Kind {
	case awsclient.Denied:
		return hintDenied(e)
	case awsclient.NoCredentials:
		return "log in (aws sso login), name a --profile, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; on EC2 and Lambda attach a role"
	case awsclient.Expired:
		return "the credentials have expired: log in again (aws sso login), or renew the session token"
	case awsclient.BadCredentials:
		return "the access key, its secret or its session token isn't accepted: check the --profile or AWS_… variables, and this machine's clock"
	case awsclient.NotFound:
		return "there is no such object: check the URI; -v names what is asked for"
	case awsclient.NoSuchBucket:
		return "check the bucket's name, and that --endpoint-url and --profile are those of its account"
	case awsclient.WrongRegion:
		if e.Region != "" {
			return fmt.Sprintf("the bucket is in %s: name that with --region", e.Region)
		}
		return "the bucket is in another region: name its own with --region"
	case awsclient.Archived:
		return "the object is in Glacier or Deep Archive: restore it (aws s3api restore-object), and convert again"
	case awsclient.RequesterPays:
		return "the bucket's owner doesn't pay for requests: agree to do so with --request-payer"
	case awsclient.ObjectLock:
		return "the bucket's Object Lock keeps objects from being changed or removed: write to a bucket or prefix without a default retention"
	case awsclient.BadKey:
		return "the KMS key doesn't exist, is disabled, or is in another region than the bucket: check --sse-kms-key-id, or the bucket's default encryption"
	case awsclient.BadAnswer:
		return "something else answers in place of the service: check --endpoint-url, and whether a proxy or a login page is in between"
	case awsclient.BadEndpoint:
		return "check --endpoint-url, --region, and this machine's DNS and proxy"
	case awsclient.Refused:
		return "nobody listens there: check --endpoint-url"
	case awsclient.BadConfig:
		return "check the --profile and --region, and the files that AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE name"
	case awsclient.Unsupported:
		return "the store doesn't implement what is needed: conditional writes, copies and listings of S3's second version"
	case awsclient.Throttled:
		return "the bucket, or the KMS key behind it, answers to fewer requests: lower --fetch-concurrency, or try again later"
	case awsclient.Unavailable, awsclient.Broken, awsclient.TimedOut:
		return "try again later; -v shows what was tried again"
	}
	return ""
}

// hintDenied says which permission to give to whom.
func hintDenied(e *awsclient.Error) string {
	who := "the caller"
	if e.Identity != "" {
		who = e.Identity
	}
	switch {
	case e.Action == "kms:Decrypt":
		return fmt.Sprintf("let %s use kms:Decrypt on the key, by the key's policy and, in another account, by its own policy too", who)
	case e.Action == "kms:GenerateDataKey":
		return fmt.Sprintf("let %s use kms:GenerateDataKey and kms:Decrypt on the key that the bucket of --out encrypts with", who)
	case e.Action == "s3:GetObject":
		return fmt.Sprintf("let %s use s3:GetObject, and s3:ListBucket: without that S3 says so too of what isn't there; a bucket whose owner doesn't pay needs --request-payer", who)
	case e.Action == "s3:ListBucket":
		return fmt.Sprintf("let %s use s3:ListBucket on the bucket; a bucket whose owner doesn't pay needs --request-payer", who)
	case e.Action == "s3:PutObject":
		return fmt.Sprintf("let %s use s3:PutObject, s3:AbortMultipartUpload and s3:GetObject below --out, and kms:GenerateDataKey and kms:Decrypt on its key", who)
	case strings.HasPrefix(e.Action, "s3:Delete"):
		return fmt.Sprintf("let %s use s3:DeleteObject there, or leave it to who maintains the dataset", who)
	case e.Action != "":
		return fmt.Sprintf("let %s use %s", who, e.Action)
	}
	return "check the permissions of " + who
}
