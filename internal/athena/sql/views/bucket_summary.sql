SELECT b.aws_partition, b.bucket_name, b.account_id, b.region, b.bucket_effective_permission, b.bucket_encryption_type,
  b.is_public, b.is_unencrypted, b.last_result_at,
  count(s.source_uri) AS objects,
  count(CASE WHEN s.is_analyzed THEN 1 END) AS analyzed_objects,
  count(CASE WHEN s.not_analyzed_reason IS NOT NULL THEN 1 END) AS unanalyzed_objects,
  count(CASE WHEN s.is_gone THEN 1 END) AS gone_objects,
{{- if has "detections"}}
  count(f.source_uri) AS sensitive_objects,
  count(CASE WHEN f.source_uri IS NOT NULL AND s.is_public = 'yes' THEN 1 END) AS public_sensitive_objects,
  count(CASE WHEN f.source_uri IS NOT NULL AND s.is_public = 'unknown' THEN 1 END) AS perhaps_public_sensitive_objects,
  count(CASE WHEN f.source_uri IS NOT NULL AND s.is_unencrypted = 'yes' THEN 1 END) AS unencrypted_sensitive_objects,
  coalesce(sum(f.occurrence_count), 0) AS occurrence_count,
{{- end}}
  sum(CASE WHEN NOT s.is_gone THEN s.object_size END) AS object_bytes, sum(CASE WHEN s.is_analyzed THEN w.size_classified END) AS bytes_classified
FROM {{table "current_buckets"}} AS b
LEFT JOIN {{table "current_states"}} AS s ON {{same "b" "s"}} AND NOT s.is_archive_member
LEFT JOIN {{table "results"}} AS w
  ON s.run_id = w.run_id AND s.source_uri = w.source_uri AND s.source_line = w.source_line
{{- if has "detections"}}
LEFT JOIN (
  SELECT source_uri, source_line, sum(occurrence_count) AS occurrence_count
  FROM {{table "current_findings"}}
  WHERE NOT is_archive_member AND state IN ('confirmed', 'unconfirmed')
  GROUP BY source_uri, source_line
) AS f ON s.source_uri = f.source_uri AND s.source_line = f.source_line
{{- end}}
GROUP BY b.aws_partition, b.bucket_name, b.account_id, b.region, b.bucket_effective_permission, b.bucket_encryption_type,
  b.is_public, b.is_unencrypted, b.last_result_at
