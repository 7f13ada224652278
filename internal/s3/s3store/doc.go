// Package s3store keeps a dataset in S3.
//
// Start with [Open]: it opens a [Store] below a prefix of a bucket.
package s3store
