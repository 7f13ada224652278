// Package current folds results into the state of subjects and findings: which
// result stands, what is open, how exposed it is. docs/current.md has the rules.
// They are implemented here alone; the SQL views of internal/athena repeat them.
//
// Start with [New]: give it results with [State.AddResults] or
// [State.AddDataset], then take the subjects with [State.Each]. What a caller
// wants to know of results besides is a [Column].
//
// Memory is bounded: results are kept as records that are sorted so that those of
// an object come together, in temporary files where they don't fit. Only one
// object's findings, and what each origin looked for, have to fit.
package current
