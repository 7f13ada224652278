package stream

import (
	"errors"
	"io"

	"github.com/macielake/macielake/internal/inflate"
	"github.com/macielake/macielake/pkg/schema"
)

// unzipper inflates gzip sources, one after the other.
type unzipper interface {
	// reset begins a source at in's next byte, which is the first of gzip's magic
	// bytes.
	reset(in *input)
	// Read inflates all gzip members as one stream. It returns io.EOF only once all
	// of them are proved whole and nothing follows them. Other errors are a
	// *formatError or the *readError of the input. An error comes after all bytes
	// that could be inflated.
	Read(p []byte) (int, error)
	// consumed returns how many stored bytes were inflated so far. It may include
	// bytes beyond those that Read returned, but depends only on the source's bytes
	// and on how many bytes Read returned.
	consumed() int64
}

// The magic bytes of gzip, and the smallest sizes of its header and trailer (RFC
// 1952, section 2.3).
const (
	gzipID1     = 0x1f
	gzipID2     = 0x8b
	gzipHeader  = 10 // bytes of a header without optional fields
	gzipTrailer = 8  // CRC-32 and ISIZE
)

// gunzipper is an unzipper that uses internal/inflate.
type gunzipper struct{ z *inflate.Reader }

func newGunzipper() *gunzipper { return &gunzipper{z: inflate.NewReader()} }

func (g *gunzipper) reset(in *input) {
	if all, err := in.Peek(window); err == io.EOF {
		g.z.ResetBytes(all) // nothing reads from the input, so all stays valid
	} else {
		g.z.Reset(in)
	}
}

func (g *gunzipper) consumed() int64 { return g.z.InputOffset() }

func (g *gunzipper) Read(p []byte) (int, error) {
	n, err := g.z.Read(p)
	if err == nil || err == io.EOF {
		return n, err
	}
	return n, classifyError(err)
}

// classifyError returns an error of the inflater as a *formatError. A *readError,
// which the inflater passes on, stays as it is.
func classifyError(err error) error {
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
