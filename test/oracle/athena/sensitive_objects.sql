SELECT * REPLACE (in_words(categories) AS categories, in_words(types) AS types),
  's3://' || bucket_name || '/' || object_key AS s3_uri, created_at AS last_analyzed_at,
  bucket_effective_permission IS NOT DISTINCT FROM 'PUBLIC' OR object_public_access IS NOT DISTINCT FROM true AS is_public,
  CASE WHEN object_encryption_type IS NULL OR object_encryption_type = 'UNKNOWN' THEN bucket_encryption_type ELSE object_encryption_type END
    IS NOT DISTINCT FROM 'NONE' AS is_unencrypted
FROM o_objects WHERE type_count > 0
