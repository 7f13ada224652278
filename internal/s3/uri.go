package s3

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

const scheme = "s3://"

// IsURI reports whether an input or output is in S3.
func IsURI(s string) bool { return strings.HasPrefix(s, scheme) }

// URIError says that a text is no s3:// URI.
type URIError struct{ URI, Why string }

func (e *URIError) Error() string { return fmt.Sprintf("%q is no S3 URI: %s", e.URI, e.Why) }

// MaxKey is the length of the longest key in bytes (S3 user guide, "Naming Amazon S3
// objects").
const MaxKey = 1024

// ParseURI splits s3://BUCKET/KEY. The key may be empty and isn't unescaped. The bucket
// may also be the ARN of an access point.
func ParseURI(uri string) (bucket, key string, err error) {
	rest, ok := strings.CutPrefix(uri, scheme)
	if !ok {
		return "", "", &URIError{uri, "it doesn't begin with s3://"}
	}
	if strings.HasPrefix(rest, "arn:") {
		// arn:aws:s3:REGION:ACCOUNT:accesspoint/NAME[/KEY]
		if head, tail, ok := strings.Cut(rest, "/"); ok {
			name, key, _ := strings.Cut(tail, "/")
			return head + "/" + name, key, checkKey(uri, key)
		}
		return rest, "", nil
	}
	bucket, key, _ = strings.Cut(rest, "/")
	if bucket == "" {
		return "", "", &URIError{uri, "the bucket is missing"}
	}
	if strings.ContainsAny(bucket, " \t\r\n?#*\\") {
		return "", "", &URIError{uri, "the bucket's name has a character that bucket names can't have"}
	}
	return bucket, key, checkKey(uri, key)
}

func checkKey(uri, key string) error {
	switch {
	case len(key) > MaxKey:
		return &URIError{uri[:100] + "…", "the key is longer than 1,024 bytes"}
	case strings.Contains(key, "X-Amz-Signature="):
		before, _, _ := strings.Cut(uri, "?")
		return &URIError{before + "?…", "it has the signature of a presigned URL"}
	case !utf8.ValidString(key):
		return &URIError{uri, "the key isn't UTF-8"}
	}
	return nil
}

// URI returns the s3:// URI of an object.
func URI(bucket, key string) string { return scheme + bucket + "/" + key }
