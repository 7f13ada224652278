// Package query answers questions about discovery results without writing
// tables: it filters, keeps what is current, groups and adds up.
//
// Start with [NewSummary], to which results are given with [Summary.AddResults]
// or [Summary.AddDataset], and [Summary.Groups]; [ParseDimension] and
// [ParseMeasure] are what a [View] is made of, [Fields] what a filter may name.
// docs/summaries.md says what all of them mean, and docs/dataset.md what counts
// as current.
package query
