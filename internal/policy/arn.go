package policy

import "strings"

// Partition is the partition of AWS that a region belongs to.
func Partition(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	case strings.HasPrefix(region, "eusc-"):
		return "aws-eusc"
	}
	return "aws"
}

// Domain is what the host names of a Region's services end with.
func Domain(region string) string {
	switch Partition(region) {
	case "aws-cn":
		return "amazonaws.com.cn"
	case "aws-eusc":
		return "amazonaws.eu"
	}
	return "amazonaws.com"
}

// Place is a part of a bucket: all keys that begin with a prefix and a slash.
type Place struct {
	Bucket string // its name, or an access point's ARN
	// Prefix is without the slash at its end; empty for all of the bucket. With
	// Object it is the key of one object.
	Prefix string
	Object bool
	// Beginning says that Prefix is what keys begin with, in the middle of a name
	// or not: then it has the slash at its end, if any.
	Beginning bool
	Region    string
	Keys      []string // ARNs of the KMS keys that its objects are encrypted with
}

func (p *Place) accessPoint() bool { return strings.HasPrefix(p.Bucket, "arn:") }

// BucketARN is the ARN of the bucket, or of the access point.
func (p *Place) BucketARN() string {
	if p.accessPoint() {
		return p.Bucket
	}
	return "arn:" + Partition(p.Region) + ":s3:::" + p.Bucket
}

// ObjectsARN is the ARN of all objects below a directory of the place; that of
// all where it is empty.
func (p *Place) ObjectsARN(dir string) string {
	arn := p.BucketARN() + "/"
	if p.accessPoint() { // S3 user guide, "Configuring IAM policies for using access points"
		arn += "object/"
	}
	if p.Object {
		return arn + literal(p.Prefix)
	}
	return arn + literal(p.below(dir)) + "*"
}

// below is the beginning of all keys of a directory.
func (p *Place) below(dir string) string {
	prefix := p.Prefix
	if prefix != "" && !p.Beginning {
		prefix += "/"
	}
	if dir != "" {
		prefix += dir + "/"
	}
	return prefix
}

// literal keeps the characters of a key from being wildcards or variables (IAM
// user guide, "IAM policy elements: Variables and tags").
func literal(key string) string {
	return strings.NewReplacer("*", "${*}", "?", "${?}", "$", "${$}").Replace(key)
}
