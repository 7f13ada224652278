// Package arrowio has the tables as Arrow: schemas, record batches from decoded
// batches or rows, rows of record batches, and IPC files.
//
// [New] makes the format of a dataset's files, [NewRecordBuilder] record batches
// of decoded batches, [NewRecordEncoder] those of any rows, and [NewRows] reads a
// record batch as rows.
package arrowio

import (
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/macielake/macielake/internal/rows"
	"github.com/macielake/macielake/pkg/schema"
)

// A record batch of a file ends before the row that would take it past these.
// They bound what an encoder and a reader hold; arrow-go's reader refuses
// bodies over 256 MiB by default.
const (
	batchRows  = 1 << 16
	batchBytes = 16 << 20
)

// Options are how Arrow files are written.
type Options struct {
	// Compression of the record batches' buffers: zstd or none, the empty
	// string is zstd. (The Arrow IPC format has no snappy.)
	Compression string
	// Allocator is where record batches take their memory from; nil is Go's
	// heap. It must be safe for concurrent use if the format is used so.
	Allocator memory.Allocator
}

// New returns the format of Arrow IPC files (".arrow", also known as Feather
// version 2). All text is plain utf8: a file can't replace a dictionary, so it
// would have to be complete before the first record batch. An encoder's row
// group is a record batch. The only error is a compression that Arrow doesn't
// have.
func New(o Options) (*Format, error) {
	f := &Format{mem: o.Allocator}
	if f.mem == nil {
		f.mem = memory.NewGoAllocator()
	}
	f.options = []ipc.Option{ipc.WithAllocator(f.mem)}
	switch o.Compression {
	case "", "zstd":
		f.options = append(f.options, ipc.WithZstd())
	case "none":
	default:
		return nil, fmt.Errorf("arrow files have no compression %q: choose zstd or none", o.Compression)
	}
	return f, nil
}

// Format makes encoders of Arrow files. It is safe for concurrent use.
type Format struct {
	mem     memory.Allocator
	options []ipc.Option
}

// NewEncoder starts a file of table t on w.
func (f *Format) NewEncoder(w io.Writer, t *schema.Table) (*Encoder, error) {
	e := &Encoder{rows: NewRecordBuilder(f.mem, t), columns: t.Columns}
	e.rows.maxRows, e.rows.maxBytes, e.rows.full = batchRows, batchBytes, e.Flush
	var err error
	if e.file, err = newIPCFile(w, e.rows.schema, f.options); err != nil {
		return nil, fmt.Errorf("starting an Arrow file: %w", err)
	}
	return e, nil
}

// Encoder writes one file: a sink.Encoder, whose row groups are record batches.
type Encoder struct {
	file    *ipcFile
	rows    *RecordBuilder
	columns []schema.Column
}

// Write appends the table's rows of the results b.Results[first:end].
func (e *Encoder) Write(b *schema.Batch, first, end int) error {
	return e.rows.Append(b, first, end)
}

// WriteRows appends rows, whose columns are those of the table.
func (e *Encoder) WriteRows(r rows.Rows) error {
	records := NewRecordEncoder(e.columns)
	records.Reset(r)
	for more := true; more; {
		var record arrow.RecordBatch
		var err error
		if record, more, err = records.Next(batchBytes, batchRows); err != nil {
			return err
		}
		if record == nil {
			continue
		}
		if err := e.Flush(); err != nil {
			return err
		}
		if err := e.file.write(record); err != nil {
			return fmt.Errorf("writing an Arrow record batch: %w", err)
		}
	}
	return nil
}

// Rows is the number of rows of the open record batch.
func (e *Encoder) Rows() int64 { return e.rows.Rows() }

// Buffered is about the size of the open record batch, by its rows alone.
func (e *Encoder) Buffered() int64 { return e.rows.Bytes() }

// Written is the number of bytes written so far.
func (e *Encoder) Written() int64 { return e.file.out.n }

// Groups returns where in the file each record batch begins.
func (e *Encoder) Groups() []int64 { return e.file.starts }

// Flush writes the open record batch, if it has rows.
func (e *Encoder) Flush() error {
	if e.rows.Rows() == 0 {
		return nil
	}
	record := e.rows.NewRecord()
	defer record.Release()
	if err := e.file.write(record); err != nil {
		return fmt.Errorf("writing an Arrow record batch: %w", err)
	}
	return nil
}

// Close flushes and writes the footer. It doesn't close the writer underneath.
func (e *Encoder) Close() error {
	err := e.Flush()
	e.rows.Release()
	if err != nil {
		return err
	}
	if err := e.file.close(); err != nil {
		return fmt.Errorf("ending an Arrow file: %w", err)
	}
	return nil
}
