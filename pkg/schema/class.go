package schema

// Class is the reason why a line or a source was rejected. The values are
// stable: reject files, receipts and summaries have them.
type Class string

// Classes of a rejected line. A line has the class of its first error by byte
// offset, and becomes no row.
const (
	LineTooLong    Class = "line_too_long"   // more bytes than the limit on a line
	Nesting        Class = "nesting"         // arrays and objects nested deeper than MaxNesting
	Malformed      Class = "malformed"       // not JSON (RFC 8259)
	TrailingText   Class = "trailing_text"   // anything except white space after the JSON object
	NotObject      Class = "not_object"      // JSON, but not a JSON object
	WrongType      Class = "wrong_type"      // the value of a known field has the wrong type
	DuplicateField Class = "duplicate_field" // a known field twice in one JSON object
	IntegerRange   Class = "integer_range"   // an integer or a sum that overflows its type
	InvalidUTF8    Class = "utf8"            // text that is not UTF-8, or a lone surrogate escape
	InvalidTime    Class = "time"            // not RFC 3339 with a zone, or outside the years 0001 to 9999
	TagWithoutKey  Class = "tag_without_key" // a tag without a key
	TooManyValues  Class = "too_many_values" // more values of one kind than Limits allows
)

// Classes of a source that was rejected as a whole: none of its lines becomes a
// row. The formats are those of RFC 1951 (DEFLATE) and RFC 1952 (gzip).
const (
	EmptySource      Class = "empty_object"       // no bytes at all
	NotGzip          Class = "not_gzip"           // named .gz, but without gzip's magic bytes
	TrailingGarbage  Class = "trailing_garbage"   // bytes after the last gzip member
	Truncated        Class = "truncated"          // ends inside a gzip member
	Corrupt          Class = "corrupt"            // a gzip header or DEFLATE data that breaks the format
	Checksum         Class = "checksum"           // inflated bytes that don't match the gzip member's CRC or length
	InflatedTooLarge Class = "inflated_too_large" // inflates to more bytes than the limit
	InflationRatio   Class = "inflation_ratio"    // more inflated bytes per stored byte than the limit
)

// MaxNesting is how many arrays and JSON objects may be open at one place in a
// line. The line's own object counts.
const MaxNesting = 256
