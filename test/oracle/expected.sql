-- The rows that the converter must have made of the lines in raw, by DuckDB's
-- own JSON reader. Reads raw(n, source_uri, source_line, path, text,
-- unrecognized), where n numbers the lines, and origins(source_uri, run_id,
-- source_etag). Makes x_results, x_detections and x_occurrences. The structure is
-- structure.json, every field that is known, so that one pass yields all.

-- Integers come as JSON numbers or strings; both are text here.
CREATE OR REPLACE TEMP MACRO integer_of(s) AS TRY_CAST(s AS BIGINT);

-- Times are RFC 3339 with T or a space. Cutting the fraction after six digits
-- floors it, as the fraction always counts upwards. A leap second is the second
-- that follows it.
CREATE OR REPLACE TEMP MACRO time_of_parts(p) AS CASE WHEN p.d <> '' THEN CAST(make_timestamp(
    epoch_us(TRY_CAST(p.d || ' ' || replace(p.t, ':60', ':59') AS TIMESTAMP))
    + CASE WHEN p.t LIKE '%:60' THEN 1000000 ELSE 0 END
    + CAST(left(p.f || '000000', 6) AS BIGINT)
    - CASE p.sign WHEN '' THEN 0 WHEN '-' THEN -60000000 ELSE 60000000 END
      * (60 * coalesce(TRY_CAST(p.h AS BIGINT), 0) + coalesce(TRY_CAST(p.m AS BIGINT), 0))
  ) AS TIMESTAMPTZ) END;
CREATE OR REPLACE TEMP MACRO time_of(s) AS time_of_parts(regexp_extract(s,
  '^(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))$',
  ['d', 't', 'f', 'sign', 'h', 'm']));

-- Of the tags with one key, the last one counts.
CREATE OR REPLACE TEMP MACRO map_of(tags) AS map_from_entries(list_filter(
  list_transform(tags, lambda t: {'key': t.key, 'value': t.value}),
  lambda t, i: NOT list_contains(list_transform(tags[i + 1:], lambda later: later.key), t.key)));

-- The administrator account stands before the last Macie folder of the path.
CREATE OR REPLACE TEMP MACRO admin_of(path) AS
  nullif(regexp_extract(path, '(?s)^(?:.*/)?AWSLogs/([^/]+)/Macie/', 1), '');

CREATE OR REPLACE TEMP TABLE parsed AS
SELECT n, TRY(from_json(text, $structure)) AS r FROM raw;

-- One row a detection, still with its lists of locations.
CREATE OR REPLACE TEMP TABLE found AS
WITH lists AS (
  SELECT n,
    r.classificationDetails.result.sensitiveData AS managed,
    r.classificationDetails.result.customDataIdentifiers.detections AS custom
  FROM parsed
), sized AS (
  SELECT *, list_transform(managed, lambda s: coalesce(len(s.detections), 0)) AS sizes FROM lists
), categories AS (
  SELECT n, sizes, generate_subscripts(managed, 1) AS i, unnest(managed) AS s FROM sized
), entries AS (
  SELECT n, coalesce(list_sum(sizes[:i - 1]), 0) + generate_subscripts(s.detections, 1) - 1 AS detection_index,
    'managed' AS identifier_kind, s.category AS category, unnest(s.detections) AS d
  FROM categories
), custom_entries AS (
  SELECT n, coalesce(list_sum(sizes), 0) + generate_subscripts(custom, 1) - 1 AS detection_index, unnest(custom) AS d
  FROM sized
), united AS (
  SELECT n, detection_index, identifier_kind, category, d.type AS detection_type, NULL AS custom_identifier_arn,
    d.count AS count, d.occurrences AS o
  FROM entries
  UNION ALL
  SELECT n, detection_index, 'custom', 'CUSTOM_IDENTIFIER', d.name, d.arn, d.count, d.occurrences
  FROM custom_entries
)
SELECT n, CAST(detection_index AS BIGINT) AS detection_index, identifier_kind, category, detection_type,
  CAST(custom_identifier_arn AS VARCHAR) AS custom_identifier_arn, integer_of(count) AS occurrence_count,
  coalesce(len(o.cells), 0) AS cells, coalesce(len(o.lineRanges), 0) AS lines,
  coalesce(len(o.offsetRanges), 0) AS offsets, coalesce(len(o.pages), 0) AS pages,
  coalesce(len(o.records), 0) AS records, o
FROM united;

CREATE OR REPLACE TEMP TABLE located AS
WITH cells AS (
  SELECT n, detection_index, generate_subscripts(o.cells, 1) - 1 AS i, unnest(o.cells) AS e FROM found
), lines AS (
  SELECT n, detection_index, cells + generate_subscripts(o.lineRanges, 1) - 1 AS i, unnest(o.lineRanges) AS e FROM found
), offsets AS (
  SELECT n, detection_index, cells + lines + generate_subscripts(o.offsetRanges, 1) - 1 AS i,
    unnest(o.offsetRanges) AS e
  FROM found
), pages AS (
  SELECT n, detection_index, cells + lines + offsets + generate_subscripts(o.pages, 1) - 1 AS i, unnest(o.pages) AS e
  FROM found
), records AS (
  SELECT n, detection_index, cells + lines + offsets + pages + generate_subscripts(o.records, 1) - 1 AS i,
    unnest(o.records) AS e
  FROM found
), united AS (
  SELECT n, detection_index, i AS occurrence_index, 'cell' AS location_kind,
    e.row AS cell_row, e.column AS cell_column, e.columnName AS cell_column_name, e.cellReference AS cell_reference,
    NULL AS line_start, NULL AS line_end, NULL AS line_start_column,
    NULL AS offset_start, NULL AS offset_end, NULL AS offset_start_column,
    NULL AS page_number, NULL AS record_index, NULL AS json_path
  FROM cells
  UNION ALL BY NAME
  SELECT n, detection_index, i AS occurrence_index, 'line' AS location_kind,
    e.start AS line_start, e.end AS line_end, e.startColumn AS line_start_column
  FROM lines
  UNION ALL BY NAME
  SELECT n, detection_index, i AS occurrence_index, 'offset' AS location_kind,
    e.start AS offset_start, e.end AS offset_end, e.startColumn AS offset_start_column
  FROM offsets
  UNION ALL BY NAME
  SELECT n, detection_index, i AS occurrence_index, 'page' AS location_kind, e.pageNumber AS page_number,
    e.lineRange.start AS line_start, e.lineRange.end AS line_end, e.lineRange.startColumn AS line_start_column,
    e.offsetRange.start AS offset_start, e.offsetRange.end AS offset_end,
    e.offsetRange.startColumn AS offset_start_column
  FROM pages
  UNION ALL BY NAME
  SELECT n, detection_index, i AS occurrence_index, 'record' AS location_kind,
    e.recordIndex AS record_index, e.jsonPath AS json_path
  FROM records
)
SELECT n, detection_index, occurrence_index, location_kind,
  integer_of(cell_row) AS cell_row, integer_of(cell_column) AS cell_column, cell_column_name, cell_reference,
  integer_of(line_start) AS line_start, integer_of(line_end) AS line_end,
  integer_of(line_start_column) AS line_start_column,
  integer_of(offset_start) AS offset_start, integer_of(offset_end) AS offset_end,
  integer_of(offset_start_column) AS offset_start_column,
  integer_of(page_number) AS page_number, integer_of(record_index) AS record_index, json_path
FROM united;

CREATE OR REPLACE TEMP TABLE x_results AS
WITH sums AS (
  SELECT n, count(*) AS types, sum(occurrence_count) AS occurrences,
    sum(cells + lines + offsets + pages + records) AS locations
  FROM found GROUP BY n
), unfolded AS (
  SELECT n, r, r.classificationDetails AS c, r.classificationDetails.result AS result,
    r.resourcesAffected.s3Bucket AS b, r.resourcesAffected.s3Object AS o,
    r.resourcesAffected.s3Object.embeddedFileDetails AS member,
    r.resourcesAffected.s3Bucket.publicAccess.permissionConfiguration AS p
  FROM parsed
)
SELECT raw.n,
  r.id AS result_id, r.schemaVersion AS schema_version, r.accountId AS account_id, r.partition AS aws_partition,
  r.region AS region, admin_of(raw.path) AS admin_account_id,
  c.jobId AS job_id, c.jobArn AS job_arn, c.originType AS origin_type,
  time_of(r.createdAt) AS created_at, time_of(r.updatedAt) AS updated_at,
  r.type AS finding_type, r.category AS finding_category, r.title AS title, r.description AS description,
  TRY_CAST(r.severity.score AS INTEGER) AS severity_score, r.severity.description AS severity,
  r.sample AS sample, r.archived AS archived, integer_of(r.count) AS finding_count,
  result.status.code AS status_code, result.status.reason AS status_reason, result.mimeType AS mime_type,
  integer_of(result.sizeClassified) AS size_classified, result.additionalOccurrences AS additional_occurrences,
  CAST(coalesce(list_sum(list_transform(result.sensitiveData, lambda s: integer_of(s.totalCount))), 0) AS BIGINT)
    AS sensitive_total_count,
  integer_of(result.customDataIdentifiers.totalCount) AS custom_total_count,
  CAST(coalesce(sums.types, 0) AS BIGINT) AS type_count,
  CAST(coalesce(sums.occurrences, 0) AS BIGINT) AS occurrence_count,
  CAST(coalesce(sums.locations, 0) AS BIGINT) AS location_count,
  b.name AS bucket_name, b.arn AS bucket_arn, time_of(b.createdAt) AS bucket_created_at,
  b.owner.id AS bucket_owner_id, b.owner.displayName AS bucket_owner_display_name,
  b.defaultServerSideEncryption.encryptionType AS bucket_encryption_type,
  b.defaultServerSideEncryption.kmsMasterKeyId AS bucket_kms_key_id,
  b.publicAccess.effectivePermission AS bucket_effective_permission,
  b.allowsUnencryptedObjectUploads AS bucket_allows_unencrypted_uploads, map_of(b.tags) AS bucket_tags,
  p.bucketLevelPermissions.accessControlList.allowsPublicReadAccess AS bucket_acl_public_read,
  p.bucketLevelPermissions.accessControlList.allowsPublicWriteAccess AS bucket_acl_public_write,
  p.bucketLevelPermissions.bucketPolicy.allowsPublicReadAccess AS bucket_policy_public_read,
  p.bucketLevelPermissions.bucketPolicy.allowsPublicWriteAccess AS bucket_policy_public_write,
  p.bucketLevelPermissions.blockPublicAccess.blockPublicAcls AS bucket_block_public_acls,
  p.bucketLevelPermissions.blockPublicAccess.blockPublicPolicy AS bucket_block_public_policy,
  p.bucketLevelPermissions.blockPublicAccess.ignorePublicAcls AS bucket_ignore_public_acls,
  p.bucketLevelPermissions.blockPublicAccess.restrictPublicBuckets AS bucket_restrict_public_buckets,
  p.accountLevelPermissions.blockPublicAccess.blockPublicAcls AS account_block_public_acls,
  p.accountLevelPermissions.blockPublicAccess.blockPublicPolicy AS account_block_public_policy,
  p.accountLevelPermissions.blockPublicAccess.ignorePublicAcls AS account_ignore_public_acls,
  p.accountLevelPermissions.blockPublicAccess.restrictPublicBuckets AS account_restrict_public_buckets,
  o.bucketArn AS object_bucket_arn, o.key AS object_key, o.path AS object_path, o.extension AS object_extension,
  integer_of(o.size) AS object_size, o.eTag AS object_etag, nullif(o.versionId, '') AS object_version_id,
  time_of(o.lastModified) AS object_last_modified, o.storageClass AS object_storage_class,
  o.serverSideEncryption.encryptionType AS object_encryption_type,
  o.serverSideEncryption.kmsMasterKeyId AS object_kms_key_id,
  o.publicAccess AS object_public_access, map_of(o.tags) AS object_tags,
  member IS NOT NULL AS is_archive_member, member.filePath AS archive_member_path,
  member.fileExtension AS archive_member_extension, integer_of(member.fileSize) AS archive_member_size,
  time_of(member.fileLastModified) AS archive_member_last_modified,
  c.detailedResultsLocation AS detailed_results_location, raw.unrecognized AS unrecognized,
  coalesce(origins.run_id, '(a run)') AS run_id, raw.source_uri AS source_uri, origins.source_etag AS source_etag,
  raw.source_line AS source_line
FROM raw
JOIN unfolded USING (n)
LEFT JOIN sums USING (n)
LEFT JOIN origins ON origins.source_uri = raw.source_uri;

CREATE OR REPLACE TEMP TABLE x_detections AS
SELECT result_id, account_id, region, job_id, created_at, bucket_name, object_key, object_version_id,
  archive_member_path, mime_type, run_id, source_uri, source_line,
  origin_type, severity, status_code, bucket_effective_permission, bucket_encryption_type, object_public_access,
  object_size, object_last_modified, object_etag, object_extension, is_archive_member,
  detection_index, identifier_kind, category, detection_type, custom_identifier_arn,
  f.occurrence_count AS occurrence_count, cells + lines + offsets + pages + records AS location_count,
  coalesce(cells + lines + offsets + pages + records >= 1000
    AND f.occurrence_count > cells + lines + offsets + pages + records, false) AS is_capped
FROM found f JOIN x_results USING (n);

CREATE OR REPLACE TEMP VIEW x_occurrences AS
SELECT result_id, account_id, region, job_id, created_at, bucket_name, object_key, object_version_id,
  archive_member_path, mime_type, run_id, source_uri, source_line,
  detection_index, identifier_kind, category, detection_type, custom_identifier_arn,
  occurrence_index, location_kind, cell_row, cell_column, cell_column_name, cell_reference,
  line_start, line_end, line_start_column, offset_start, offset_end, offset_start_column,
  page_number, record_index, json_path
FROM located JOIN found USING (n, detection_index) JOIN x_results USING (n);
