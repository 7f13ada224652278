-- This doesn't cover sharing with other accounts.
SELECT bucket_name, object_key, account_id, region, severity, is_public, is_unencrypted, types, confirmed_count, unconfirmed_count, occurrence_count,
  bucket_effective_permission, object_public_access, bucket_encryption_type, object_encryption_type, last_analyzed_at
FROM {{table "sensitive_objects"}}
WHERE NOT is_archive_member AND (is_public <> 'no' OR is_unencrypted <> 'no')
ORDER BY CASE is_public WHEN 'yes' THEN 0 WHEN 'unknown' THEN 1 ELSE 2 END, CASE is_unencrypted WHEN 'yes' THEN 0 WHEN 'unknown' THEN 1 ELSE 2 END,
  severity_score DESC NULLS LAST, occurrence_count DESC, bucket_name, object_key
