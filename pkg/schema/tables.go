package schema

import "slices"

// Type is the type of a column.
type Type uint8

// Column types. All but map keys are optional.
const (
	Text      Type = iota // UTF-8
	Int64                 // signed
	Int32                 // signed
	Bool                  //
	Timestamp             // microseconds since 1970-01-01T00:00:00Z, floored
	Map                   // text to optional text
)

// Level says which part of a batch a column's value comes from: how often it
// can change from one row to the next.
type Level uint8

// Levels, from the slowest changing.
const (
	ResultLevel     Level = iota // one value a result (a line)
	DetectionLevel               // one value a detection
	OccurrenceLevel              // one value an occurrence
)

// Column describes one column of a table.
type Column struct {
	Name  string
	Type  Type
	Level Level
	// Slot is where the value is, by level and type. Result level: an index
	// into Result.Text (Text), Result.Int (Int64, Int32, Timestamp),
	// Result.Bool (Bool) or Result.Maps (Map). Detection level: an index into
	// Detection.Text, Detection.Int, or DetectionCapped. Occurrence level: one
	// of the Occurrence… constants.
	Slot int
	// Doc is one line about the column, for table comments.
	Doc string
}

// Table describes one table: its name, its columns in order, and what one row
// stands for.
type Table struct {
	Name    string
	Row     Level // one row per result, detection or occurrence
	Columns []Column
}

// Column returns the column of that name, and whether there is one.
func (t *Table) Column(name string) (Column, bool) {
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

func text(name string, slot int, doc string) Column {
	return Column{Name: name, Type: Text, Slot: slot, Doc: doc}
}

func integer(name string, slot int, doc string) Column {
	return Column{Name: name, Type: Int64, Slot: slot, Doc: doc}
}

func timestamp(name string, slot int, doc string) Column {
	return Column{Name: name, Type: Timestamp, Slot: slot, Doc: doc}
}

func boolean(name string, slot int, doc string) Column {
	return Column{Name: name, Type: Bool, Slot: slot, Doc: doc}
}

func tags(name string, slot int, doc string) Column {
	return Column{Name: name, Type: Map, Slot: slot, Doc: doc}
}

func at(level Level, columns ...Column) []Column {
	for i := range columns {
		columns[i].Level = level
	}
	return columns
}

// Results describes the table with one row per line: per analysed object, and
// per file inside an archive. The caller owns the returned value.
func Results() *Table {
	return &Table{Name: "results", Row: ResultLevel, Columns: at(ResultLevel,
		text("result_id", ResultID, "Identifier of the result"),
		text("schema_version", SchemaVersion, "Version of the result's schema"),
		text("account_id", AccountID, "Account that owns the analysed bucket"),
		text("aws_partition", AWSPartition, "AWS partition, such as aws or aws-cn"),
		text("region", Region, "AWS Region that Macie ran in"),
		text("admin_account_id", AdminAccountID, "Macie administrator account, as the source's key names it"),
		text("job_id", JobID, "Job that made the result; null for automated discovery"),
		text("job_arn", JobARN, "ARN of that job"),
		text("origin_type", OriginType, "SENSITIVE_DATA_DISCOVERY_JOB or AUTOMATED_SENSITIVE_DATA_DISCOVERY"),
		timestamp("created_at", CreatedAt, "When the result was created, UTC"),
		timestamp("updated_at", UpdatedAt, "When the result was last updated, UTC"),
		text("finding_type", FindingType, "Type of the finding, such as SensitiveData:S3Object/Personal"),
		text("finding_category", FindingCategory, "Category of the finding: CLASSIFICATION"),
		text("title", Title, "Short description of the finding"),
		text("description", Description, "Description of the finding"),
		Column{Name: "severity_score", Type: Int32, Slot: SeverityScore, Doc: "Severity as a number, 1 to 3"},
		text("severity", Severity, "Severity in words: Low, Medium or High"),
		boolean("sample", Sample, "Whether this is a sample finding"),
		boolean("archived", Archived, "Whether the finding was archived"),
		integer("finding_count", FindingCount, "How often the finding occurred"),
		text("status_code", StatusCode, "Outcome of the analysis: COMPLETE, PARTIAL or SKIPPED"),
		text("status_reason", StatusReason, "Why the analysis was partial or skipped"),
		text("mime_type", MimeType, "Media type of the analysed object"),
		integer("size_classified", SizeClassified, "Bytes that were analysed"),
		boolean("additional_occurrences", AdditionalOccurrences, "Whether there are more occurrences than the finding lists"),
		integer("sensitive_total_count", SensitiveTotalCount, "Occurrences that managed data identifiers found: the sum over the categories"),
		integer("custom_total_count", CustomTotalCount, "Occurrences that custom data identifiers found, as Macie gives it"),
		integer("type_count", TypeCount, "Rows of this result in detections"),
		integer("occurrence_count", OccurrenceCount, "Sum of the true counts of its detections"),
		integer("location_count", LocationCount, "Rows of this result in occurrences"),
		text("bucket_name", BucketName, "Bucket of the analysed object"),
		text("bucket_arn", BucketARN, "ARN of the bucket"),
		timestamp("bucket_created_at", BucketCreatedAt, "When the bucket was created, UTC"),
		text("bucket_owner_id", BucketOwnerID, "Canonical user ID of the bucket's owner"),
		text("bucket_owner_display_name", BucketOwnerDisplayName, "Display name of the bucket's owner"),
		text("bucket_encryption_type", BucketEncryptionType, "Default encryption of the bucket: NONE, AES256, aws:kms, aws:kms:dsse or UNKNOWN"),
		text("bucket_kms_key_id", BucketKMSKeyID, "KMS key of the bucket's default encryption"),
		text("bucket_effective_permission", BucketEffectivePermission, "PUBLIC, NOT_PUBLIC or UNKNOWN"),
		text("bucket_allows_unencrypted_uploads", BucketAllowsUnencryptedUploads, "Whether the bucket's policy allows unencrypted uploads: TRUE, FALSE or UNKNOWN"),
		tags("bucket_tags", BucketTags, "Tags of the bucket"),
		boolean("bucket_acl_public_read", BucketACLPublicRead, "Whether the bucket's ACL grants public read"),
		boolean("bucket_acl_public_write", BucketACLPublicWrite, "Whether the bucket's ACL grants public write"),
		boolean("bucket_policy_public_read", BucketPolicyPublicRead, "Whether the bucket's policy grants public read"),
		boolean("bucket_policy_public_write", BucketPolicyPublicWrite, "Whether the bucket's policy grants public write"),
		boolean("bucket_block_public_acls", BucketBlockPublicACLs, "Bucket setting BlockPublicAcls"),
		boolean("bucket_block_public_policy", BucketBlockPublicPolicy, "Bucket setting BlockPublicPolicy"),
		boolean("bucket_ignore_public_acls", BucketIgnorePublicACLs, "Bucket setting IgnorePublicAcls"),
		boolean("bucket_restrict_public_buckets", BucketRestrictPublicBuckets, "Bucket setting RestrictPublicBuckets"),
		boolean("account_block_public_acls", AccountBlockPublicACLs, "Account setting BlockPublicAcls"),
		boolean("account_block_public_policy", AccountBlockPublicPolicy, "Account setting BlockPublicPolicy"),
		boolean("account_ignore_public_acls", AccountIgnorePublicACLs, "Account setting IgnorePublicAcls"),
		boolean("account_restrict_public_buckets", AccountRestrictPublicBuckets, "Account setting RestrictPublicBuckets"),
		text("object_bucket_arn", ObjectBucketARN, "ARN of the bucket, as the object names it"),
		text("object_key", ObjectKey, "Key of the analysed object"),
		text("object_path", ObjectPath, "Bucket and key of the analysed object"),
		text("object_extension", ObjectExtension, "File name extension of the object"),
		integer("object_size", ObjectSize, "Size of the object in bytes"),
		text("object_etag", ObjectETag, "ETag of the analysed content"),
		text("object_version_id", ObjectVersionID, "Version of the analysed content; null where the bucket has no versions"),
		timestamp("object_last_modified", ObjectLastModified, "When the object was last modified, UTC"),
		text("object_storage_class", ObjectStorageClass, "Storage class of the object"),
		text("object_encryption_type", ObjectEncryptionType, "Encryption of the object: NONE, AES256, aws:kms, aws:kms:dsse or UNKNOWN"),
		text("object_kms_key_id", ObjectKMSKeyID, "KMS key of the object"),
		boolean("object_public_access", ObjectPublicAccess, "Whether the object is publicly accessible"),
		tags("object_tags", ObjectTags, "Tags of the object"),
		boolean("is_archive_member", IsArchiveMember, "Whether the row is a file inside an archive; the archive's own row holds the totals"),
		text("archive_member_path", ArchiveMemberPath, "Path of the file inside the archive"),
		text("archive_member_extension", ArchiveMemberExtension, "File name extension of the file inside the archive"),
		integer("archive_member_size", ArchiveMemberSize, "Size of the file inside the archive, in bytes"),
		timestamp("archive_member_last_modified", ArchiveMemberLastModified, "When the file inside the archive was last modified, UTC"),
		text("detailed_results_location", DetailedResultsLocation, "Where Macie stored this result, as the result says"),
		text("unrecognized", Unrecognized, "JSON object: path of each field this version doesn't know, to its raw value"),
		text("run_id", RunID, "Run that converted the line"),
		text("source_uri", SourceURI, "Object the line was read from"),
		text("source_etag", SourceETag, "Version of that object"),
		integer("source_line", SourceLine, "Number of the line in that object, from 1"),
	)}
}

// identity is what every detection and occurrence repeats of its result.
var identity = [...]string{
	"result_id", "account_id", "region", "job_id", "created_at", "bucket_name", "object_key",
	"object_version_id", "archive_member_path", "mime_type", "run_id", "source_uri", "source_line",
}

// detectionContext is what detections repeat besides, so that the usual
// questions need no join.
var detectionContext = [...]string{
	"origin_type", "severity", "status_code", "bucket_effective_permission", "bucket_encryption_type",
	"object_public_access", "object_size", "object_last_modified", "object_etag", "object_extension",
	"is_archive_member",
}

// fromResults returns the columns of results with those names, in their order.
func fromResults(names ...string) []Column {
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

func detectionIdentity() []Column {
	return at(DetectionLevel,
		integer("detection_index", DetectionIndex, "Number of the detection in its line, from 0, managed before custom"),
		text("identifier_kind", IdentifierKind, "managed or custom data identifier"),
		text("category", Category, "Category of sensitive data; CUSTOM_IDENTIFIER for custom"),
		text("detection_type", DetectionType, "Type of sensitive data; the identifier's name for custom"),
		text("custom_identifier_arn", CustomIdentifierARN, "ARN or ID of the custom data identifier"),
	)
}

// Detections describes the table with one row per result and type of sensitive
// data. The caller owns the returned value.
func Detections() *Table {
	columns := slices.Concat(
		fromResults(identity[:]...),
		fromResults(detectionContext[:]...),
		detectionIdentity(),
		at(DetectionLevel,
			integer("occurrence_count", DetectionOccurrenceCount, "How often the type occurs in the object: Macie's true count"),
			integer("location_count", DetectionLocationCount, "Rows of this detection in occurrences: at most 1,000 from Macie"),
			boolean("is_capped", DetectionCapped, "Whether Macie reported only its first 1,000 or more locations"),
		),
	)
	return &Table{Name: "detections", Row: DetectionLevel, Columns: columns}
}

// Occurrences describes the table with one row per location of sensitive data.
// The caller owns the returned value.
func Occurrences() *Table {
	columns := slices.Concat(
		fromResults(identity[:]...),
		detectionIdentity(),
		at(OccurrenceLevel,
			integer("occurrence_index", OccurrenceIndex, "Number of the location in its detection, from 0"),
			text("location_kind", LocationKind, "cell, line, offset, page or record"),
			integer("cell_row", CellRow, "Row of the cell, from 1"),
			integer("cell_column", CellColumn, "Column of the cell, from 1"),
			text("cell_column_name", CellColumnName, "Name of the column, where known"),
			text("cell_reference", CellReference, "Excel reference of the cell, such as Sheet2!C5"),
			integer("line_start", LineStart, "First line"),
			integer("line_end", LineEnd, "Last line"),
			integer("line_start_column", LineStartColumn, "Column in the first line where the data starts, from 1"),
			integer("offset_start", OffsetStart, "First offset"),
			integer("offset_end", OffsetEnd, "Last offset"),
			integer("offset_start_column", OffsetStartColumn, "Column where the data starts, from 1"),
			integer("page_number", PageNumber, "Page of the document"),
			integer("record_index", RecordIndex, "Number of the record, from 0; always 0 in a plain JSON file"),
			text("json_path", JSONPath, "Path to the value in the record, cut to 250 characters from its beginning"),
		),
	)
	return &Table{Name: "occurrences", Row: OccurrenceLevel, Columns: columns}
}

// Tables returns the three tables in the order results, detections,
// occurrences. The caller owns the returned values.
func Tables() []*Table {
	return []*Table{Results(), Detections(), Occurrences()}
}
