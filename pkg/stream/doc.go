// Package stream reads sources into batches of whole lines, and does the work on
// these batches with a bounded number of workers. It doesn't know where sources are
// stored or what batches are written to.
//
// Start with [NewReader] and [Run]. A [Reader] reads the sources of one part in
// order: it fetches ahead, inflates, and fills batches with whole lines. [Run]
// works on many jobs, one per part, and keeps all workers busy whether there are
// many parts or one huge source.
//
// The batches of a Reader, including where each ends, depend only on the sources'
// bytes and the options: never on timing, on how many bytes a Read returns, or on
// how far the Reader fetches ahead. If a source turns out to be broken after lines
// of it were returned, the Reader reports that with a [SpoiledError].
package stream
