// Package rows shows the rows of a table as runs that share most of their
// values, and writes rows as text.
//
// Commands that answer at once see a batch of raw results ([Batch]) and a record
// batch of a dataset (internal/arrowio) alike, as [Rows]. [NewNDJSON] and
// [NewCSV] encode them: what a run shares is encoded once and copied.
package rows

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

// Batch are the rows of a decoded batch.
type Batch struct {
	level   schema.Level
	columns []schema.Column
	batch   *schema.Batch
	result  *schema.Result    // of the run
	det     *schema.Detection // of the run; nil in results
	n       int               // rows of the run

	// In occurrences, the rows are locations of that kind, from first on, and
	// index is the first one's occurrence_index.
	kind  schema.Kind
	first uint32
	index int64

	next    int    // result
	dets    uint32 // detections of result that are left are [dets, detsEnd)
	detsEnd uint32
	kinds   int // kinds of locations of det that were given
	entries []Entry
}

// NewBatch returns rows of a table with that row level, with those columns of
// it. Reset gives it a batch.
func NewBatch(level schema.Level, columns []schema.Column) *Batch {
	return &Batch{level: level, columns: columns}
}

// Reset begins with the rows of b.
func (r *Batch) Reset(b *schema.Batch) {
	r.batch, r.result, r.det = b, nil, nil
	r.n, r.first, r.index = 0, 0, 0
	r.next, r.dets, r.detsEnd, r.kinds = 0, 0, 0, int(schema.NumKinds)
}

// Next implements Rows.
func (r *Batch) Next() bool {
	for {
		if r.level == schema.OccurrenceLevel && r.nextKind() {
			return true
		}
		if r.level != schema.ResultLevel && r.dets < r.detsEnd {
			r.det = &r.batch.Detections[r.dets]
			r.dets++
			if r.level == schema.DetectionLevel {
				return true
			}
			r.kinds, r.index, r.n = 0, 0, 0
			continue
		}
		if r.next == len(r.batch.Results) {
			return false
		}
		r.result = &r.batch.Results[r.next]
		r.next++
		r.dets, r.detsEnd = r.result.Detections.First, r.result.Detections.End
		if r.level == schema.ResultLevel {
			r.n = 1
			return true
		}
		r.n = 1
	}
}

// nextKind moves to the detection's locations of the next kind that it has.
func (r *Batch) nextKind() bool {
	for r.kinds < int(schema.NumKinds) {
		locations := r.det.Locations[r.kinds]
		if r.kinds > 0 {
			r.index += int64(r.n)
		}
		r.kind, r.first, r.n = schema.Kind(r.kinds), locations.First, locations.Len()
		r.kinds++
		if r.n > 0 {
			return true
		}
	}
	return false
}

// Len implements Rows.
func (r *Batch) Len() int { return r.n }

// Shared implements Rows.
func (r *Batch) Shared(column int) bool {
	c := &r.columns[column]
	return c.Level != schema.OccurrenceLevel || c.Slot == schema.LocationKind || !r.kind.Has(c.Slot)
}

// Value implements Rows. A map's entries are valid until the next call.
func (r *Batch) Value(column, row int) Value {
	c := &r.columns[column]
	b := r.batch
	switch c.Level {
	case schema.ResultLevel:
		res := r.result
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
		det := r.det
		switch c.Type {
		case schema.Text:
			return textValue(b, det.Text[c.Slot])
		case schema.Bool:
			return Value{Set: true, Bool: det.Capped}
		}
		return Value{Set: det.HasInt(c.Slot), Int: det.Int[c.Slot]}
	}
	if !r.kind.Has(c.Slot) {
		return Value{}
	}
	at := r.first + uint32(row)
	if c.Type == schema.Text {
		return textValue(b, b.LocationText(r.kind, c.Slot, at))
	}
	if c.Slot == schema.OccurrenceIndex {
		return Value{Set: true, Int: r.index + int64(row)}
	}
	v, ok := b.LocationInt(r.kind, c.Slot, at)
	return Value{Set: ok, Int: v}
}

func textValue(b *schema.Batch, s schema.Span) Value {
	return Value{Set: !s.Null(), Text: b.Text(s)}
}

func (r *Batch) mapValue(slot int) Value {
	res := r.result
	if res.MapSet&(1<<slot) == 0 {
		return Value{}
	}
	r.entries = r.entries[:0]
	for _, tag := range r.batch.Tags[res.Maps[slot].First:res.Maps[slot].End] {
		r.entries = append(r.entries, Entry{r.batch.Text(tag.Key), r.batch.Text(tag.Value)})
	}
	return Value{Set: true, Map: r.entries}
}

// Single is one row with those values, one per column.
type Single struct {
	values []Value
	left   bool
}

// NewSingle returns the row.
func NewSingle(values []Value) *Single { return &Single{values: values, left: true} }

// Next implements Rows.
func (s *Single) Next() bool {
	left := s.left
	s.left = false
	return left
}

// Len implements Rows.
func (s *Single) Len() int { return 1 }

// Shared implements Rows.
func (s *Single) Shared(int) bool { return true }

// Value implements Rows.
func (s *Single) Value(column, _ int) Value { return s.values[column] }
