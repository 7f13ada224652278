== create-database
CREATE DATABASE IF NOT EXISTS `macie`
== create-table-results
CREATE EXTERNAL TABLE IF NOT EXISTS `macie`.`results` (
  `result_id` string COMMENT 'Identifier of the result',
  `schema_version` string COMMENT 'Version of the result\'s schema',
  `account_id` string COMMENT 'Account that owns the analysed bucket',
  `aws_partition` string COMMENT 'AWS partition, such as aws or aws-cn',
  `region` string COMMENT 'AWS Region that Macie ran in',
  `admin_account_id` string COMMENT 'Macie administrator account, from the source\'s key',
  `job_id` string COMMENT 'Job that made the result; null for automated discovery',
  `job_arn` string COMMENT 'ARN of the job',
  `origin_type` string COMMENT 'SENSITIVE_DATA_DISCOVERY_JOB or AUTOMATED_SENSITIVE_DATA_DISCOVERY',
  `created_at` timestamp COMMENT 'When the result was created, UTC',
  `updated_at` timestamp COMMENT 'When the result was last updated, UTC',
  `finding_type` string COMMENT 'Type of the finding, such as SensitiveData:S3Object/Personal',
  `finding_category` string COMMENT 'Category of the finding: CLASSIFICATION',
  `title` string COMMENT 'Short description of the finding',
  `description` string COMMENT 'Description of the finding',
  `severity_score` int COMMENT 'Severity as a number, 1 to 3',
  `severity` string COMMENT 'Severity as a word: Low, Medium or High',
  `sample` boolean COMMENT 'Whether this is a sample finding',
  `archived` boolean COMMENT 'Whether the finding was archived',
  `finding_count` bigint COMMENT 'How often the finding occurred',
  `status_code` string COMMENT 'Outcome: COMPLETE, PARTIAL or SKIPPED',
  `status_reason` string COMMENT 'Why the analysis is partial or was skipped',
  `mime_type` string COMMENT 'Media type of the analysed object',
  `size_classified` bigint COMMENT 'Bytes that were analysed',
  `additional_occurrences` boolean COMMENT 'Whether there are more occurrences than the finding lists',
  `sensitive_total_count` bigint COMMENT 'Occurrences that managed data identifiers found: the sum over the categories',
  `custom_total_count` bigint COMMENT 'Occurrences that custom data identifiers found, according to Macie',
  `type_count` bigint COMMENT 'Rows of the result in detections',
  `occurrence_count` bigint COMMENT 'Sum of the occurrence counts of the result\'s detections',
  `location_count` bigint COMMENT 'Rows of the result in occurrences',
  `bucket_name` string COMMENT 'Bucket of the analysed object',
  `bucket_arn` string COMMENT 'ARN of the bucket',
  `bucket_created_at` timestamp COMMENT 'When the bucket was created, UTC',
  `bucket_owner_id` string COMMENT 'Canonical user ID of the bucket\'s owner',
  `bucket_owner_display_name` string COMMENT 'Display name of the bucket\'s owner',
  `bucket_encryption_type` string COMMENT 'Default encryption of the bucket: NONE, AES256, aws:kms, aws:kms:dsse or UNKNOWN',
  `bucket_kms_key_id` string COMMENT 'KMS key of the bucket\'s default encryption',
  `bucket_effective_permission` string COMMENT 'PUBLIC, NOT_PUBLIC or UNKNOWN',
  `bucket_allows_unencrypted_uploads` string COMMENT 'Whether the bucket\'s policy allows unencrypted uploads: TRUE, FALSE or UNKNOWN',
  `bucket_tags` map<string,string> COMMENT 'Tags of the bucket',
  `bucket_acl_public_read` boolean COMMENT 'Whether the bucket\'s ACL grants public read',
  `bucket_acl_public_write` boolean COMMENT 'Whether the bucket\'s ACL grants public write',
  `bucket_policy_public_read` boolean COMMENT 'Whether the bucket\'s policy grants public read',
  `bucket_policy_public_write` boolean COMMENT 'Whether the bucket\'s policy grants public write',
  `bucket_block_public_acls` boolean COMMENT 'Bucket setting BlockPublicAcls',
  `bucket_block_public_policy` boolean COMMENT 'Bucket setting BlockPublicPolicy',
  `bucket_ignore_public_acls` boolean COMMENT 'Bucket setting IgnorePublicAcls',
  `bucket_restrict_public_buckets` boolean COMMENT 'Bucket setting RestrictPublicBuckets',
  `account_block_public_acls` boolean COMMENT 'Account setting BlockPublicAcls',
  `account_block_public_policy` boolean COMMENT 'Account setting BlockPublicPolicy',
  `account_ignore_public_acls` boolean COMMENT 'Account setting IgnorePublicAcls',
  `account_restrict_public_buckets` boolean COMMENT 'Account setting RestrictPublicBuckets',
  `object_bucket_arn` string COMMENT 'ARN of the bucket, as given with the object',
  `object_key` string COMMENT 'Key of the analysed object',
  `object_path` string COMMENT 'Bucket and key of the analysed object',
  `object_extension` string COMMENT 'File name extension of the object',
  `object_size` bigint COMMENT 'Size of the object in bytes',
  `object_etag` string COMMENT 'ETag of the analysed content',
  `object_version_id` string COMMENT 'Version of the analysed content; null where the bucket has no versions',
  `object_last_modified` timestamp COMMENT 'When the object was last modified, UTC',
  `object_storage_class` string COMMENT 'Storage class of the object',
  `object_encryption_type` string COMMENT 'Encryption of the object: NONE, AES256, aws:kms, aws:kms:dsse or UNKNOWN',
  `object_kms_key_id` string COMMENT 'KMS key of the object',
  `object_public_access` boolean COMMENT 'Whether the object is publicly accessible',
  `object_tags` map<string,string> COMMENT 'Tags of the object',
  `is_archive_member` boolean COMMENT 'Whether the row is about a file inside an archive; the archive\'s own row holds the totals',
  `archive_member_path` string COMMENT 'Path of the file inside the archive',
  `archive_member_extension` string COMMENT 'File name extension of the file inside the archive',
  `archive_member_size` bigint COMMENT 'Size of the file inside the archive, in bytes',
  `archive_member_last_modified` timestamp COMMENT 'When the file inside the archive was last modified, UTC',
  `detailed_results_location` string COMMENT 'Where Macie stored the result, according to the result',
  `unrecognized` string COMMENT 'JSON object: path of each unknown field to its raw value',
  `run_id` string COMMENT 'Run that converted the line',
  `source_uri` string COMMENT 'Source that the line was read from: its s3:// URI or absolute path',
  `source_etag` string COMMENT 'ETag of that source; null for local files',
  `source_line` bigint COMMENT 'Number of the line in that source, from 1'
)
COMMENT 'Amazon Macie: one row per result of an object or of a file inside an archive'
PARTITIONED BY (
  `created_month` string COMMENT 'Month in which the result was created, as 2026-11'
)
STORED AS PARQUET
LOCATION 's3://a-bucket/lake/results/'
TBLPROPERTIES (
  'classification' = 'parquet',
  'macielake' = '1',
  'projection.enabled' = 'true',
  'projection.created_month.type' = 'date',
  'projection.created_month.format' = 'yyyy-MM',
  'projection.created_month.range' = '2026-03,NOW+31DAYS',
  'storage.location.template' = 's3://a-bucket/lake/results/created_month=${created_month}/',
  'trino.partition_projection.ignore' = 'true'
)
== add-partitions-results-1
ALTER TABLE `macie`.`results` ADD IF NOT EXISTS
  PARTITION (`created_month` = '2026-03') LOCATION 's3://a-bucket/lake/results/created_month=2026-03/'
  PARTITION (`created_month` = '2026-10') LOCATION 's3://a-bucket/lake/results/created_month=2026-10/'
== create-table-detections
CREATE EXTERNAL TABLE IF NOT EXISTS `macie`.`detections` (
  `result_id` string COMMENT 'Identifier of the result',
  `account_id` string COMMENT 'Account that owns the analysed bucket',
  `region` string COMMENT 'AWS Region that Macie ran in',
  `job_id` string COMMENT 'Job that made the result; null for automated discovery',
  `created_at` timestamp COMMENT 'When the result was created, UTC',
  `bucket_name` string COMMENT 'Bucket of the analysed object',
  `object_key` string COMMENT 'Key of the analysed object',
  `object_version_id` string COMMENT 'Version of the analysed content; null where the bucket has no versions',
  `archive_member_path` string COMMENT 'Path of the file inside the archive',
  `mime_type` string COMMENT 'Media type of the analysed object',
  `run_id` string COMMENT 'Run that converted the line',
  `source_uri` string COMMENT 'Source that the line was read from: its s3:// URI or absolute path',
  `source_line` bigint COMMENT 'Number of the line in that source, from 1',
  `origin_type` string COMMENT 'SENSITIVE_DATA_DISCOVERY_JOB or AUTOMATED_SENSITIVE_DATA_DISCOVERY',
  `severity` string COMMENT 'Severity as a word: Low, Medium or High',
  `status_code` string COMMENT 'Outcome: COMPLETE, PARTIAL or SKIPPED',
  `bucket_effective_permission` string COMMENT 'PUBLIC, NOT_PUBLIC or UNKNOWN',
  `bucket_encryption_type` string COMMENT 'Default encryption of the bucket: NONE, AES256, aws:kms, aws:kms:dsse or UNKNOWN',
  `object_public_access` boolean COMMENT 'Whether the object is publicly accessible',
  `object_size` bigint COMMENT 'Size of the object in bytes',
  `object_last_modified` timestamp COMMENT 'When the object was last modified, UTC',
  `object_etag` string COMMENT 'ETag of the analysed content',
  `object_extension` string COMMENT 'File name extension of the object',
  `is_archive_member` boolean COMMENT 'Whether the row is about a file inside an archive; the archive\'s own row holds the totals',
  `detection_index` bigint COMMENT 'Number of the detection in its line, from 0, managed before custom',
  `identifier_kind` string COMMENT 'managed or custom data identifier',
  `category` string COMMENT 'Category of sensitive data; CUSTOM_IDENTIFIER for custom',
  `detection_type` string COMMENT 'Type of sensitive data; the identifier\'s name for custom',
  `custom_identifier_arn` string COMMENT 'ARN or ID of the custom data identifier',
  `occurrence_count` bigint COMMENT 'How often the type occurs in the object, according to Macie',
  `location_count` bigint COMMENT 'Rows of the detection in occurrences; Macie gives at most 1,000',
  `is_capped` boolean COMMENT 'Whether Macie reported 1,000 or more locations, and fewer than it counted'
)
COMMENT 'Amazon Macie: one row per result and type of sensitive data in it'
PARTITIONED BY (
  `created_month` string COMMENT 'Month in which the result was created, as 2026-11'
)
STORED AS PARQUET
LOCATION 's3://a-bucket/lake/detections/'
TBLPROPERTIES (
  'classification' = 'parquet',
  'macielake' = '1',
  'projection.enabled' = 'true',
  'projection.created_month.type' = 'date',
  'projection.created_month.format' = 'yyyy-MM',
  'projection.created_month.range' = '2026-03,NOW+31DAYS',
  'storage.location.template' = 's3://a-bucket/lake/detections/created_month=${created_month}/',
  'trino.partition_projection.ignore' = 'true'
)
== add-partitions-detections-1
ALTER TABLE `macie`.`detections` ADD IF NOT EXISTS
  PARTITION (`created_month` = '2026-03') LOCATION 's3://a-bucket/lake/detections/created_month=2026-03/'
  PARTITION (`created_month` = '2026-10') LOCATION 's3://a-bucket/lake/detections/created_month=2026-10/'
== create-table-occurrences
CREATE EXTERNAL TABLE IF NOT EXISTS `macie`.`occurrences` (
  `result_id` string COMMENT 'Identifier of the result',
  `account_id` string COMMENT 'Account that owns the analysed bucket',
  `region` string COMMENT 'AWS Region that Macie ran in',
  `job_id` string COMMENT 'Job that made the result; null for automated discovery',
  `created_at` timestamp COMMENT 'When the result was created, UTC',
  `bucket_name` string COMMENT 'Bucket of the analysed object',
  `object_key` string COMMENT 'Key of the analysed object',
  `object_version_id` string COMMENT 'Version of the analysed content; null where the bucket has no versions',
  `archive_member_path` string COMMENT 'Path of the file inside the archive',
  `mime_type` string COMMENT 'Media type of the analysed object',
  `run_id` string COMMENT 'Run that converted the line',
  `source_uri` string COMMENT 'Source that the line was read from: its s3:// URI or absolute path',
  `source_line` bigint COMMENT 'Number of the line in that source, from 1',
  `detection_index` bigint COMMENT 'Number of the detection in its line, from 0, managed before custom',
  `identifier_kind` string COMMENT 'managed or custom data identifier',
  `category` string COMMENT 'Category of sensitive data; CUSTOM_IDENTIFIER for custom',
  `detection_type` string COMMENT 'Type of sensitive data; the identifier\'s name for custom',
  `custom_identifier_arn` string COMMENT 'ARN or ID of the custom data identifier',
  `occurrence_index` bigint COMMENT 'Number of the location in its detection, from 0',
  `location_kind` string COMMENT 'cell, line, offset, page or record',
  `cell_row` bigint COMMENT 'Row of the cell, from 1',
  `cell_column` bigint COMMENT 'Column of the cell, from 1',
  `cell_column_name` string COMMENT 'Name of the column, where known',
  `cell_reference` string COMMENT 'Excel reference of the cell, such as Sheet2!C5',
  `line_start` bigint COMMENT 'First line',
  `line_end` bigint COMMENT 'Last line',
  `line_start_column` bigint COMMENT 'Column in the first line where the data starts, from 1',
  `offset_start` bigint COMMENT 'First offset',
  `offset_end` bigint COMMENT 'Last offset',
  `offset_start_column` bigint COMMENT 'Column where the data starts, from 1',
  `page_number` bigint COMMENT 'Page of the document',
  `record_index` bigint COMMENT 'Number of the record, from 0; always 0 in a plain JSON file',
  `json_path` string COMMENT 'Path to the value in the record, cut to 250 characters from its beginning'
)
COMMENT 'Amazon Macie: one row per location of sensitive data'
PARTITIONED BY (
  `created_month` string COMMENT 'Month in which the result was created, as 2026-11'
)
STORED AS PARQUET
LOCATION 's3://a-bucket/lake/occurrences/'
TBLPROPERTIES (
  'classification' = 'parquet',
  'macielake' = '1',
  'projection.enabled' = 'true',
  'projection.created_month.type' = 'date',
  'projection.created_month.format' = 'yyyy-MM',
  'projection.created_month.range' = '2026-03,NOW+31DAYS',
  'storage.location.template' = 's3://a-bucket/lake/occurrences/created_month=${created_month}/',
  'trino.partition_projection.ignore' = 'true'
)
== add-partitions-occurrences-1
ALTER TABLE `macie`.`occurrences` ADD IF NOT EXISTS
  PARTITION (`created_month` = '2026-03') LOCATION 's3://a-bucket/lake/occurrences/created_month=2026-03/'
  PARTITION (`created_month` = '2026-10') LOCATION 's3://a-bucket/lake/occurrences/created_month=2026-10/'
== create-table-runs
CREATE EXTERNAL TABLE IF NOT EXISTS `macie`.`runs` (
  `run_id` string COMMENT 'Identifier of the run, as in run_id of the other tables',
  `started_at` timestamp COMMENT 'When the run began, UTC',
  `ended_at` timestamp COMMENT 'When the run was committed, UTC',
  `version` string COMMENT 'Version of macielake that converted',
  `sources` bigint COMMENT 'Sources that the run was to convert',
  `lines` bigint COMMENT 'Lines in the sources that were converted',
  `results_rows` bigint COMMENT 'Rows that the run added to results',
  `detections_rows` bigint COMMENT 'Rows that the run added to detections',
  `occurrences_rows` bigint COMMENT 'Rows that the run added to occurrences',
  `rejects` bigint COMMENT 'Lines and sources that were rejected',
  `unreadable` bigint COMMENT 'Sources that could not be read',
  `stored_bytes` bigint COMMENT 'Bytes of the sources as they are stored',
  `inflated_bytes` bigint COMMENT 'Bytes of the sources, inflated',
  `written_bytes` bigint COMMENT 'Bytes of the files that the run wrote'
)
COMMENT 'macielake: one row per committed run'
STORED AS PARQUET
LOCATION 's3://a-bucket/lake/runs/'
TBLPROPERTIES (
  'classification' = 'parquet',
  'macielake' = '1'
)
== create-view-current_results
-- One row per result, without copies, and without results of a bucket's former owner if a later owner is known.
CREATE OR REPLACE VIEW "macie"."current_results" AS
SELECT *,
  -- The highest severity of the standing content: of the subject, and of the whole object.
  first_value(standing_score) OVER (PARTITION BY subject_source_uri, subject_source_line ORDER BY standing_score DESC NULLS LAST, standing_severity DESC NULLS LAST) AS subject_score,
  first_value(standing_severity) OVER (PARTITION BY subject_source_uri, subject_source_line ORDER BY standing_score DESC NULLS LAST, standing_severity DESC NULLS LAST) AS subject_severity,
  first_value(standing_score) OVER (PARTITION BY object_source_uri, object_source_line ORDER BY standing_score DESC NULLS LAST, standing_severity DESC NULLS LAST) AS object_score,
  first_value(standing_severity) OVER (PARTITION BY object_source_uri, object_source_line ORDER BY standing_score DESC NULLS LAST, standing_severity DESC NULLS LAST) AS object_severity
FROM (
  SELECT *,
    CASE WHEN is_analysis AND is_standing_content AND NOT is_gone THEN coalesce(severity_score, CASE severity WHEN 'Low' THEN 1 WHEN 'Medium' THEN 2 WHEN 'High' THEN 3 END) END AS standing_score,
    CASE WHEN is_analysis AND is_standing_content AND NOT is_gone AND coalesce(severity_score, CASE severity WHEN 'Low' THEN 1 WHEN 'Medium' THEN 2 WHEN 'High' THEN 3 END) IS NOT NULL THEN severity END AS standing_severity
  FROM (
SELECT run_id, source_uri, source_line, result_id, aws_partition, account_id, region, admin_account_id, bucket_name, object_key,
  is_archive_member, archive_member_path, job_id, created_at, object_last_modified, object_version_id, status_code, status_reason,
  severity_score, severity, bucket_effective_permission, bucket_encryption_type, bucket_tags,
  object_size, object_storage_class, object_encryption_type, object_kms_key_id, object_public_access, object_tags,
  is_analysis, is_former_owner, is_standing_content, place, standing_place, content, content_seen_at, content_undated, has_other_content,
  subject_source_uri, subject_source_line, newest_is_analysis, newest_status_code, newest_status_reason,
  object_source_uri, object_source_line, object_is_member, object_is_gone, object_public_fact, object_encryption_fact,
  newest_object_size, newest_object_storage_class, newest_object_encryption, newest_object_kms_key_id, newest_object_public_access, newest_object_tags,
  bucket_account_id, bucket_region, newest_bucket_permission, newest_bucket_encryption, newest_bucket_tags, bucket_last_result_at, is_newest_of_bucket,
  CASE WHEN known_bucket_permission = 'PUBLIC' THEN 'yes' WHEN newest_bucket_permission = 'NOT_PUBLIC' THEN 'no' ELSE 'unknown' END AS bucket_is_public,
  CASE WHEN known_bucket_encryption = 'NONE' THEN 'yes' WHEN newest_bucket_encryption NOT IN ('', 'UNKNOWN') THEN 'no' ELSE 'unknown' END AS bucket_is_unencrypted,
  is_former_owner OR object_is_gone OR is_archive_member AND (
    coalesce(NOT newest_is_analysis AND newest_status_reason IN ('SOURCE_OBJECT_NO_LONGER_AVAILABLE', 'NO_SUCH_BUCKET_AVAILABLE'), false)
    -- A later, complete analysis of the archive doesn't have the member.
    OR coalesce(has_standing_content = 0 AND NOT object_is_member AND object_status_code = 'COMPLETE'
      AND subject_undated = 0 AND object_created_at > subject_seen_at, false)) AS is_gone
FROM (
  SELECT *,
    is_former_object OR CASE WHEN object_is_member THEN coalesce(object_status_code NOT IN ('COMPLETE', 'PARTIAL'), true)
        AND coalesce(object_status_reason IN ('SOURCE_OBJECT_NO_LONGER_AVAILABLE', 'NO_SUCH_BUCKET_AVAILABLE'), false)
      ELSE own_is_gone = 1 END AS object_is_gone,
    -- What the object's own results say, or the member's result that stands for it.
    max(CASE WHEN source_uri = object_source_uri AND source_line = object_source_line THEN
        CASE WHEN NOT is_archive_member THEN public_fact WHEN object_public_access THEN 2 WHEN NOT object_public_access THEN 3 END END)
      OVER (PARTITION BY object_source_uri, object_source_line) AS object_public_fact,
    max(CASE WHEN source_uri = object_source_uri AND source_line = object_source_line THEN
        CASE WHEN NOT is_archive_member THEN encryption_fact WHEN object_encryption_type = 'NONE' THEN 2
          WHEN object_encryption_type NOT IN ('', 'UNKNOWN') THEN 3 END END)
      OVER (PARTITION BY object_source_uri, object_source_line) AS object_encryption_fact
  FROM (
    SELECT *,
      -- The number of the result's content, and when that was seen last.
      min(place) OVER (PARTITION BY subject_source_uri, subject_source_line, object_last_modified, object_version_id) AS content,
      max(created_at) OVER (PARTITION BY subject_source_uri, subject_source_line, object_last_modified, object_version_id) AS content_seen_at,
      count(CASE WHEN created_at IS NULL THEN 1 END) OVER (PARTITION BY subject_source_uri, subject_source_line, object_last_modified, object_version_id) AS content_undated,
      count(*) OVER (PARTITION BY subject_source_uri, subject_source_line, object_last_modified, object_version_id) < count(*) OVER (PARTITION BY subject_source_uri, subject_source_line) AS has_other_content,
      max(created_at) OVER (PARTITION BY subject_source_uri, subject_source_line) AS subject_seen_at,
      count(CASE WHEN created_at IS NULL THEN 1 END) OVER (PARTITION BY subject_source_uri, subject_source_line) AS subject_undated,
      max(CASE WHEN is_standing_content THEN 1 ELSE 0 END) OVER (PARTITION BY subject_source_uri, subject_source_line) AS has_standing_content,
      -- Twice the place of the newest known value, one more where it isn't exposed.
      min(CASE WHEN object_public_access THEN 2 * place WHEN NOT object_public_access THEN 2 * place + 1 END)
        OVER (PARTITION BY subject_source_uri, subject_source_line) AS public_fact,
      min(CASE WHEN object_encryption_type = 'NONE' THEN 2 * place WHEN object_encryption_type NOT IN ('', 'UNKNOWN') THEN 2 * place + 1 END)
        OVER (PARTITION BY subject_source_uri, subject_source_line) AS encryption_fact,
      max(CASE WHEN NOT is_archive_member AND place = 1 AND NOT is_analysis AND status_reason IN ('SOURCE_OBJECT_NO_LONGER_AVAILABLE', 'NO_SUCH_BUCKET_AVAILABLE') THEN 1 ELSE 0 END)
        OVER (PARTITION BY object_source_uri, object_source_line) AS own_is_gone,
      -- Values of the object's newest own result, or of the member's result that stands for it.
      first_value(object_size) OVER (PARTITION BY object_source_uri, object_source_line
        ORDER BY CASE WHEN object_is_member THEN CASE WHEN source_uri = object_source_uri AND source_line = object_source_line THEN 0 ELSE 1 END
          WHEN is_archive_member THEN 1 ELSE 0 END, created_at DESC NULLS LAST, object_last_modified DESC NULLS LAST, CASE WHEN status_code IN ('COMPLETE', 'PARTIAL') THEN 0 ELSE 1 END, result_id ASC NULLS LAST, source_uri ASC, source_line ASC) AS newest_object_size,
      first_value(object_storage_class) OVER (PARTITION BY object_source_uri, object_source_line
        ORDER BY CASE WHEN object_is_member THEN CASE WHEN source_uri = object_source_uri AND source_line = object_source_line THEN 0 ELSE 1 END
          WHEN is_archive_member THEN 1 ELSE 0 END, created_at DESC NULLS LAST, object_last_modified DESC NULLS LAST, CASE WHEN status_code IN ('COMPLETE', 'PARTIAL') THEN 0 ELSE 1 END, result_id ASC NULLS LAST, source_uri ASC, source_line ASC) AS newest_object_storage_class,
      first_value(object_encryption_type) OVER (PARTITION BY object_source_uri, object_source_line
        ORDER BY CASE WHEN object_is_member THEN CASE WHEN source_uri = object_source_uri AND source_line = object_source_line THEN 0 ELSE 1 END
          WHEN is_archive_member THEN 1 ELSE 0 END, created_at DESC NULLS LAST, object_last_modified DESC NULLS LAST, CASE WHEN status_code IN ('COMPLETE', 'PARTIAL') THEN 0 ELSE 1 END, result_id ASC NULLS LAST, source_uri ASC, source_line ASC) AS newest_object_encryption,
      first_value(object_kms_key_id) OVER (PARTITION BY object_source_uri, object_source_line
        ORDER BY CASE WHEN object_is_member THEN CASE WHEN source_uri = object_source_uri AND source_line = object_source_line THEN 0 ELSE 1 END
          WHEN is_archive_member THEN 1 ELSE 0 END, created_at DESC NULLS LAST, object_last_modified DESC NULLS LAST, CASE WHEN status_code IN ('COMPLETE', 'PARTIAL') THEN 0 ELSE 1 END, result_id ASC NULLS LAST, source_uri ASC, source_line ASC) AS newest_object_kms_key_id,
      first_value(object_public_access) OVER (PARTITION BY object_source_uri, object_source_line
        ORDER BY CASE WHEN object_is_member THEN CASE WHEN source_uri = object_source_uri AND source_line = object_source_line THEN 0 ELSE 1 END
          WHEN is_archive_member THEN 1 ELSE 0 END, created_at DESC NULLS LAST, object_last_modified DESC NULLS LAST, CASE WHEN status_code IN ('COMPLETE', 'PARTIAL') THEN 0 ELSE 1 END, result_id ASC NULLS LAST, source_uri ASC, source_line ASC) AS newest_object_public_access,
      first_value(object_tags) OVER (PARTITION BY object_source_uri, object_source_line
        ORDER BY CASE WHEN object_is_member THEN CASE WHEN source_uri = object_source_uri AND source_line = object_source_line THEN 0 ELSE 1 END
          WHEN is_archive_member THEN 1 ELSE 0 END, created_at DESC NULLS LAST, object_last_modified DESC NULLS LAST, CASE WHEN status_code IN ('COMPLETE', 'PARTIAL') THEN 0 ELSE 1 END, result_id ASC NULLS LAST, source_uri ASC, source_line ASC) AS newest_object_tags
  FROM (
    SELECT *,
      row_number() OVER (PARTITION BY aws_partition, bucket_name, object_key, is_archive_member, archive_member_path ORDER BY created_at DESC NULLS LAST, object_last_modified DESC NULLS LAST, CASE WHEN status_code IN ('COMPLETE', 'PARTIAL') THEN 0 ELSE 1 END, result_id ASC NULLS LAST, source_uri ASC, source_line ASC) AS place,
      row_number() OVER (PARTITION BY aws_partition, bucket_name, object_key, is_archive_member, archive_member_path ORDER BY CASE WHEN is_archive_member AND NOT is_standing_content THEN 1 ELSE 0 END, CASE WHEN status_code IN ('COMPLETE', 'PARTIAL') THEN 0 ELSE 1 END, created_at DESC NULLS LAST, object_last_modified DESC NULLS LAST, CASE WHEN status_code IN ('COMPLETE', 'PARTIAL') THEN 0 ELSE 1 END, result_id ASC NULLS LAST, source_uri ASC, source_line ASC) AS standing_place,
      first_value(source_uri) OVER (PARTITION BY aws_partition, bucket_name, object_key, is_archive_member, archive_member_path ORDER BY CASE WHEN is_archive_member AND NOT is_standing_content THEN 1 ELSE 0 END, CASE WHEN status_code IN ('COMPLETE', 'PARTIAL') THEN 0 ELSE 1 END, created_at DESC NULLS LAST, object_last_modified DESC NULLS LAST, CASE WHEN status_code IN ('COMPLETE', 'PARTIAL') THEN 0 ELSE 1 END, result_id ASC NULLS LAST, source_uri ASC, source_line ASC) AS subject_source_uri,
      first_value(source_line) OVER (PARTITION BY aws_partition, bucket_name, object_key, is_archive_member, archive_member_path ORDER BY CASE WHEN is_archive_member AND NOT is_standing_content THEN 1 ELSE 0 END, CASE WHEN status_code IN ('COMPLETE', 'PARTIAL') THEN 0 ELSE 1 END, created_at DESC NULLS LAST, object_last_modified DESC NULLS LAST, CASE WHEN status_code IN ('COMPLETE', 'PARTIAL') THEN 0 ELSE 1 END, result_id ASC NULLS LAST, source_uri ASC, source_line ASC) AS subject_source_line,
      first_value(is_analysis) OVER (PARTITION BY aws_partition, bucket_name, object_key, is_archive_member, archive_member_path ORDER BY created_at DESC NULLS LAST, object_last_modified DESC NULLS LAST, CASE WHEN status_code IN ('COMPLETE', 'PARTIAL') THEN 0 ELSE 1 END, result_id ASC NULLS LAST, source_uri ASC, source_line ASC) AS newest_is_analysis,
      first_value(status_code) OVER (PARTITION BY aws_partition, bucket_name, object_key, is_archive_member, archive_member_path ORDER BY created_at DESC NULLS LAST, object_last_modified DESC NULLS LAST, CASE WHEN status_code IN ('COMPLETE', 'PARTIAL') THEN 0 ELSE 1 END, result_id ASC NULLS LAST, source_uri ASC, source_line ASC) AS newest_status_code,
      first_value(status_reason) OVER (PARTITION BY aws_partition, bucket_name, object_key, is_archive_member, archive_member_path ORDER BY created_at DESC NULLS LAST, object_last_modified DESC NULLS LAST, CASE WHEN status_code IN ('COMPLETE', 'PARTIAL') THEN 0 ELSE 1 END, result_id ASC NULLS LAST, source_uri ASC, source_line ASC) AS newest_status_reason
    FROM (
      SELECT *,
        object_last_modified IS NOT DISTINCT FROM standing_last_modified AND object_version_id IS NOT DISTINCT FROM standing_version_id AS is_standing_content
      FROM (
        SELECT *,
          -- The object's standing result, and the result with its standing content.
          first_value(source_uri) OVER (PARTITION BY aws_partition, bucket_name, object_key ORDER BY CASE WHEN is_former_owner THEN 1 ELSE 0 END, CASE WHEN is_archive_member THEN 1 ELSE 0 END, CASE WHEN status_code IN ('COMPLETE', 'PARTIAL') THEN 0 ELSE 1 END, created_at DESC NULLS LAST, object_last_modified DESC NULLS LAST, CASE WHEN status_code IN ('COMPLETE', 'PARTIAL') THEN 0 ELSE 1 END, result_id ASC NULLS LAST, source_uri ASC, source_line ASC) AS object_source_uri,
          first_value(source_line) OVER (PARTITION BY aws_partition, bucket_name, object_key ORDER BY CASE WHEN is_former_owner THEN 1 ELSE 0 END, CASE WHEN is_archive_member THEN 1 ELSE 0 END, CASE WHEN status_code IN ('COMPLETE', 'PARTIAL') THEN 0 ELSE 1 END, created_at DESC NULLS LAST, object_last_modified DESC NULLS LAST, CASE WHEN status_code IN ('COMPLETE', 'PARTIAL') THEN 0 ELSE 1 END, result_id ASC NULLS LAST, source_uri ASC, source_line ASC) AS object_source_line,
          first_value(is_archive_member) OVER (PARTITION BY aws_partition, bucket_name, object_key ORDER BY CASE WHEN is_former_owner THEN 1 ELSE 0 END, CASE WHEN is_archive_member THEN 1 ELSE 0 END, CASE WHEN status_code IN ('COMPLETE', 'PARTIAL') THEN 0 ELSE 1 END, created_at DESC NULLS LAST, object_last_modified DESC NULLS LAST, CASE WHEN status_code IN ('COMPLETE', 'PARTIAL') THEN 0 ELSE 1 END, result_id ASC NULLS LAST, source_uri ASC, source_line ASC) AS object_is_member,
          first_value(status_code) OVER (PARTITION BY aws_partition, bucket_name, object_key ORDER BY CASE WHEN is_former_owner THEN 1 ELSE 0 END, CASE WHEN is_archive_member THEN 1 ELSE 0 END, CASE WHEN status_code IN ('COMPLETE', 'PARTIAL') THEN 0 ELSE 1 END, created_at DESC NULLS LAST, object_last_modified DESC NULLS LAST, CASE WHEN status_code IN ('COMPLETE', 'PARTIAL') THEN 0 ELSE 1 END, result_id ASC NULLS LAST, source_uri ASC, source_line ASC) AS object_status_code,
          first_value(status_reason) OVER (PARTITION BY aws_partition, bucket_name, object_key ORDER BY CASE WHEN is_former_owner THEN 1 ELSE 0 END, CASE WHEN is_archive_member THEN 1 ELSE 0 END, CASE WHEN status_code IN ('COMPLETE', 'PARTIAL') THEN 0 ELSE 1 END, created_at DESC NULLS LAST, object_last_modified DESC NULLS LAST, CASE WHEN status_code IN ('COMPLETE', 'PARTIAL') THEN 0 ELSE 1 END, result_id ASC NULLS LAST, source_uri ASC, source_line ASC) AS object_status_reason,
          first_value(created_at) OVER (PARTITION BY aws_partition, bucket_name, object_key ORDER BY CASE WHEN is_former_owner THEN 1 ELSE 0 END, CASE WHEN is_archive_member THEN 1 ELSE 0 END, CASE WHEN status_code IN ('COMPLETE', 'PARTIAL') THEN 0 ELSE 1 END, created_at DESC NULLS LAST, object_last_modified DESC NULLS LAST, CASE WHEN status_code IN ('COMPLETE', 'PARTIAL') THEN 0 ELSE 1 END, result_id ASC NULLS LAST, source_uri ASC, source_line ASC) AS object_created_at,
          first_value(object_last_modified) OVER (PARTITION BY aws_partition, bucket_name, object_key ORDER BY CASE WHEN NOT is_former_owner THEN 0 WHEN NOT is_archive_member THEN 1 ELSE 2 END, CASE WHEN status_code IN ('COMPLETE', 'PARTIAL') THEN 0 ELSE 1 END, CASE WHEN is_archive_member THEN 1 ELSE 0 END, created_at DESC NULLS LAST, object_last_modified DESC NULLS LAST, CASE WHEN status_code IN ('COMPLETE', 'PARTIAL') THEN 0 ELSE 1 END, result_id ASC NULLS LAST, source_uri ASC, source_line ASC) AS standing_last_modified,
          first_value(object_version_id) OVER (PARTITION BY aws_partition, bucket_name, object_key ORDER BY CASE WHEN NOT is_former_owner THEN 0 WHEN NOT is_archive_member THEN 1 ELSE 2 END, CASE WHEN status_code IN ('COMPLETE', 'PARTIAL') THEN 0 ELSE 1 END, CASE WHEN is_archive_member THEN 1 ELSE 0 END, created_at DESC NULLS LAST, object_last_modified DESC NULLS LAST, CASE WHEN status_code IN ('COMPLETE', 'PARTIAL') THEN 0 ELSE 1 END, result_id ASC NULLS LAST, source_uri ASC, source_line ASC) AS standing_version_id,
          first_value(is_former_owner) OVER (PARTITION BY aws_partition, bucket_name, object_key ORDER BY CASE WHEN is_former_owner THEN 1 ELSE 0 END, CASE WHEN is_archive_member THEN 1 ELSE 0 END, CASE WHEN status_code IN ('COMPLETE', 'PARTIAL') THEN 0 ELSE 1 END, created_at DESC NULLS LAST, object_last_modified DESC NULLS LAST, CASE WHEN status_code IN ('COMPLETE', 'PARTIAL') THEN 0 ELSE 1 END, result_id ASC NULLS LAST, source_uri ASC, source_line ASC) AS is_former_object,
          -- Values of the bucket's newest result that has them.
          first_value(account_id) OVER (PARTITION BY aws_partition, bucket_name ORDER BY CASE WHEN is_former_owner THEN 2 WHEN account_id IS NOT NULL THEN 0 ELSE 1 END, created_at DESC NULLS LAST, object_last_modified DESC NULLS LAST, CASE WHEN status_code IN ('COMPLETE', 'PARTIAL') THEN 0 ELSE 1 END, result_id ASC NULLS LAST, source_uri ASC, source_line ASC) AS bucket_account_id,
          first_value(region) OVER (PARTITION BY aws_partition, bucket_name ORDER BY CASE WHEN is_former_owner THEN 2 WHEN region IS NOT NULL THEN 0 ELSE 1 END, created_at DESC NULLS LAST, object_last_modified DESC NULLS LAST, CASE WHEN status_code IN ('COMPLETE', 'PARTIAL') THEN 0 ELSE 1 END, result_id ASC NULLS LAST, source_uri ASC, source_line ASC) AS bucket_region,
          first_value(bucket_effective_permission) OVER (PARTITION BY aws_partition, bucket_name ORDER BY CASE WHEN is_former_owner THEN 2 WHEN true THEN 0 ELSE 1 END, created_at DESC NULLS LAST, object_last_modified DESC NULLS LAST, CASE WHEN status_code IN ('COMPLETE', 'PARTIAL') THEN 0 ELSE 1 END, result_id ASC NULLS LAST, source_uri ASC, source_line ASC) AS newest_bucket_permission,
          first_value(bucket_encryption_type) OVER (PARTITION BY aws_partition, bucket_name ORDER BY CASE WHEN is_former_owner THEN 2 WHEN true THEN 0 ELSE 1 END, created_at DESC NULLS LAST, object_last_modified DESC NULLS LAST, CASE WHEN status_code IN ('COMPLETE', 'PARTIAL') THEN 0 ELSE 1 END, result_id ASC NULLS LAST, source_uri ASC, source_line ASC) AS newest_bucket_encryption,
          first_value(bucket_effective_permission) OVER (PARTITION BY aws_partition, bucket_name
            ORDER BY CASE WHEN is_former_owner THEN 2 WHEN bucket_effective_permission IN ('PUBLIC', 'NOT_PUBLIC') THEN 0 ELSE 1 END, created_at DESC NULLS LAST, object_last_modified DESC NULLS LAST, CASE WHEN status_code IN ('COMPLETE', 'PARTIAL') THEN 0 ELSE 1 END, result_id ASC NULLS LAST, source_uri ASC, source_line ASC) AS known_bucket_permission,
          first_value(bucket_encryption_type) OVER (PARTITION BY aws_partition, bucket_name
            ORDER BY CASE WHEN is_former_owner THEN 2 WHEN bucket_encryption_type NOT IN ('', 'UNKNOWN') THEN 0 ELSE 1 END, created_at DESC NULLS LAST, object_last_modified DESC NULLS LAST, CASE WHEN status_code IN ('COMPLETE', 'PARTIAL') THEN 0 ELSE 1 END, result_id ASC NULLS LAST, source_uri ASC, source_line ASC) AS known_bucket_encryption,
          first_value(bucket_tags) OVER (PARTITION BY aws_partition, bucket_name ORDER BY CASE WHEN is_former_owner THEN 2 WHEN bucket_tags IS NOT NULL THEN 0 ELSE 1 END, created_at DESC NULLS LAST, object_last_modified DESC NULLS LAST, CASE WHEN status_code IN ('COMPLETE', 'PARTIAL') THEN 0 ELSE 1 END, result_id ASC NULLS LAST, source_uri ASC, source_line ASC) AS newest_bucket_tags,
          row_number() OVER (PARTITION BY aws_partition, bucket_name ORDER BY CASE WHEN is_former_owner THEN 2 WHEN true THEN 0 ELSE 1 END, created_at DESC NULLS LAST, object_last_modified DESC NULLS LAST, CASE WHEN status_code IN ('COMPLETE', 'PARTIAL') THEN 0 ELSE 1 END, result_id ASC NULLS LAST, source_uri ASC, source_line ASC) = 1 AS is_newest_of_bucket,
          max(CASE WHEN NOT is_former_owner THEN created_at END) OVER (PARTITION BY aws_partition, bucket_name) AS bucket_last_result_at,
          min(CASE WHEN is_former_owner THEN 1 ELSE 0 END) OVER (PARTITION BY aws_partition, bucket_name, object_key, is_archive_member, archive_member_path) AS is_former_subject
        FROM (
          SELECT r.*, coalesce(r.created_at <= w.changed_at, w.changed_at IS NOT NULL) AS is_former_owner
          FROM (
            SELECT run_id, source_uri, source_line, result_id, aws_partition, account_id, region, admin_account_id, bucket_name, object_key,
  is_archive_member, archive_member_path, job_id, created_at, object_last_modified, object_version_id, status_code, status_reason,
  severity_score, severity, bucket_effective_permission, bucket_encryption_type, bucket_tags,
  object_size, object_storage_class, object_encryption_type, object_kms_key_id, object_public_access, object_tags,
              coalesce(status_code IN ('COMPLETE', 'PARTIAL'), false) AS is_analysis,
              row_number() OVER (PARTITION BY aws_partition, bucket_name, object_key, is_archive_member, archive_member_path, result_id, created_at ORDER BY created_at DESC NULLS LAST, object_last_modified DESC NULLS LAST, CASE WHEN status_code IN ('COMPLETE', 'PARTIAL') THEN 0 ELSE 1 END, result_id ASC NULLS LAST, source_uri ASC, source_line ASC) AS copy
            FROM "macie"."results"
            WHERE run_id IN (SELECT run_id FROM "macie"."runs")
          ) AS r
          LEFT JOIN (
            -- Buckets that changed owners, and the time before which results are a former owner's.
            SELECT aws_partition, bucket_name, max(CASE WHEN place > 1 THEN seen_at END) AS changed_at
            FROM (
              SELECT aws_partition, bucket_name, account_id, max(created_at) AS seen_at,
                row_number() OVER (PARTITION BY aws_partition, bucket_name ORDER BY max(created_at) DESC NULLS LAST, account_id) AS place
              FROM "macie"."results"
              WHERE bucket_name IS NOT NULL AND account_id IS NOT NULL AND run_id IN (SELECT run_id FROM "macie"."runs")
              GROUP BY aws_partition, bucket_name, account_id
            ) AS accounts
            GROUP BY aws_partition, bucket_name
            HAVING max(CASE WHEN place = 1 THEN seen_at END) > max(CASE WHEN place > 1 THEN seen_at END)
          ) AS w ON coalesce(r.aws_partition, '') = coalesce(w.aws_partition, '') AND (r.aws_partition IS NULL) = (w.aws_partition IS NULL) AND coalesce(r.bucket_name, '') = coalesce(w.bucket_name, '') AND (r.bucket_name IS NULL) = (w.bucket_name IS NULL)
          WHERE r.copy = 1 OR r.result_id IS NULL
        ) AS owned
      ) AS placed
      WHERE NOT is_former_owner OR is_former_object OR is_archive_member AND is_former_subject = 1
    ) AS compared
    ) AS ranked
  ) AS counted
) AS judged
  ) AS decided
) AS rated
== create-view-current_buckets
-- One row per bucket, from its newest result: account, Region, settings, tags, exposure.
CREATE OR REPLACE VIEW "macie"."current_buckets" AS
SELECT s.aws_partition, s.bucket_name, s.bucket_account_id AS account_id, s.bucket_region AS region,
  s.newest_bucket_permission AS bucket_effective_permission, s.newest_bucket_encryption AS bucket_encryption_type,
  s.bucket_is_public AS is_public, s.bucket_is_unencrypted AS is_unencrypted, s.bucket_last_result_at AS last_result_at,
  s.newest_bucket_tags AS bucket_tags,
  w.bucket_arn, w.bucket_created_at, w.bucket_owner_id, w.bucket_owner_display_name,
  w.bucket_kms_key_id, w.bucket_allows_unencrypted_uploads, w.bucket_acl_public_read, w.bucket_acl_public_write, w.bucket_policy_public_read, w.bucket_policy_public_write,
  w.bucket_block_public_acls, w.bucket_block_public_policy, w.bucket_ignore_public_acls, w.bucket_restrict_public_buckets,
  w.account_block_public_acls, w.account_block_public_policy, w.account_ignore_public_acls, w.account_restrict_public_buckets
FROM "macie"."current_results" AS s
JOIN "macie"."results" AS w
  ON s.run_id = w.run_id AND s.source_uri = w.source_uri AND s.source_line = w.source_line
WHERE s.is_newest_of_bucket
== create-view-current_detections
-- One row per subject and type of sensitive data: the detection that decides the finding, with its state.
CREATE OR REPLACE VIEW "macie"."current_detections" AS
SELECT result_id, account_id, region, job_id, created_at, bucket_name, object_key, object_version_id, archive_member_path, mime_type, run_id, source_uri, source_line, origin_type, severity, status_code, bucket_effective_permission, bucket_encryption_type, object_public_access, object_size, object_last_modified, object_etag, object_extension, is_archive_member, detection_index, identifier_kind, category, detection_type, custom_identifier_arn, occurrence_count, location_count, is_capped, state, identifier, aws_partition, severity_score,
  subject_source_uri, subject_source_line, object_source_uri, object_source_line, object_is_member
FROM (
  SELECT *,
    CASE WHEN is_gone THEN 'gone' WHEN is_confirmed THEN 'confirmed'
      WHEN undated = 0 AND looked_at > last_seen_at THEN 'resolved' ELSE 'unconfirmed' END AS state,
    row_number() OVER (PARTITION BY subject_source_uri, subject_source_line, identifier
      ORDER BY CASE WHEN is_found AND content = chosen_content THEN 0 WHEN is_found THEN 1 ELSE 2 END, occurrence_count DESC NULLS LAST, place, detection_index
    ) AS choice
  FROM (
    SELECT *,
      first_value(content) OVER (PARTITION BY subject_source_uri, subject_source_line, identifier ORDER BY CASE WHEN NOT is_found THEN 2 WHEN is_standing_content THEN 0 ELSE 1 END, place) AS chosen_content,
      first_value(is_standing_content) OVER (PARTITION BY subject_source_uri, subject_source_line, identifier ORDER BY CASE WHEN NOT is_found THEN 2 WHEN is_standing_content THEN 0 ELSE 1 END, place) AS is_confirmed,
      max(CASE WHEN is_found THEN content_seen_at END) OVER (PARTITION BY subject_source_uri, subject_source_line, identifier) AS last_seen_at,
      max(CASE WHEN is_found THEN content_undated END) OVER (PARTITION BY subject_source_uri, subject_source_line, identifier) AS undated,
      max(CASE WHEN NOT is_found THEN created_at END) OVER (PARTITION BY subject_source_uri, subject_source_line, identifier) AS looked_at
    FROM (
      -- Every detection. For a subject with several contents also every complete analysis,
      -- once per identifier that its origin is known to look for.
      SELECT d.result_id, d.account_id, d.region, d.job_id, d.bucket_name, d.object_key, d.object_version_id, d.archive_member_path, d.mime_type, d.run_id, d.source_uri, d.source_line, d.origin_type, d.severity, d.status_code, d.bucket_effective_permission, d.bucket_encryption_type, d.object_public_access, d.object_size, d.object_last_modified, d.object_etag, d.object_extension, d.is_archive_member, d.detection_index, d.identifier_kind, d.category, d.detection_type, d.custom_identifier_arn, d.occurrence_count, d.location_count, d.is_capped, r.created_at, coalesce(d.identifier_kind || ' ' || coalesce(CAST(length(d.category) AS varchar) || ':' || d.category, '-') || coalesce(':' || CASE WHEN d.identifier_kind = 'custom' THEN coalesce(regexp_extract(d.custom_identifier_arn, '[^/]*$'), d.detection_type) ELSE d.detection_type END, '-'), o.identifier) AS identifier, v.is_found,
        r.aws_partition, r.severity_score, r.is_gone, r.is_standing_content, r.content, r.content_seen_at, r.content_undated, r.place,
        r.subject_source_uri, r.subject_source_line, r.object_source_uri, r.object_source_line, r.object_is_member
      FROM "macie"."current_results" AS r
      CROSS JOIN (VALUES (true), (false)) AS v (is_found)
      LEFT JOIN "macie"."detections" AS d
        ON v.is_found AND r.run_id = d.run_id AND r.source_uri = d.source_uri AND r.source_line = d.source_line
      LEFT JOIN (
        SELECT coalesce('job ' || r.job_id, 'discovery ' || coalesce(CAST(length(coalesce(r.admin_account_id, r.account_id)) AS varchar) || ':' || coalesce(r.admin_account_id, r.account_id), '-') || coalesce(':' || r.region, '-')) AS origin, d.identifier_kind || ' ' || coalesce(CAST(length(d.category) AS varchar) || ':' || d.category, '-') || coalesce(':' || CASE WHEN d.identifier_kind = 'custom' THEN coalesce(regexp_extract(d.custom_identifier_arn, '[^/]*$'), d.detection_type) ELSE d.detection_type END, '-') AS identifier, max(r.created_at) AS reported_at, false AS is_found
        FROM "macie"."detections" AS d
        JOIN "macie"."results" AS r
          ON d.run_id = r.run_id AND d.source_uri = r.source_uri AND d.source_line = r.source_line
        WHERE r.status_code IN ('COMPLETE', 'PARTIAL') AND d.run_id IN (SELECT run_id FROM "macie"."runs")
        GROUP BY coalesce('job ' || r.job_id, 'discovery ' || coalesce(CAST(length(coalesce(r.admin_account_id, r.account_id)) AS varchar) || ':' || coalesce(r.admin_account_id, r.account_id), '-') || coalesce(':' || r.region, '-')), d.identifier_kind || ' ' || coalesce(CAST(length(d.category) AS varchar) || ':' || d.category, '-') || coalesce(':' || CASE WHEN d.identifier_kind = 'custom' THEN coalesce(regexp_extract(d.custom_identifier_arn, '[^/]*$'), d.detection_type) ELSE d.detection_type END, '-')
      ) AS o ON coalesce('job ' || r.job_id, 'discovery ' || coalesce(CAST(length(coalesce(r.admin_account_id, r.account_id)) AS varchar) || ':' || coalesce(r.admin_account_id, r.account_id), '-') || coalesce(':' || r.region, '-')) = o.origin AND v.is_found = o.is_found AND o.reported_at >= r.created_at
      WHERE r.is_analysis AND (d.source_uri IS NOT NULL
        OR o.identifier IS NOT NULL AND r.status_code = 'COMPLETE' AND r.has_other_content AND NOT r.is_gone)
    ) AS seen
  ) AS contents
) AS judged
WHERE choice = 1 AND is_found
== create-view-current_findings
-- One row per finding, open or closed, with its count. An archive's findings include those of its members, which also have rows of their own.
CREATE OR REPLACE VIEW "macie"."current_findings" AS
SELECT source_uri, source_line, aws_partition, bucket_name, object_key, is_archive_member, archive_member_path,
  identifier_kind, category, detection_type, custom_identifier_id, state, occurrence_count, location_count,
  CASE WHEN occurrence_count > location_count THEN occurrence_count - location_count ELSE 0 END AS unlocated_count,
  CASE WHEN occurrence_count <= location_count THEN NULL WHEN is_limited THEN 'limit' WHEN location_count = 0 THEN 'none' ELSE 'unknown' END AS unlocated_cause,
  CASE WHEN identifier_kind <> 'managed' OR occurrence_count < 1 THEN NULL
    WHEN detection_type IN ('VEHICLE_IDENTIFICATION_NUMBER') THEN CASE WHEN occurrence_count < 2 THEN 'Low' WHEN occurrence_count < 100 THEN 'Low' ELSE 'Medium' END
    WHEN detection_type IN ('LATITUDE_LONGITUDE') THEN CASE WHEN occurrence_count < 2 THEN 'Low' WHEN occurrence_count < 100 THEN 'Medium' ELSE 'Medium' END
    WHEN detection_type IN ('ADDRESS', 'AUSTRALIA_DRIVERS_LICENSE', 'AUSTRIA_DRIVERS_LICENSE', 'BELGIUM_DRIVERS_LICENSE', 'BRAZIL_CEP_CODE', 'BRAZIL_PHONE_NUMBER', 'BULGARIA_DRIVERS_LICENSE', 'CANADA_DRIVERS_LICENSE', 'CREDIT_CARD_EXPIRATION', 'CROATIA_DRIVERS_LICENSE', 'CYPRUS_DRIVERS_LICENSE', 'CZECHIA_DRIVERS_LICENSE', 'DATE_OF_BIRTH', 'DENMARK_DRIVERS_LICENSE', 'DRIVERS_LICENSE', 'ESTONIA_DRIVERS_LICENSE', 'FINLAND_DRIVERS_LICENSE', 'FRANCE_DRIVERS_LICENSE', 'FRANCE_PHONE_NUMBER', 'GERMANY_DRIVERS_LICENSE', 'GERMANY_PHONE_NUMBER', 'GREECE_DRIVERS_LICENSE', 'HTTP_COOKIE', 'HUNGARY_DRIVERS_LICENSE', 'INDIA_DRIVERS_LICENSE', 'IRELAND_DRIVERS_LICENSE', 'ITALY_DRIVERS_LICENSE', 'ITALY_PHONE_NUMBER', 'LATVIA_DRIVERS_LICENSE', 'LITHUANIA_DRIVERS_LICENSE', 'LUXEMBOURG_DRIVERS_LICENSE', 'MALTA_DRIVERS_LICENSE', 'MEDICAL_DEVICE_UDI', 'NAME', 'NETHERLANDS_DRIVERS_LICENSE', 'PHONE_NUMBER', 'POLAND_DRIVERS_LICENSE', 'PORTUGAL_DRIVERS_LICENSE', 'ROMANIA_DRIVERS_LICENSE', 'SLOVAKIA_DRIVERS_LICENSE', 'SLOVENIA_DRIVERS_LICENSE', 'SPAIN_DRIVERS_LICENSE', 'SPAIN_PHONE_NUMBER', 'SWEDEN_DRIVERS_LICENSE', 'UK_DRIVERS_LICENSE', 'UK_PHONE_NUMBER') THEN CASE WHEN occurrence_count < 2 THEN 'Low' WHEN occurrence_count < 100 THEN 'Medium' ELSE 'High' END
    WHEN detection_type IN ('ARGENTINA_ORGANIZATION_TAX_IDENTIFICATION_NUMBER', 'ARGENTINA_TARJETA_SUBE', 'COLOMBIA_ORGANIZATION_NIT_NUMBER', 'MEXICO_ORGANIZATION_RFC_NUMBER') THEN CASE WHEN occurrence_count < 2 THEN 'Medium' WHEN occurrence_count < 100 THEN 'Medium' ELSE 'High' END
    WHEN detection_type IN ('CANADA_PASSPORT_NUMBER', 'CREDIT_CARD_SECURITY_CODE', 'FRANCE_PASSPORT_NUMBER', 'GERMANY_PASSPORT_NUMBER', 'ITALY_PASSPORT_NUMBER', 'SPAIN_PASSPORT_NUMBER', 'UK_PASSPORT_NUMBER', 'USA_PASSPORT_NUMBER') THEN CASE WHEN occurrence_count < 2 THEN 'Medium' WHEN occurrence_count < 100 THEN 'High' ELSE 'High' END
    WHEN detection_type IN ('ALBANIA_BANK_ACCOUNT_NUMBER', 'ANDORRA_BANK_ACCOUNT_NUMBER', 'ARGENTINA_DNI_NUMBER', 'ARGENTINA_INDIVIDUAL_TAX_IDENTIFICATION_NUMBER', 'AUSTRALIA_TAX_FILE_NUMBER', 'AWS_CREDENTIALS', 'BANK_ACCOUNT_NUMBER', 'BOSNIA_AND_HERZEGOVINA_BANK_ACCOUNT_NUMBER', 'BRAZIL_BANK_ACCOUNT_NUMBER', 'BRAZIL_CNPJ_NUMBER', 'BRAZIL_CPF_NUMBER', 'BRAZIL_RG_NUMBER', 'BULGARIA_BANK_ACCOUNT_NUMBER', 'CANADA_HEALTH_NUMBER', 'CANADA_NATIONAL_IDENTIFICATION_NUMBER', 'CANADA_SOCIAL_INSURANCE_NUMBER', 'CHILE_RUT_NUMBER', 'COLOMBIA_CITIZENSHIP_CARD_NUMBER', 'COLOMBIA_INDIVIDUAL_NIT_NUMBER', 'COSTA_RICA_BANK_ACCOUNT_NUMBER', 'CREDIT_CARD_MAGNETIC_STRIPE', 'CREDIT_CARD_NUMBER', 'CREDIT_CARD_NUMBER_(NO_KEYWORD)', 'CROATIA_BANK_ACCOUNT_NUMBER', 'CYPRUS_BANK_ACCOUNT_NUMBER', 'CZECH_REPUBLIC_BANK_ACCOUNT_NUMBER', 'DENMARK_BANK_ACCOUNT_NUMBER', 'DOMINICAN_REPUBLIC_BANK_ACCOUNT_NUMBER', 'EGYPT_BANK_ACCOUNT_NUMBER', 'ESTONIA_BANK_ACCOUNT_NUMBER', 'EUROPEAN_HEALTH_INSURANCE_CARD_NUMBER', 'FAROE_ISLANDS_BANK_ACCOUNT_NUMBER', 'FINLAND_BANK_ACCOUNT_NUMBER', 'FINLAND_EUROPEAN_HEALTH_INSURANCE_NUMBER', 'FRANCE_BANK_ACCOUNT_NUMBER', 'FRANCE_HEALTH_INSURANCE_NUMBER', 'FRANCE_NATIONAL_IDENTIFICATION_NUMBER', 'FRANCE_TAX_IDENTIFICATION_NUMBER', 'GCP_API_KEY', 'GEORGIA_BANK_ACCOUNT_NUMBER', 'GERMANY_BANK_ACCOUNT_NUMBER', 'GERMANY_NATIONAL_IDENTIFICATION_NUMBER', 'GERMANY_TAX_IDENTIFICATION_NUMBER', 'GREECE_BANK_ACCOUNT_NUMBER', 'GREENLAND_BANK_ACCOUNT_NUMBER', 'HTTP_BASIC_AUTH_HEADER', 'HUNGARY_BANK_ACCOUNT_NUMBER', 'ICELAND_BANK_ACCOUNT_NUMBER', 'INDIA_AADHAAR_NUMBER', 'INDIA_PERMANENT_ACCOUNT_NUMBER', 'IRELAND_BANK_ACCOUNT_NUMBER', 'ITALY_BANK_ACCOUNT_NUMBER', 'ITALY_NATIONAL_IDENTIFICATION_NUMBER', 'JORDAN_BANK_ACCOUNT_NUMBER', 'JSON_WEB_TOKEN', 'KOSOVO_BANK_ACCOUNT_NUMBER', 'LIECHTENSTEIN_BANK_ACCOUNT_NUMBER', 'LITHUANIA_BANK_ACCOUNT_NUMBER', 'MALTA_BANK_ACCOUNT_NUMBER', 'MAURITANIA_BANK_ACCOUNT_NUMBER', 'MAURITIUS_BANK_ACCOUNT_NUMBER', 'MEXICO_CURP_NUMBER', 'MEXICO_INDIVIDUAL_RFC_NUMBER', 'MONACO_BANK_ACCOUNT_NUMBER', 'MONTENEGRO_BANK_ACCOUNT_NUMBER', 'NETHERLANDS_BANK_ACCOUNT_NUMBER', 'NORTH_MACEDONIA_BANK_ACCOUNT_NUMBER', 'OPENSSH_PRIVATE_KEY', 'PGP_PRIVATE_KEY', 'PKCS', 'POLAND_BANK_ACCOUNT_NUMBER', 'PORTUGAL_BANK_ACCOUNT_NUMBER', 'PUTTY_PRIVATE_KEY', 'SAN_MARINO_BANK_ACCOUNT_NUMBER', 'SENEGAL_BANK_ACCOUNT_NUMBER', 'SERBIA_BANK_ACCOUNT_NUMBER', 'SLOVAKIA_BANK_ACCOUNT_NUMBER', 'SLOVENIA_BANK_ACCOUNT_NUMBER', 'SPAIN_BANK_ACCOUNT_NUMBER', 'SPAIN_DNI_NUMBER', 'SPAIN_NIE_NUMBER', 'SPAIN_NIF_NUMBER', 'SPAIN_SOCIAL_SECURITY_NUMBER', 'SPAIN_TAX_IDENTIFICATION_NUMBER', 'STRIPE_CREDENTIALS', 'SWEDEN_BANK_ACCOUNT_NUMBER', 'SWITZERLAND_BANK_ACCOUNT_NUMBER', 'TIMOR_LESTE_BANK_ACCOUNT_NUMBER', 'TUNISIA_BANK_ACCOUNT_NUMBER', 'TURKIYE_BANK_ACCOUNT_NUMBER', 'UKRAINE_BANK_ACCOUNT_NUMBER', 'UK_BANK_ACCOUNT_NUMBER', 'UK_ELECTORAL_ROLL_NUMBER', 'UK_NATIONAL_INSURANCE_NUMBER', 'UK_NHS_NUMBER', 'UK_TAX_IDENTIFICATION_NUMBER', 'UNITED_ARAB_EMIRATES_BANK_ACCOUNT_NUMBER', 'USA_HEALTHCARE_PROCEDURE_CODE', 'USA_HEALTH_INSURANCE_CLAIM_NUMBER', 'USA_INDIVIDUAL_TAX_IDENTIFICATION_NUMBER', 'USA_MEDICARE_BENEFICIARY_IDENTIFIER', 'USA_NATIONAL_DRUG_CODE', 'USA_NATIONAL_PROVIDER_IDENTIFIER', 'USA_SOCIAL_SECURITY_NUMBER', 'US_DRUG_ENFORCEMENT_AGENCY_NUMBER', 'VIRGIN_ISLANDS_BANK_ACCOUNT_NUMBER') THEN 'High' END AS type_severity, has_count, members_exceed
FROM (
  SELECT source_uri, source_line, is_archive_member, aws_partition, bucket_name, object_key, archive_member_path,
    identifier_kind, category, detection_type, custom_identifier_id, state, is_limited, has_count,
    -- Not greatest: in Trino it is null if an argument is.
    coalesce(CASE WHEN members_count > own_count THEN members_count END, own_count, members_count, 0) AS occurrence_count,
    coalesce(CASE WHEN members_locations > own_locations THEN members_locations END, own_locations, members_locations, 0) AS location_count,
    members_count > coalesce(own_count, 0) AND NOT object_is_member AS members_exceed
  FROM (
    SELECT source_uri, source_line, is_archive_member, identifier, max(aws_partition) AS aws_partition, max(bucket_name) AS bucket_name,
      max(object_key) AS object_key, max(CASE WHEN is_archive_member THEN archive_member_path END) AS archive_member_path,
      max(identifier_kind) AS identifier_kind, max(category) AS category,
      coalesce(max(CASE WHEN is_own THEN detection_type END), min(detection_type)) AS detection_type,
      max(custom_identifier_id) AS custom_identifier_id, coalesce(max(open_state), max(CASE WHEN is_own THEN state END)) AS state,
      max(CASE WHEN object_is_member THEN 1 ELSE 0 END) = 1 AS object_is_member,
      sum(CASE WHEN is_own AND state = shown_state THEN coalesce(CAST(occurrence_count AS decimal(38, 0)), 0) END) AS own_count,
      sum(CASE WHEN NOT is_own AND state = shown_state THEN coalesce(CAST(occurrence_count AS decimal(38, 0)), 0) END) AS members_count,
      sum(CASE WHEN is_own AND state = shown_state THEN location_count END) AS own_locations,
      sum(CASE WHEN NOT is_own AND state = shown_state THEN location_count END) AS members_locations,
      max(CASE WHEN state = shown_state AND location_count >= 1000 THEN 1 ELSE 0 END) = 1 AS is_limited,
      max(CASE WHEN state = shown_state AND occurrence_count IS NOT NULL THEN 1 ELSE 0 END) = 1 AS has_count
    FROM (
      SELECT *, coalesce(open_state, state) AS shown_state
      FROM (
        SELECT *,
          -- min: confirmed wins over unconfirmed.
          min(CASE WHEN state IN ('confirmed', 'unconfirmed') THEN state END) OVER (PARTITION BY source_uri, source_line, is_archive_member, identifier) AS open_state
        FROM (
          SELECT CASE WHEN v.as_member THEN d.subject_source_uri ELSE d.object_source_uri END AS source_uri,
            CASE WHEN v.as_member THEN d.subject_source_line ELSE d.object_source_line END AS source_line,
            v.as_member AS is_archive_member, v.as_member = d.is_archive_member AS is_own, d.identifier, d.state, d.object_is_member,
            d.aws_partition, d.bucket_name, d.object_key, d.archive_member_path, d.identifier_kind, d.category, d.detection_type,
            CASE WHEN d.identifier_kind = 'custom' THEN regexp_extract(d.custom_identifier_arn, '[^/]*$') END AS custom_identifier_id, d.occurrence_count, d.location_count
          FROM "macie"."current_detections" AS d
          CROSS JOIN (VALUES (false), (true)) AS v (as_member)
          -- A member's open findings count twice: as its own and as its archive's.
          WHERE d.is_archive_member AND (v.as_member OR d.state IN ('confirmed', 'unconfirmed')) OR NOT d.is_archive_member AND NOT v.as_member
        ) AS parts
      ) AS opened
    ) AS shown
    GROUP BY source_uri, source_line, is_archive_member, identifier
  ) AS added
) AS counted
== create-view-current_states
-- One row per object and per archive member: whether it is analyzed, gone, public or unencrypted.
CREATE OR REPLACE VIEW "macie"."current_states" AS
SELECT s.run_id, s.source_uri, s.source_line, s.aws_partition, s.bucket_name, s.object_key, s.is_archive_member, s.archive_member_path,
  s.is_analyzed, s.is_gone, s.not_analyzed_reason,
  CASE WHEN s.is_gone THEN 'unknown' WHEN s.bucket_is_public = 'yes' OR s.object_public_fact % 2 = 0 THEN 'yes'
    WHEN s.bucket_is_public = 'no' AND s.object_public_fact = 3 THEN 'no' ELSE 'unknown' END AS is_public,
  CASE WHEN s.is_gone THEN 'unknown' WHEN s.object_encryption_fact % 2 = 0 THEN 'yes' WHEN s.object_encryption_fact = 3 THEN 'no'
    WHEN s.bucket_is_unencrypted = 'yes' THEN 'yes' ELSE 'unknown' END AS is_unencrypted,
  s.bucket_account_id AS account_id, s.bucket_region AS region,
  s.newest_bucket_permission AS bucket_effective_permission, s.newest_bucket_encryption AS bucket_encryption_type,
  s.newest_bucket_tags AS bucket_tags,
  s.newest_object_size AS object_size, s.newest_object_storage_class AS object_storage_class, s.newest_object_encryption AS object_encryption_type,
  s.newest_object_kms_key_id AS object_kms_key_id, s.newest_object_public_access AS object_public_access, s.newest_object_tags AS object_tags,
  s.standing_score, s.standing_severity
FROM (
  SELECT r.run_id, r.source_uri, r.source_line, r.aws_partition, r.bucket_name, r.object_key, m.as_member AS is_archive_member,
    CASE WHEN m.as_member THEN r.archive_member_path END AS archive_member_path, r.object_public_fact, r.object_encryption_fact,
    CASE WHEN r.object_is_member AND NOT m.as_member THEN r.object_score ELSE r.subject_score END AS standing_score,
    CASE WHEN r.object_is_member AND NOT m.as_member THEN r.object_severity ELSE r.subject_severity END AS standing_severity,
    r.bucket_account_id, r.bucket_region, r.newest_bucket_permission, r.newest_bucket_encryption, r.newest_bucket_tags, r.bucket_is_public, r.bucket_is_unencrypted,
    r.newest_object_size, r.newest_object_storage_class, r.newest_object_encryption, r.newest_object_kms_key_id, r.newest_object_public_access, r.newest_object_tags,
    CASE WHEN m.as_member THEN r.is_gone ELSE r.object_is_gone END AS is_gone,
    r.is_analysis AND NOT CASE WHEN m.as_member THEN r.is_gone ELSE r.object_is_gone END AS is_analyzed,
    CASE WHEN CASE WHEN m.as_member THEN r.is_gone ELSE r.object_is_gone END THEN NULL
      WHEN NOT r.is_analysis THEN coalesce(r.status_reason, r.status_code, 'unknown')
      -- An archive without results of its own: its standing result is the newest.
      WHEN NOT r.newest_is_analysis AND r.content > 1 AND m.as_member = r.is_archive_member
        THEN coalesce(r.newest_status_reason, r.newest_status_code, 'unknown') END AS not_analyzed_reason
  FROM "macie"."current_results" AS r
  CROSS JOIN (VALUES (false), (true)) AS m (as_member)
  WHERE NOT m.as_member AND r.source_uri = r.object_source_uri AND r.source_line = r.object_source_line
    OR m.as_member AND r.is_archive_member AND r.standing_place = 1
) AS s
== create-view-current_subjects
-- One row per object and per archive member, from its standing result, with the current exposure of it and its bucket.
CREATE OR REPLACE VIEW "macie"."current_subjects" AS
SELECT w.result_id, w.schema_version, w.aws_partition, w.admin_account_id, w.job_id, w.job_arn, w.origin_type, w.created_at, w.updated_at, w.finding_type, w.finding_category, w.title, w.description, w.sample, w.archived, w.finding_count, w.status_code, w.status_reason, w.mime_type, w.size_classified, w.additional_occurrences, w.object_bucket_arn, w.object_key, w.object_path, w.object_extension, w.object_etag, w.object_version_id, w.object_last_modified, w.detailed_results_location, w.unrecognized, w.run_id, w.source_uri, w.source_etag, w.source_line,
  w.bucket_name, s.is_archive_member, s.archive_member_path,
  CASE WHEN s.is_archive_member THEN w.archive_member_extension END AS archive_member_extension,
  CASE WHEN s.is_archive_member THEN w.archive_member_size END AS archive_member_size,
  CASE WHEN s.is_archive_member THEN w.archive_member_last_modified END AS archive_member_last_modified,
  s.account_id, s.region, s.bucket_effective_permission, s.bucket_encryption_type, s.bucket_tags,
  s.object_size, s.object_storage_class, s.object_encryption_type, s.object_kms_key_id, s.object_public_access, s.object_tags,
  s.is_analyzed, s.is_gone, s.not_analyzed_reason, s.is_public, s.is_unencrypted,
  CASE WHEN NOT s.is_gone THEN s.score END AS severity_score,
  CASE WHEN NOT s.is_gone THEN CASE s.score WHEN 1 THEN 'Low' WHEN 2 THEN 'Medium' WHEN 3 THEN 'High' ELSE s.severity END END AS severity
FROM (
  SELECT s.*,
    CASE WHEN v.score IS NOT NULL AND (s.standing_score IS NULL OR v.score > s.standing_score
      OR v.score = s.standing_score AND (s.standing_severity IS NULL OR v.severity > s.standing_severity)) THEN v.score ELSE s.standing_score END AS score,
    CASE WHEN v.score IS NOT NULL AND (s.standing_score IS NULL OR v.score > s.standing_score
      OR v.score = s.standing_score AND (s.standing_severity IS NULL OR v.severity > s.standing_severity)) THEN v.severity ELSE s.standing_severity END AS severity
  FROM "macie"."current_states" AS s
  LEFT JOIN (
    SELECT source_uri, source_line, is_archive_member, score, severity,
      row_number() OVER (PARTITION BY source_uri, source_line, is_archive_member ORDER BY score DESC, severity DESC NULLS LAST) AS place
    FROM (
      SELECT CASE WHEN m.as_archive THEN r.object_source_uri ELSE r.subject_source_uri END AS source_uri,
        CASE WHEN m.as_archive THEN r.object_source_line ELSE r.subject_source_line END AS source_line,
        r.is_archive_member AND NOT m.as_archive AS is_archive_member, r.severity, coalesce(severity_score, CASE severity WHEN 'Low' THEN 1 WHEN 'Medium' THEN 2 WHEN 'High' THEN 3 END) AS score
      FROM "macie"."current_detections" AS r
      -- An archive without results of its own has the highest severity of its members.
      CROSS JOIN (VALUES (false), (true)) AS m (as_archive)
      WHERE r.state = 'unconfirmed' AND (NOT m.as_archive OR r.object_is_member)
    ) AS scores
    WHERE score IS NOT NULL
  ) AS v ON s.source_uri = v.source_uri AND s.source_line = v.source_line AND s.is_archive_member = v.is_archive_member AND v.place = 1
) AS s
JOIN "macie"."results" AS w
  ON s.run_id = w.run_id AND s.source_uri = w.source_uri AND s.source_line = w.source_line
== create-view-sensitive_objects
-- One row per object with open findings: their types and counts, and the object's exposure.
CREATE OR REPLACE VIEW "macie"."sensitive_objects" AS
SELECT s.bucket_name, s.object_key, s.archive_member_path, s.is_archive_member,
  's3://' || s.bucket_name || '/' || s.object_key AS s3_uri,
  s.aws_partition, s.account_id, s.region, s.severity_score, s.severity,
  f.categories, f.types, f.type_count, f.confirmed_count, f.unconfirmed_count, f.occurrence_count, f.location_count, f.unlocated_count,
  s.is_public, s.is_unencrypted,
  s.bucket_effective_permission, s.object_public_access, s.bucket_encryption_type, s.object_encryption_type,
  s.object_size, s.object_storage_class, s.object_last_modified, s.object_version_id, s.mime_type,
  s.status_code, s.status_reason, s.not_analyzed_reason, s.job_id, s.created_at AS last_analyzed_at,
  s.source_uri, s.source_line
FROM "macie"."current_subjects" AS s
JOIN (
  SELECT source_uri, source_line, is_archive_member, array_join(array_agg(DISTINCT category ORDER BY category) FILTER (WHERE category IS NOT NULL), ', ') AS categories, array_join(array_agg(DISTINCT detection_type ORDER BY detection_type) FILTER (WHERE detection_type IS NOT NULL), ', ') AS types, count(*) AS type_count,
    count(CASE WHEN state = 'confirmed' THEN 1 END) AS confirmed_count, count(CASE WHEN state = 'unconfirmed' THEN 1 END) AS unconfirmed_count,
    sum(occurrence_count) AS occurrence_count, sum(location_count) AS location_count, sum(unlocated_count) AS unlocated_count
  FROM "macie"."current_findings"
  WHERE state IN ('confirmed', 'unconfirmed')
  GROUP BY source_uri, source_line, is_archive_member
) AS f ON s.source_uri = f.source_uri AND s.source_line = f.source_line AND s.is_archive_member = f.is_archive_member
== create-view-object_locations
-- One row per location of an open finding, with a readable description of it.
CREATE OR REPLACE VIEW "macie"."object_locations" AS
SELECT o.bucket_name, o.object_key, o.archive_member_path, d.is_archive_member,
  o.identifier_kind, o.category, o.detection_type, o.custom_identifier_arn, d.state,
  o.location_kind, o.location, d.occurrence_count, d.location_count, d.is_capped,
  o.cell_row, o.cell_column, o.cell_column_name, o.cell_reference, o.line_start, o.line_end, o.line_start_column,
  o.offset_start, o.offset_end, o.offset_start_column, o.page_number, o.record_index, o.json_path,
  o.account_id, o.region, o.job_id, o.created_at, o.object_version_id, o.mime_type,
  o.source_uri, o.source_line, o.detection_index, o.occurrence_index
FROM (
  SELECT result_id, account_id, region, job_id, created_at, bucket_name, object_key, object_version_id, archive_member_path, mime_type, run_id, source_uri, source_line, detection_index, identifier_kind, category, detection_type, custom_identifier_arn, occurrence_index, location_kind, cell_row, cell_column, cell_column_name, cell_reference, line_start, line_end, line_start_column, offset_start, offset_end, offset_start_column, page_number, record_index, json_path,
  CASE location_kind
    WHEN 'cell' THEN
      coalesce(cell_reference, 'row ' || CAST(cell_row AS varchar) || ', column ' || CAST(cell_column AS varchar),
        'row ' || CAST(cell_row AS varchar), 'column ' || CAST(cell_column AS varchar), 'cell')
      || coalesce(' (' || cell_column_name || ')', '')
    WHEN 'line' THEN
      CASE WHEN line_end > line_start THEN 'lines ' || CAST(line_start AS varchar) || '-' || CAST(line_end AS varchar)
        ELSE coalesce('line ' || CAST(line_start AS varchar), 'line') END
      || coalesce(', column ' || CAST(line_start_column AS varchar), '')
    WHEN 'offset' THEN
      CASE WHEN offset_end > offset_start THEN 'offsets ' || CAST(offset_start AS varchar) || '-' || CAST(offset_end AS varchar)
        ELSE coalesce('offset ' || CAST(offset_start AS varchar), 'offset') END
      || coalesce(', column ' || CAST(offset_start_column AS varchar), '')
    WHEN 'page' THEN
      coalesce('page ' || CAST(page_number AS varchar), 'page')
      || coalesce(', line ' || CAST(line_start AS varchar), '')
      || coalesce(', offset ' || CAST(offset_start AS varchar), '')
    WHEN 'record' THEN
      coalesce('record ' || CAST(record_index AS varchar), 'record') || coalesce(' ' || json_path, '')
    ELSE location_kind
  END AS location
  FROM "macie"."occurrences"
) AS o
JOIN "macie"."current_detections" AS d
  ON o.run_id = d.run_id AND o.source_uri = d.source_uri AND o.source_line = d.source_line
    AND o.detection_index = d.detection_index
WHERE d.state IN ('confirmed', 'unconfirmed')
== create-view-unanalyzed_objects
-- One row per object that was never analyzed, or whose current content was not, with the reason.
CREATE OR REPLACE VIEW "macie"."unanalyzed_objects" AS
SELECT s.bucket_name, s.object_key, s.archive_member_path, s.is_archive_member,
  s.aws_partition, s.account_id, s.region, s.not_analyzed_reason, s.is_analyzed AS was_analyzed, CASE WHEN s.is_analyzed THEN w.created_at END AS last_analyzed_at,
  s.object_size, w.object_extension, w.mime_type, s.object_storage_class, s.object_encryption_type, s.object_kms_key_id,
  w.object_last_modified, w.object_version_id, w.job_id, w.origin_type, w.created_at,
  s.source_uri, s.source_line
FROM "macie"."current_states" AS s
JOIN "macie"."results" AS w
  ON s.run_id = w.run_id AND s.source_uri = w.source_uri AND s.source_line = w.source_line
WHERE s.not_analyzed_reason IS NOT NULL
== create-view-job_summary
-- One row per job, over all its analyses; automated discovery has no job.
CREATE OR REPLACE VIEW "macie"."job_summary" AS
SELECT job_id, origin_type,
  min(created_at) AS first_result_at, max(created_at) AS last_result_at,
  count(DISTINCT account_id) AS accounts, count(DISTINCT region) AS regions, count(DISTINCT bucket_name) AS buckets,
  count(DISTINCT coalesce(bucket_name, '') || '/' || coalesce(object_key, '')) AS objects, count(*) AS results,
  count(CASE WHEN status_code = 'COMPLETE' THEN 1 END) AS complete_results,
  count(CASE WHEN status_code = 'PARTIAL' THEN 1 END) AS partial_results,
  count(CASE WHEN status_code = 'SKIPPED' THEN 1 END) AS skipped_results,
  count(CASE WHEN type_count > 0 THEN 1 END) AS sensitive_results,
  sum(occurrence_count) AS occurrence_count, sum(CASE WHEN coalesce(status_code IN ('COMPLETE', 'PARTIAL'), false) THEN size_classified END) AS bytes_classified
FROM "macie"."results"
WHERE NOT is_archive_member AND run_id IN (SELECT run_id FROM "macie"."runs")
GROUP BY job_id, origin_type
== create-view-bucket_summary
-- One row per bucket, over the current state of its objects.
CREATE OR REPLACE VIEW "macie"."bucket_summary" AS
SELECT b.aws_partition, b.bucket_name, b.account_id, b.region, b.bucket_effective_permission, b.bucket_encryption_type,
  b.is_public, b.is_unencrypted, b.last_result_at,
  count(s.source_uri) AS objects,
  count(CASE WHEN s.is_analyzed THEN 1 END) AS analyzed_objects,
  count(CASE WHEN s.not_analyzed_reason IS NOT NULL THEN 1 END) AS unanalyzed_objects,
  count(CASE WHEN s.is_gone THEN 1 END) AS gone_objects,
  count(f.source_uri) AS sensitive_objects,
  count(CASE WHEN f.source_uri IS NOT NULL AND s.is_public = 'yes' THEN 1 END) AS public_sensitive_objects,
  count(CASE WHEN f.source_uri IS NOT NULL AND s.is_public = 'unknown' THEN 1 END) AS perhaps_public_sensitive_objects,
  count(CASE WHEN f.source_uri IS NOT NULL AND s.is_unencrypted = 'yes' THEN 1 END) AS unencrypted_sensitive_objects,
  coalesce(sum(f.occurrence_count), 0) AS occurrence_count,
  sum(CASE WHEN NOT s.is_gone THEN s.object_size END) AS object_bytes, sum(CASE WHEN s.is_analyzed THEN w.size_classified END) AS bytes_classified
FROM "macie"."current_buckets" AS b
LEFT JOIN "macie"."current_states" AS s ON coalesce(b.aws_partition, '') = coalesce(s.aws_partition, '') AND (b.aws_partition IS NULL) = (s.aws_partition IS NULL) AND coalesce(b.bucket_name, '') = coalesce(s.bucket_name, '') AND (b.bucket_name IS NULL) = (s.bucket_name IS NULL) AND NOT s.is_archive_member
LEFT JOIN "macie"."results" AS w
  ON s.run_id = w.run_id AND s.source_uri = w.source_uri AND s.source_line = w.source_line
LEFT JOIN (
  SELECT source_uri, source_line, sum(occurrence_count) AS occurrence_count
  FROM "macie"."current_findings"
  WHERE NOT is_archive_member AND state IN ('confirmed', 'unconfirmed')
  GROUP BY source_uri, source_line
) AS f ON s.source_uri = f.source_uri AND s.source_line = f.source_line
GROUP BY b.aws_partition, b.bucket_name, b.account_id, b.region, b.bucket_effective_permission, b.bucket_encryption_type,
  b.is_public, b.is_unencrypted, b.last_result_at
