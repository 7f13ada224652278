package sink

import (
	"io"

	"github.com/macielake/macielake/pkg/schema"
)

// Encoder writes rows of one table to one file. It copies what it keeps of a
// batch. It is not safe for concurrent use.
type Encoder interface {
	// Write appends the table's rows of the results b.Results[first:end]. How a
	// sequence of results is cut into calls leaves no trace in the file.
	Write(b *schema.Batch, first, end int) error
	// Rows is the number of rows in the open row group.
	Rows() int64
	// Buffered is about how much memory the open row group holds, in bytes: a
	// function of its rows alone.
	Buffered() int64
	// Flush ends the open row group, if it has rows.
	Flush() error
	// Written is the number of bytes that went to the file so far.
	Written() int64
	// Groups returns where in the file each row group begins, valid once the
	// encoder is closed.
	Groups() []int64
	// Close flushes and writes the file's footer. It doesn't close the writer
	// underneath. An encoder that isn't wanted any more is just dropped.
	Close() error
}

// Share calls piece once for each i from 0 to n-1, side by side if it can, and
// returns when all calls have, with the error of the lowest i.
type Share func(n int, piece func(i int) error) error

// alone is a Share for who has no help.
func alone(n int, piece func(i int) error) error {
	var first error
	for i := range n {
		if err := piece(i); first == nil {
			first = err
		}
	}
	return first
}

// orAlone is s, or alone for nil.
func (s Share) orAlone() Share {
	if s == nil {
		return alone
	}
	return s
}

// Format makes encoders. It is safe for concurrent use.
type Format interface {
	// Extension is the suffix of the files, with its dot.
	Extension() string
	// NewEncoder starts a file of table t on w. The encoder writes in order
	// and never seeks.
	NewEncoder(w io.Writer, t *schema.Table) (Encoder, error)
}
