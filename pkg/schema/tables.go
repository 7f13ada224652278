package schema

import "slices"

// Type is the type of a column.
type Type uint8

// Column types. Every value is optional, except the keys of maps.
const (
	Text      Type = iota // UTF-8
	Int64                 // signed
	Int32                 // signed
	Bool                  // true or false
	Timestamp             // microseconds since 1970-01-01T00:00:00Z, rounded down
	Map                   // text to optional text
)

// Level is the part of a batch that a column's values come from, and so how often
// the value can change from one row to the next.
type Level uint8

// Levels, from the one whose values change least often.
const (
	ResultLevel     Level = iota // one value per result (a line)
	DetectionLevel               // one value per detection
	OccurrenceLevel              // one value per location
)

// Column describes one column of a table.
type Column struct {
	// ID is the column's field id in Parquet, Arrow and Iceberg. It never changes,
	// and is the same in every table that has the column. KeyID and ValueID are the
	// ids of a map's keys and values, and 0 in other columns.
	ID, KeyID, ValueID int32
	Name               string
	Type               Type
	Level              Level
	// Slot selects the value. ResultLevel: an index into Result.Text (Text),
	// Result.Int (Int64, Int32, Timestamp) or Result.Maps (Map), or an argument of
	// Result.Bool (Bool). DetectionLevel: an index into Detection.Text or
	// Detection.Int, or DetectionCapped. OccurrenceLevel: OccurrenceIndex,
	// LocationKind and the constants after them.
	Slot int
	// Doc is one line about the column, for table comments.
	Doc string
}

// Table describes one table: its name and its columns, in their order.
type Table struct {
	Name    string
	Row     Level // one row per result, detection or location
	Columns []Column
}

// Column returns the column with that name; ok is false if the table has none.
func (t *Table) Column(name string) (c Column, ok bool) {
	for _, c := range t.Columns {
		if c.Name == name {
			return c, true
		}
	}
	return Column{}, false
}

// Slots of Result.Text.
const (
	ResultID = iota
	SchemaVersion
	AccountID
	AWSPartition
	Region
	AdminAccountID
	JobID
	JobARN
	OriginType
	FindingType
	FindingCategory
	Title
	Description
	Severity
	StatusCode
	StatusReason
	MimeType
	BucketName
	BucketARN
	BucketOwnerID
	BucketOwnerDisplayName
	BucketEncryptionType
	BucketKMSKeyID
	BucketEffectivePermission
	BucketAllowsUnencryptedUploads
	ObjectBucketARN
	ObjectKey
	ObjectPath
	ObjectExtension
	ObjectETag
	ObjectVersionID
	ObjectStorageClass
	ObjectEncryptionType
	ObjectKMSKeyID
	ArchiveMemberPath
	ArchiveMemberExtension
	DetailedResultsLocation
	Unrecognized
	RunID
	SourceURI
	SourceETag

	NumResultText
)

// Slots of Result.Int. Times are microseconds since 1970 in UTC.
const (
	CreatedAt = iota
	UpdatedAt
	SeverityScore
	FindingCount
	SizeClassified
	SensitiveTotalCount
	CustomTotalCount
	TypeCount
	OccurrenceCount
	LocationCount
	BucketCreatedAt
	ObjectSize
	ObjectLastModified
	ArchiveMemberSize
	ArchiveMemberLastModified
	SourceLine

	NumResultInt
)

// Slots of Result.Bool.
const (
	Sample = iota
	Archived
	AdditionalOccurrences
	BucketACLPublicRead
	BucketACLPublicWrite
	BucketPolicyPublicRead
	BucketPolicyPublicWrite
	BucketBlockPublicACLs
	BucketBlockPublicPolicy
	BucketIgnorePublicACLs
	BucketRestrictPublicBuckets
	AccountBlockPublicACLs
	AccountBlockPublicPolicy
	AccountIgnorePublicACLs
	AccountRestrictPublicBuckets
	ObjectPublicAccess
	IsArchiveMember

	NumResultBool
)

// Slots of Result.Maps.
const (
	BucketTags = iota
	ObjectTags

	NumResultMap
)

// Slots of Detection.Text.
const (
	IdentifierKind = iota
	Category
	DetectionType
	CustomIdentifierARN

	NumDetectionText
)

// Slots of Detection.Int.
const (
	DetectionIndex = iota
	DetectionOccurrenceCount
	DetectionLocationCount

	NumDetectionInt
)

// DetectionCapped is the slot of the only boolean of a detection, is_capped.
const DetectionCapped = 0

// Slots of the columns at the level of an occurrence.
const (
	OccurrenceIndex = iota
	LocationKind
	CellRow
	CellColumn
	CellColumnName
	CellReference
	LineStart
	LineEnd
	LineStartColumn
	OffsetStart
	OffsetEnd
	OffsetStartColumn
	PageNumber
	RecordIndex
	JSONPath

	NumOccurrenceSlots
)

func text(id int32, name string, slot int, doc string) Column {
	return Column{ID: id, Name: name, Type: Text, Slot: slot, Doc: doc}
}

func integer(id int32, name string, slot int, doc string) Column {
	return Column{ID: id, Name: name, Type: Int64, Slot: slot, Doc: doc}
}

func timestamp(id int32, name string, slot int, doc string) Column {
	return Column{ID: id, Name: name, Type: Timestamp, Slot: slot, Doc: doc}
}

func boolean(id int32, name string, slot int, doc string) Column {
	return Column{ID: id, Name: name, Type: Bool, Slot: slot, Doc: doc}
}

// tags returns a map column, whose keys and values have the two ids after its own.
func tags(id int32, name string, slot int, doc string) Column {
	return Column{ID: id, KeyID: id + 1, ValueID: id + 2, Name: name, Type: Map, Slot: slot, Doc: doc}
}

func setLevel(level Level, columns ...Column) []Column {
	for i := range columns {
		columns[i].Level = level
	}
	return columns
}

// Results describes the table results, which has one row per line of a source. The
// caller owns the returned value.
func Results() *Table {
	return &Table{Name: "results", Row: ResultLevel, Columns: setLevel(ResultLevel,
		text(1, "result_id", ResultID, "Identifier of the result"),
		text(2, "schema_version", SchemaVersion, "Version of the result's schema"),
		text(3, "account_id", AccountID, "Account that owns the analysed bucket"),
		text(4, "aws_partition", AWSPartition, "AWS partition, such as aws or aws-cn"),
		text(5, "region", Region, "AWS Region that Macie ran in"),
		text(6, "admin_account_id", AdminAccountID, "Macie administrator account, from the source's key"),
		text(7, "job_id", JobID, "Job that made the result; null for automated discovery"),
		text(8, "job_arn", JobARN, "ARN of the job"),
		text(9, "origin_type", OriginType, "SENSITIVE_DATA_DISCOVERY_JOB or AUTOMATED_SENSITIVE_DATA_DISCOVERY"),
		timestamp(10, "created_at", CreatedAt, "When the result was created, UTC"),
		timestamp(11, "updated_at", UpdatedAt, "When the result was last updated, UTC"),
		text(12, "finding_type", FindingType, "Type of the finding, such as SensitiveData:S3Object/Personal"),
		text(13, "finding_category", FindingCategory, "Category of the finding: CLASSIFICATION"),
		text(14, "title", Title, "Short description of the finding"),
		text(15, "description", Description, "Description of the finding"),
		Column{ID: 16, Name: "severity_score", Type: Int32, Slot: SeverityScore, Doc: "Severity as a number, 1 to 3"},
		text(17, "severity", Severity, "Severity as a word: Low, Medium or High"),
		boolean(18, "sample", Sample, "Whether this is a sample finding"),
		boolean(19, "archived", Archived, "Whether the finding was archived"),
		integer(20, "finding_count", FindingCount, "How often the finding occurred"),
		text(21, "status_code", StatusCode, "Outcome: COMPLETE, PARTIAL or SKIPPED"),
		text(22, "status_reason", StatusReason, "Why the analysis is partial or was skipped"),
		text(23, "mime_type", MimeType, "Media type of the analysed object"),
		integer(24, "size_classified", SizeClassified, "Bytes that were analysed"),
		boolean(25, "additional_occurrences", AdditionalOccurrences, "Whether there are more occurrences than the finding lists"),
		integer(26, "sensitive_total_count", SensitiveTotalCount, "Occurrences that managed data identifiers found: the sum over the categories"),
		integer(27, "custom_total_count", CustomTotalCount, "Occurrences that custom data identifiers found, according to Macie"),
		integer(28, "type_count", TypeCount, "Rows of the result in detections"),
		integer(29, "occurrence_count", OccurrenceCount, "Sum of the occurrence counts of the result's detections"),
		integer(30, "location_count", LocationCount, "Rows of the result in occurrences"),
		text(31, "bucket_name", BucketName, "Bucket of the analysed object"),
		text(32, "bucket_arn", BucketARN, "ARN of the bucket"),
		timestamp(33, "bucket_created_at", BucketCreatedAt, "When the bucket was created, UTC"),
		text(34, "bucket_owner_id", BucketOwnerID, "Canonical user ID of the bucket's owner"),
		text(35, "bucket_owner_display_name", BucketOwnerDisplayName, "Display name of the bucket's owner"),
		text(36, "bucket_encryption_type", BucketEncryptionType, "Default encryption of the bucket: NONE, AES256, aws:kms, aws:kms:dsse or UNKNOWN"),
		text(37, "bucket_kms_key_id", BucketKMSKeyID, "KMS key of the bucket's default encryption"),
		text(38, "bucket_effective_permission", BucketEffectivePermission, "PUBLIC, NOT_PUBLIC or UNKNOWN"),
		text(39, "bucket_allows_unencrypted_uploads", BucketAllowsUnencryptedUploads, "Whether the bucket's policy allows unencrypted uploads: TRUE, FALSE or UNKNOWN"),
		tags(40, "bucket_tags", BucketTags, "Tags of the bucket"),
		boolean(43, "bucket_acl_public_read", BucketACLPublicRead, "Whether the bucket's ACL grants public read"),
		boolean(44, "bucket_acl_public_write", BucketACLPublicWrite, "Whether the bucket's ACL grants public write"),
		boolean(45, "bucket_policy_public_read", BucketPolicyPublicRead, "Whether the bucket's policy grants public read"),
		boolean(46, "bucket_policy_public_write", BucketPolicyPublicWrite, "Whether the bucket's policy grants public write"),
		boolean(47, "bucket_block_public_acls", BucketBlockPublicACLs, "Bucket setting BlockPublicAcls"),
		boolean(48, "bucket_block_public_policy", BucketBlockPublicPolicy, "Bucket setting BlockPublicPolicy"),
		boolean(49, "bucket_ignore_public_acls", BucketIgnorePublicACLs, "Bucket setting IgnorePublicAcls"),
		boolean(50, "bucket_restrict_public_buckets", BucketRestrictPublicBuckets, "Bucket setting RestrictPublicBuckets"),
		boolean(51, "account_block_public_acls", AccountBlockPublicACLs, "Account setting BlockPublicAcls"),
		boolean(52, "account_block_public_policy", AccountBlockPublicPolicy, "Account setting BlockPublicPolicy"),
		boolean(53, "account_ignore_public_acls", AccountIgnorePublicACLs, "Account setting IgnorePublicAcls"),
		boolean(54, "account_restrict_public_buckets", AccountRestrictPublicBuckets, "Account setting RestrictPublicBuckets"),
		text(55, "object_bucket_arn", ObjectBucketARN, "ARN of the bucket, as given with the object"),
		text(56, "object_key", ObjectKey, "Key of the analysed object"),
		text(57, "object_path", ObjectPath, "Bucket and key of the analysed object"),
		text(58, "object_extension", ObjectExtension, "File name extension of the object"),
		integer(59, "object_size", ObjectSize, "Size of the object in bytes"),
		text(60, "object_etag", ObjectETag, "ETag of the analysed content"),
		text(61, "object_version_id", ObjectVersionID, "Version of the analysed content; null where the bucket has no versions"),
		timestamp(62, "object_last_modified", ObjectLastModified, "When the object was last modified, UTC"),
		text(63, "object_storage_class", ObjectStorageClass, "Storage class of the object"),
		text(64, "object_encryption_type", ObjectEncryptionType, "Encryption of the object: NONE, AES256, aws:kms, aws:kms:dsse or UNKNOWN"),
		text(65, "object_kms_key_id", ObjectKMSKeyID, "KMS key of the object"),
		boolean(66, "object_public_access", ObjectPublicAccess, "Whether the object is publicly accessible"),
		tags(67, "object_tags", ObjectTags, "Tags of the object"),
		boolean(70, "is_archive_member", IsArchiveMember, "Whether the row is about a file inside an archive; the archive's own row holds the totals"),
		text(71, "archive_member_path", ArchiveMemberPath, "Path of the file inside the archive"),
		text(72, "archive_member_extension", ArchiveMemberExtension, "File name extension of the file inside the archive"),
		integer(73, "archive_member_size", ArchiveMemberSize, "Size of the file inside the archive, in bytes"),
		timestamp(74, "archive_member_last_modified", ArchiveMemberLastModified, "When the file inside the archive was last modified, UTC"),
		text(75, "detailed_results_location", DetailedResultsLocation, "Where Macie stored the result, according to the result"),
		text(76, "unrecognized", Unrecognized, "JSON object: path of each unknown field to its raw value"),
		text(77, "run_id", RunID, "Run that converted the line"),
		text(78, "source_uri", SourceURI, "Source that the line was read from: its s3:// URI or absolute path"),
		text(79, "source_etag", SourceETag, "ETag of that source; null for local files"),
		integer(80, "source_line", SourceLine, "Number of the line in that source, from 1"),
	)}
}

// identityColumns are the columns of results that detections and occurrences
// repeat.
var identityColumns = [...]string{
	"result_id", "account_id", "region", "job_id", "created_at", "bucket_name", "object_key",
	"object_version_id", "archive_member_path", "mime_type", "run_id", "source_uri", "source_line",
}

// contextColumns are further columns of results that detections repeat, so that
// common queries need no join.
var contextColumns = [...]string{
	"origin_type", "severity", "status_code", "bucket_effective_permission", "bucket_encryption_type",
	"object_public_access", "object_size", "object_last_modified", "object_etag", "object_extension",
	"is_archive_member",
}

// resultColumns returns the columns of results with the given names, in the order
// of the names.
func resultColumns(names ...string) []Column {
	results := Results()
	columns := make([]Column, len(names))
	for i, name := range names {
		c, ok := results.Column(name)
		if !ok {
			panic("schema: no column " + name + " in results")
		}
		columns[i] = c
	}
	return columns
}

// detectionColumns are the columns of detections that occurrences repeat.
func detectionColumns() []Column {
	return setLevel(DetectionLevel,
		integer(201, "detection_index", DetectionIndex, "Number of the detection in its line, from 0, managed before custom"),
		text(202, "identifier_kind", IdentifierKind, "managed or custom data identifier"),
		text(203, "category", Category, "Category of sensitive data; CUSTOM_IDENTIFIER for custom"),
		text(204, "detection_type", DetectionType, "Type of sensitive data; the identifier's name for custom"),
		text(205, "custom_identifier_arn", CustomIdentifierARN, "ARN or ID of the custom data identifier"),
	)
}

// Detections describes the table detections, which has one row per result and type
// of sensitive data. The caller owns the returned value.
func Detections() *Table {
	columns := slices.Concat(
		resultColumns(identityColumns[:]...),
		resultColumns(contextColumns[:]...),
		detectionColumns(),
		setLevel(DetectionLevel,
			integer(206, "occurrence_count", DetectionOccurrenceCount, "How often the type occurs in the object, according to Macie"),
			integer(207, "location_count", DetectionLocationCount, "Rows of the detection in occurrences; Macie gives at most 1,000"),
			boolean(208, "is_capped", DetectionCapped, "Whether Macie reported 1,000 or more locations, and fewer than it counted"),
		),
	)
	return &Table{Name: "detections", Row: DetectionLevel, Columns: columns}
}

// Occurrences describes the table occurrences, which has one row per location. The
// caller owns the returned value.
func Occurrences() *Table {
	columns := slices.Concat(
		resultColumns(identityColumns[:]...),
		detectionColumns(),
		setLevel(OccurrenceLevel,
			integer(209, "occurrence_index", OccurrenceIndex, "Number of the location in its detection, from 0"),
			text(210, "location_kind", LocationKind, "cell, line, offset, page or record"),
			integer(211, "cell_row", CellRow, "Row of the cell, from 1"),
			integer(212, "cell_column", CellColumn, "Column of the cell, from 1"),
			text(213, "cell_column_name", CellColumnName, "Name of the column, where known"),
			text(214, "cell_reference", CellReference, "Excel reference of the cell, such as Sheet2!C5"),
			integer(215, "line_start", LineStart, "First line"),
			integer(216, "line_end", LineEnd, "Last line"),
			integer(217, "line_start_column", LineStartColumn, "Column in the first line where the data starts, from 1"),
			integer(218, "offset_start", OffsetStart, "First offset"),
			integer(219, "offset_end", OffsetEnd, "Last offset"),
			integer(220, "offset_start_column", OffsetStartColumn, "Column where the data starts, from 1"),
			integer(221, "page_number", PageNumber, "Page of the document"),
			integer(222, "record_index", RecordIndex, "Number of the record, from 0; always 0 in a plain JSON file"),
			text(223, "json_path", JSONPath, "Path to the value in the record, cut to 250 characters from its beginning"),
		),
	)
	return &Table{Name: "occurrences", Row: OccurrenceLevel, Columns: columns}
}

// Runs describes the table runs, which has one row per committed run. Batches
// don't hold its rows, so the levels and slots of its columns have no meaning. The
// caller owns the returned value.
func Runs() *Table {
	return &Table{Name: "runs", Columns: []Column{
		text(401, "run_id", 0, "Identifier of the run, as in run_id of the other tables"),
		timestamp(402, "started_at", 0, "When the run began, UTC"),
		timestamp(403, "ended_at", 0, "When the run was committed, UTC"),
		text(404, "version", 0, "Version of macielake that converted"),
		integer(405, "sources", 0, "Sources that the run was to convert"),
		integer(406, "lines", 0, "Lines in the sources that were converted"),
		integer(407, "results_rows", 0, "Rows that the run added to results"),
		integer(408, "detections_rows", 0, "Rows that the run added to detections"),
		integer(409, "occurrences_rows", 0, "Rows that the run added to occurrences"),
		integer(410, "rejects", 0, "Lines and sources that were rejected"),
		integer(411, "unreadable", 0, "Sources that could not be read"),
		integer(412, "stored_bytes", 0, "Bytes of the sources as they are stored"),
		integer(413, "inflated_bytes", 0, "Bytes of the sources, inflated"),
		integer(414, "written_bytes", 0, "Bytes of the files that the run wrote"),
	}}
}

// Tables returns the tables whose rows batches hold: results, detections and
// occurrences, in this order. The caller owns the returned values.
func Tables() []*Table {
	return []*Table{Results(), Detections(), Occurrences()}
}
