SELECT s.bucket_name, s.object_key, s.archive_member_path, s.is_archive_member,
  s.aws_partition, s.account_id, s.region, s.not_analyzed_reason, s.is_analyzed AS was_analyzed, CASE WHEN s.is_analyzed THEN w.created_at END AS last_analyzed_at,
  s.object_size, w.object_extension, w.mime_type, s.object_storage_class, s.object_encryption_type, s.object_kms_key_id,
  w.object_last_modified, w.object_version_id, w.job_id, w.origin_type, w.created_at,
  s.source_uri, s.source_line
FROM {{table "current_states"}} AS s
JOIN {{table "results"}} AS w
  ON s.run_id = w.run_id AND s.source_uri = w.source_uri AND s.source_line = w.source_line
WHERE s.not_analyzed_reason IS NOT NULL
