package schema

// Class says why a line or an object was rejected. The values are stable: they
// stand in reject files, receipts and summaries.
type Class string

// Classes of a rejected line. The class of a line is that of its first error by
// byte offset, and the line gives no row.
const (
	LineTooLong    Class = "line_too_long"   // longer than the limit on a line's bytes
	Nesting        Class = "nesting"         // arrays and objects nested deeper than MaxNesting
	Malformed      Class = "malformed"       // not JSON (RFC 8259)
	TrailingText   Class = "trailing_text"   // anything but white space after the object
	NotObject      Class = "not_object"      // JSON, but not an object
	WrongType      Class = "wrong_type"      // a known field's value has another type than the field
	DuplicateField Class = "duplicate_field" // a known field twice in one object
	IntegerRange   Class = "integer_range"   // an integer, or a sum of them, outside its type
	InvalidUTF8    Class = "utf8"            // text that is not UTF-8, or a lone surrogate escape
	InvalidTime    Class = "time"            // not RFC 3339 with a zone, or outside the years 0001 to 9999
	TagWithoutKey  Class = "tag_without_key" // a tag that has no key
	TooManyValues  Class = "too_many_values" // more values than a line may have
)

// Classes of an object that was rejected whole: none of its lines give rows.
const (
	EmptyObject      Class = "empty_object"       // no bytes at all
	NotGzip          Class = "not_gzip"           // named .gz, but without gzip's magic bytes
	TrailingGarbage  Class = "trailing_garbage"   // bytes after the last gzip member
	Truncated        Class = "truncated"          // ends inside a gzip member
	Corrupt          Class = "corrupt"            // a gzip header or deflate data that breaks the format
	Checksum         Class = "checksum"           // inflated bytes that don't match the member's CRC or length
	InflatedTooLarge Class = "inflated_too_large" // inflates past the limit for an object
	InflationRatio   Class = "inflation_ratio"    // inflates past the limit on the ratio
)

// MaxNesting is how deep arrays and objects may be nested in a line, the line's
// own object included.
const MaxNesting = 256
