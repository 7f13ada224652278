package reference

import (
	"bytes"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/macielake/macielake/pkg/schema"
)

// Output holds the decoded rows of a batch.
type Output struct {
	// Tables are the rows by table: results, detections, occurrences.
	Tables     map[string][]Row
	Rejects    []Reject
	LineCount  int64
	BlankCount int64
	Unknown    map[string]int64 // by path, with [] for every index
}

// Reject is a line that could not be decoded, as in schema.Reject.
type Reject struct {
	Source       uint32
	Line, Offset int64
	Class        schema.Class
	Raw          string
}

// Decode decodes the segments of b. It reads the lines, sources and run ID of b,
// and changes nothing in it.
func Decode(b *schema.Batch, opts schema.DecoderOptions) *Output {
	out := &Output{Tables: map[string][]Row{}, Unknown: map[string]int64{}}
	for _, seg := range b.Segments {
		out.segment(b, seg, opts.Limits())
	}
	if opts.SkipOccurrences {
		delete(out.Tables, "occurrences")
	}
	return out
}

func (out *Output) segment(b *schema.Batch, seg schema.Segment, limits schema.Limits) {
	data := b.Buf[seg.Start:seg.End]
	if seg.TooLong != 0 {
		out.LineCount++
		out.Rejects = append(out.Rejects, Reject{seg.Source, seg.Line, seg.TooLong, schema.LineTooLong, string(data)})
		return
	}
	number, offset := seg.Line, seg.Offset
	for len(data) > 0 {
		line, rest, _ := bytes.Cut(data, []byte("\n"))
		out.LineCount++
		if IsBlank(line) {
			out.BlankCount++
		} else if l, err := DecodeLine(line, limits); err != nil {
			out.Rejects = append(out.Rejects, Reject{seg.Source, number, offset + int64(err.Offset), err.Class, string(line)})
		} else {
			source := b.Sources[seg.Source]
			l.setBatchColumns(Row{
				"run_id":           nullIfEmpty(b.RunID),
				"source_uri":       nullIfEmpty(source.URI),
				"source_etag":      nullIfEmpty(source.ETag),
				"admin_account_id": nullIfEmpty(source.AdminAccountID),
				"source_line":      number,
			})
			out.Tables["results"] = append(out.Tables["results"], l.Result)
			out.Tables["detections"] = append(out.Tables["detections"], l.Detections...)
			out.Tables["occurrences"] = append(out.Tables["occurrences"], l.Occurrences...)
			for path, n := range l.Unknown {
				out.Unknown[path] += n
			}
		}
		number++
		offset += int64(len(data) - len(rest))
		data = rest
	}
}

func nullIfEmpty(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// FromBatch returns the rows of a decoded batch, column by column as the table
// definitions describe them.
func FromBatch(b *schema.Batch) *Output {
	out := &Output{
		Tables:    map[string][]Row{},
		LineCount: b.LineCount, BlankCount: b.BlankCount,
		Unknown: b.Unknown,
	}
	for _, r := range b.Rejects {
		out.Rejects = append(out.Rejects, Reject{r.Source, r.Line, r.Offset, r.Class, string(b.Text(r.Raw))})
	}
	for _, table := range schema.Tables() {
		c := cursor{b: b, table: table}
		for i := range b.Results {
			c.result = &b.Results[i]
			c.addRows()
		}
		if len(c.rows) != b.Rows(table.Row) {
			panic(fmt.Sprintf("reference: %d rows of %s, Batch.Rows says %d", len(c.rows), table.Name, b.Rows(table.Row)))
		}
		out.Tables[table.Name] = c.rows
	}
	return out
}

// cursor is the position of a row in a batch, and the rows before it.
type cursor struct {
	b     *schema.Batch
	table *schema.Table
	rows  []Row

	result    *schema.Result
	detection *schema.Detection
	kind      schema.Kind
	index     uint32 // index of the location in the batch's slice of that kind
	number    int64  // number of the location in its detection
}

// addRow adds the row at the cursor.
func (c *cursor) addRow() {
	row := Row{}
	for _, column := range c.table.Columns {
		if _, ok := row[column.Name]; ok {
			panic("reference: column " + column.Name + " twice")
		}
		var v any
		switch column.Level {
		case schema.ResultLevel:
			v = c.resultValue(column)
		case schema.DetectionLevel:
			v = c.detectionValue(column)
		case schema.OccurrenceLevel:
			v = c.occurrenceValue(column.Slot)
			switch v.(type) {
			case string:
				checkType(column, schema.Text)
			case int64:
				checkType(column, schema.Int64)
			}
		}
		row[column.Name] = v
	}
	c.rows = append(c.rows, row)
}

func checkType(column schema.Column, t schema.Type) {
	if column.Type != t {
		panic("reference: column " + column.Name + " has another type")
	}
}

// addRows adds the rows of c.result.
func (c *cursor) addRows() {
	if c.table.Row == schema.ResultLevel {
		c.addRow()
		return
	}
	for d := c.result.Detections.First; d < c.result.Detections.End; d++ {
		c.detection = &c.b.Detections[d]
		if c.table.Row == schema.DetectionLevel {
			c.addRow()
			continue
		}
		c.number = 0
		for c.kind = range schema.NumKinds {
			for c.index = c.detection.Locations[c.kind].First; c.index < c.detection.Locations[c.kind].End; c.index++ {
				c.addRow()
				c.number++
			}
		}
	}
}

func (c *cursor) text(s schema.Span) any {
	if s.Null() {
		return nil
	}
	return string(c.b.Text(s))
}

func (c *cursor) resultValue(column schema.Column) any {
	r, slot := c.result, column.Slot
	switch column.Type {
	case schema.Text:
		return c.text(r.Text[slot])
	case schema.Bool:
		if v, ok := r.Bool(slot); ok {
			return v
		} else if v {
			panic("reference: " + column.Name + " is null and true")
		}
		return nil
	case schema.Map:
		if r.MapSet&(1<<slot) == 0 {
			return nil
		}
		out := []Tag{}
		for _, tag := range c.b.Tags[r.Maps[slot].First:r.Maps[slot].End] {
			if tag.Key.Null() {
				panic("reference: tag with a null key")
			}
			out = append(out, Tag{string(c.b.Text(tag.Key)), c.text(tag.Value)})
		}
		return out
	}
	if !r.HasInt(slot) {
		return nil
	}
	switch v := r.Int[slot]; column.Type {
	case schema.Int64:
		return v
	case schema.Int32:
		return int32(v)
	case schema.Timestamp:
		return Micros(v)
	}
	panic("reference: column " + column.Name + " has no known type")
}

func (c *cursor) detectionValue(column schema.Column) any {
	d, slot := c.detection, column.Slot
	switch {
	case column.Type == schema.Text:
		return c.text(d.Text[slot])
	case column.Type == schema.Bool && slot == schema.DetectionCapped:
		return d.Capped
	case column.Type == schema.Int64 && d.HasInt(slot):
		return d.Int[slot]
	case column.Type == schema.Int64:
		return nil
	}
	panic("reference: column " + column.Name + " has no known type")
}

func (c *cursor) occurrenceValue(slot int) any {
	switch slot {
	case schema.OccurrenceIndex:
		return c.number
	case schema.LocationKind:
		if s := c.text(c.kind.Span()); s != c.kind.String() {
			panic("reference: a kind's span is not its name")
		}
		return c.kind.String()
	}
	valueOrNull := func(v int64, ok bool) any {
		if !ok {
			return nil
		}
		return v
	}
	position := func(p schema.Position, first int) any {
		switch slot - first {
		case 0:
			return valueOrNull(p.Start, p.Set&schema.HasStart != 0)
		case 1:
			return valueOrNull(p.End, p.Set&schema.HasEnd != 0)
		case 2:
			return valueOrNull(p.StartColumn, p.Set&schema.HasStartColumn != 0)
		}
		return nil
	}
	switch c.kind {
	case schema.CellKind:
		cell := c.b.Cells[c.index]
		switch slot {
		case schema.CellRow:
			return valueOrNull(cell.Row, cell.Set&schema.HasRow != 0)
		case schema.CellColumn:
			return valueOrNull(cell.Column, cell.Set&schema.HasColumn != 0)
		case schema.CellColumnName:
			return c.text(cell.Name)
		case schema.CellReference:
			return c.text(cell.Reference)
		}
	case schema.LineKind:
		return position(c.b.Lines[c.index], schema.LineStart)
	case schema.OffsetKind:
		return position(c.b.Offsets[c.index], schema.OffsetStart)
	case schema.PageKind:
		page := c.b.Pages[c.index]
		if slot == schema.PageNumber {
			return valueOrNull(page.Number, page.HasNumber)
		}
		if v := position(page.Line, schema.LineStart); v != nil {
			return v
		}
		return position(page.Offset, schema.OffsetStart)
	case schema.RecordKind:
		record := c.b.Records[c.index]
		switch slot {
		case schema.RecordIndex:
			return valueOrNull(record.Index, record.Set&schema.HasRecordIndex != 0)
		case schema.JSONPath:
			return c.text(record.Path)
		}
	}
	return nil
}

// Diff describes the first difference between two outputs. It returns an empty
// string if there is none.
func Diff(want, got *Output) string {
	for i := range max(len(want.Rejects), len(got.Rejects)) {
		w, g := rejectAt(want.Rejects, i), rejectAt(got.Rejects, i)
		if !reflect.DeepEqual(w, g) {
			return fmt.Sprintf("reject %d: want %s, got %s", i, w, g)
		}
	}
	if want.LineCount != got.LineCount || want.BlankCount != got.BlankCount {
		return fmt.Sprintf("lines and blank lines: want %d and %d, got %d and %d",
			want.LineCount, want.BlankCount, got.LineCount, got.BlankCount)
	}
	for _, name := range []string{"results", "detections", "occurrences"} {
		if w, g := len(want.Tables[name]), len(got.Tables[name]); w != g {
			return fmt.Sprintf("%s: want %d rows, got %d", name, w, g)
		}
		for i, w := range want.Tables[name] {
			g := got.Tables[name][i]
			if reflect.DeepEqual(w, g) {
				continue
			}
			for _, column := range slices.Sorted(maps.Keys(union(w, g))) {
				wv, wok := w[column]
				gv, gok := g[column]
				if wok != gok || !reflect.DeepEqual(wv, gv) {
					return fmt.Sprintf("%s, row %d, %s: want %#v, got %#v", name, i, column, wv, gv)
				}
			}
		}
	}
	if !maps.Equal(want.Unknown, got.Unknown) {
		return fmt.Sprintf("unknown fields: want %v, got %v", want.Unknown, got.Unknown)
	}
	return ""
}

func rejectAt(rejects []Reject, i int) *Reject {
	if i >= len(rejects) {
		return nil
	}
	return &rejects[i]
}

// String describes r without its raw line.
func (r *Reject) String() string {
	if r == nil {
		return "none"
	}
	return fmt.Sprintf("%s at %d in line %d of source %d (%d bytes)", r.Class, r.Offset, r.Line, r.Source, len(r.Raw))
}

func union(a, b Row) Row {
	out := maps.Clone(a)
	if out == nil {
		out = Row{}
	}
	maps.Copy(out, b)
	return out
}
