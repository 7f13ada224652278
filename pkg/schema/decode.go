package schema

// Decoder turns the lines of a batch into rows. It is not safe for concurrent
// use.
type Decoder interface {
	// Decode decodes all segments of b and replaces the rows of an earlier
	// Decode. A line that can't be decoded becomes one of b.Rejects; there are no
	// other errors. Decode appends to b.Buf and changes none of the raw lines. It
	// keeps no reference to b.
	Decode(b *Batch)
}

// DecoderOptions are the options of [NewDecoder]. The zero value decodes
// everything, within the default limits.
type DecoderOptions struct {
	// SkipOccurrences leaves Batch.Cells, Lines, Offsets, Pages and Records
	// empty. The locations are still validated and counted.
	SkipOccurrences bool
	// MaxValues is how many locations a line may have; 0 means
	// [DefaultMaxValues]. The other limits follow from it: detections and tags a
	// twenty-fifth each, unknown fields four fifths. A line that has more is
	// rejected as [TooManyValues]: decoded, a value of a few bytes can take a
	// hundred times the memory.
	MaxValues int
}

// DefaultMaxValues is the limit on the locations of a line where the options have
// none. Macie reports at most 1,000 for each type of sensitive data (Macie API
// reference, Occurrences).
const DefaultMaxValues = 250_000

// Limits are the most values of each kind that a line may have.
type Limits struct{ Locations, Detections, Tags, UnknownFields int }

// Limits returns the limits that follow from MaxValues. Each is at least 1.
func (o DecoderOptions) Limits() Limits {
	n := o.MaxValues
	if n <= 0 {
		n = DefaultMaxValues
	}
	return Limits{Locations: n, Detections: max(1, n/25), Tags: max(1, n/25), UnknownFields: max(1, n/5*4)}
}
