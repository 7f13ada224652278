// Package scale_test counts the requests that plan, work and commit send to a store,
// measures how long publishing a large run takes, and simulates many workers in virtual
// time. docs/scale.md has its figures.
//
// The short form is part of make test; make scale runs it on 10,000 parts, and make
// simulate with up to 200 workers.
package scale_test
