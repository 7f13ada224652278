SELECT bucket_name, object_key, archive_member_path, is_archive_member,
  aws_partition, account_id, region, not_analyzed_reason, is_analyzed AS was_analyzed, CASE WHEN is_analyzed THEN created_at END AS last_analyzed_at,
  object_size, object_extension, mime_type, object_storage_class, object_encryption_type, object_kms_key_id,
  object_last_modified, object_version_id, job_id, origin_type, created_at,
  source_uri, source_line
FROM {{table "current_subjects"}}
WHERE not_analyzed_reason IS NOT NULL
