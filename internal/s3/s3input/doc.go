// Package s3input finds and opens discovery results in S3.
//
// Start with [NewOrigin], the origin of inputs that are s3:// URIs. [NewKeys] and
// [NewInventory] take the objects of a list or of an S3 Inventory report instead
// of listing the bucket.
package s3input
