package locate

import "time"

// What JSON returns is made of these; docs/rows.md describes them. What is
// absent is null.
type (
	documentJSON struct {
		Objects []objectJSON `json:"objects"`
		More    bool         `json:"more"` // objects were left out
	}
	objectJSON struct {
		URI       string         `json:"uri"`
		Bucket    *string        `json:"bucket"`
		Key       *string        `json:"key"`
		Partition *string        `json:"partition"`
		Analyses  []analysisJSON `json:"analyses"`
		Members   []memberJSON   `json:"members"`
	}
	memberJSON struct {
		Path     *string        `json:"path"`
		Analyses []analysisJSON `json:"analyses"`
	}
	resultJSON struct {
		Analysed     bool    `json:"analysed"`
		Status       *string `json:"status"`
		Reason       *string `json:"reason"`
		CreatedAt    *string `json:"created_at"`
		JobID        *string `json:"job_id"`
		OriginType   *string `json:"origin_type"`
		AccountID    *string `json:"account_id"`
		Region       *string `json:"region"`
		MimeType     *string `json:"mime_type"`
		Size         *int64  `json:"size"`
		Classified   *int64  `json:"size_classified"`
		LastModified *string `json:"last_modified"`
		VersionID    *string `json:"version_id"`
		ResultID     *string `json:"result_id"`
		SourceURI    *string `json:"source_uri"`
		SourceLine   *int64  `json:"source_line"`
	}
	analysisJSON struct {
		resultJSON
		Severity   *string         `json:"severity"`
		Results    int             `json:"results"` // that count
		Missed     *resultJSON     `json:"missed"`
		Detections []detectionJSON `json:"detections"`
	}
	detectionJSON struct {
		Type           *string        `json:"type"`
		Category       *string        `json:"category"`
		IdentifierKind *string        `json:"identifier_kind"`
		CustomID       *string        `json:"custom_identifier_arn"`
		Count          *int64         `json:"count"`
		LocationCount  int64          `json:"location_count"`
		Capped         bool           `json:"capped"`
		ResultID       *string        `json:"result_id"`
		Locations      []locationJSON `json:"locations"`
	}
	locationJSON struct {
		Kind              string  `json:"kind"`
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
)

// JSON returns what encoding/json makes a document of for programs: the objects,
// and whether there are more.
func JSON(objects []*Object, more bool) any {
	d := documentJSON{Objects: []objectJSON{}, More: more}
	for _, o := range objects {
		j := objectJSON{
			URI: objectURI(o), Bucket: o.Bucket.json(), Key: o.Key.json(), Partition: o.Partition.json(),
			Analyses: analysesJSON(o.Analyses), Members: []memberJSON{},
		}
		for _, m := range o.Members {
			j.Members = append(j.Members, memberJSON{Path: m.Member.json(), Analyses: analysesJSON(m.Analyses)})
		}
		d.Objects = append(d.Objects, j)
	}
	return d
}

func analysesJSON(analyses []Analysis) []analysisJSON {
	list := []analysisJSON{}
	for i := range analyses {
		a := &analyses[i]
		j := analysisJSON{
			resultJSON: a.Result.json(), Severity: a.Severity.json(), Results: a.Results, Detections: []detectionJSON{},
		}
		if a.Missed != nil {
			missed := a.Missed.json()
			j.Missed = &missed
		}
		for _, d := range a.Detections {
			j.Detections = append(j.Detections, d.json())
		}
		list = append(list, j)
	}
	return list
}

func (r *Result) json() resultJSON {
	modified := r.Modified
	if r.thing.isMember {
		modified = r.MemberModified
	}
	return resultJSON{
		Analysed: r.Analysed(), Status: r.Status.json(), Reason: r.Reason.json(), CreatedAt: r.Created.time(),
		JobID: r.Job.json(), OriginType: r.Origin.json(), AccountID: r.Account.json(), Region: r.Region.json(),
		MimeType: r.MimeType.json(), Size: r.Size.json(), Classified: r.Classified.json(), LastModified: modified.time(),
		VersionID: r.Version.json(), ResultID: r.ID.json(), SourceURI: r.SourceURI.json(), SourceLine: r.SourceLine.json(),
	}
}

func (d *Detection) json() detectionJSON {
	j := detectionJSON{
		Type: d.Type.json(), Category: d.Category.json(), IdentifierKind: d.Kind.json(), CustomID: d.CustomID.json(),
		Count: d.Count.json(), LocationCount: d.LocationCount, Capped: d.Capped, ResultID: d.Result.ID.json(),
		Locations: []locationJSON{},
	}
	for i := range d.Locations {
		l := &d.Locations[i]
		j.Locations = append(j.Locations, locationJSON{
			Kind: l.Kind, Text: l.String(), CellRow: l.Row.json(), CellColumn: l.Column.json(),
			CellColumnName: l.ColumnName.json(), CellReference: l.Reference.json(),
			LineStart: l.Line.Start.json(), LineEnd: l.Line.End.json(), LineStartColumn: l.Line.StartColumn.json(),
			OffsetStart: l.Offset.Start.json(), OffsetEnd: l.Offset.End.json(), OffsetStartColumn: l.Offset.StartColumn.json(),
			PageNumber: l.Page.json(), RecordIndex: l.Record.json(), JSONPath: l.JSONPath.json(),
		})
	}
	return j
}

func (t Text) json() *string {
	if !t.Set {
		return nil
	}
	return &t.Value
}

func (i Int) json() *int64 {
	if !i.Set {
		return nil
	}
	return &i.Value
}

// time is a time as RFC 3339 has it.
func (i Int) time() *string {
	if !i.Set {
		return nil
	}
	s := time.UnixMicro(i.Value).UTC().Format("2006-01-02T15:04:05.000000Z07:00")
	return &s
}
