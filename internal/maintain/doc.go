// Package maintain looks after datasets: it says what they hold, checks them,
// repairs what can be proven, and removes what nothing needs.
//
// Start with [LoadStatus] and [Verify], which change nothing. Each answer is a model
// without a writer. What deletes, [CollectGarbage] and [Drop], first proves that nothing names the file: where the records of a dataset
// contradict each other, it refuses and names the file.
package maintain
