WITH newest AS (
  SELECT aws_partition, bucket_name, min_by({'account_id': account_id, 'region': region, 'permission': bucket_effective_permission,
      'encryption': bucket_encryption_type, 'uploads': bucket_allows_unencrypted_uploads},
      {'created': late(created_at), 'id': text_key(result_id), 'uri': source_uri, 'line': source_line}) AS b,
    count(*) AS objects, count(*) FILTER (WHERE analysis) AS analyzed_objects, count(*) FILTER (WHERE type_count > 0) AS sensitive_objects,
    count(*) FILTER (WHERE type_count > 0 AND object_public_access) AS public_sensitive_objects, max(severity_score) AS severity_score,
    sum(occurrence_count) AS occurrence_count, sum(object_size) AS object_bytes, sum(size_classified) AS bytes_classified,
    max(created_at) AS last_result_at
  FROM o_objects WHERE NOT is_archive_member GROUP BY aws_partition, bucket_name
), missed AS (
  SELECT aws_partition, bucket_name, count(*) AS missed FROM o_unanalyzed WHERE NOT is_archive_member GROUP BY ALL
)
SELECT n.*, b.account_id, b.region, b.permission AS bucket_effective_permission, b.encryption AS bucket_encryption_type,
  b.uploads AS bucket_allows_unencrypted_uploads, coalesce(missed, 0) AS unanalyzed_objects
FROM newest n LEFT JOIN missed m
  ON n.aws_partition IS NOT DISTINCT FROM m.aws_partition AND n.bucket_name IS NOT DISTINCT FROM m.bucket_name
