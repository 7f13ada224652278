package gen

// Expected holds the counts that a correct reader of a sample tree must report.
// Lines, rows, counts and bytes do not include sources that must be rejected as a
// whole. All counts are below 2^53.
type Expected struct {
	Seed     uint64   `json:"seed"`
	Profile  string   `json:"profile"`
	Encoding Encoding `json:"encoding"`
	Size     int64    `json:"size"` // of Options, inflated bytes

	Sources      int64 `json:"sources"`       // including those that must be rejected
	SkippedFiles int64 `json:"skipped_files"` // files whose names aren't those of results

	Lines           int64 `json:"lines"`            // results rows + rejected lines + blank lines
	BlankLines      int64 `json:"blank_lines"`      // empty, or JSON white space only
	InflatedBytes   int64 `json:"inflated_bytes"`   // of plain sources, their size
	CompressedBytes int64 `json:"compressed_bytes"` // as stored

	Rows              Rows                 `json:"rows"`
	OccurrencesByKind Kinds                `json:"occurrences_by_kind"`
	SumOfCounts       int64                `json:"sum_of_counts"` // Macie's counts over all detections
	ByType            map[string]TypeCount `json:"by_type"`       // managed types, and custom identifiers by name

	// UnknownFields counts each field outside the documented schema, by path, with
	// [] for any index.
	UnknownFields map[string]int64 `json:"unknown_fields"`

	Rejects Rejects `json:"rejects"`

	// ConvertFlags are the flags with which a conversion rejects what Rejects lists.
	ConvertFlags []string `json:"convert_flags"`
}

// Rows counts the rows of each table.
type Rows struct {
	Results     int64 `json:"results"`
	Detections  int64 `json:"detections"`
	Occurrences int64 `json:"occurrences"`
}

// Kinds counts locations by kind.
type Kinds struct {
	Cell   int64 `json:"cell"`
	Line   int64 `json:"line"`
	Offset int64 `json:"offset"`
	Page   int64 `json:"page"`
	Record int64 `json:"record"`
}

// TypeCount sums up the detections of one type.
type TypeCount struct {
	Detections      int64 `json:"detections"`       // rows
	OccurrenceCount int64 `json:"occurrence_count"` // sum of Macie's counts
	Locations       int64 `json:"locations"`        // rows in occurrences
}

// Rejects lists the lines and sources that must be rejected, in the order in which
// they were written.
type Rejects struct {
	Lines   []LineReject   `json:"lines"`
	Sources []SourceReject `json:"sources"`
}

// LineReject is a line that must be rejected.
type LineReject struct {
	Path  string `json:"path"` // relative to the tree, with slashes
	Line  int64  `json:"line"` // from 1, blank lines counted
	Class string `json:"class"`
}

// SourceReject is a source that must be rejected as a whole.
type SourceReject struct {
	Path  string `json:"path"` // relative to the tree, with slashes
	Class string `json:"class"`
}

// tally counts the rows of lines while they are written.
type tally struct {
	rows        Rows
	kinds       Kinds
	sumOfCounts int64
	byType      map[string]TypeCount
	unknown     map[string]int64
}

func newTally() *tally {
	return &tally{byType: map[string]TypeCount{}, unknown: map[string]int64{}}
}

// addDetection counts one row of the detections table and its locations, except by
// kind.
func (t *tally) addDetection(name string, count, locations int64) {
	t.rows.Detections++
	t.rows.Occurrences += locations
	t.sumOfCounts += count
	c := t.byType[name]
	c.Detections++
	c.OccurrenceCount += count
	c.Locations += locations
	t.byType[name] = c
}

// add adds the counts of u.
func (t *tally) add(u *tally) {
	t.rows.Results += u.rows.Results
	t.rows.Detections += u.rows.Detections
	t.rows.Occurrences += u.rows.Occurrences
	t.kinds.Cell += u.kinds.Cell
	t.kinds.Line += u.kinds.Line
	t.kinds.Offset += u.kinds.Offset
	t.kinds.Page += u.kinds.Page
	t.kinds.Record += u.kinds.Record
	t.sumOfCounts += u.sumOfCounts
	for name, c := range u.byType {
		sum := t.byType[name]
		sum.Detections += c.Detections
		sum.OccurrenceCount += c.OccurrenceCount
		sum.Locations += c.Locations
		t.byType[name] = sum
	}
	for path, n := range u.unknown {
		t.unknown[path] += n
	}
}
