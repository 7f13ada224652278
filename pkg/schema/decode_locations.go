package schema

// Locations of sensitive data: nearly all of the bytes of most files. The
// shapes that Macie writes have a way of their own through the bytes, a run of
// equal shapes at a time; whatever looks different in any way goes through the
// general one.

func (d *bulk) cells(_, p int) int {
	first := len(d.b.Cells)
	p = d.array(p, (*bulk).someCells)
	d.det.Locations[CellKind] = Range{uint32(first), uint32(len(d.b.Cells))}
	return p
}

// someCells takes the cell at p, and those behind it as long as they are usual.
func (d *bulk) someCells(p int) int {
	if end := d.usualCells(p); end >= 0 {
		return end
	}
	if d.took(1); d.left.Locations < 0 {
		return d.fail(TooManyValues, p)
	}
	d.cell = Cell{}
	p = d.object(cellObject, p)
	if p >= 0 && !d.skipOccurrences {
		d.b.Cells = append(d.b.Cells, d.cell)
	}
	return p
}

// usualCells takes {"row":"2","column":"12","columnName":"email"}, with or
// without the name and a cellReference behind it, and those that follow it. It
// returns where the last one ends, or -1 if there is none.
func (d *bulk) usualCells(p int) int {
	const head, middle = `{"row":`, `,"column":`
	const name, reference = `,"columnName":"`, `,"cellReference":"`
	buf, cells, keep := d.buf, d.b.Cells, !d.skipOccurrences
	n, end := 0, -1
	var cell Cell
	var rest []byte // of the cell before, behind its row: columns repeat
	for n < d.left.Locations && string(buf[p:p+len(head)]) == head {
		row, q := usualInteger(buf, p+len(head))
		if q < 0 {
			break
		}
		if len(rest) > 0 && startsWith(buf, q, rest) {
			cell.Row = row
			q += len(rest)
		} else {
			afterRow := q
			if string(buf[q:q+len(middle)]) != middle {
				break
			}
			cell = Cell{Row: row, Set: HasRow | HasColumn}
			if cell.Column, q = usualInteger(buf, q+len(middle)); q < 0 {
				break
			}
			if string(buf[q:q+len(name)]) == name {
				if cell.Name, q = d.repeatedText(&d.name, q+len(name)-1); q < 0 {
					break
				}
			}
			repeats := true
			if string(buf[q:q+len(reference)]) == reference {
				if cell.Reference, q = d.ownText(q + len(reference) - 1); q < 0 {
					break
				}
				repeats = false // it names the row
			}
			if buf[q] != '}' {
				break
			}
			q++
			rest = nil
			if repeats {
				rest = buf[afterRow:q]
			}
		}
		if keep {
			cells = append(room(cells), cell)
		}
		n++
		if end = q; buf[q] != ',' {
			break
		}
		p = q + 1
	}
	d.b.Cells = cells
	d.took(n)
	return end
}

// room returns rows with space for another one. It doubles them: append's smaller
// steps would copy many rows more often, and leave more of what they were in.
func room[T any](rows []T) []T {
	if len(rows) < cap(rows) {
		return rows
	}
	grown := make([]T, len(rows), max(64, 2*cap(rows)))
	copy(grown, rows)
	return grown
}

// took counts n locations that an element of array has taken.
func (d *bulk) took(n int) {
	d.locations += int64(n)
	d.left.Locations -= n
	d.frames[d.level].index += n
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
	p = d.array(p, (*bulk).someRecords)
	d.det.Locations[RecordKind] = Range{uint32(first), uint32(len(d.b.Records))}
	return p
}

// someRecords takes the record at p, and those behind it as long as they are
// usual.
func (d *bulk) someRecords(p int) int {
	if end := d.usualRecords(p); end >= 0 {
		return end
	}
	if d.took(1); d.left.Locations < 0 {
		return d.fail(TooManyValues, p)
	}
	d.record = Record{}
	p = d.object(recordObject, p)
	if p >= 0 && !d.skipOccurrences {
		d.b.Records = append(d.b.Records, d.record)
	}
	return p
}

// usualRecords takes {"recordIndex":"0","jsonPath":"$.ssn"}, with or without
// the path, and those that follow it. It returns where the last one ends, or -1
// if there is none.
func (d *bulk) usualRecords(p int) int {
	const head, path = `{"recordIndex":`, `,"jsonPath":"`
	buf, records, keep := d.buf, d.b.Records, !d.skipOccurrences
	n, end := 0, -1
	for n < d.left.Locations && string(buf[p:p+len(head)]) == head {
		record, q := Record{Set: HasRecordIndex}, 0
		if record.Index, q = usualInteger(buf, p+len(head)); q < 0 {
			break
		}
		if string(buf[q:q+len(path)]) == path {
			if record.Path, q = d.repeatedText(&d.path, q+len(path)-1); q < 0 {
				break
			}
		}
		if buf[q] != '}' {
			break
		}
		if keep {
			records = append(room(records), record)
		}
		n++
		if end = q + 1; buf[end] != ',' {
			break
		}
		p = end + 1
	}
	d.b.Records = records
	d.took(n)
	return end
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
	p = d.array(p, func(d *bulk, p int) int { return d.somePositions(p, lineObject, &d.b.Lines) })
	d.det.Locations[LineKind] = Range{uint32(first), uint32(len(d.b.Lines))}
	return p
}

func (d *bulk) offsets(_, p int) int {
	first := len(d.b.Offsets)
	p = d.array(p, func(d *bulk, p int) int { return d.somePositions(p, offsetObject, &d.b.Offsets) })
	d.det.Locations[OffsetKind] = Range{uint32(first), uint32(len(d.b.Offsets))}
	return p
}

// somePositions takes the position at p, and those behind it as long as they
// are usual.
func (d *bulk) somePositions(p, object int, to *[]Position) int {
	if end := d.usualPositions(p, to); end >= 0 {
		return end
	}
	if d.took(1); d.left.Locations < 0 {
		return d.fail(TooManyValues, p)
	}
	d.position = Position{}
	p = d.object(object, p)
	if p >= 0 && !d.skipOccurrences {
		*to = append(*to, d.position)
	}
	return p
}

// usualPositions takes {"start":"1","end":"1","startColumn":"4"}, with or
// without the column, and those that follow it. It returns where the last one
// ends, or -1 if there is none.
func (d *bulk) usualPositions(p int, to *[]Position) int {
	const head, middle, column = `{"start":`, `,"end":`, `,"startColumn":`
	buf, positions, keep := d.buf, *to, !d.skipOccurrences
	n, end := 0, -1
	for n < d.left.Locations && string(buf[p:p+len(head)]) == head {
		first, q := usualInteger(buf, p+len(head))
		if q < 0 || string(buf[q:q+len(middle)]) != middle {
			break
		}
		last, q := usualInteger(buf, q+len(middle))
		if q < 0 {
			break
		}
		at, set := int64(0), uint8(HasStart|HasEnd)
		if string(buf[q:q+len(column)]) == column {
			if at, q = usualInteger(buf, q+len(column)); q < 0 {
				break
			}
			set |= HasStartColumn
		}
		if buf[q] != '}' {
			break
		}
		if keep {
			positions = append(room(positions), Position{Start: first, End: last, StartColumn: at, Set: set})
		}
		n++
		if end = q + 1; buf[end] != ',' {
			break
		}
		p = end + 1
	}
	*to = positions
	d.took(n)
	return end
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
	p = d.array(p, (*bulk).somePages)
	d.det.Locations[PageKind] = Range{uint32(first), uint32(len(d.b.Pages))}
	return p
}

// somePages takes the page at p, and those behind it as long as they are usual.
func (d *bulk) somePages(p int) int {
	if end := d.usualPages(p); end >= 0 {
		return end
	}
	if d.took(1); d.left.Locations < 0 {
		return d.fail(TooManyValues, p)
	}
	d.page = Page{}
	p = d.object(pageObject, p)
	if p >= 0 && !d.skipOccurrences {
		d.b.Pages = append(d.b.Pages, d.page)
	}
	return p
}

// usualPages takes {"pageNumber":"7"} and those that follow it. It returns
// where the last one ends, or -1 if there is none.
func (d *bulk) usualPages(p int) int {
	const head = `{"pageNumber":`
	buf, pages, keep := d.buf, d.b.Pages, !d.skipOccurrences
	n, end := 0, -1
	for n < d.left.Locations && string(buf[p:p+len(head)]) == head {
		number, q := usualInteger(buf, p+len(head))
		if q < 0 || buf[q] != '}' {
			break
		}
		if keep {
			pages = append(room(pages), Page{Number: number, HasNumber: true})
		}
		n++
		if end = q + 1; buf[end] != ',' {
			break
		}
		p = end + 1
	}
	d.b.Pages = pages
	d.took(n)
	return end
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
	// A digit at a time: where the next token begins is then foreseen by
	// branches, and waits for no arithmetic.
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
	if len(last.raw) > 0 && startsWith(d.buf, p+1, last.raw) {
		return last.span, p + 1 + len(last.raw)
	}
	s, end := d.ownText(p)
	if end >= 0 {
		last.raw, last.span = d.buf[p+1:end], s
	}
	return s, end
}

// startsWith reports whether buf has s at p.
func startsWith(buf []byte, p int, s []byte) bool {
	return len(buf)-p >= len(s) && string(buf[p:p+len(s)]) == string(s)
}
