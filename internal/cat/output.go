package cat

import (
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"

	"github.com/macielake/macielake/internal/arrowio"
	"github.com/macielake/macielake/internal/parquet"
	"github.com/macielake/macielake/internal/rows"
	"github.com/macielake/macielake/internal/text"
	"github.com/macielake/macielake/pkg/schema"
)

// Format is a format of output.
type Format string

// Formats of output.
const (
	NDJSON  Format = "ndjson"
	CSV     Format = "csv"
	Arrow   Format = "arrow"   // an IPC stream, not a file
	Parquet Format = "parquet" // a file
	Table   Format = "table"   // for people
	JSON    Format = "json"    // an array
	// Markdown is a table in it.
	Markdown Format = "markdown"
)

// Formats returns all formats.
func Formats() []Format { return []Format{NDJSON, CSV, Table, JSON, Markdown, Arrow, Parquet} }

// Binary reports whether the format is no text.
func (f Format) Binary() bool { return f == Arrow || f == Parquet }

// Output is rows being written in a format. Nothing is written before the first
// row or End.
type Output struct {
	w       io.Writer
	encoder func() encoder
	begin   func() error
	begun   bool
	records recordWriter // of binary formats
	table   text.Writer  // of tables
}

// recordWriter writes Arrow record batches.
type recordWriter interface {
	Write(arrow.RecordBatch) error
	Close() error
}

// NewOutput returns an output of those columns to w, which it doesn't close.
func NewOutput(w io.Writer, f Format, columns []schema.Column, options text.Options, createdBy string) *Output {
	o := &Output{w: w}
	csv := rows.CSVOptions{Raw: options.Raw}
	if options.Terminal {
		csv.Printable = text.Printable
	}
	switch f {
	case Table, JSON, Markdown:
		o.table = text.NewTable(w, text.Format(f), tableColumns(columns), options)
		o.encoder = func() encoder { return &cellEncoder{columns: columns} }
		o.begin = func() error { return nil }
	case NDJSON:
		o.text(func() *rows.TextEncoder { return rows.NewNDJSON(columns) })
	case CSV:
		o.text(func() *rows.TextEncoder { return rows.NewCSV(columns, csv) })
	case Arrow:
		o.binary(columns, func(s *arrow.Schema) (err error) {
			o.records = ipc.NewWriter(w, ipc.WithSchema(s))
			return nil
		})
	case Parquet:
		o.binary(columns, func(*arrow.Schema) error {
			f, err := parquet.New(parquet.Options{CreatedBy: createdBy})
			if err != nil {
				return err
			}
			e, err := f.NewEncoder(w, &schema.Table{Columns: columns})
			o.records = &parquetWriter{e, arrowio.NewRows(schema.ResultLevel, columns)}
			return err
		})
	}
	return o
}

// text makes o one of text.
func (o *Output) text(newEncoder func() *rows.TextEncoder) {
	o.encoder = func() encoder { return &textEncoder{enc: newEncoder()} }
	o.begin = func() error {
		_, err := o.w.Write(newEncoder().Header(nil))
		return err
	}
}

// binary makes o one of record batches.
func (o *Output) binary(columns []schema.Column, open func(*arrow.Schema) error) {
	o.encoder = func() encoder { return &recordEncoder{enc: arrowio.NewRecordEncoder(columns)} }
	o.begin = func() error { return open(arrowio.Schema(&schema.Table{Columns: columns})) }
}

// start writes what stands before all rows, once.
func (o *Output) start() error {
	if o.begun {
		return nil
	}
	o.begun = true
	return writing(o.begin())
}

// End ends the output, which is then whole.
func (o *Output) End() error {
	if err := o.start(); err != nil {
		return err
	}
	switch {
	case o.table != nil:
		return writing(o.table.End())
	case o.records != nil:
		return writing(o.records.Close())
	}
	return nil
}

func writing(err error) error {
	if err != nil {
		return fmt.Errorf("writing rows: %w", err)
	}
	return nil
}

// encoder encodes the rows of a batch, some at a time.
type encoder interface {
	reset(rows rows.Rows)
	// next encodes the next rows in place of those before, at most maxRows, and
	// returns how many they are and whether there may be more.
	next(maxRows int64) (rows int64, more bool, err error)
	// write writes what is encoded.
	write(o *Output) error
}

// Bounds on what is encoded at a time, in bytes, and of record batches in rows.
const (
	maxText    = 8 << 20
	maxRecord  = 16 << 20
	recordRows = 64 << 10
	maxKept    = 2 * maxText // memory that is used again
)

type textEncoder struct {
	enc *rows.TextEncoder
	buf []byte
}

func (e *textEncoder) reset(rows rows.Rows) { e.enc.Reset(rows) }

func (e *textEncoder) next(maxRows int64) (rows int64, more bool, err error) {
	if cap(e.buf) > maxKept {
		e.buf = nil
	}
	e.buf, rows, more = e.enc.Append(e.buf[:0], maxText, maxRows)
	return rows, more, nil
}

func (e *textEncoder) write(o *Output) error {
	if err := o.start(); err != nil {
		return err
	}
	_, err := o.w.Write(e.buf)
	return writing(err)
}

type recordEncoder struct {
	enc   *arrowio.RecordEncoder
	batch arrow.RecordBatch
}

func (e *recordEncoder) reset(rows rows.Rows) { e.enc.Reset(rows) }

func (e *recordEncoder) next(maxRows int64) (rows int64, more bool, err error) {
	e.batch, more, err = e.enc.Next(maxRecord, min(maxRows, recordRows))
	if e.batch != nil {
		rows = e.batch.NumRows()
	}
	return rows, more, err
}

func (e *recordEncoder) write(o *Output) error {
	if err := o.start(); err != nil {
		return err
	}
	return writing(o.records.Write(e.batch))
}

// parquetWriter writes row groups that are bounded in rows and bytes.
type parquetWriter struct {
	*parquet.Encoder
	rows *arrowio.Rows
}

// A row group ends at about so many bytes, or so many rows.
const (
	groupBytes = 64 << 20
	groupRows  = 1 << 20
)

func (p *parquetWriter) Write(batch arrow.RecordBatch) error {
	if p.Buffered() > groupBytes || p.Rows()+batch.NumRows() > groupRows {
		if err := p.Flush(); err != nil {
			return err
		}
	}
	if err := p.rows.Reset(batch); err != nil {
		return err
	}
	return p.WriteRows(p.rows)
}
