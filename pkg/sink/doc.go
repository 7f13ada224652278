// Package sink writes batches to files: tables in Parquet or Arrow format, in
// directories by partition. Files end at a target size. Each is written as a whole or
// not at all.
//
// Start with [New], which returns a [Sink] for the tables of one part, and with the
// formats [Parquet] and [Arrow]. Where pages, row groups and files end depends only on
// the sequence of rows, not on how it is divided into batches: the same rows and
// options give the same bytes.
package sink
