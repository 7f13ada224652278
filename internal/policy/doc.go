// Package policy makes and reads policies of AWS: JSON documents that say who
// may do what to which resources. It is pure: it asks nobody anything.
//
// Start with [Access], whose methods return the smallest policies for whoever
// uses a dataset; [Repository], which returns those that Macie needs where its
// results go; and [Parse] with [Document.Evaluate], which tells what a bucket's
// policy says to a request.
package policy
