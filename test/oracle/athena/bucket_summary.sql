WITH per_object AS (
  SELECT s.*, CASE s.severity WHEN 'Low' THEN 1 WHEN 'Medium' THEN 2 WHEN 'High' THEN 3 END AS score, f.occurrence_count AS found
  FROM o_subjects s LEFT JOIN o_sensitive f USING (source_uri, source_line, is_archive_member) WHERE NOT is_archive_member
), sums AS (
  SELECT bucket, count(*) AS objects, count_if(is_analyzed) AS analyzed_objects, count(not_analyzed_reason) AS unanalyzed_objects, count_if(is_gone) AS gone_objects,
    count(found) AS sensitive_objects, count_if(found IS NOT NULL AND is_public = 'yes') AS public_sensitive_objects,
    count_if(found IS NOT NULL AND is_public = 'unknown') AS perhaps_public_sensitive_objects,
    count_if(found IS NOT NULL AND is_unencrypted = 'yes') AS unencrypted_sensitive_objects,
    coalesce(sum(found), 0) AS occurrence_count,
    sum(object_size) FILTER (WHERE NOT is_gone) AS object_bytes, sum(size_classified) FILTER (WHERE is_analyzed) AS bytes_classified
  FROM per_object GROUP BY bucket
)
SELECT b.*, s.* EXCLUDE (bucket),
  CASE known_permission WHEN 'PUBLIC' THEN 'yes' WHEN 'NOT_PUBLIC' THEN CASE WHEN bucket_effective_permission = 'NOT_PUBLIC' THEN 'no' ELSE 'unknown' END ELSE 'unknown' END AS is_public,
  CASE WHEN known_encryption = 'NONE' THEN 'yes' WHEN known_encryption IS NOT NULL AND bucket_encryption_type IS NOT DISTINCT FROM known_encryption THEN 'no' ELSE 'unknown' END AS is_unencrypted
FROM o_buckets b LEFT JOIN sums s USING (bucket)
