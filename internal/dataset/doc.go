// Package dataset is a dataset's memory: the files under _macielake that say
// what it holds, what each run was to convert, and what became of it.
//
// Start with [Dataset] (what all runs share), [Run] (one run's plan) and
// [Receipt] (what became of a part). docs/dataset.md describes the files.
package dataset
