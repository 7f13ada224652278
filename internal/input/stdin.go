package input

import (
	"context"
	"io"

	"github.com/macielake/macielake/pkg/schema"
)

// StdinName names standard input, as an input and as a source_uri.
const StdinName = "-"

// Stdin is the origin of standard input: of one source, which can be read once.
type Stdin struct{ r io.Reader }

// NewStdin returns the origin that reads r.
func NewStdin(r io.Reader) Stdin { return Stdin{r} }

// Has implements Origin.
func (o Stdin) Has(input string) bool { return input == StdinName }

// List implements Origin.
func (o Stdin) List(_ context.Context, _ string, l *Listing, each func(Source) error) error {
	if !l.add(StdinName) {
		return nil
	}
	return each(NewSource(o, schema.Source{URI: StdinName}, "", -1))
}

// Open implements Origin. When ctx ends, so do reads, with its error. As a read of
// a terminal or pipe can't be interrupted, the goroutine that waits in one stays
// behind.
func (o Stdin) Open(ctx context.Context, _ *Source) (io.ReadCloser, error) {
	out, in := io.Pipe()
	go func() {
		_, err := io.Copy(in, o.r)
		in.CloseWithError(err)
	}()
	stop := context.AfterFunc(ctx, func() { in.CloseWithError(ctx.Err()) })
	return &interruptibleReader{out, stop}, nil
}

type interruptibleReader struct {
	*io.PipeReader
	stop func() bool
}

func (r *interruptibleReader) Close() error {
	r.stop()
	return r.PipeReader.Close()
}
