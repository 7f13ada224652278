// Package awsclient is what the clients of all AWS services have in common: how
// their configuration is loaded, when a request is sent again, what its error
// means, and as whom it was sent.
//
// Start with [Load] (or [Prepare] for a configuration that is there already).
// [KindOf] is the one place that says what an error is, and so what is retried;
// [Failed] makes an [Error] that people can act on; [Identity] says who we are.
package awsclient
