// Package stream turns stored objects into batches of whole lines, and runs
// the work on those batches over a bounded number of workers. It knows nothing
// of where objects lie or of what becomes of the batches.
//
// Start with [NewReader] and [Run]. A [Reader] reads the objects of one part in
// order: it fetches ahead, inflates, and fills batches with whole lines. [Run]
// drives many jobs, each a part, with one mechanism that scales over many parts
// and inside one huge object.
//
// What a Reader yields, where its batches end included, is a function of the
// objects' bytes and its options: never of timing, of how many bytes a source
// returns at a time, or of how far it fetches ahead. No line of an object that
// turns out to be broken is handed out without notice: see [SpoiledError].
package stream
