package sink

import (
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/macielake/macielake/pkg/schema"
)

// A record batch of a file ends before the row that would take it past these.
// They bound what an encoder and a reader hold; arrow-go's reader refuses
// bodies over 256 MiB by default.
const (
	arrowBatchRows  = 1 << 16
	arrowBatchBytes = 16 << 20
)

// ArrowOptions are how Arrow files are written.
type ArrowOptions struct {
	// Compression of the record batches' buffers: zstd or none, the empty
	// string is zstd. (The Arrow IPC format has no snappy.)
	Compression string
	// Allocator is where record batches take their memory from; nil is Go's
	// heap. It must be safe for concurrent use if the format is used so.
	Allocator memory.Allocator
}

// Arrow returns the format of Arrow IPC files (".arrow", also known as Feather
// version 2). All text is plain utf8: a file can't replace a dictionary, so it
// would have to be complete before the first record batch. An encoder's row
// group is a record batch. The only error is a compression that Arrow doesn't
// have.
func Arrow(o ArrowOptions) (Format, error) {
	f := arrowFormat{mem: o.Allocator}
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

type arrowFormat struct {
	mem     memory.Allocator
	options []ipc.Option
}

func (arrowFormat) Extension() string { return ".arrow" }

func (f arrowFormat) NewEncoder(w io.Writer, t *schema.Table) (Encoder, error) {
	e := &arrowEncoder{rows: NewRecordBuilder(f.mem, t)}
	e.rows.maxRows, e.rows.maxBytes, e.rows.full = arrowBatchRows, arrowBatchBytes, e.Flush
	var err error
	if e.file, err = newArrowFile(w, e.rows.schema, f.options); err != nil {
		return nil, fmt.Errorf("starting an Arrow file: %w", err)
	}
	return e, nil
}

type arrowEncoder struct {
	file *arrowFile
	rows *RecordBuilder
}

func (e *arrowEncoder) Write(b *schema.Batch, first, end int) error {
	return e.rows.Append(b, first, end)
}

func (e *arrowEncoder) Rows() int64     { return e.rows.Rows() }
func (e *arrowEncoder) Buffered() int64 { return e.rows.Bytes() }
func (e *arrowEncoder) Written() int64  { return e.file.out.n }

func (e *arrowEncoder) Flush() error {
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

func (e *arrowEncoder) Close() error {
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
