// Package sink turns batches into files: Parquet and Arrow tables, partitioned
// as asked, rolled at a size, whole or not at all.
//
// Start with [New], which writes the tables of one part, and with [Parquet] and
// [Arrow], the formats. Only the rows decide where a page, a row group or a
// file ends, never the batches they arrive in: the same rows and options give
// the same bytes.
package sink
