SELECT bucket_name, object_key, account_id, region, severity, is_public, is_unencrypted, types, occurrence_count,
  bucket_effective_permission, object_public_access, bucket_encryption_type, object_encryption_type, last_analyzed_at
FROM {{table "sensitive_objects"}}
WHERE NOT is_archive_member AND (is_public OR is_unencrypted)
ORDER BY is_public DESC, severity_score DESC, occurrence_count DESC, bucket_name, object_key
