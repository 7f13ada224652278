// Package reference is a second, slow decoder of discovery results, which the
// tests of package schema hold the bulk decoder against: the same rows, or the
// same class at the same offset, on any bytes. It is a token walker over
// encoding/json with explicit checks for all that encoding/json lets pass.
//
// [DecodeLine] decodes one line and [Decode] the segments of a batch to plain
// rows. [FromBatch] reads a decoded batch through the table definitions to the
// same rows, and [Diff] tells the two apart. [Generate] and [Damage] make input
// that is nearly right, for fuzzing.
//
// Nothing but tests may import it.
package reference
