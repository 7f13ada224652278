// Package awsclient has the common code of all AWS clients: loading their
// configuration, repeating requests, bounding answers, explaining errors, and naming
// the caller.
//
// Start with [Load], or with [Prepare] if a configuration exists already. [KindOf]
// alone classifies errors, and thereby decides which requests are repeated; [Failed]
// makes an [Error] that people can act on; [Identity] names the caller.
package awsclient
