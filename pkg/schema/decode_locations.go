package schema

// Locations of sensitive data: nearly all of the bytes of most files. The
// shapes that Macie writes have a way of their own through the bytes; whatever
// looks different in any way goes through the general one.

func (d *bulk) cells(_, p int) int {
	first := len(d.b.Cells)
	p = d.array(p, (*bulk).oneCell)
	d.det.Locations[CellKind] = Range{uint32(first), uint32(len(d.b.Cells))}
	return p
}

func (d *bulk) oneCell(p int) int {
	d.locations++
	end := d.usualCell(p)
	if end < 0 {
		d.cell = Cell{}
		if end = d.object(cellObject, p); end < 0 {
			return end
		}
	}
	if !d.skipOccurrences {
		d.b.Cells = append(d.b.Cells, d.cell)
	}
	return end
}

// usualCell takes {"row":"2","column":"12","columnName":"email"}, with or
// without the name and a cellReference before or behind it, or returns -1.
func (d *bulk) usualCell(p int) int {
	const head, middle = `{"row":`, `,"column":`
	buf := d.buf
	if string(buf[p:p+len(head)]) != head {
		return -1
	}
	row, p := usualInteger(buf, p+len(head))
	if p < 0 || string(buf[p:p+len(middle)]) != middle {
		return -1
	}
	column, p := usualInteger(buf, p+len(middle))
	if p < 0 {
		return -1
	}
	d.cell = Cell{Row: row, Column: column, Set: HasRow | HasColumn}
	const name = `,"columnName":"`
	if string(buf[p:p+len(name)]) == name {
		d.cell.Name, p = d.repeatedText(&d.name, p+len(name)-1)
		if p < 0 {
			return -1
		}
	}
	const reference = `,"cellReference":"`
	if string(buf[p:p+len(reference)]) == reference {
		if d.cell.Reference, p = d.ownText(p + len(reference) - 1); p < 0 {
			return -1
		}
	}
	if buf[p] != '}' {
		return -1
	}
	return p + 1
}

func (d *bulk) cellInt(slot, p int) int {
	v, ok, p := d.integer(p)
	if ok {
		if slot == 0 {
			d.cell.Row = v
		} else {
			d.cell.Column = v
		}
		d.cell.Set |= 1 << slot
	}
	return p
}

func (d *bulk) cellName(_, p int) int {
	if d.buf[p] != '"' {
		return d.null(p)
	}
	d.cell.Name, p = d.repeatedText(&d.name, p)
	return p
}

func (d *bulk) cellReference(_, p int) int {
	d.cell.Reference, p = d.span(p)
	return p
}

func (d *bulk) records(_, p int) int {
	first := len(d.b.Records)
	p = d.array(p, (*bulk).oneRecord)
	d.det.Locations[RecordKind] = Range{uint32(first), uint32(len(d.b.Records))}
	return p
}

func (d *bulk) oneRecord(p int) int {
	d.locations++
	end := d.usualRecord(p)
	if end < 0 {
		d.record = Record{}
		if end = d.object(recordObject, p); end < 0 {
			return end
		}
	}
	if !d.skipOccurrences {
		d.b.Records = append(d.b.Records, d.record)
	}
	return end
}

// usualRecord takes {"recordIndex":"0","jsonPath":"$.ssn"}, with or without the
// path, or returns -1.
func (d *bulk) usualRecord(p int) int {
	const head, path = `{"recordIndex":`, `,"jsonPath":"`
	buf := d.buf
	if string(buf[p:p+len(head)]) != head {
		return -1
	}
	index, p := usualInteger(buf, p+len(head))
	if p < 0 {
		return -1
	}
	d.record = Record{Index: index, Set: HasRecordIndex}
	if string(buf[p:p+len(path)]) == path {
		d.record.Path, p = d.repeatedText(&d.path, p+len(path)-1)
		if p < 0 {
			return -1
		}
	}
	if buf[p] != '}' {
		return -1
	}
	return p + 1
}

func (d *bulk) recordIndex(_, p int) int {
	v, ok, p := d.integer(p)
	if ok {
		d.record.Index = v
		d.record.Set = HasRecordIndex
	}
	return p
}

func (d *bulk) recordPath(_, p int) int {
	if d.buf[p] != '"' {
		return d.null(p)
	}
	d.record.Path, p = d.repeatedText(&d.path, p)
	return p
}

func (d *bulk) lines(_, p int) int {
	first := len(d.b.Lines)
	p = d.array(p, func(d *bulk, p int) int { return d.onePosition(p, lineObject, &d.b.Lines) })
	d.det.Locations[LineKind] = Range{uint32(first), uint32(len(d.b.Lines))}
	return p
}

func (d *bulk) offsets(_, p int) int {
	first := len(d.b.Offsets)
	p = d.array(p, func(d *bulk, p int) int { return d.onePosition(p, offsetObject, &d.b.Offsets) })
	d.det.Locations[OffsetKind] = Range{uint32(first), uint32(len(d.b.Offsets))}
	return p
}

func (d *bulk) onePosition(p, object int, to *[]Position) int {
	d.locations++
	end := d.usualPosition(p)
	if end < 0 {
		d.position = Position{}
		if end = d.object(object, p); end < 0 {
			return end
		}
	}
	if !d.skipOccurrences {
		*to = append(*to, d.position)
	}
	return end
}

// usualPosition takes {"start":"1","end":"1","startColumn":"4"}, with or
// without the column, or returns -1.
func (d *bulk) usualPosition(p int) int {
	const head, middle, column = `{"start":`, `,"end":`, `,"startColumn":`
	buf := d.buf
	if string(buf[p:p+len(head)]) != head {
		return -1
	}
	start, p := usualInteger(buf, p+len(head))
	if p < 0 || string(buf[p:p+len(middle)]) != middle {
		return -1
	}
	end, p := usualInteger(buf, p+len(middle))
	if p < 0 {
		return -1
	}
	d.position = Position{Start: start, End: end, Set: HasStart | HasEnd}
	if string(buf[p:p+len(column)]) == column {
		if d.position.StartColumn, p = usualInteger(buf, p+len(column)); p < 0 {
			return -1
		}
		d.position.Set |= HasStartColumn
	}
	if buf[p] != '}' {
		return -1
	}
	return p + 1
}

func (d *bulk) rangeInt(slot, p int) int      { return d.positionInt(&d.position, slot, p) }
func (d *bulk) pageLineInt(slot, p int) int   { return d.positionInt(&d.page.Line, slot, p) }
func (d *bulk) pageOffsetInt(slot, p int) int { return d.positionInt(&d.page.Offset, slot, p) }

func (d *bulk) positionInt(to *Position, slot, p int) int {
	v, ok, p := d.integer(p)
	if ok {
		switch slot {
		case 0:
			to.Start = v
		case 1:
			to.End = v
		case 2:
			to.StartColumn = v
		}
		to.Set |= 1 << slot
	}
	return p
}

func (d *bulk) pages(_, p int) int {
	first := len(d.b.Pages)
	p = d.array(p, (*bulk).onePage)
	d.det.Locations[PageKind] = Range{uint32(first), uint32(len(d.b.Pages))}
	return p
}

func (d *bulk) onePage(p int) int {
	d.locations++
	d.page = Page{}
	end := d.usualPage(p)
	if end < 0 {
		if end = d.object(pageObject, p); end < 0 {
			return end
		}
	}
	if !d.skipOccurrences {
		d.b.Pages = append(d.b.Pages, d.page)
	}
	return end
}

// usualPage takes {"pageNumber":"7"}, or returns -1.
func (d *bulk) usualPage(p int) int {
	const head = `{"pageNumber":`
	buf := d.buf
	if string(buf[p:p+len(head)]) != head {
		return -1
	}
	number, p := usualInteger(buf, p+len(head))
	if p < 0 || buf[p] != '}' {
		return -1
	}
	d.page.Number, d.page.HasNumber = number, true
	return p + 1
}

func (d *bulk) pageNumber(_, p int) int {
	d.page.Number, d.page.HasNumber, p = d.integer(p)
	return p
}

// usualInteger takes an integer of up to 18 digits without a sign or a leading
// zero, in quotes or followed by what can follow a number in an object, or
// returns a negative end.
func usualInteger(buf []byte, p int) (v int64, end int) {
	quoted := buf[p] == '"'
	if quoted {
		p++
	}
	first := p
	for {
		c := buf[p] - '0'
		if c > 9 {
			break
		}
		v = v*10 + int64(c)
		p++
	}
	if n := p - first; n == 0 || n > 18 || n > 1 && buf[first] == '0' {
		return 0, -1
	}
	switch c := buf[p]; {
	case quoted && c == '"':
		return v, p + 1
	case !quoted && (c == ',' || c == '}'):
		return v, p
	}
	return 0, -1
}

// ownText is text for a column of the locations.
func (d *bulk) ownText(p int) (Span, int) {
	if d.skipOccurrences {
		return Span{}, d.checkText(p)
	}
	return d.text(p)
}

// repeatedText is ownText for a column whose rows are often equal to the row
// before: they share one Span.
func (d *bulk) repeatedText(last *lastText, p int) (Span, int) {
	n := len(last.raw)
	if n > 0 && len(d.buf)-(p+1) >= n && string(d.buf[p+1:p+1+n]) == string(last.raw) {
		return last.span, p + 1 + n
	}
	s, end := d.ownText(p)
	if end >= 0 {
		last.raw, last.span = d.buf[p+1:end], s
	}
	return s, end
}
