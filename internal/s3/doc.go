// Package s3 sends requests to S3 and checks the answers.
//
// Start with [New], which makes a [Client] of an aws.Config that
// internal/awsclient loaded. [Client.Bucket] finds a bucket's Region;
// [Bucket.Get] reads an object through broken connections, [Bucket.Page] lists,
// [Writer] writes. Its subpackages build on it: listing lists whole buckets,
// s3input finds discovery results, and s3store keeps datasets.
package s3
