package locate

import (
	"github.com/macielake/macielake/internal/rows"
	"github.com/macielake/macielake/pkg/schema"
)

// Places of the columns that are read, in the rows of each table. Those of the
// identity are in all: what the result is of, and which one it is.
const (
	atBucket = iota
	atKey
	atSourceURI
	atSourceLine
	numIdentity
)

const (
	atPartition = numIdentity + iota
	atIsMember
	atMember
	atResultID
	atAccount
	atRegion
	atJob
	atOrigin
	atCreated
	atStatus
	atReason
	atSeverity
	atScore
	atMimeType
	atSize
	atMemberSize
	atClassified
	atModified
	atMemberModified
	atVersion
)

const (
	atIndex = numIdentity + iota
	atKind
	atCategory
	atType
	atCustomID
	atCount
	atLocationCount
	atCapped
)

const (
	atLocationKind = atIndex + 1 + iota
	atRow
	atColumn
	atColumnName
	atReference
	atLineStart
	atLineEnd
	atLineColumn
	atOffsetStart
	atOffsetEnd
	atOffsetColumn
	atPage
	atRecord
	atJSONPath
)

// columns returns the columns of a table that are read, by their places.
func columns(t *schema.Table) []schema.Column {
	names := []string{"bucket_name", "object_key", "source_uri", "source_line"}
	switch t.Row {
	case schema.ResultLevel:
		names = append(names, "aws_partition", "is_archive_member", "archive_member_path", "result_id", "account_id",
			"region", "job_id", "origin_type", "created_at", "status_code", "status_reason", "severity",
			"severity_score", "mime_type", "object_size", "archive_member_size", "size_classified",
			"object_last_modified", "archive_member_last_modified", "object_version_id")
	case schema.DetectionLevel:
		names = append(names, "detection_index", "identifier_kind", "category", "detection_type",
			"custom_identifier_arn", "occurrence_count", "location_count", "is_capped")
	case schema.OccurrenceLevel:
		names = append(names, "detection_index", "location_kind", "cell_row", "cell_column", "cell_column_name",
			"cell_reference", "line_start", "line_end", "line_start_column", "offset_start", "offset_end",
			"offset_start_column", "page_number", "record_index", "json_path")
	}
	list := make([]schema.Column, len(names))
	for i, name := range names {
		c, ok := t.Column(name)
		if !ok {
			panic("locate: no column " + name + " in " + t.Name)
		}
		list[i] = c
	}
	return list
}

// cells reads the values of one row.
type cells struct {
	rows rows.Rows
	row  int
}

func (c cells) text(column int) Text {
	v := c.rows.Value(column, c.row)
	return Text{string(v.Text), v.Set}
}

func (c cells) int(column int) Int {
	v := c.rows.Value(column, c.row)
	return Int{v.Int, v.Set}
}

func (c cells) bool(column int) bool { return c.rows.Value(column, c.row).Bool }

// source names a line of a source.
type source struct {
	uri  Text
	line Int
}

func (c cells) source() source { return source{c.text(atSourceURI), c.int(atSourceLine)} }

func (c cells) result() *Result {
	r := &Result{
		thing: thing{
			partition: c.text(atPartition), bucket: c.text(atBucket), key: c.text(atKey),
			isMember: c.bool(atIsMember), member: c.text(atMember),
		},
		ID: c.text(atResultID), Account: c.text(atAccount), Region: c.text(atRegion), Job: c.text(atJob),
		Origin: c.text(atOrigin), Created: c.int(atCreated), Status: c.text(atStatus), Reason: c.text(atReason),
		Severity: c.text(atSeverity), score: c.int(atScore), MimeType: c.text(atMimeType), Size: c.int(atSize),
		Classified: c.int(atClassified), Modified: c.int(atModified), Version: c.text(atVersion),
		SourceURI: c.text(atSourceURI), SourceLine: c.int(atSourceLine),
	}
	if r.thing.isMember {
		r.Size, r.MemberModified = c.int(atMemberSize), c.int(atMemberModified)
	}
	return r
}

func (c cells) detection() Detection {
	return Detection{
		Index: c.int(atIndex).Value, Kind: c.text(atKind), Category: c.text(atCategory), Type: c.text(atType),
		CustomID: c.text(atCustomID), Count: c.int(atCount), LocationCount: c.int(atLocationCount).Value,
		Capped: c.bool(atCapped),
	}
}

func (c cells) location() Location {
	return Location{
		Kind: c.text(atLocationKind).Value, Row: c.int(atRow), Column: c.int(atColumn),
		ColumnName: c.text(atColumnName), Reference: c.text(atReference),
		Line:   Range{c.int(atLineStart), c.int(atLineEnd), c.int(atLineColumn)},
		Offset: Range{c.int(atOffsetStart), c.int(atOffsetEnd), c.int(atOffsetColumn)},
		Page:   c.int(atPage), Record: c.int(atRecord), JSONPath: c.text(atJSONPath),
	}
}
