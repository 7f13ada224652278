== create-schema
CREATE SCHEMA IF NOT EXISTS "macie"
== create-table-detections
-- Amazon Macie: one row per result and type of sensitive data in it
CREATE OR REPLACE VIEW "macie"."detections" AS
SELECT
  CAST(NULL AS VARCHAR) AS "result_id",
  CAST(NULL AS VARCHAR) AS "account_id",
  CAST(NULL AS VARCHAR) AS "region",
  CAST(NULL AS VARCHAR) AS "job_id",
  CAST(NULL AS TIMESTAMP WITH TIME ZONE) AS "created_at",
  CAST(NULL AS VARCHAR) AS "bucket_name",
  CAST(NULL AS VARCHAR) AS "object_key",
  CAST(NULL AS VARCHAR) AS "object_version_id",
  CAST(NULL AS VARCHAR) AS "archive_member_path",
  CAST(NULL AS VARCHAR) AS "mime_type",
  CAST(NULL AS VARCHAR) AS "run_id",
  CAST(NULL AS VARCHAR) AS "source_uri",
  CAST(NULL AS BIGINT) AS "source_line",
  CAST(NULL AS VARCHAR) AS "origin_type",
  CAST(NULL AS VARCHAR) AS "severity",
  CAST(NULL AS VARCHAR) AS "status_code",
  CAST(NULL AS VARCHAR) AS "bucket_effective_permission",
  CAST(NULL AS VARCHAR) AS "bucket_encryption_type",
  CAST(NULL AS BOOLEAN) AS "object_public_access",
  CAST(NULL AS BIGINT) AS "object_size",
  CAST(NULL AS TIMESTAMP WITH TIME ZONE) AS "object_last_modified",
  CAST(NULL AS VARCHAR) AS "object_etag",
  CAST(NULL AS VARCHAR) AS "object_extension",
  CAST(NULL AS BOOLEAN) AS "is_archive_member",
  CAST(NULL AS BIGINT) AS "detection_index",
  CAST(NULL AS VARCHAR) AS "identifier_kind",
  CAST(NULL AS VARCHAR) AS "category",
  CAST(NULL AS VARCHAR) AS "detection_type",
  CAST(NULL AS VARCHAR) AS "custom_identifier_arn",
  CAST(NULL AS BIGINT) AS "occurrence_count",
  CAST(NULL AS BIGINT) AS "location_count",
  CAST(NULL AS BOOLEAN) AS "is_capped",
  CAST(NULL AS VARCHAR) AS "created_date"
WHERE false
== create-table-runs
-- macielake: one row per committed run
CREATE OR REPLACE VIEW "macie"."runs" AS
SELECT
  "run_id",
  "started_at",
  "ended_at",
  "version",
  "sources",
  "lines",
  "results_rows",
  "detections_rows",
  "occurrences_rows",
  "rejects",
  "unreadable",
  "stored_bytes",
  "inflated_bytes",
  "written_bytes"
FROM read_parquet('/data/lake/runs/*.parquet', hive_partitioning = false)
== create-view-current_results
-- current_results is skipped: the dataset has no table results.
== create-view-current_buckets
-- current_buckets is skipped: the dataset has no table results.
== create-view-current_detections
-- current_detections is skipped: the dataset has no table results.
== create-view-current_findings
-- current_findings is skipped: the dataset has no table results.
== create-view-current_states
-- current_states is skipped: the dataset has no table results.
== create-view-current_subjects
-- current_subjects is skipped: the dataset has no table results.
== create-view-sensitive_objects
-- sensitive_objects is skipped: the dataset has no table results.
== create-view-object_locations
-- object_locations is skipped: the dataset has no table results.
== create-view-unanalyzed_objects
-- unanalyzed_objects is skipped: the dataset has no table results.
== create-view-job_summary
-- job_summary is skipped: the dataset has no table results.
== create-view-bucket_summary
-- bucket_summary is skipped: the dataset has no table results.
