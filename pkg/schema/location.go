package schema

// Has reports whether locations of the kind can have a value in the column at
// [OccurrenceLevel] with that slot. In the others it is null.
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

// LocationText returns the text of location i of a kind (Cells[i], Lines[i] and
// so on) in a text column that [Kind.Has].
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

// LocationInt returns the integer of location i of a kind in an integer column
// that [Kind.Has], and whether it is not null. It does not know
// [OccurrenceIndex], which depends on the detection.
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
