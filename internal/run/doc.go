// Package run has the steps of one run: plan what sources go into which part and
// claim them, work through the parts, commit. Each step takes a store and a run
// and returns records; none knows what invoked it, so that each can be done by
// another process on another machine.
//
// Start with [Claim], [Resume], [Work] and [Commit].
package run
