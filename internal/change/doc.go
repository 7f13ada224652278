// Package change says what became of findings between two points of a dataset: what
// is new, worse, resolved or gone. It compares the state that package current gives
// of both; docs/changes.md has the rules.
//
// Start with [New], add a dataset, and let [Comparison.Each] call you for every
// change.
package change
