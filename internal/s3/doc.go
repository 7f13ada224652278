// Package s3 reads discovery results from S3 and keeps datasets there.
//
// Start with [New], which makes a [Client] of an aws.Config that
// internal/awsclient loaded. [Client.Bucket] finds a bucket's region;
// [Bucket.Get] reads an object through broken connections, [Bucket.Walk] lists
// many at once in order. [Origin] is the place of inputs that are s3:// URIs, and
// [Client.OpenStore] opens that of a dataset.
package s3
