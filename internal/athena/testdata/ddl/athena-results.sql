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
COMMENT 'Amazon Macie: a row per analysed object, and per file inside an archive'
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
COMMENT 'macielake: a row per committed run'
STORED AS PARQUET
LOCATION 's3://a-bucket/lake/runs/'
TBLPROPERTIES (
  'classification' = 'parquet',
  'macielake' = '1'
)
== create-view-current_results
-- The results that count: of each object the analyses of its newest analysed content.
CREATE OR REPLACE VIEW "macie"."current_results" AS
SELECT result_id, schema_version, account_id, aws_partition, region, admin_account_id, job_id, job_arn, origin_type, created_at, updated_at, finding_type, finding_category, title, description, severity_score, severity, sample, archived, finding_count, status_code, status_reason, mime_type, size_classified, additional_occurrences, sensitive_total_count, custom_total_count, type_count, occurrence_count, location_count, bucket_name, bucket_arn, bucket_created_at, bucket_owner_id, bucket_owner_display_name, bucket_encryption_type, bucket_kms_key_id, bucket_effective_permission, bucket_allows_unencrypted_uploads, bucket_tags, bucket_acl_public_read, bucket_acl_public_write, bucket_policy_public_read, bucket_policy_public_write, bucket_block_public_acls, bucket_block_public_policy, bucket_ignore_public_acls, bucket_restrict_public_buckets, account_block_public_acls, account_block_public_policy, account_ignore_public_acls, account_restrict_public_buckets, object_bucket_arn, object_key, object_path, object_extension, object_size, object_etag, object_version_id, object_last_modified, object_storage_class, object_encryption_type, object_kms_key_id, object_public_access, object_tags, is_archive_member, archive_member_path, archive_member_extension, archive_member_size, archive_member_last_modified, detailed_results_location, unrecognized, run_id, source_uri, source_etag, source_line,
  object_source_uri, object_source_line, has_newer_content,
  max(severity_score) OVER (PARTITION BY object_source_uri, object_source_line) AS object_severity_score
FROM (
  SELECT result_id, schema_version, account_id, aws_partition, region, admin_account_id, job_id, job_arn, origin_type, created_at, updated_at, finding_type, finding_category, title, description, severity_score, severity, sample, archived, finding_count, status_code, status_reason, mime_type, size_classified, additional_occurrences, sensitive_total_count, custom_total_count, type_count, occurrence_count, location_count, bucket_name, bucket_arn, bucket_created_at, bucket_owner_id, bucket_owner_display_name, bucket_encryption_type, bucket_kms_key_id, bucket_effective_permission, bucket_allows_unencrypted_uploads, bucket_tags, bucket_acl_public_read, bucket_acl_public_write, bucket_policy_public_read, bucket_policy_public_write, bucket_block_public_acls, bucket_block_public_policy, bucket_ignore_public_acls, bucket_restrict_public_buckets, account_block_public_acls, account_block_public_policy, account_ignore_public_acls, account_restrict_public_buckets, object_bucket_arn, object_key, object_path, object_extension, object_size, object_etag, object_version_id, object_last_modified, object_storage_class, object_encryption_type, object_kms_key_id, object_public_access, object_tags, is_archive_member, archive_member_path, archive_member_extension, archive_member_size, archive_member_last_modified, detailed_results_location, unrecognized, run_id, source_uri, source_etag, source_line,
    coalesce(status_code IN ('COMPLETE', 'PARTIAL'), false) AS is_analysis,
    first_value(coalesce(status_code IN ('COMPLETE', 'PARTIAL'), false)) OVER (PARTITION BY aws_partition, bucket_name, object_key, is_archive_member, archive_member_path ORDER BY CASE WHEN status_code IN ('COMPLETE', 'PARTIAL') THEN 0 ELSE 1 END, object_last_modified DESC NULLS LAST, created_at DESC NULLS LAST, result_id ASC NULLS LAST, source_uri ASC, source_line ASC) AS first_is_analysis,
    first_value(object_last_modified) OVER (PARTITION BY aws_partition, bucket_name, object_key, is_archive_member, archive_member_path ORDER BY CASE WHEN status_code IN ('COMPLETE', 'PARTIAL') THEN 0 ELSE 1 END, object_last_modified DESC NULLS LAST, created_at DESC NULLS LAST, result_id ASC NULLS LAST, source_uri ASC, source_line ASC) AS first_last_modified,
    first_value(object_version_id) OVER (PARTITION BY aws_partition, bucket_name, object_key, is_archive_member, archive_member_path ORDER BY CASE WHEN status_code IN ('COMPLETE', 'PARTIAL') THEN 0 ELSE 1 END, object_last_modified DESC NULLS LAST, created_at DESC NULLS LAST, result_id ASC NULLS LAST, source_uri ASC, source_line ASC) AS first_version_id,
    first_value(source_uri) OVER (PARTITION BY aws_partition, bucket_name, object_key, is_archive_member, archive_member_path ORDER BY CASE WHEN status_code IN ('COMPLETE', 'PARTIAL') THEN 0 ELSE 1 END, object_last_modified DESC NULLS LAST, created_at DESC NULLS LAST, result_id ASC NULLS LAST, source_uri ASC, source_line ASC) AS object_source_uri,
    first_value(source_line) OVER (PARTITION BY aws_partition, bucket_name, object_key, is_archive_member, archive_member_path ORDER BY CASE WHEN status_code IN ('COMPLETE', 'PARTIAL') THEN 0 ELSE 1 END, object_last_modified DESC NULLS LAST, created_at DESC NULLS LAST, result_id ASC NULLS LAST, source_uri ASC, source_line ASC) AS object_source_line,
    coalesce(max(object_last_modified) OVER (PARTITION BY aws_partition, bucket_name, object_key, is_archive_member, archive_member_path)
      > first_value(object_last_modified) OVER (PARTITION BY aws_partition, bucket_name, object_key, is_archive_member, archive_member_path ORDER BY CASE WHEN status_code IN ('COMPLETE', 'PARTIAL') THEN 0 ELSE 1 END, object_last_modified DESC NULLS LAST, created_at DESC NULLS LAST, result_id ASC NULLS LAST, source_uri ASC, source_line ASC),
      max(object_last_modified) OVER (PARTITION BY aws_partition, bucket_name, object_key, is_archive_member, archive_member_path) IS NOT NULL) AS has_newer_content
  FROM "macie"."results"
  WHERE run_id IN (SELECT run_id FROM "macie"."runs")
) AS ranked
WHERE is_analysis = first_is_analysis
  AND object_last_modified IS NOT DISTINCT FROM first_last_modified
  AND object_version_id IS NOT DISTINCT FROM first_version_id
== create-view-current_detections
-- current_detections is left out: the dataset has no table detections.
== create-view-current_objects
-- Each object, and each file inside an archive, as it was last analysed.
CREATE OR REPLACE VIEW "macie"."current_objects" AS
SELECT r.result_id, r.schema_version, r.account_id, r.aws_partition, r.region, r.admin_account_id, r.job_id, r.job_arn, r.origin_type, r.created_at, r.updated_at, r.finding_type, r.finding_category, r.title, r.description, r.sample, r.archived, r.finding_count, r.status_code, r.status_reason, r.mime_type, r.size_classified, r.additional_occurrences, r.bucket_name, r.bucket_arn, r.bucket_created_at, r.bucket_owner_id, r.bucket_owner_display_name, r.bucket_encryption_type, r.bucket_kms_key_id, r.bucket_effective_permission, r.bucket_allows_unencrypted_uploads, r.bucket_tags, r.bucket_acl_public_read, r.bucket_acl_public_write, r.bucket_policy_public_read, r.bucket_policy_public_write, r.bucket_block_public_acls, r.bucket_block_public_policy, r.bucket_ignore_public_acls, r.bucket_restrict_public_buckets, r.account_block_public_acls, r.account_block_public_policy, r.account_ignore_public_acls, r.account_restrict_public_buckets, r.object_bucket_arn, r.object_key, r.object_path, r.object_extension, r.object_size, r.object_etag, r.object_version_id, r.object_last_modified, r.object_storage_class, r.object_encryption_type, r.object_kms_key_id, r.object_public_access, r.object_tags, r.is_archive_member, r.archive_member_path, r.archive_member_extension, r.archive_member_size, r.archive_member_last_modified, r.detailed_results_location, r.unrecognized, r.run_id, r.source_uri, r.source_etag, r.source_line,
  r.object_severity_score AS severity_score, a.severity,
  -- Without the table detections: the largest count of the results that count.
  a.type_count, a.occurrence_count, a.location_count, a.sensitive_total_count, a.custom_total_count,
  a.analyses, r.has_newer_content
FROM "macie"."current_results" AS r
JOIN (
  SELECT object_source_uri, object_source_line, count(*) AS analyses,
    max(CASE WHEN severity_score = object_severity_score THEN severity END) AS severity,
    max(type_count) AS type_count, max(occurrence_count) AS occurrence_count, max(location_count) AS location_count,
    max(sensitive_total_count) AS sensitive_total_count, max(custom_total_count) AS custom_total_count
  FROM "macie"."current_results"
  GROUP BY object_source_uri, object_source_line
) AS a ON r.source_uri = a.object_source_uri AND r.source_line = a.object_source_line
== create-view-sensitive_objects
-- sensitive_objects is left out: the dataset has no table detections.
== create-view-object_locations
-- object_locations is left out: the dataset has no table detections.
== create-view-unanalyzed_objects
-- Each object whose newest content was not analysed, and why.
CREATE OR REPLACE VIEW "macie"."unanalyzed_objects" AS
SELECT bucket_name, object_key, archive_member_path, is_archive_member,
  aws_partition, account_id, region, status_code, status_reason,
  object_size, object_extension, mime_type, object_storage_class, object_encryption_type, object_kms_key_id,
  object_last_modified, object_version_id, job_id, origin_type, created_at, last_analyzed_at, was_analyzed,
  source_uri, source_line
FROM (
  SELECT result_id, schema_version, account_id, aws_partition, region, admin_account_id, job_id, job_arn, origin_type, created_at, updated_at, finding_type, finding_category, title, description, severity_score, severity, sample, archived, finding_count, status_code, status_reason, mime_type, size_classified, additional_occurrences, sensitive_total_count, custom_total_count, type_count, occurrence_count, location_count, bucket_name, bucket_arn, bucket_created_at, bucket_owner_id, bucket_owner_display_name, bucket_encryption_type, bucket_kms_key_id, bucket_effective_permission, bucket_allows_unencrypted_uploads, bucket_tags, bucket_acl_public_read, bucket_acl_public_write, bucket_policy_public_read, bucket_policy_public_write, bucket_block_public_acls, bucket_block_public_policy, bucket_ignore_public_acls, bucket_restrict_public_buckets, account_block_public_acls, account_block_public_policy, account_ignore_public_acls, account_restrict_public_buckets, object_bucket_arn, object_key, object_path, object_extension, object_size, object_etag, object_version_id, object_last_modified, object_storage_class, object_encryption_type, object_kms_key_id, object_public_access, object_tags, is_archive_member, archive_member_path, archive_member_extension, archive_member_size, archive_member_last_modified, detailed_results_location, unrecognized, run_id, source_uri, source_etag, source_line,
    row_number() OVER (PARTITION BY aws_partition, bucket_name, object_key, is_archive_member, archive_member_path ORDER BY object_last_modified DESC NULLS LAST, created_at DESC NULLS LAST, result_id ASC NULLS LAST, source_uri ASC, source_line ASC) AS place,
    max(CASE WHEN coalesce(status_code IN ('COMPLETE', 'PARTIAL'), false) THEN 1 ELSE 0 END) OVER (PARTITION BY aws_partition, bucket_name, object_key, is_archive_member, archive_member_path) = 1 AS was_analyzed,
    max(CASE WHEN coalesce(status_code IN ('COMPLETE', 'PARTIAL'), false) THEN object_last_modified END) OVER (PARTITION BY aws_partition, bucket_name, object_key, is_archive_member, archive_member_path) AS analyzed_last_modified,
    max(CASE WHEN coalesce(status_code IN ('COMPLETE', 'PARTIAL'), false) THEN created_at END) OVER (PARTITION BY aws_partition, bucket_name, object_key, is_archive_member, archive_member_path) AS last_analyzed_at
  FROM "macie"."results"
  WHERE run_id IN (SELECT run_id FROM "macie"."runs")
) AS ranked
WHERE place = 1
  AND (NOT was_analyzed OR coalesce(object_last_modified > analyzed_last_modified,
    analyzed_last_modified IS NULL AND object_last_modified IS NOT NULL))
== create-view-job_summary
-- What each job did, all its analyses counted; automated discovery has no job.
CREATE OR REPLACE VIEW "macie"."job_summary" AS
SELECT job_id, origin_type,
  min(created_at) AS first_result_at, max(created_at) AS last_result_at,
  count(DISTINCT account_id) AS accounts, count(DISTINCT region) AS regions, count(DISTINCT bucket_name) AS buckets,
  count(DISTINCT coalesce(bucket_name, '') || '/' || coalesce(object_key, '')) AS objects, count(*) AS results,
  count(CASE WHEN status_code = 'COMPLETE' THEN 1 END) AS complete_results,
  count(CASE WHEN status_code = 'PARTIAL' THEN 1 END) AS partial_results,
  count(CASE WHEN status_code = 'SKIPPED' THEN 1 END) AS skipped_results,
  count(CASE WHEN type_count > 0 THEN 1 END) AS sensitive_results,
  sum(occurrence_count) AS occurrence_count, sum(size_classified) AS bytes_classified
FROM "macie"."results"
WHERE NOT is_archive_member AND run_id IN (SELECT run_id FROM "macie"."runs")
GROUP BY job_id, origin_type
== create-view-bucket_summary
-- Each bucket as its objects are now.
CREATE OR REPLACE VIEW "macie"."bucket_summary" AS
SELECT aws_partition, bucket_name,
  max(CASE WHEN place = 1 THEN account_id END) AS account_id,
  max(CASE WHEN place = 1 THEN region END) AS region,
  max(CASE WHEN place = 1 THEN bucket_effective_permission END) AS bucket_effective_permission,
  max(CASE WHEN place = 1 THEN bucket_encryption_type END) AS bucket_encryption_type,
  max(CASE WHEN place = 1 THEN bucket_allows_unencrypted_uploads END) AS bucket_allows_unencrypted_uploads,
  count(*) AS objects,
  count(CASE WHEN coalesce(status_code IN ('COMPLETE', 'PARTIAL'), false) THEN 1 END) AS analyzed_objects,
  count(CASE WHEN has_newer_content OR NOT coalesce(status_code IN ('COMPLETE', 'PARTIAL'), false) THEN 1 END) AS unanalyzed_objects,
  count(CASE WHEN type_count > 0 THEN 1 END) AS sensitive_objects,
  count(CASE WHEN type_count > 0 AND object_public_access THEN 1 END) AS public_sensitive_objects,
  max(severity_score) AS severity_score,
  sum(occurrence_count) AS occurrence_count, sum(object_size) AS object_bytes, sum(size_classified) AS bytes_classified,
  max(created_at) AS last_result_at
FROM (
  SELECT *,
    row_number() OVER (
      PARTITION BY aws_partition, bucket_name
      ORDER BY created_at DESC NULLS LAST, result_id ASC NULLS LAST, source_uri ASC, source_line ASC
    ) AS place
  FROM "macie"."current_objects"
  WHERE NOT is_archive_member
) AS ranked
GROUP BY aws_partition, bucket_name
