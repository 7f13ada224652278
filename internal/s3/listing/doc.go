// Package listing lists buckets in S3, many pages at a time.
//
// Start with [Walk]: it calls a function for all objects below a prefix, in
// order, in memory that does not grow with their number.
package listing
