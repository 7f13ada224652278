package rows

import (
	"math"

	"github.com/macielake/macielake/pkg/schema"
)

// TextEncoder turns rows into text: a line, or a record, per row. What the rows
// of a run share is encoded once and copied. It is not safe for concurrent use.
type TextEncoder struct {
	columns []schema.Column
	format  textFormat

	rows   Rows
	row    int // next row of the run
	len    int // of the run
	shared []byte
	pieces []textPiece
}

// textPiece is a piece of each row of a run: text that they share, and after it
// the value of a column, or the end of the row.
type textPiece struct {
	first, end int // in shared
	column     int // -1 at the end of the row
}

// textFormat is how a format of text writes values.
type textFormat interface {
	// begin appends what stands before the value of a column.
	begin(dst []byte, column int) []byte
	// value appends a value of a column of that type.
	value(dst []byte, t schema.Type, v Value) []byte
	// end appends what ends a row.
	end(dst []byte) []byte
	// header appends what stands before all rows.
	header(dst []byte) []byte
}

// Header appends what stands before all rows, if anything.
func (e *TextEncoder) Header(dst []byte) []byte { return e.format.header(dst) }

// Reset begins with rows, whose columns are those of the encoder.
func (e *TextEncoder) Reset(rows Rows) { e.rows, e.row, e.len = rows, 0, 0 }

// Append appends rows until dst has limit bytes or more, or maxRows rows were
// appended, or there are no more: it returns how many rows they were, and whether
// there may be more, for another call.
func (e *TextEncoder) Append(dst []byte, limit int, maxRows int64) (out []byte, rows int64, more bool) {
	for rows < maxRows {
		if e.row == e.len {
			if !e.rows.Next() {
				return dst, rows, false
			}
			e.begin()
		}
		n := int(min(int64(e.len-e.row), maxRows-rows))
		first := e.row
		for ; e.row < first+n && len(dst) < limit; e.row++ {
			dst = e.appendRow(dst)
		}
		rows += int64(e.row - first)
		if len(dst) >= limit {
			break
		}
	}
	return dst, rows, true
}

// begin encodes what the rows of a run share.
func (e *TextEncoder) begin() {
	e.row, e.len = 0, e.rows.Len()
	e.shared, e.pieces = e.shared[:0], e.pieces[:0]
	if cap(e.shared) > maxKept {
		e.shared = nil
	}
	first := 0
	for i := range e.columns {
		e.shared = e.format.begin(e.shared, i)
		if e.rows.Shared(i) {
			e.shared = e.format.value(e.shared, e.columns[i].Type, e.rows.Value(i, 0))
			continue
		}
		e.pieces = append(e.pieces, textPiece{first, len(e.shared), i})
		first = len(e.shared)
	}
	e.shared = e.format.end(e.shared)
	e.pieces = append(e.pieces, textPiece{first, len(e.shared), -1})
}

// maxKept is how much memory an encoder keeps for what follows.
const maxKept = 1 << 20

func (e *TextEncoder) appendRow(dst []byte) []byte {
	for i := range e.pieces {
		p := &e.pieces[i]
		dst = append(dst, e.shared[p.first:p.end]...)
		if p.column >= 0 {
			dst = e.format.value(dst, e.columns[p.column].Type, e.rows.Value(p.column, e.row))
		}
	}
	return dst
}

// AllRows is a number of rows that no batch has.
const AllRows = math.MaxInt64
