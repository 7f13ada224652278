package gen

import "strconv"

// locationList is one of the lists of locations in the JSON field occurrences.
type locationList struct {
	key     string
	kind    locationKind
	newName string // name of a field that isn't in the documented schema
}

// Real files have lineRanges first and cells last; API clients sort them. Real files have
// offsetRanges only where it is used.
var (
	listsReal   = []locationList{{"lineRanges", kindLine, "section"}, {"offsetRanges", kindOffset, "unit"}, {"pages", kindPage, "label"}, {"records", kindRecord, "schemaId"}, {"cells", kindCell, "merged"}}
	listsSorted = []locationList{listsReal[4], listsReal[0], listsReal[1], listsReal[2], listsReal[3]}
)

// occurrences makes up and writes the locations of d, and counts d. path is that of the
// field occurrences, to count unknown fields: only the first detection of a line has
// some.
func (g *generator) occurrences(rec *record, d *detection, path string, first bool) {
	g.t.addDetection(d.name(), d.count, d.locations())
	if d.locations() == 0 && g.api && g.r.n(2) == 0 {
		g.absent("occurrences")
		return
	}
	lists := listsReal
	if g.api {
		lists = listsSorted
	}
	g.begin("occurrences", '{')
	for _, l := range lists {
		n := d.at[l.kind]
		if n == 0 {
			if !g.style() && l.kind != kindOffset {
				g.begin(l.key, '[')
				g.end(']')
			} else {
				g.absent(l.key)
			}
			continue
		}
		g.begin(l.key, '[')
		if first && rec.traits&newLocation != 0 && !g.unknownTaken {
			g.unknownTaken = true
			g.raw(`{"` + l.newName + `":{"v":[1,"2"]},`)
			g.countUnknown(path + "." + l.key + "[]." + l.newName)
			start := len(g.b)
			g.locations(rec, d, l.kind, n)
			g.b = append(g.b[:start], g.b[start+1:]...) // the { is already written
		} else {
			g.locations(rec, d, l.kind, n)
		}
		g.end(']')
	}
	if first && rec.traits&newList != 0 {
		g.begin("imageRegions", '[')
		g.raw(`{"x":1,"y":"2"},{"x":-3.25E+2,"y":""}]`)
		g.countUnknown(path + ".imageRegions")
	}
	g.end('}')
}

// locations writes n locations of a kind, separated by commas.
func (g *generator) locations(rec *record, d *detection, kind locationKind, n int64) {
	switch kind {
	case kindCell:
		g.t.kinds.Cell += n
		g.cells(d, n)
	case kindLine:
		g.t.kinds.Line += n
		g.lineRanges(rec, n)
	case kindOffset:
		g.t.kinds.Offset += n
		g.offsetRanges(rec, n)
	case kindPage:
		g.t.kinds.Page += n
		g.pages(rec, n)
	case kindRecord:
		g.t.kinds.Record += n
		g.records(rec, d, n)
	}
}

// fields returns the names of one or two columns or elements that hold d.
func (g *generator) fields(d *detection) []string {
	if d.custom != nil {
		return []string{d.custom.name}
	}
	f := d.managed.fields
	i := g.r.n(int64(len(f)))
	if len(f) > 1 && g.r.n(5) == 0 {
		return []string{f[i], f[(i+1)%int64(len(f))]}
	}
	return f[i : i+1]
}

// escape returns s as the inside of a JSON string.
func (g *generator) escape(s string) string {
	return string(appendEscaped(nil, s, !g.style(), g.ascii))
}

// nullField returns s, a field that is null, or nothing if this line omits such fields.
func (g *generator) nullField(s string) string {
	if g.nulls {
		return s
	}
	return ""
}

// column is the constant text of a column's cells in both encodings: before the
// row, between its two numbers, and after it.
type column struct {
	real, realEnd       string
	api, apiMid, apiEnd string
	reference           bool
}

func (g *generator) columns(d *detection) []column {
	var cols []column
	number := g.r.heavy(60)
	for _, name := range g.fields(d) {
		text := strconv.FormatInt(number, 10)
		c := column{real: `","column":"` + text + `"`, api: "{", apiMid: `"column":` + text, apiEnd: "}"}
		if d.format.unnamed {
			c.apiMid += g.nullField(`,"columnName":null`)
		} else {
			name := `,"columnName":"` + g.escape(name) + `"`
			c.real += name
			c.apiMid += name
		}
		c.apiMid += `,"row":`
		if d.format.reference {
			ref := `"cellReference":"` + g.escape(pick(g.r, sheets)) + "!" + columnLetters(number)
			c.reference = true
			c.real += "," + ref
			c.realEnd = `"}`
			c.api += ref
			c.apiMid = `",` + c.apiMid
		} else {
			c.realEnd = "}"
			c.api += g.nullField(`"cellReference":null,`)
		}
		cols = append(cols, c)
		number++
	}
	return cols
}

// columnLetters returns the name of a spreadsheet column, A for 1.
func columnLetters(n int64) string {
	if n <= 26 {
		return string(rune('A' + n - 1))
	}
	return columnLetters((n-1)/26) + string(rune('A'+(n-1)%26))
}

// cells go down the rows of one or two columns.
func (g *generator) cells(d *detection, n int64) {
	cols := g.columns(d)
	row := int64(2) // below the header
	if g.r.permille(20) {
		row = g.r.heavy(1 << 20)
	}
	gap := g.gap()
	b := g.b
	for i := int64(0); i < n; i++ {
		if i > 0 {
			b = append(b, ',')
		}
		c := &cols[i%int64(len(cols))]
		if g.style() {
			b = append(b, c.api...)
			if c.reference {
				b = strconv.AppendInt(b, row, 10)
			}
			b = append(b, c.apiMid...)
			b = strconv.AppendInt(b, row, 10)
			b = append(b, c.apiEnd...)
		} else {
			b = append(b, `{"row":"`...)
			b = strconv.AppendInt(b, row, 10)
			b = append(b, c.real...)
			if c.reference {
				b = strconv.AppendInt(b, row, 10)
			}
			b = append(b, c.realEnd...)
		}
		if int(i%int64(len(cols))) == len(cols)-1 {
			row += g.step(gap)
		}
	}
	g.b = b
}

// gap draws how many steps in a thousand skip rows without a match.
func (g *generator) gap() int64 { return g.r.n(3) * g.r.n(200) }

// step returns the distance to the next row.
func (g *generator) step(gap int64) int64 {
	if gap > 0 && g.r.permille(gap) {
		return 1 + g.r.n(4)
	}
	return 1
}

// span appends a range object in the style of the next value.
func (g *generator) span(start, end, column int64) {
	b := g.b
	if g.style() {
		b = append(b, `{"end":`...)
		b = strconv.AppendInt(b, end, 10)
		b = append(b, `,"start":`...)
		b = strconv.AppendInt(b, start, 10)
		if column > 0 {
			b = append(b, `,"startColumn":`...)
			b = strconv.AppendInt(b, column, 10)
		} else if g.nulls {
			b = append(b, `,"startColumn":null`...)
		}
		g.b = append(b, '}')
		return
	}
	b = append(b, `{"start":"`...)
	b = strconv.AppendInt(b, start, 10)
	b = append(b, `","end":"`...)
	b = strconv.AppendInt(b, end, 10)
	if column > 0 {
		b = append(b, `","startColumn":"`...)
		b = strconv.AppendInt(b, column, 10)
	}
	g.b = append(b, `"}`...)
}

// lineRanges go down a text, mostly one line each.
func (g *generator) lineRanges(rec *record, n int64) {
	at := g.r.heavy(200)
	if rec.traits&bigSize != 0 {
		at += 1 << 31
	}
	stride := g.r.heavy(60)
	column := g.r.n(100)
	for i := int64(0); i < n; i++ {
		if i > 0 {
			g.b = append(g.b, ',')
		}
		x := g.r.n(64)
		end := at
		if x == 0 {
			end++
		}
		if column > 0 && x < 16 {
			column = 1 + (column+x)%120
		}
		g.span(at, end, column)
		at = end + 1 + x%stride
	}
}

// offsetRanges go through a file by characters.
func (g *generator) offsetRanges(rec *record, n int64) {
	at := g.r.heavy(5000)
	if rec.traits&bigSize != 0 {
		at += 1 << 33
	}
	for i := int64(0); i < n; i++ {
		if i > 0 {
			g.b = append(g.b, ',')
		}
		x := g.r.n(400)
		g.span(at, at+4+x%20, x%2*(1+x%80))
		at += 25 + x
	}
}

// pages go through a document, several matches on one page.
func (g *generator) pages(rec *record, n int64) {
	page := g.r.heavy(20)
	for i := int64(0); i < n; i++ {
		if i > 0 {
			g.b = append(g.b, ',')
		}
		x := g.r.n(8)
		if i == 0 {
			x = 2
		}
		g.raw("{")
		g.int("pageNumber", page)
		if rec.traits&insidePages != 0 && x < 5 {
			if x%2 == 0 {
				g.key("lineRange")
				g.span(1+x*7, 1+x*7+x%3, 1+x)
			}
			if x > 0 {
				g.key("offsetRange")
				g.span(x*100, x*100+11, 0)
			}
		} else if g.nulls && g.style() {
			g.raw(`,"lineRange":null,"offsetRange":null`)
		}
		g.raw("}")
		if x < 3 {
			page += 1 + x
		}
	}
}

// records go through a file's records, or in plain JSON, which is one record,
// through the elements of an array.
func (g *generator) records(rec *record, d *detection, n int64) {
	indexed := d.format.indexed
	nested := g.r.n(3)
	var paths []path
	for _, field := range g.fields(d) {
		p := path{before: "$."}
		if indexed {
			p.before = []string{"$[", "$.items[", "$.data.results["}[nested]
		} else if nested == 2 {
			p.before = "$.customer.contact."
		}
		if rec.traits&longPath != 0 { // the end of a path that was cut to 250 characters
			p.before = longTail(226-len([]rune(field))) + p.before[1:]
		}
		plain := plainField(field) && rec.traits&bracketPath == 0
		switch {
		case indexed && plain:
			p.after = "]." + field
		case indexed:
			p.after = "]['" + field + "']"
		case plain:
			p.before += field
		default:
			p.before = p.before[:len(p.before)-1] + "['" + field + "']"
		}
		p.before, p.after = g.escape(p.before), g.escape(p.after)
		paths = append(paths, p)
	}

	var index int64
	gap := g.gap()
	b := g.b
	for i := int64(0); i < n; i++ {
		if i > 0 {
			b = append(b, ',')
		}
		record, element := index, int64(-1)
		if indexed {
			record, element = 0, index
		}
		p := &paths[i%int64(len(paths))]
		hidden := rec.traits&noPath != 0 && g.r.n(4) == 0
		api := g.style()
		switch {
		case api && hidden && g.nulls:
			b = append(b, `{"jsonPath":null,`...)
		case hidden:
			b = append(b, '{')
		case api:
			b = append(b, `{"jsonPath":"`...)
			b = p.append(b, element)
			b = append(b, `",`...)
		default:
			b = append(b, '{')
		}
		if api {
			b = append(b, `"recordIndex":`...)
			b = strconv.AppendInt(b, record, 10)
		} else {
			b = append(b, `"recordIndex":"`...)
			b = strconv.AppendInt(b, record, 10)
			b = append(b, '"')
			if !hidden {
				b = append(b, `,"jsonPath":"`...)
				b = p.append(b, element)
				b = append(b, '"')
			}
		}
		b = append(b, '}')
		if int(i%int64(len(paths))) == len(paths)-1 {
			index += g.step(gap)
		}
	}
	g.b = b
}

// path is a JSON path around the index of an array element.
type path struct{ before, after string }

// append appends the path of element; if that is negative, the path without an index.
func (p *path) append(b []byte, element int64) []byte {
	b = append(b, p.before...)
	if element >= 0 {
		b = strconv.AppendInt(b, element, 10)
	}
	return append(b, p.after...)
}

// plainField reports whether a name can follow a dot in a JSON path.
func plainField(s string) bool {
	for _, c := range s {
		if c == ' ' || c == '\'' || c == '.' || c == '#' || c == '&' || c == '/' || c == '"' {
			return false
		}
	}
	return true
}

// longTail returns about the last n characters of a deep path.
func longTail(n int) string {
	const step = ".envelope.body.entries[17].größe"
	s := []rune(step)
	for len(s) < n {
		s = append(s, []rune(step)...)
	}
	return string(s[len(s)-n:])
}
