// Package reference is a second, slow decoder of discovery results. The tests of
// package schema compare the bulk decoder with it: on any bytes, both must return
// the same rows, or the same class at the same offset. It walks the tokens of
// encoding/json and checks what encoding/json accepts but the input's rules don't.
//
// [DecodeLine] decodes one line, and [Decode] the segments of a batch, to plain
// rows. [FromBatch] reads the rows of a decoded batch through the table
// definitions, and [Diff] compares the two. [Generate] and [Damage] make input that
// is nearly right, for fuzzing.
//
// Only tests may import it.
package reference
