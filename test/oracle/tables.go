package main

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
)

// kind is a column's type, named as in the dataset's description.
type kind string

const (
	textKind  kind = "text"
	int64Kind kind = "int64"
	int32Kind kind = "int32"
	boolKind  kind = "bool"
	timeKind  kind = "time"
	mapKind   kind = "map"
)

// duckType is how DuckDB names the type of such a column.
func (k kind) duckType() string {
	switch k {
	case int64Kind:
		return "BIGINT"
	case int32Kind:
		return "INTEGER"
	case boolKind:
		return "BOOLEAN"
	case timeKind:
		return "TIMESTAMP WITH TIME ZONE"
	case mapKind:
		return "MAP(VARCHAR, VARCHAR)"
	default:
		return "VARCHAR"
	}
}

type column struct {
	name string
	kind kind
}

// table is one of the dataset's tables: its columns in order, and the key
// that tells its rows apart.
type table struct {
	name    string
	key     []string
	columns []column
}

const (
	identityColumns = `result_id account_id region job_id created_at:time bucket_name object_key object_version_id
		archive_member_path mime_type run_id source_uri source_line:int64`
	contextColumns = `origin_type severity status_code bucket_effective_permission bucket_encryption_type
		object_public_access:bool object_size:int64 object_last_modified:time object_etag object_extension
		is_archive_member:bool`
	detectionColumns = `detection_index:int64 identifier_kind category detection_type custom_identifier_arn`
)

// tables returns the three tables as the dataset's description lists them.
// They are written out here, apart from the converter's own definition, so
// that a column that changes there is noticed.
func tables() []table {
	line := []string{"source_uri", "source_line"}
	detection := append(slices.Clip(line), "detection_index")
	occurrence := append(slices.Clip(detection), "occurrence_index")
	return []table{
		{"results", line, columns(`result_id schema_version account_id aws_partition region admin_account_id job_id
			job_arn origin_type created_at:time updated_at:time finding_type finding_category title description
			severity_score:int32 severity sample:bool archived:bool finding_count:int64 status_code status_reason
			mime_type size_classified:int64 additional_occurrences:bool sensitive_total_count:int64
			custom_total_count:int64 type_count:int64 occurrence_count:int64 location_count:int64
			bucket_name bucket_arn bucket_created_at:time bucket_owner_id bucket_owner_display_name
			bucket_encryption_type bucket_kms_key_id bucket_effective_permission bucket_allows_unencrypted_uploads
			bucket_tags:map bucket_acl_public_read:bool bucket_acl_public_write:bool bucket_policy_public_read:bool
			bucket_policy_public_write:bool bucket_block_public_acls:bool bucket_block_public_policy:bool
			bucket_ignore_public_acls:bool bucket_restrict_public_buckets:bool account_block_public_acls:bool
			account_block_public_policy:bool account_ignore_public_acls:bool account_restrict_public_buckets:bool
			object_bucket_arn object_key object_path object_extension object_size:int64 object_etag object_version_id
			object_last_modified:time object_storage_class object_encryption_type object_kms_key_id
			object_public_access:bool object_tags:map is_archive_member:bool archive_member_path
			archive_member_extension archive_member_size:int64 archive_member_last_modified:time
			detailed_results_location unrecognized run_id source_uri source_etag source_line:int64`)},
		{"detections", detection, columns(identityColumns, contextColumns, detectionColumns,
			`occurrence_count:int64 location_count:int64 is_capped:bool`)},
		{"occurrences", occurrence, columns(identityColumns, detectionColumns,
			`occurrence_index:int64 location_kind cell_row:int64 cell_column:int64 cell_column_name cell_reference
			line_start:int64 line_end:int64 line_start_column:int64
			offset_start:int64 offset_end:int64 offset_start_column:int64
			page_number:int64 record_index:int64 json_path`)},
	}
}

// columns reads lists of name or name:kind; the kind of a bare name is text.
func columns(lists ...string) []column {
	var cs []column
	for _, field := range strings.Fields(strings.Join(lists, " ")) {
		name, k, typed := strings.Cut(field, ":")
		if !typed {
			k = string(textKind)
		}
		cs = append(cs, column{name, kind(k)})
	}
	return cs
}

//go:embed structure.json
var structure string

//go:embed expected.sql
var expected string

// expectedSQL returns the statements that make the expected tables.
func expectedSQL() string {
	return strings.ReplaceAll(expected, "$structure", quote(structure))
}

// quote makes a text literal of SQL.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// tablesNamed returns the tables of a comma-separated list, all for "".
func tablesNamed(names string) ([]table, error) {
	all := tables()
	if names == "" {
		return all, nil
	}
	var chosen []table
	for _, name := range strings.Split(names, ",") {
		found := false
		for _, t := range all {
			if t.name == name {
				chosen, found = append(chosen, t), true
			}
		}
		if !found {
			return nil, fmt.Errorf("no table %q; the tables are results, detections and occurrences", name)
		}
	}
	return chosen, nil
}
