// Package scale_test counts the requests that plan, work and commit send to a store,
// and measures how long publishing a large run takes. docs/scale.md has its figures.
//
// The short form is part of make test; make scale runs it on 10,000 parts.
package scale_test
