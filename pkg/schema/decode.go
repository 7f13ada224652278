package schema

// Decoder turns the lines of a batch into its rows.
type Decoder interface {
	// Decode decodes all segments of b. Lines that can't be become b.Rejects;
	// it has no other errors. What b held of an earlier decode is dropped. It
	// appends to b.Buf and changes none of the raw lines.
	Decode(b *Batch)
}

// DecoderOptions are what a consumer may ask of a decoder.
type DecoderOptions struct {
	// SkipOccurrences leaves Batch.Cells, Lines, Offsets, Pages and Records
	// empty. The locations are still validated and counted.
	SkipOccurrences bool
}
