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
	// MaxValues is how many locations a line may have, and scales what else it
	// may have: a twenty-fifth as many detections, as many tags, and four fifths
	// as many unknown fields. 0 means [DefaultMaxValues]. A line that has more is
	// rejected as TooManyValues: a few bytes per value would otherwise take a
	// hundred times the memory.
	MaxValues int
}

// DefaultMaxValues is the usual limit on the locations of a line. Macie reports at
// most 1,000 for each type of sensitive data.
const DefaultMaxValues = 250_000

// Limits are how many values of each kind a line may have.
type Limits struct{ Locations, Detections, Tags, UnknownFields int }

// Limits returns the limits that the options set.
func (o DecoderOptions) Limits() Limits {
	n := o.MaxValues
	if n <= 0 {
		n = DefaultMaxValues
	}
	return Limits{Locations: n, Detections: max(1, n/25), Tags: max(1, n/25), UnknownFields: max(1, n/5*4)}
}
