package inflate

import (
	"errors"
	"fmt"
)

// What is wrong with the input. They come wrapped in an [Error]; compare with errors.Is.
var (
	// ErrNoMember: no gzip member begins where one should; behind another member, where the input
	// could have ended, it means garbage.
	ErrNoMember = errors.New("no gzip member")
	// ErrHeader: a member's header is invalid.
	ErrHeader = errors.New("invalid gzip header")
	// ErrCorrupt: the deflate stream of a member breaks the rules of RFC 1951.
	ErrCorrupt = errors.New("corrupt deflate data")
	// ErrChecksum: a member's CRC-32 or length isn't that of its data.
	ErrChecksum = errors.New("gzip checksum mismatch")
)

// Error says what is wrong with the input, and where.
type Error struct {
	Err    error  // ErrNoMember, ErrHeader, ErrCorrupt or ErrChecksum
	Reason string // of a fixed set, nothing from the input
	Member int    // from 0
	Offset int64  // how many bytes of the compressed input had been used when it showed
}

func (e *Error) Error() string {
	return fmt.Sprintf("%v: %s (member %d, compressed byte %d)", e.Err, e.Reason, e.Member, e.Offset)
}

// Unwrap gives Err.
func (e *Error) Unwrap() error { return e.Err }
