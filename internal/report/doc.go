// Package report makes the model of a report: what is exposed, what changed, where
// sensitive data lies, what was not analysed, how it developed, what is accepted, and
// what the figures don't cover. It asks packages query and change, as summarize and
// diff do, and has no rule of its own; internal/render writes it as HTML and Markdown.
//
// Start with [New].
package report
