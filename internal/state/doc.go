// Package state is what a dataset knows about itself: the records below
// _macielake, how they are read back, and whether they are whole.
//
// Start with [Load] (what all runs share), [ListRuns] and [ReadRuns] (the runs),
// and [EachSource], which joins a run's plan with its receipts. Records are
// created once and never changed. docs/dataset.md describes the files.
package state
