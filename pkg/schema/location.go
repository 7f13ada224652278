package schema

// Has reports whether locations of the kind can have a value in the column of
// [OccurrenceLevel] with that slot. If not, the column is null in their rows.
func (k Kind) Has(slot int) bool {
	if slot == OccurrenceIndex || slot == LocationKind {
		return true
	}
	switch k {
	case CellKind:
		return slot >= CellRow && slot <= CellReference
	case LineKind:
		return slot >= LineStart && slot <= LineStartColumn
	case OffsetKind:
		return slot >= OffsetStart && slot <= OffsetStartColumn
	case PageKind:
		return slot >= LineStart && slot <= PageNumber
	default:
		return slot == RecordIndex || slot == JSONPath
	}
}

// LocationText returns the text that location i of a kind (Cells[i], Lines[i] and
// so on) has in the text column of [OccurrenceLevel] with that slot. [Kind.Has]
// must be true of the column.
func (b *Batch) LocationText(kind Kind, slot int, i uint32) Span {
	switch slot {
	case LocationKind:
		return kind.Span()
	case CellColumnName:
		return b.Cells[i].Name
	case CellReference:
		return b.Cells[i].Reference
	default:
		return b.Records[i].Path
	}
}

// LocationInt returns the integer that location i of a kind has in the integer
// column of [OccurrenceLevel] with that slot; ok is false for null. [Kind.Has]
// must be true of the column, and the column must not be [OccurrenceIndex], which
// depends on the detection.
func (b *Batch) LocationInt(kind Kind, slot int, i uint32) (v int64, ok bool) {
	switch slot {
	case CellRow:
		c := &b.Cells[i]
		return c.Row, c.Set&HasRow != 0
	case CellColumn:
		c := &b.Cells[i]
		return c.Column, c.Set&HasColumn != 0
	case PageNumber:
		p := &b.Pages[i]
		return p.Number, p.HasNumber
	case RecordIndex:
		r := &b.Records[i]
		return r.Index, r.Set&HasRecordIndex != 0
	}
	var p *Position
	switch {
	case kind == LineKind:
		p = &b.Lines[i]
	case kind == OffsetKind:
		p = &b.Offsets[i]
	case slot <= LineStartColumn:
		p = &b.Pages[i].Line
	default:
		p = &b.Pages[i].Offset
	}
	switch slot {
	case LineStart, OffsetStart:
		return p.Start, p.Set&HasStart != 0
	case LineEnd, OffsetEnd:
		return p.End, p.Set&HasEnd != 0
	default:
		return p.StartColumn, p.Set&HasStartColumn != 0
	}
}
