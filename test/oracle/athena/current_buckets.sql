SELECT *, CASE known_permission WHEN 'PUBLIC' THEN 'yes' WHEN 'NOT_PUBLIC' THEN CASE WHEN bucket_effective_permission = 'NOT_PUBLIC' THEN 'no' ELSE 'unknown' END ELSE 'unknown' END AS is_public,
  CASE WHEN known_encryption = 'NONE' THEN 'yes' WHEN known_encryption IS NOT NULL AND bucket_encryption_type IS NOT DISTINCT FROM known_encryption THEN 'no' ELSE 'unknown' END AS is_unencrypted
FROM o_buckets
