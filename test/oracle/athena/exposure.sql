SELECT * REPLACE (in_words(types) AS types), created_at AS last_analyzed_at
FROM (
  SELECT *,
    coalesce(bucket_effective_permission, '') = 'PUBLIC' OR coalesce(object_public_access, false) AS is_public,
    list_filter([nullif(object_encryption_type, 'UNKNOWN'), bucket_encryption_type], lambda e: e IS NOT NULL)[1] IS NOT DISTINCT FROM 'NONE' AS is_unencrypted
  FROM o_objects
) WHERE type_count > 0 AND NOT is_archive_member AND (is_public OR is_unencrypted)
