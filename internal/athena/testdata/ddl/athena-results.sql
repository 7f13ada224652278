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
STORED AS PARQUET
LOCATION 's3://a-bucket/lake/results/'
TBLPROPERTIES (
  'classification' = 'parquet',
  'macielake' = '1'
)
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
-- current_detections is skipped: the dataset has no table detections.
== create-view-current_findings
-- current_findings is skipped: the dataset has no table detections.
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
  SELECT *, standing_score AS score, standing_severity AS severity
  FROM "macie"."current_states"
) AS s
JOIN "macie"."results" AS w
  ON s.run_id = w.run_id AND s.source_uri = w.source_uri AND s.source_line = w.source_line
== create-view-sensitive_objects
-- sensitive_objects is skipped: the dataset has no table detections.
== create-view-object_locations
-- object_locations is skipped: the dataset has no table detections.
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
  sum(CASE WHEN NOT s.is_gone THEN s.object_size END) AS object_bytes, sum(CASE WHEN s.is_analyzed THEN w.size_classified END) AS bytes_classified
FROM "macie"."current_buckets" AS b
LEFT JOIN "macie"."current_states" AS s ON coalesce(b.aws_partition, '') = coalesce(s.aws_partition, '') AND (b.aws_partition IS NULL) = (s.aws_partition IS NULL) AND coalesce(b.bucket_name, '') = coalesce(s.bucket_name, '') AND (b.bucket_name IS NULL) = (s.bucket_name IS NULL) AND NOT s.is_archive_member
LEFT JOIN "macie"."results" AS w
  ON s.run_id = w.run_id AND s.source_uri = w.source_uri AND s.source_line = w.source_line
GROUP BY b.aws_partition, b.bucket_name, b.account_id, b.region, b.bucket_effective_permission, b.bucket_encryption_type,
  b.is_public, b.is_unencrypted, b.last_result_at
