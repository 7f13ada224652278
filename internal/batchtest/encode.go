package batchtest

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/macielake/macielake/pkg/schema"
)

// Encoder is what an encoder of files has for [Encode].
type Encoder interface {
	Write(b *schema.Batch, first, end int) error
	Written() int64
	Close() error
}

// Encode returns the file that an encoder writes of the batches. Calls of Write
// take cut(results left) results each; nil takes all.
func Encode[E Encoder](t testing.TB, start func(io.Writer) (E, error), cut func(left int) int, batches ...*schema.Batch) []byte {
	t.Helper()
	var buf bytes.Buffer
	e, err := start(&buf)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range batches {
		for first := 0; first < len(b.Results); {
			end := len(b.Results)
			if cut != nil {
				end = first + cut(end-first)
			}
			if err := e.Write(b, first, end); err != nil {
				t.Fatal(err)
			}
			first = end
		}
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if e.Written() != int64(buf.Len()) {
		t.Fatalf("Written is %d, the file has %d bytes", e.Written(), buf.Len())
	}
	return buf.Bytes()
}

// FailingWriter takes N bytes and then fails.
type FailingWriter struct{ N int }

// ErrDiskFull is the error of a [FailingWriter].
var ErrDiskFull = errors.New("disk full")

func (f *FailingWriter) Write(p []byte) (int, error) {
	if len(p) > f.N {
		n := f.N
		f.N = 0
		return n, ErrDiskFull
	}
	f.N -= len(p)
	return len(p), nil
}
