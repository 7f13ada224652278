package stream

import (
	"context"
	"fmt"
	"io"

	"github.com/macielake/macielake/pkg/schema"
)

// Source is a stored file of discovery results: an S3 object, a local file or
// standard input.
type Source struct {
	Source schema.Source // the values that all rows of its lines share
	// Size is the number of stored bytes, or -1 if it isn't known. It is a hint
	// for fetching: the reader that Open returns decides.
	Size int64
	// Open starts to read the source at its first byte. It is called at most once,
	// or twice with ReaderOptions.VerifyFirst. Open and the reader that it returns
	// must not block for long once ctx has ended: everything waits for them. The
	// reader is used by one goroutine at a time, and closed by the Reader.
	Open func(ctx context.Context) (io.ReadCloser, error)
}

// Limits bound the memory and time that hostile input can take. A field that is
// zero has the value of [DefaultLimits].
type Limits struct {
	// MaxLineBytes is the most bytes that a line may have, without its newline. A
	// longer line becomes a segment with TooLong set. Values are clamped to between
	// 16 and 1 GiB, as a batch has 32-bit positions.
	MaxLineBytes int
	// MaxLineValues is the most locations that a line may have. The Reader doesn't
	// use it: pass it to decoders as schema.DecoderOptions.MaxValues.
	MaxLineValues int
	// MaxInflatedBytes is the most bytes that a gzip source may inflate to.
	MaxInflatedBytes int64
	// MaxRatio is the most inflated bytes per stored byte of a gzip source. It is
	// checked once the source has inflated to more than RatioFrom bytes.
	MaxRatio  int64
	RatioFrom int64
}

// DefaultLimits returns the limits that are used where the options have none.
func DefaultLimits() Limits {
	return Limits{
		MaxLineBytes:     24 << 20,
		MaxLineValues:    schema.DefaultMaxValues,
		MaxInflatedBytes: 8 << 30,
		MaxRatio:         200,
		RatioFrom:        64 << 20,
	}
}

func (l Limits) withDefaults() Limits {
	d := DefaultLimits()
	if l.MaxLineBytes <= 0 {
		l.MaxLineBytes = d.MaxLineBytes
	}
	if l.MaxLineValues <= 0 {
		l.MaxLineValues = d.MaxLineValues
	}
	l.MaxLineBytes = min(max(l.MaxLineBytes, 16), 1<<30)
	if l.MaxInflatedBytes <= 0 {
		l.MaxInflatedBytes = d.MaxInflatedBytes
	}
	if l.MaxRatio <= 0 {
		l.MaxRatio = d.MaxRatio
	}
	if l.RatioFrom <= 0 {
		l.RatioFrom = d.RatioFrom
	}
	return l
}

// State is the state of a source that was read. The zero State is none of them.
type State uint8

// States of a source that was read.
const (
	Converted  State = iota + 1 // read to its end: all its lines were returned
	Rejected                    // neither text nor whole gzip data within the limits
	Unreadable                  // it could not be opened or read; the stored bytes may be right
)

// String returns the state as receipts have it, such as converted.
func (s State) String() string {
	switch s {
	case Converted:
		return "converted"
	case Rejected:
		return "rejected"
	case Unreadable:
		return "unreadable"
	}
	return "unknown"
}

// Outcome is the outcome of reading one source of a part.
type Outcome struct {
	Index int // index in the part's sources
	State State
	Class schema.Class // why it was rejected; empty otherwise
	// Err is the error of an unreadable source. For a rejected one it is the
	// inflater's error, or nil.
	Err error
	// Offset is the number of inflated bytes before the error of a source that isn't
	// converted; 0 for a converted one.
	Offset   int64
	Lines    int64 // lines of a converted source, blank ones included
	Inflated int64 // inflated bytes that were read
	Stored   int64 // stored bytes that were read for them
}

// SpoiledError says that a source was rejected or unreadable after lines of it had
// been returned. Drop the part's rows and read the part again with a new Reader: set
// its ReaderOptions.Known to the Outcomes of this one, and VerifyFirst.
type SpoiledError struct {
	Index   int // the source's index in the part
	Outcome Outcome
}

func (e *SpoiledError) Error() string {
	if e.Outcome.State == Rejected {
		return fmt.Sprintf("source %d was rejected (%s) after some of its lines were used", e.Index, e.Outcome.Class)
	}
	return fmt.Sprintf("source %d could not be read to its end after some of its lines were used: %v", e.Index, e.Outcome.Err)
}

// Unwrap returns the outcome's error, or nil.
func (e *SpoiledError) Unwrap() error { return e.Outcome.Err }

// readError marks an error of opening or reading the stored bytes. It tells an
// io.ErrUnexpectedEOF of the storage from one of the inflater.
type readError struct{ err error }

func (e *readError) Error() string { return e.err.Error() }
func (e *readError) Unwrap() error { return e.err }

// formatError is the reason why a source is rejected.
type formatError struct {
	class schema.Class
	err   error // may be nil
}

func (e *formatError) Error() string { return string(e.class) }
func (e *formatError) Unwrap() error { return e.err }
