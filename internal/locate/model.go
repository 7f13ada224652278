package locate

// Answer is what is known about the objects that were asked for. Its JSON is
// documented in docs/rows.md; absent values are null.
type Answer struct {
	Objects []Object `json:"objects"` // by their keys
	More    bool     `json:"more"`    // there are more objects than the limit
}

// Object is an object.
type Object struct {
	URI       string  `json:"uri"`
	Bucket    *string `json:"bucket"`
	Key       *string `json:"key"`
	Partition *string `json:"partition"`
	Account   *string `json:"account_id"` // that owns the bucket
	Region    *string `json:"region"`
	Owner     *string `json:"owner"` // null where no rule of a configuration says
	Exposure
	Tags       map[string]*string `json:"tags"`
	BucketTags map[string]*string `json:"bucket_tags"`
	// States holds the current state, or one entry per result, the newest
	// first.
	States  []State  `json:"states"`
	Members []Member `json:"members"` // of an archive, by their paths
}

// Member is a file inside an archive.
type Member struct {
	Path   *string `json:"path"`
	States []State `json:"states"`
}

// Exposure is how exposed an object is, as last seen.
type Exposure struct {
	Public           string  `json:"public"`      // yes, no or unknown
	Unencrypted      string  `json:"unencrypted"` // yes, no or unknown
	PublicAccess     *string `json:"public_access"`
	ObjectPublic     *bool   `json:"object_public"`
	Encryption       *string `json:"encryption"`
	BucketEncryption *string `json:"bucket_encryption"`
}

// State is the state of an object or a member.
type State struct {
	Result
	Gone     *string `json:"gone"` // why it is gone
	Severity *string `json:"severity"`
	Results  int64   `json:"results"` // that the state is made of
	// Missed is the result that says why it isn't analysed as it is now.
	Missed        *Result   `json:"missed"`
	MembersExceed bool      `json:"members_exceed_archive"`
	Findings      []Finding `json:"findings"`
	Closed        []Closed  `json:"closed"`

	created int64 // orders results
	known   bool
}

// Result is a result, in a state the one that stands.
type Result struct {
	Analysed     bool    `json:"analysed"`
	Status       *string `json:"status"`
	Reason       *string `json:"reason"`
	CreatedAt    *string `json:"created_at"`
	JobID        *string `json:"job_id"`
	OriginType   *string `json:"origin_type"`
	MimeType     *string `json:"mime_type"`
	Size         *int64  `json:"size"` // in bytes; of a member its own
	Classified   *int64  `json:"size_classified"`
	LastModified *string `json:"last_modified"`
	VersionID    *string `json:"version_id"`
	ResultID     *string `json:"result_id"`
	SourceURI    *string `json:"source_uri"`
	SourceLine   *int64  `json:"source_line"`
}

// Finding is an open finding.
type Finding struct {
	Fingerprint   string  `json:"fingerprint"` // as that of diff
	Type          *string `json:"type"`
	Category      *string `json:"category"`
	Kind          *string `json:"identifier_kind"`
	Identifier    *string `json:"identifier"` // ID of a custom identifier
	State         string  `json:"state"`      // confirmed or unconfirmed
	Severity      *string `json:"type_severity"`
	Count         Number  `json:"count"` // null where no result has one
	LocationCount int64   `json:"location_count"`
	Unlocated     Number  `json:"unlocated"`
	Cause         *string `json:"unlocated_cause"` // limit, none or unknown
	JobID         *string `json:"job_id"`          // that reported it
	ResultID      *string `json:"result_id"`       // that speaks for it
	// Locations are those that the result that speaks for the finding has.
	Locations []Location `json:"locations"`

	from  source // where they are
	index int64
}

// Closed is a finding that is no longer open.
type Closed struct {
	Type       *string `json:"type"`
	Category   *string `json:"category"`
	Kind       *string `json:"identifier_kind"`
	Identifier *string `json:"identifier"` // ID of a custom identifier
	State      string  `json:"state"`      // resolved or gone
}

// Number is an integer of any size; empty for null.
type Number string

// MarshalJSON implements json.Marshaler.
func (n Number) MarshalJSON() ([]byte, error) {
	if n == "" {
		return []byte("null"), nil
	}
	return []byte(n), nil
}

// Location is where an occurrence is. What its kind doesn't have is left out.
type Location struct {
	Kind              string  `json:"kind"` // cell, line, offset, page or record
	Text              string  `json:"text"` // in words
	CellRow           *int64  `json:"cell_row,omitempty"`
	CellColumn        *int64  `json:"cell_column,omitempty"`
	CellColumnName    *string `json:"cell_column_name,omitempty"`
	CellReference     *string `json:"cell_reference,omitempty"`
	LineStart         *int64  `json:"line_start,omitempty"`
	LineEnd           *int64  `json:"line_end,omitempty"`
	LineStartColumn   *int64  `json:"line_start_column,omitempty"`
	OffsetStart       *int64  `json:"offset_start,omitempty"`
	OffsetEnd         *int64  `json:"offset_end,omitempty"`
	OffsetStartColumn *int64  `json:"offset_start_column,omitempty"`
	PageNumber        *int64  `json:"page_number,omitempty"`
	RecordIndex       *int64  `json:"record_index,omitempty"`
	JSONPath          *string `json:"json_path,omitempty"`
}

// source names a line of a source.
type source struct {
	uri  string
	line int64
}
