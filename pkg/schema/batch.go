package schema

// Span is a text in a batch: Buf[Off : Off+Len], in bytes. The zero Span is null;
// an empty text has an Off that is not zero.
type Span struct{ Off, Len uint32 }

// Null reports whether s is null.
func (s Span) Null() bool { return s.Off == 0 }

// Range selects the rows [First, End) of one of a batch's slices.
type Range struct{ First, End uint32 }

// Len returns the number of rows.
func (r Range) Len() int { return int(r.End - r.First) }

// constants are texts that every batch has at the beginning of its buffer, so
// that a constant is a Span like any other text.
const constants = "\x00managedcustomCUSTOM_IDENTIFIERcelllineoffsetpagerecord"

// Spans of the constant texts, valid in every batch.
var (
	spanManaged          = Span{1, 7}
	spanCustom           = Span{8, 6}
	spanCustomIdentifier = Span{14, 17}
)

// Kind is the kind of a location. A detection's locations are ordered by kind.
type Kind uint8

// Kinds of locations (Macie API reference, Occurrences).
const (
	CellKind Kind = iota
	LineKind
	OffsetKind
	PageKind
	RecordKind

	NumKinds
)

// String returns the kind's name, as in the column location_kind. k must be one of
// the constants.
func (k Kind) String() string {
	s := kindSpans[k]
	return constants[s.Off : s.Off+s.Len]
}

// Span returns the kind's name as a text that is valid in every batch.
func (k Kind) Span() Span { return kindSpans[k] }

var kindSpans = [NumKinds]Span{{31, 4}, {35, 4}, {39, 6}, {45, 4}, {49, 6}}

// Result holds the values of a line that exist once per line. The constants in
// tables.go name the slots. A value that the line doesn't have is null.
type Result struct {
	Text    [NumResultText]Span
	Int     [NumResultInt]int64
	IntSet  uint32              // bit i: Int[i] is not null
	BoolSet uint32              // bit i: the boolean in slot i is not null
	BoolVal uint32              // bit i: the boolean in slot i is true
	MapSet  uint8               // bit i: Maps[i] is not null
	Maps    [NumResultMap]Range // rows of Batch.Tags
	// Detections are the result's rows of Batch.Detections: managed data
	// identifiers first, then custom ones.
	Detections Range
	// Source is the index in Batch.Sources of the source of the line.
	Source uint32
}

// HasInt reports whether the integer in slot is not null.
func (r *Result) HasInt(slot int) bool { return r.IntSet&(1<<slot) != 0 }

// Bool returns the boolean in slot; ok is false for null.
func (r *Result) Bool(slot int) (value, ok bool) {
	return r.BoolVal&(1<<slot) != 0, r.BoolSet&(1<<slot) != 0
}

func (r *Result) setInt(slot int, v int64) {
	r.Int[slot] = v
	r.IntSet |= 1 << slot
}

func (r *Result) setBool(slot int, v bool) {
	r.BoolSet |= 1 << slot
	if v {
		r.BoolVal |= 1 << slot
	}
}

// Detection holds the values that exist once per result and type of sensitive
// data. The constants in tables.go name the slots.
type Detection struct {
	Text [NumDetectionText]Span
	Int  [NumDetectionInt]int64
	// IntSet has bit i set where Int[i] is not null. DetectionIndex and
	// DetectionLocationCount are never null.
	IntSet uint8
	// Capped is the column is_capped: the detection has 1,000 or more locations,
	// and fewer than its count.
	Capped bool
	// Locations are the detection's rows of Batch.Cells, Lines, Offsets, Pages and
	// Records, by kind. All are empty with DecoderOptions.SkipOccurrences.
	Locations [NumKinds]Range
}

// HasInt reports whether the integer in slot is not null.
func (d *Detection) HasInt(slot int) bool { return d.IntSet&(1<<slot) != 0 }

func (d *Detection) setInt(slot int, v int64) {
	d.Int[slot] = v
	d.IntSet |= 1 << slot
}

// Rows returns the number of locations that the batch holds for the detection.
func (d *Detection) Rows() int {
	n := 0
	for _, r := range d.Locations {
		n += r.Len()
	}
	return n
}

// Bits of Cell.Set, Position.Set and Record.Set. Each says that an integer is not
// null.
const (
	HasRow    = 1 << 0
	HasColumn = 1 << 1

	HasStart       = 1 << 0
	HasEnd         = 1 << 1
	HasStartColumn = 1 << 2

	HasRecordIndex = 1 << 0
)

// Cell is a location in a spreadsheet, CSV or TSV file (Macie API reference,
// Cell).
type Cell struct {
	Row, Column int64 // from 1
	Name        Span  // the column's name
	Reference   Span  // such as Sheet2!C5
	Set         uint8 // HasRow, HasColumn
}

// Position is a location that is a range of lines or offsets (Macie API reference,
// Range).
type Position struct {
	Start, End, StartColumn int64
	Set                     uint8 // HasStart, HasEnd, HasStartColumn
}

// Page is a location on a page of a document (Macie API reference, Page). Line and
// Offset have an empty Set where the page has no such range.
type Page struct {
	Number       int64
	HasNumber    bool
	Line, Offset Position
}

// Record is a location in a record of an Avro, Parquet, JSON or JSON Lines file
// (Macie API reference, Record).
type Record struct {
	Index int64 // from 0
	Path  Span  // a JSONPath
	Set   uint8 // HasRecordIndex
}

// Tag is an entry of a map. Its key is never null.
type Tag struct{ Key, Value Span }

// Source holds the values that all lines of a source share.
type Source struct {
	URI            string // source_uri; empty is null
	ETag           string // source_etag; empty is null
	AdminAccountID string // admin_account_id; empty is null
	LastModified   int64  // microseconds since 1970 in UTC; replaces a created_at that is null
}

// Segment is a part of a batch's buffer: whole lines of one source.
type Segment struct {
	Source     uint32 // index in Batch.Sources
	Start, End uint32 // the lines are Buf[Start:End]
	Line       int64  // number of the first line in its source, from 1
	Offset     int64  // offset of Buf[Start] in the source's inflated bytes
	// TooLong is 0 for whole lines. Otherwise the segment is the beginning of one
	// line that is longer than the reader's limit, and TooLong is the offset in the
	// source's inflated bytes of the first byte over the limit. The decoder rejects
	// the line as LineTooLong.
	TooLong int64
}

// Reject is a line that could not be decoded.
type Reject struct {
	Source uint32 // index in Batch.Sources
	Line   int64  // number of the line in its source, from 1
	Offset int64  // of the first error, in the source's inflated bytes
	Class  Class
	Raw    Span // the line without its newline
}

// Batch holds lines and their decoded rows, in slices that are reused. Start from
// the results: a result selects its detections, and a detection its locations.
// The slices may hold further rows, of rejected or filtered lines, that no result
// selects: ignore them.
//
// A batch owns all its memory. Everything read from it is valid until the next
// Reset. It is not safe for concurrent use while it is filled or decoded;
// afterwards any number of goroutines may read it.
type Batch struct {
	// Buf holds all text: the constants, then the raw lines, then text that the
	// decoder unescaped or composed.
	Buf      []byte
	Sources  []Source
	Segments []Segment
	RunID    string // run_id of all rows; empty is null. Reset leaves it as it is

	Results    []Result
	Detections []Detection
	Cells      []Cell
	Lines      []Position
	Offsets    []Position
	Pages      []Page
	Records    []Record
	Tags       []Tag

	// Dropped has an entry for each result that Filter removed: the index of its
	// source in Sources.
	Dropped []uint32
	Rejects []Reject
	// LineCount counts the lines of all segments, BlankCount the lines that are
	// empty or white space. Every other line is in Results, Dropped or Rejects.
	LineCount  int64
	BlankCount int64
	// Unknown counts the fields that this version doesn't know, by path, with `[]`
	// for each array index: `classificationDetails.result.sensitiveData[].new`.
	Unknown map[string]int64
}

// NewBatch returns an empty batch, which the caller owns.
func NewBatch() *Batch {
	b := &Batch{Unknown: make(map[string]int64)}
	b.Reset()
	return b
}

// Reset empties the batch and keeps its memory.
func (b *Batch) Reset() {
	b.Buf = append(b.Buf[:0], constants...)
	clear(b.Sources) // drops the strings
	b.Sources = b.Sources[:0]
	b.Segments = b.Segments[:0]
	b.resetRows()
}

func (b *Batch) resetRows() {
	b.Results = b.Results[:0]
	b.Detections = b.Detections[:0]
	b.Cells = b.Cells[:0]
	b.Lines = b.Lines[:0]
	b.Offsets = b.Offsets[:0]
	b.Pages = b.Pages[:0]
	b.Records = b.Records[:0]
	b.Tags = b.Tags[:0]
	b.Dropped = b.Dropped[:0]
	b.Rejects = b.Rejects[:0]
	b.LineCount, b.BlankCount = 0, 0
	clear(b.Unknown)
}

// Text returns the text of s, or nil for null. The bytes belong to the batch.
func (b *Batch) Text(s Span) []byte {
	if s.Off == 0 {
		return nil
	}
	return b.Buf[s.Off : s.Off+s.Len : s.Off+s.Len]
}

// AppendLines copies data, whole lines of one source, into the batch. The first
// line has the number line, from 1, and the byte offset offset in the source's
// inflated bytes. The last line may lack its newline. The lines of one source may
// be added in several calls.
func (b *Batch) AppendLines(src Source, line, offset int64, data []byte) {
	start := len(b.Buf)
	b.Buf = append(b.Buf, data...)
	b.AddSegment(src, line, offset, start)
}

// AddSegment adds Buf[start:] as whole lines of one source, for a reader that
// fills Buf in place. line and offset are as in [Batch.AppendLines].
func (b *Batch) AddSegment(src Source, line, offset int64, start int) {
	b.Sources = append(b.Sources, src)
	b.Segments = append(b.Segments, Segment{
		Source: uint32(len(b.Sources) - 1),
		Start:  uint32(start), End: uint32(len(b.Buf)),
		Line: line, Offset: offset,
	})
}

// CreatedAt returns the time that partitions and filters use for a result, in
// microseconds since 1970 in UTC: its created_at, or if that is null, the time its
// source was last modified.
func (b *Batch) CreatedAt(r *Result) int64 {
	if r.HasInt(CreatedAt) {
		return r.Int[CreatedAt]
	}
	return b.Sources[r.Source].LastModified
}

// Filter removes the results for which keep returns false, and adds their sources
// to Dropped. keep must not retain r.
func (b *Batch) Filter(keep func(r *Result) bool) {
	n := 0
	for i := range b.Results {
		r := &b.Results[i]
		if !keep(r) {
			b.Dropped = append(b.Dropped, r.Source)
			continue
		}
		if n < i {
			b.Results[n] = *r
		}
		n++
	}
	b.Results = b.Results[:n]
}

// Rows returns the number of rows that the batch has for a table whose Row is
// level.
func (b *Batch) Rows(level Level) int {
	if level == ResultLevel {
		return len(b.Results)
	}
	n := 0
	for i := range b.Results {
		dets := b.Results[i].Detections
		if level == DetectionLevel {
			n += dets.Len()
			continue
		}
		for j := dets.First; j < dets.End; j++ {
			n += b.Detections[j].Rows()
		}
	}
	return n
}
