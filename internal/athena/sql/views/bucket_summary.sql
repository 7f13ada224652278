SELECT aws_partition, bucket_name,
  max(CASE WHEN place = 1 THEN account_id END) AS account_id,
  max(CASE WHEN place = 1 THEN region END) AS region,
  max(CASE WHEN place = 1 THEN bucket_effective_permission END) AS bucket_effective_permission,
  max(CASE WHEN place = 1 THEN bucket_encryption_type END) AS bucket_encryption_type,
  max(CASE WHEN place = 1 THEN bucket_allows_unencrypted_uploads END) AS bucket_allows_unencrypted_uploads,
  count(*) AS objects,
  count(CASE WHEN {{template "analysis"}} THEN 1 END) AS analyzed_objects,
  count(CASE WHEN has_newer_content OR NOT {{template "analysis"}} THEN 1 END) AS unanalyzed_objects,
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
  FROM {{table "current_objects"}}
  WHERE NOT is_archive_member
) AS ranked
GROUP BY aws_partition, bucket_name
