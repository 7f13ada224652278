// Package locate finds what is known about an object: its state by the rules of
// docs/current.md, and each location that was reported, in discovery results or in
// datasets.
//
// Start with [ParseTarget] and [New]; the [Answer] is a model without a writer, of
// which [Answer.Document] is for people.
package locate

import (
	"errors"
	"strings"

	"github.com/macielake/macielake/internal/lake"
)

// Target is the object, or the objects, that are asked for.
type Target struct {
	Bucket string
	Key    string // or the beginning of keys
	Prefix bool
}

// ErrTarget says that a text names no object.
var ErrTarget = errors.New("want an object as s3://BUCKET/KEY, or a beginning of keys as s3://BUCKET/FOLDER/ or s3://BUCKET/KEY*")

// ParseTarget returns what s3://BUCKET/KEY names: an object, or where it ends
// in a slash or an asterisk all objects whose keys begin so. Keys are taken as
// they are, with nothing unescaped. With exact it is an object in any case.
func ParseTarget(s string, exact bool) (Target, error) {
	rest, ok := strings.CutPrefix(s, "s3://")
	bucket, key, slash := strings.Cut(rest, "/")
	if !ok || bucket == "" || !slash || exact && key == "" {
		return Target{}, ErrTarget
	}
	t := Target{Bucket: bucket, Key: key}
	if !exact {
		star := false
		t.Key, star = strings.CutSuffix(key, "*")
		t.Prefix = star || key == "" || strings.HasSuffix(key, "/")
	}
	return t, nil
}

// String returns the target as people write it.
func (t Target) String() string {
	s := "s3://" + t.Bucket + "/" + t.Key
	if t.Prefix && !strings.HasSuffix(s, "/") {
		s += "*"
	}
	return s
}

// matches reports whether an object is asked for.
func (t *Target) matches(bucket, key []byte) bool {
	if string(bucket) != t.Bucket {
		return false
	}
	if t.Prefix {
		return strings.HasPrefix(string(key), t.Key)
	}
	return string(key) == t.Key
}

// conditions are what a dataset's tables are read by.
func (t *Target) conditions() []lake.Predicate {
	key := lake.OneOf("object_key", t.Key)
	if t.Prefix {
		key = lake.Prefix("object_key", t.Key)
	}
	return []lake.Predicate{lake.OneOf("bucket_name", t.Bucket), key}
}
