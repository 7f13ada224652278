// Package kubernetes checks the manifests of deploy/kubernetes: against the types of the
// API itself, without a field that they don't have, and against the rules that an API
// server holds for those fields that the manifests use. The server's own validation
// (k8s.io/kubernetes) isn't to be imported as a library. It also runs deploy/kubernetes/convert,
// with a stand-in for the cluster.
package kubernetes
