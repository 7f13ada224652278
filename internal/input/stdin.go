package input

import (
	"context"
	"io"

	"github.com/macielake/macielake/pkg/schema"
)

// StdinName is the input, and the source_uri, of standard input.
const StdinName = "-"

// Stdin is the origin of what standard input brings.
type Stdin struct{ r io.Reader }

// NewStdin returns the origin that reads r, once.
func NewStdin(r io.Reader) Stdin { return Stdin{r} }

// Has implements Origin.
func (o Stdin) Has(input string) bool { return input == StdinName }

// List implements Origin.
func (o Stdin) List(_ context.Context, _ string, l *Listing, each func(Source) error) error {
	if !l.First(StdinName) {
		return nil
	}
	return each(NewSource(o, schema.Source{URI: StdinName}, "", -1))
}

// Open implements Origin. It reads until ctx ends: a read of a terminal or pipe
// can't be interrupted, and the goroutine that is in one then is left to it.
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
