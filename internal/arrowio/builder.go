package arrowio

import (
	"errors"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/macielake/macielake/pkg/schema"
)

// ErrRecordTooLarge says that a record batch, or a single row, would pass 2 GiB:
// the offsets of Arrow's utf8 have 32 bits.
var ErrRecordTooLarge = errors.New("arrow record batch over 2 GiB")

// RecordBuilder turns rows of one table into Arrow record batches with the
// schema of [Schema]. It is not safe for concurrent use.
type RecordBuilder struct {
	level   schema.Level
	schema  *arrow.Schema
	columns []columnBuilder
	fixed   int64 // bytes of a row besides its text and map entries
	// textSlots are the columns of text at the level of an occurrence that
	// locations of a kind have.
	textSlots [schema.NumKinds][]int
	rows      int64
	bytes     int64

	// full is called before the row that would take the open record batch past
	// maxRows or maxBytes. It empties the builder or fails.
	full              func() error
	maxRows, maxBytes int64
}

// NewRecordBuilder returns an empty builder for table t that takes the memory
// of its record batches from mem. The caller releases it.
func NewRecordBuilder(mem memory.Allocator, t *schema.Table) *RecordBuilder {
	r := &RecordBuilder{
		level:    t.Row,
		schema:   Schema(t),
		columns:  make([]columnBuilder, len(t.Columns)),
		full:     func() error { return ErrRecordTooLarge },
		maxRows:  math.MaxInt32,
		maxBytes: math.MaxInt32,
	}
	bits := int64(0)
	for i, c := range t.Columns {
		r.columns[i] = columnBuilder{Column: c, builder: array.NewBuilder(mem, r.schema.Field(i).Type)}
		bits += 1 + valueBits(c.Type)
		if c.Level != schema.OccurrenceLevel || c.Type != schema.Text {
			continue
		}
		for kind := range r.textSlots {
			if schema.Kind(kind).Has(c.Slot) {
				r.textSlots[kind] = append(r.textSlots[kind], c.Slot)
			}
		}
	}
	r.fixed = (bits + 7) / 8
	return r
}

// Rows is the number of rows of the open record batch.
func (r *RecordBuilder) Rows() int64 { return r.rows }

// Bytes is about the size of the open record batch in Arrow's memory layout: a
// function of its rows alone, and never less than the text of a column.
func (r *RecordBuilder) Bytes() int64 { return r.bytes }

// Append appends the table's rows of the results b.Results[first:end] and
// copies what it takes of the batch. The only error is [ErrRecordTooLarge]: the
// builder then holds a part of the rows and is good for nothing but Release.
// Callers that look at Bytes and call NewRecord in time don't meet it.
func (r *RecordBuilder) Append(b *schema.Batch, first, end int) error {
	for i := first; i < end; i++ {
		run := batchRun{batch: b, result: &b.Results[i], n: 1}
		if err := r.appendResult(&run); err != nil {
			return err
		}
	}
	return nil
}

// NewRecord returns the rows since the last call as a record batch that owns
// its memory, and starts an empty one. The caller releases the record batch.
func (r *RecordBuilder) NewRecord() arrow.RecordBatch {
	arrays := make([]arrow.Array, len(r.columns))
	for i := range r.columns {
		arrays[i] = r.columns[i].builder.NewArray()
		defer arrays[i].Release()
	}
	record := array.NewRecordBatch(r.schema, arrays, r.rows)
	r.rows, r.bytes = 0, 0
	return record
}

// Release frees what the builder holds. It can't be used afterwards.
func (r *RecordBuilder) Release() {
	for i := range r.columns {
		r.columns[i].builder.Release()
	}
}

func (r *RecordBuilder) appendResult(run *batchRun) error {
	size := r.fixed
	for i := range r.columns {
		if c := &r.columns[i]; c.Level == schema.ResultLevel {
			size += c.resultBytes(run)
		}
	}
	if r.level == schema.ResultLevel {
		return r.appendRow(run, size)
	}
	dets := run.result.Detections
	for i := dets.First; i < dets.End; i++ {
		run.detection = &run.batch.Detections[i]
		if err := r.appendDetection(run, size); err != nil {
			return err
		}
	}
	return nil
}

func (r *RecordBuilder) appendDetection(run *batchRun, size int64) error {
	for i := range r.columns {
		if c := &r.columns[i]; c.Level == schema.DetectionLevel && c.Type == schema.Text {
			size += int64(run.detection.Text[c.Slot].Len)
		}
	}
	if r.level == schema.DetectionLevel {
		return r.appendRow(run, size)
	}
	return r.appendOccurrences(run, size)
}

// appendRow appends a row of results or detections.
func (r *RecordBuilder) appendRow(run *batchRun, size int64) error {
	if !r.fits(size) {
		if err := r.full(); err != nil {
			return err
		}
	}
	if err := r.count(size); err != nil {
		return err
	}
	r.appendRun(run)
	return nil
}

// appendOccurrences appends the detection's occurrences in as few runs as fit.
// Each takes size bytes and its own text.
func (r *RecordBuilder) appendOccurrences(run *batchRun, size int64) error {
	run.index = 0
	for kind, rows := range run.detection.Locations {
		run.kind, run.first, run.n = schema.Kind(kind), rows.First, 0
		for i := rows.First; i < rows.End; i++ {
			rowSize := size + r.occurrenceBytes(run, i)
			if !r.fits(rowSize) {
				r.appendRun(run)
				run.first, run.index, run.n = i, run.index+int64(run.n), 0
				if err := r.full(); err != nil {
					return err
				}
			}
			if err := r.count(rowSize); err != nil {
				return err
			}
			run.n++
		}
		r.appendRun(run)
		run.index += int64(run.n)
	}
	return nil
}

// occurrenceBytes is the size of location i's own text.
func (r *RecordBuilder) occurrenceBytes(run *batchRun, i uint32) int64 {
	size := int64(0)
	for _, slot := range r.textSlots[run.kind] {
		size += int64(run.batch.LocationText(run.kind, slot, i).Len)
	}
	return size
}

// fits reports whether a row of that size may go into the open record batch. A
// row may always go into an empty one.
func (r *RecordBuilder) fits(size int64) bool {
	return r.rows == 0 || r.rows < r.maxRows && r.bytes+size <= r.maxBytes
}

func (r *RecordBuilder) count(size int64) error {
	if size > math.MaxInt32 {
		return ErrRecordTooLarge
	}
	r.rows++
	r.bytes += size
	return nil
}

func (r *RecordBuilder) appendRun(run *batchRun) {
	if run.n == 0 {
		return
	}
	for i := range r.columns {
		r.columns[i].append(run)
	}
}
