package schema

// Span is a piece of text in a batch: Buf[Off : Off+Len]. The zero Span is
// null; an empty text has an Off that is not zero.
type Span struct{ Off, Len uint32 }

// Null reports whether s is null.
func (s Span) Null() bool { return s.Off == 0 }

// Range is a run of rows [First, End) in one of a batch's slices.
type Range struct{ First, End uint32 }

// Len is the number of rows.
func (r Range) Len() int { return int(r.End - r.First) }

// Texts that every batch has at the same place in its buffer, so that a
// constant is a Span like any other text.
const constants = "\x00managedcustomCUSTOM_IDENTIFIERcelllineoffsetpagerecord"

// Spans of the constant texts, valid in every batch.
var (
	spanManaged          = Span{1, 7}
	spanCustom           = Span{8, 6}
	spanCustomIdentifier = Span{14, 17}
)

// Kind is the kind of a location. The kinds' order is that of the rows of a
// detection.
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

// String returns the kind as location_kind has it.
func (k Kind) String() string {
	s := kindSpans[k]
	return constants[s.Off : s.Off+s.Len]
}

// Span returns the kind's name as text of any batch.
func (k Kind) Span() Span { return kindSpans[k] }

var kindSpans = [NumKinds]Span{{31, 4}, {35, 4}, {39, 6}, {45, 4}, {49, 6}}

// Result is what a batch holds once per line. Slots are the constants in
// tables.go; a text or integer that is absent is null.
type Result struct {
	Text    [NumResultText]Span
	Int     [NumResultInt]int64
	IntSet  uint32 // bit i: Int[i] is not null
	BoolSet uint32 // bit i: the boolean in slot i is not null
	BoolVal uint32 // bit i: its value; 0 where null
	MapSet  uint8  // bit i: Maps[i] is not null
	Maps    [NumResultMap]Range
	// Detections are the result's rows of Batch.Detections, managed before
	// custom.
	Detections Range
	// Source is the index in Batch.Sources of the object the line is from.
	Source uint32
}

// HasInt reports whether the integer in slot is not null.
func (r *Result) HasInt(slot int) bool { return r.IntSet&(1<<slot) != 0 }

// Bool returns the boolean in slot, and whether it is not null.
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

// Detection is what a batch holds once per result and type of sensitive data.
type Detection struct {
	Text [NumDetectionText]Span
	Int  [NumDetectionInt]int64
	// IntSet has bit i set where Int[i] is not null. DetectionIndex and
	// DetectionLocationCount never are.
	IntSet uint8
	// Capped is is_capped: 1,000 or more locations, and fewer than the count.
	Capped bool
	// Locations are, by kind, its rows of Batch.Cells, Lines, Offsets, Pages
	// and Records; all empty when the decoder was told to skip occurrences.
	Locations [NumKinds]Range
}

// HasInt reports whether the integer in slot is not null.
func (d *Detection) HasInt(slot int) bool { return d.IntSet&(1<<slot) != 0 }

func (d *Detection) setInt(slot int, v int64) {
	d.Int[slot] = v
	d.IntSet |= 1 << slot
}

// Rows is how many occurrences the batch holds of the detection.
func (d *Detection) Rows() int {
	n := 0
	for _, r := range d.Locations {
		n += r.Len()
	}
	return n
}

// Bits of Cell.Set, Position.Set and Record.Set: the integer is not null.
const (
	HasRow    = 1 << 0
	HasColumn = 1 << 1

	HasStart       = 1 << 0
	HasEnd         = 1 << 1
	HasStartColumn = 1 << 2

	HasRecordIndex = 1 << 0
)

// Cell is the place of a cell in a spreadsheet, CSV or TSV file (Macie API
// reference, Cell).
type Cell struct {
	Row, Column int64
	Name        Span // the column's name
	Reference   Span
	Set         uint8
}

// Position is a range of lines or offsets (Macie API reference, Range).
type Position struct {
	Start, End, StartColumn int64
	Set                     uint8
}

// Page is a page of a document (Macie API reference, Page). Line and Offset
// have an empty Set where the page has no such range.
type Page struct {
	Number       int64
	HasNumber    bool
	Line, Offset Position
}

// Record is an element of an Avro, Parquet, JSON or JSON Lines file (Macie API
// reference, Record).
type Record struct {
	Index int64
	Path  Span
	Set   uint8
}

// Tag is an entry of a map.
type Tag struct{ Key, Value Span }

// Source names an object that lines come from.
type Source struct {
	URI            string // source_uri
	ETag           string // source_etag; empty is null
	AdminAccountID string // admin_account_id; empty is null
	LastModified   int64  // microseconds since 1970; stands in for a created_at that is absent
}

// Segment is a run of whole lines of one source in a batch's buffer.
type Segment struct {
	Source     uint32 // index in Batch.Sources
	Start, End uint32 // the lines are Buf[Start:End]
	Line       int64  // number of the first line in its source, from 1
	Offset     int64  // where Buf[Start] is in the source's inflated stream
	// TooLong is not zero where the segment is only the beginning of one line
	// that is longer than the reader's limit: where in the source's inflated
	// stream the first byte over the limit is. The line is rejected as
	// LineTooLong.
	TooLong int64
}

// Reject is a line that gave no row.
type Reject struct {
	Source uint32 // index in Batch.Sources
	Line   int64  // number of the line in its source, from 1
	Offset int64  // of the first error, in the source's inflated stream
	Class  Class
	Raw    Span // the line without its end
}

// Batch holds lines and the rows they decode to, in columns that are reused.
// Rows of a batch are reached from the results down: a result names its
// detections, a detection its locations. Slices may hold rows that nothing
// names (of rejected or filtered lines); they don't count.
//
// A batch owns all its memory. Everything read from it is valid until the next
// Reset. It is not safe for concurrent use while it is filled or decoded;
// afterwards any number of goroutines may read it.
type Batch struct {
	// Buf holds all text: the constants, the raw lines, then what the decoder
	// had to unescape or make.
	Buf      []byte
	Sources  []Source
	Segments []Segment
	RunID    string // run_id of all rows; empty is null

	Results    []Result
	Detections []Detection
	Cells      []Cell
	Lines      []Position
	Offsets    []Position
	Pages      []Page
	Records    []Record
	Tags       []Tag

	// Dropped are the sources of the results that Filter took out.
	Dropped []uint32
	Rejects []Reject
	// LineCount counts the lines of all segments, BlankCount those that were
	// empty or white space. The others are in Results, Dropped or Rejects.
	LineCount  int64
	BlankCount int64
	// Unknown counts fields this version doesn't know, by path with `[]` for
	// every array index.
	Unknown map[string]int64
}

// NewBatch returns an empty batch.
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

// Text returns the text of s; nil for null. The bytes belong to the batch.
func (b *Batch) Text(s Span) []byte {
	if s.Off == 0 {
		return nil
	}
	return b.Buf[s.Off : s.Off+s.Len : s.Off+s.Len]
}

// AppendLines adds whole lines of one source: data starts at the beginning of
// line number line, which is at offset in the source's inflated stream. Data is
// copied; the last line may lack its newline. Lines of a source that follow
// each other may come in several calls.
func (b *Batch) AppendLines(src Source, line, offset int64, data []byte) {
	start := len(b.Buf)
	b.Buf = append(b.Buf, data...)
	b.AddSegment(src, line, offset, start)
}

// AddSegment declares Buf[start:] to be whole lines of one source, for a reader
// that fills Buf in place.
func (b *Batch) AddSegment(src Source, line, offset int64, start int) {
	b.Sources = append(b.Sources, src)
	b.Segments = append(b.Segments, Segment{
		Source: uint32(len(b.Sources) - 1),
		Start:  uint32(start), End: uint32(len(b.Buf)),
		Line: line, Offset: offset,
	})
}

// CreatedAt is the result's created_at in microseconds, or where that is null
// when its source was last modified: the time that partitions and filters go by.
func (b *Batch) CreatedAt(r *Result) int64 {
	if r.HasInt(CreatedAt) {
		return r.Int[CreatedAt]
	}
	return b.Sources[r.Source].LastModified
}

// Filter takes out the results that keep doesn't want, and remembers their
// sources in Dropped.
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

// Rows is the number of rows the batch has for a table with that row level.
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
