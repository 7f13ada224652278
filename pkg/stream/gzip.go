package stream

import (
	"errors"
	"io"

	"github.com/macielake/macielake/internal/inflate"
	"github.com/macielake/macielake/pkg/schema"
)

// unzipper inflates gzip objects, one after the other.
type unzipper interface {
	// reset begins an object at in's next byte, which is the first of gzip's
	// magic.
	reset(in *input)
	// Read inflates all members as one stream. It returns io.EOF only once all
	// of them proved whole and nothing follows them. Other errors are a
	// *formatError or the source's *readError. They come after all bytes that
	// could be inflated.
	Read(p []byte) (int, error)
	// consumed is how many stored bytes what Read returned has taken. It may
	// be ahead of that, but as the object's bytes have it alone.
	consumed() int64
}

// What says that an object is gzip (RFC 1952, section 2.3), and the least bytes
// that one has.
const (
	gzipID1     = 0x1f
	gzipID2     = 0x8b
	gzipHeader  = 10 // bytes of a header without optional fields
	gzipTrailer = 8  // CRC-32 and ISIZE
)

// gunzip is an unzipper with our inflater.
type gunzip struct{ z *inflate.Reader }

func newGunzip() *gunzip { return &gunzip{z: inflate.NewReader()} }

func (g *gunzip) reset(in *input) {
	if all, err := in.Peek(window); err == io.EOF {
		g.z.ResetBytes(all) // the input is not read from: all stays
	} else {
		g.z.Reset(in)
	}
}

func (g *gunzip) consumed() int64 { return g.z.InputOffset() }

func (g *gunzip) Read(p []byte) (int, error) {
	n, err := g.z.Read(p)
	if err == nil || err == io.EOF {
		return n, err
	}
	return n, formatOf(err)
}

// formatOf classifies an error of the inflater, which passes on those of the
// source as they are.
func formatOf(err error) error {
	if re, ok := err.(*readError); ok {
		return re
	}
	class := schema.Corrupt
	switch {
	case err == io.ErrUnexpectedEOF:
		class = schema.Truncated
	case errors.Is(err, inflate.ErrNoMember):
		class = schema.TrailingGarbage
	case errors.Is(err, inflate.ErrChecksum):
		class = schema.Checksum
	}
	return &formatError{class: class, err: err}
}
