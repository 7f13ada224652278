package sink

import "github.com/macielake/macielake/pkg/schema"

// Rows gives the rows of a table in runs: rows that follow each other and share
// most of their values. It is how encoders of single rows see a batch and an
// Arrow record batch alike. Before the first Next there is no run. It is not
// safe for concurrent use.
type Rows interface {
	// Next moves to the next run and reports whether there is one.
	Next() bool
	// Len is the number of rows of the run, at least 1.
	Len() int
	// Shared reports whether all rows of the run are known to have the same
	// value in that column, by its place among the columns.
	Shared(column int) bool
	// Value returns the value of a row of the run, from 0. What it refers to
	// is valid as long as the batch that the rows are of.
	Value(column, row int) Value
}

// Value is a value of a column. The zero Value is null.
type Value struct {
	Set  bool    // it isn't null
	Text []byte  // of a Text
	Int  int64   // of an Int64, an Int32 or a Timestamp
	Bool bool    // of a Bool
	Map  []Entry // of a Map
}

// Entry is an entry of a map.
type Entry struct {
	Key, Value []byte // a nil Value is null
}

// BatchRows are the rows of a decoded batch.
type BatchRows struct {
	level   schema.Level
	columns []schema.Column
	run     arrowRun
	next    int    // result
	dets    uint32 // detections of run.result that are left are [dets, detsEnd)
	detsEnd uint32
	kinds   int // kinds of locations of run.detection that were given
	entries []Entry
}

// NewBatchRows returns rows of a table with that row level, with those columns of
// it. Reset gives it a batch.
func NewBatchRows(level schema.Level, columns []schema.Column) *BatchRows {
	return &BatchRows{level: level, columns: columns}
}

// Reset begins with the rows of b.
func (r *BatchRows) Reset(b *schema.Batch) {
	r.run = arrowRun{batch: b}
	r.next, r.dets, r.detsEnd, r.kinds = 0, 0, 0, int(schema.NumKinds)
}

// Next implements Rows.
func (r *BatchRows) Next() bool {
	for {
		if r.level == schema.OccurrenceLevel && r.nextKind() {
			return true
		}
		if r.level != schema.ResultLevel && r.dets < r.detsEnd {
			r.run.detection = &r.run.batch.Detections[r.dets]
			r.dets++
			if r.level == schema.DetectionLevel {
				return true
			}
			r.kinds, r.run.index, r.run.n = 0, 0, 0
			continue
		}
		if r.next == len(r.run.batch.Results) {
			return false
		}
		r.run.result = &r.run.batch.Results[r.next]
		r.next++
		r.dets, r.detsEnd = r.run.result.Detections.First, r.run.result.Detections.End
		if r.level == schema.ResultLevel {
			r.run.n = 1
			return true
		}
		r.run.n = 1
	}
}

// nextKind moves to the detection's locations of the next kind that it has.
func (r *BatchRows) nextKind() bool {
	for r.kinds < int(schema.NumKinds) {
		locations := r.run.detection.Locations[r.kinds]
		if r.kinds > 0 {
			r.run.index += int64(r.run.n)
		}
		r.run.kind, r.run.first, r.run.n = schema.Kind(r.kinds), locations.First, locations.Len()
		r.kinds++
		if r.run.n > 0 {
			return true
		}
	}
	return false
}

// Len implements Rows.
func (r *BatchRows) Len() int { return r.run.n }

// Shared implements Rows.
func (r *BatchRows) Shared(column int) bool {
	c := &r.columns[column]
	return c.Level != schema.OccurrenceLevel || c.Slot == schema.LocationKind || !hasOwn(r.run.kind, c.Slot)
}

// Value implements Rows. A map's entries are valid until the next call.
func (r *BatchRows) Value(column, row int) Value {
	c := &r.columns[column]
	b := r.run.batch
	switch c.Level {
	case schema.ResultLevel:
		res := r.run.result
		switch c.Type {
		case schema.Text:
			return textValue(b, res.Text[c.Slot])
		case schema.Bool:
			v, ok := res.Bool(c.Slot)
			return Value{Set: ok, Bool: v}
		case schema.Map:
			return r.mapValue(c.Slot)
		}
		return Value{Set: res.HasInt(c.Slot), Int: res.Int[c.Slot]}
	case schema.DetectionLevel:
		det := r.run.detection
		switch c.Type {
		case schema.Text:
			return textValue(b, det.Text[c.Slot])
		case schema.Bool:
			return Value{Set: true, Bool: det.Capped}
		}
		return Value{Set: det.HasInt(c.Slot), Int: det.Int[c.Slot]}
	}
	if !hasOwn(r.run.kind, c.Slot) {
		return Value{}
	}
	at := r.run.first + uint32(row)
	if c.Type == schema.Text {
		return textValue(b, r.run.text(c.Slot, at))
	}
	v, ok := r.run.int(c.Slot, at)
	return Value{Set: ok, Int: v}
}

func textValue(b *schema.Batch, s schema.Span) Value {
	return Value{Set: !s.Null(), Text: b.Text(s)}
}

func (r *BatchRows) mapValue(slot int) Value {
	res := r.run.result
	if res.MapSet&(1<<slot) == 0 {
		return Value{}
	}
	r.entries = r.entries[:0]
	for _, tag := range r.run.batch.Tags[res.Maps[slot].First:res.Maps[slot].End] {
		r.entries = append(r.entries, Entry{r.run.batch.Text(tag.Key), r.run.batch.Text(tag.Value)})
	}
	return Value{Set: true, Map: r.entries}
}
