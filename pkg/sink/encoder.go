package sink

import (
	"io"

	"github.com/macielake/macielake/pkg/schema"
)

// Encoder writes rows of one table to one file. It keeps no reference to a batch. It
// is not safe for concurrent use.
type Encoder interface {
	// Write appends the table's rows of the results b.Results[first:end]. The file
	// doesn't depend on how a sequence of results is divided into calls.
	Write(b *schema.Batch, first, end int) error
	// Rows returns the number of rows in the open row group.
	Rows() int64
	// Buffered returns about how many bytes of memory the open row group takes. It
	// depends only on the rows in it.
	Buffered() int64
	// Flush ends the open row group, if it has rows.
	Flush() error
	// Written returns the number of bytes that were written to the file so far.
	Written() int64
	// Groups returns the offset in the file of each row group. Call it after Close.
	// The caller must not change the slice.
	Groups() []int64
	// Close flushes and writes the file's footer. It doesn't close the writer. An
	// encoder whose file is dropped needs no Close.
	Close() error
}

// Share calls piece once for each i from 0 to n-1, concurrently if it can. It returns
// when all calls have returned, with the error of the lowest i that failed. The method
// Share of stream.Crew is one.
type Share func(n int, piece func(i int) error) error

// shareAlone is a Share that makes all calls itself.
func shareAlone(n int, piece func(i int) error) error {
	var first error
	for i := range n {
		if err := piece(i); first == nil {
			first = err
		}
	}
	return first
}

// orAlone returns s, or shareAlone if s is nil.
func (s Share) orAlone() Share {
	if s == nil {
		return shareAlone
	}
	return s
}

// Format makes encoders. It is safe for concurrent use.
type Format interface {
	// Extension is the suffix of the files, with its dot.
	Extension() string
	// NewEncoder begins a file of table t on w, which the encoder writes to in order.
	// The caller must not change t.
	NewEncoder(w io.Writer, t *schema.Table) (Encoder, error)
}
