package stream

import (
	"context"
	"fmt"
	"io"

	"github.com/macielake/macielake/pkg/schema"
)

// Object is a stored object: a file, an S3 object, a stream.
type Object struct {
	Source schema.Source
	// Size is the number of stored bytes, -1 where it isn't known. It is a
	// hint for fetching; what Open's reader returns is what counts.
	Size int64
	// Open starts a reading of the object from its first byte. It is called
	// at most once per reading; only ReaderOptions.VerifyFirst reads an object
	// twice. Open and the reader it returns must not block long after ctx is
	// done: everything waits for them. The reader is used by one goroutine at
	// a time and closed by it.
	Open func(ctx context.Context) (io.ReadCloser, error)
}

// Limits bound what hostile input can cost. A field that is zero has its value
// of DefaultLimits.
type Limits struct {
	// MaxLineBytes is the most bytes a line may have, without its newline. A
	// longer one becomes a segment with TooLong set. It is at least 16 and at
	// most 1 GiB, as a batch has 32-bit positions.
	MaxLineBytes int
	// MaxLineValues is the most locations a line may have, and scales what else it
	// may have: schema.DecoderOptions.MaxValues, for whoever makes the decoders.
	MaxLineValues int
	// MaxInflatedBytes is the most bytes a gzip object may inflate to.
	MaxInflatedBytes int64
	// MaxRatio is the most inflated bytes per stored byte of a gzip object;
	// it counts once the object has inflated to RatioFrom bytes.
	MaxRatio  int64
	RatioFrom int64
}

// DefaultLimits returns the limits that are used where none are given.
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

// State is what became of an object.
type State uint8

// States of an object that was read.
const (
	Converted  State = iota + 1 // read to its end; all its lines were handed out
	Rejected                    // its bytes are not a whole gzip or text object within the limits
	Unreadable                  // opening or reading it failed; it may be whole
)

// String returns the state as receipts have it.
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

// Outcome is what became of one object of a part.
type Outcome struct {
	Index int // in the part's objects
	State State
	Class schema.Class // why it was rejected; empty otherwise
	// Err is the error of an unreadable object, and for a rejected one what
	// the inflater said, if it said something.
	Err error
	// Offset is where in the inflated stream an object that isn't converted
	// went wrong, as far as the inflater got.
	Offset   int64
	Lines    int64 // all lines of a converted object, blank ones included
	Inflated int64 // bytes after inflating, as far as it was read
	Stored   int64 // stored bytes that were read for that
}

// SpoiledError says that an object turned out to be rejected or unreadable
// after lines of it were handed out. The part must be read again without it:
// by a new reader whose ReaderOptions.Known are this one's Outcomes, and best
// with VerifyFirst.
type SpoiledError struct {
	Index   int // the object's index in the part
	Outcome Outcome
}

func (e *SpoiledError) Error() string {
	if e.Outcome.State == Rejected {
		return fmt.Sprintf("object %d is rejected (%s) after its first lines were used", e.Index, e.Outcome.Class)
	}
	return fmt.Sprintf("object %d became unreadable after its first lines were used: %v", e.Index, e.Outcome.Err)
}

// Unwrap returns the outcome's error.
func (e *SpoiledError) Unwrap() error { return e.Outcome.Err }

// readError marks an error of opening or reading the stored bytes, so that an
// inflater's io.ErrUnexpectedEOF can't be taken for one of the source and the
// other way round.
type readError struct{ err error }

func (e *readError) Error() string { return e.err.Error() }
func (e *readError) Unwrap() error { return e.err }

// formatError is why an object's bytes are rejected.
type formatError struct {
	class schema.Class
	err   error // may be nil
}

func (e *formatError) Error() string { return string(e.class) }
func (e *formatError) Unwrap() error { return e.err }
