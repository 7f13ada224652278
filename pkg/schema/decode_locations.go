package schema

// Locations are nearly all of the bytes of most sources. Those written as Macie
// writes them are the usual ones: loops over the bytes decode several at a time.
// Every other one is decoded by bulkDecoder.object.

func (d *bulkDecoder) cells(_, p int) int {
	first := len(d.b.Cells)
	p = d.array(p, (*bulkDecoder).takeCells)
	d.det.Locations[CellKind] = Range{uint32(first), uint32(len(d.b.Cells))}
	return p
}

// takeCells decodes the cell at p and the usual cells that follow it.
func (d *bulkDecoder) takeCells(p int) int {
	if end := d.takeUsualCells(p); end >= 0 {
		return end
	}
	if d.countLocations(1); d.remaining.Locations < 0 {
		return d.fail(TooManyValues, p)
	}
	d.cell = Cell{}
	p = d.object(cellObject, p)
	if p >= 0 && !d.skipOccurrences {
		d.b.Cells = append(d.b.Cells, d.cell)
	}
	return p
}

// takeUsualCells decodes cells such as
// {"row":"2","column":"12","columnName":"email","cellReference":"A1"}, in which the
// name and the reference may be absent. It returns the position after the last one,
// or -1 if the first cell isn't usual.
func (d *bulkDecoder) takeUsualCells(p int) int {
	const head, middle = `{"row":`, `,"column":`
	const name, reference = `,"columnName":"`, `,"cellReference":"`
	buf, cells, keep := d.buf, d.b.Cells, !d.skipOccurrences
	n, end := 0, -1
	var cell Cell
	var rest []byte // the previous cell after its row: columns repeat
	for n < d.remaining.Locations && string(buf[p:p+len(head)]) == head {
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
				if cell.Reference, q = d.locationText(q + len(reference) - 1); q < 0 {
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
			cells = append(growRows(cells), cell)
		}
		n++
		if end = q; buf[q] != ',' {
			break
		}
		p = q + 1
	}
	d.b.Cells = cells
	d.countLocations(n)
	return end
}

// growRows returns rows with room for another one. It doubles the capacity:
// append's smaller steps would copy more often, and leave more garbage.
func growRows[T any](rows []T) []T {
	if len(rows) < cap(rows) {
		return rows
	}
	grown := make([]T, len(rows), max(64, 2*cap(rows)))
	copy(grown, rows)
	return grown
}

// countLocations counts n locations that were decoded for the array.
func (d *bulkDecoder) countLocations(n int) {
	d.locations += int64(n)
	d.remaining.Locations -= n
	d.frames[d.depth].index += n
}

func (d *bulkDecoder) cellInt(slot, p int) int {
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

func (d *bulkDecoder) cellName(_, p int) int {
	if d.buf[p] != '"' {
		return d.takeNull(p)
	}
	d.cell.Name, p = d.repeatedText(&d.name, p)
	return p
}

func (d *bulkDecoder) cellReference(_, p int) int {
	d.cell.Reference, p = d.span(p)
	return p
}

func (d *bulkDecoder) records(_, p int) int {
	first := len(d.b.Records)
	p = d.array(p, (*bulkDecoder).takeRecords)
	d.det.Locations[RecordKind] = Range{uint32(first), uint32(len(d.b.Records))}
	return p
}

// takeRecords decodes the record at p and the usual records that follow it.
func (d *bulkDecoder) takeRecords(p int) int {
	if end := d.takeUsualRecords(p); end >= 0 {
		return end
	}
	if d.countLocations(1); d.remaining.Locations < 0 {
		return d.fail(TooManyValues, p)
	}
	d.record = Record{}
	p = d.object(recordObject, p)
	if p >= 0 && !d.skipOccurrences {
		d.b.Records = append(d.b.Records, d.record)
	}
	return p
}

// takeUsualRecords decodes records such as {"recordIndex":"0","jsonPath":"$.ssn"},
// in which the path may be absent. It returns the position after the last one, or
// -1 if the first record isn't usual.
func (d *bulkDecoder) takeUsualRecords(p int) int {
	const head, path = `{"recordIndex":`, `,"jsonPath":"`
	buf, records, keep := d.buf, d.b.Records, !d.skipOccurrences
	n, end := 0, -1
	for n < d.remaining.Locations && string(buf[p:p+len(head)]) == head {
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
			records = append(growRows(records), record)
		}
		n++
		if end = q + 1; buf[end] != ',' {
			break
		}
		p = end + 1
	}
	d.b.Records = records
	d.countLocations(n)
	return end
}

func (d *bulkDecoder) recordIndex(_, p int) int {
	v, ok, p := d.integer(p)
	if ok {
		d.record.Index = v
		d.record.Set = HasRecordIndex
	}
	return p
}

func (d *bulkDecoder) recordPath(_, p int) int {
	if d.buf[p] != '"' {
		return d.takeNull(p)
	}
	d.record.Path, p = d.repeatedText(&d.path, p)
	return p
}

func (d *bulkDecoder) lines(_, p int) int {
	first := len(d.b.Lines)
	p = d.array(p, func(d *bulkDecoder, p int) int { return d.takePositions(p, lineObject, &d.b.Lines) })
	d.det.Locations[LineKind] = Range{uint32(first), uint32(len(d.b.Lines))}
	return p
}

func (d *bulkDecoder) offsets(_, p int) int {
	first := len(d.b.Offsets)
	p = d.array(p, func(d *bulkDecoder, p int) int { return d.takePositions(p, offsetObject, &d.b.Offsets) })
	d.det.Locations[OffsetKind] = Range{uint32(first), uint32(len(d.b.Offsets))}
	return p
}

// takePositions decodes the range at p and the usual ranges that follow it.
func (d *bulkDecoder) takePositions(p, object int, to *[]Position) int {
	if end := d.takeUsualPositions(p, to); end >= 0 {
		return end
	}
	if d.countLocations(1); d.remaining.Locations < 0 {
		return d.fail(TooManyValues, p)
	}
	d.position = Position{}
	p = d.object(object, p)
	if p >= 0 && !d.skipOccurrences {
		*to = append(*to, d.position)
	}
	return p
}

// takeUsualPositions decodes ranges such as
// {"start":"1","end":"1","startColumn":"4"}, in which the column may be absent. It
// returns the position after the last one, or -1 if the first range isn't usual.
func (d *bulkDecoder) takeUsualPositions(p int, to *[]Position) int {
	const head, middle, column = `{"start":`, `,"end":`, `,"startColumn":`
	buf, positions, keep := d.buf, *to, !d.skipOccurrences
	n, end := 0, -1
	for n < d.remaining.Locations && string(buf[p:p+len(head)]) == head {
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
			positions = append(growRows(positions), Position{Start: first, End: last, StartColumn: at, Set: set})
		}
		n++
		if end = q + 1; buf[end] != ',' {
			break
		}
		p = end + 1
	}
	*to = positions
	d.countLocations(n)
	return end
}

func (d *bulkDecoder) rangeInt(slot, p int) int      { return d.positionInt(&d.position, slot, p) }
func (d *bulkDecoder) pageLineInt(slot, p int) int   { return d.positionInt(&d.page.Line, slot, p) }
func (d *bulkDecoder) pageOffsetInt(slot, p int) int { return d.positionInt(&d.page.Offset, slot, p) }

func (d *bulkDecoder) positionInt(to *Position, slot, p int) int {
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

func (d *bulkDecoder) pages(_, p int) int {
	first := len(d.b.Pages)
	p = d.array(p, (*bulkDecoder).takePages)
	d.det.Locations[PageKind] = Range{uint32(first), uint32(len(d.b.Pages))}
	return p
}

// takePages decodes the page at p and the usual pages that follow it.
func (d *bulkDecoder) takePages(p int) int {
	if end := d.takeUsualPages(p); end >= 0 {
		return end
	}
	if d.countLocations(1); d.remaining.Locations < 0 {
		return d.fail(TooManyValues, p)
	}
	d.page = Page{}
	p = d.object(pageObject, p)
	if p >= 0 && !d.skipOccurrences {
		d.b.Pages = append(d.b.Pages, d.page)
	}
	return p
}

// takeUsualPages decodes pages such as {"pageNumber":"7"}. It returns the position
// after the last one, or -1 if the first page isn't usual.
func (d *bulkDecoder) takeUsualPages(p int) int {
	const head = `{"pageNumber":`
	buf, pages, keep := d.buf, d.b.Pages, !d.skipOccurrences
	n, end := 0, -1
	for n < d.remaining.Locations && string(buf[p:p+len(head)]) == head {
		number, q := usualInteger(buf, p+len(head))
		if q < 0 || buf[q] != '}' {
			break
		}
		if keep {
			pages = append(growRows(pages), Page{Number: number, HasNumber: true})
		}
		n++
		if end = q + 1; buf[end] != ',' {
			break
		}
		p = end + 1
	}
	d.b.Pages = pages
	d.countLocations(n)
	return end
}

func (d *bulkDecoder) pageNumber(_, p int) int {
	d.page.Number, d.page.HasNumber, p = d.integer(p)
	return p
}

// usualInteger decodes an integer of up to 18 digits without a sign or a leading
// zero, either in quotes or before a comma or a closing brace. It returns the
// position after it, or -1 if the value looks different.
func usualInteger(buf []byte, p int) (v int64, end int) {
	quoted := buf[p] == '"'
	if quoted {
		p++
	}
	first := p
	// One digit at a time: the processor predicts these branches, and so where the
	// next token begins, without waiting for arithmetic.
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

// locationText decodes a text of a location.
func (d *bulkDecoder) locationText(p int) (Span, int) {
	if d.skipOccurrences {
		return Span{}, d.checkText(p)
	}
	return d.text(p)
}

// repeatedText is locationText for a column that often has the text of the previous
// row again. Both rows then share a Span.
func (d *bulkDecoder) repeatedText(last *lastText, p int) (Span, int) {
	if len(last.raw) > 0 && startsWith(d.buf, p+1, last.raw) {
		return last.span, p + 1 + len(last.raw)
	}
	s, end := d.locationText(p)
	if end >= 0 {
		last.raw, last.span = d.buf[p+1:end], s
	}
	return s, end
}

// startsWith reports whether buf has s at p.
func startsWith(buf []byte, p int, s []byte) bool {
	return len(buf)-p >= len(s) && string(buf[p:p+len(s)]) == string(s)
}
