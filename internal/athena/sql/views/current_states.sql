SELECT s.run_id, s.source_uri, s.source_line, s.aws_partition, s.bucket_name, s.object_key, s.is_archive_member, s.archive_member_path,
  s.is_analyzed, s.is_gone, s.not_analyzed_reason,
  CASE WHEN s.is_gone THEN 'unknown' WHEN s.bucket_is_public = 'yes' OR s.object_public_fact % 2 = 0 THEN 'yes'
    WHEN s.bucket_is_public = 'no' AND s.object_public_fact = 3 THEN 'no' ELSE 'unknown' END AS is_public,
  CASE WHEN s.is_gone THEN 'unknown' WHEN s.object_encryption_fact % 2 = 0 THEN 'yes' WHEN s.object_encryption_fact = 3 THEN 'no'
    WHEN s.bucket_is_unencrypted = 'yes' THEN 'yes' ELSE 'unknown' END AS is_unencrypted,
  s.bucket_account_id AS account_id, s.bucket_region AS region,
  s.newest_bucket_permission AS bucket_effective_permission, s.newest_bucket_encryption AS bucket_encryption_type,
  s.newest_bucket_tags AS bucket_tags,
  s.newest_object_size AS object_size, s.newest_object_storage_class AS object_storage_class, s.newest_object_encryption AS object_encryption_type,
  s.newest_object_kms_key_id AS object_kms_key_id, s.newest_object_public_access AS object_public_access, s.newest_object_tags AS object_tags,
  s.standing_score, s.standing_severity
FROM (
  SELECT r.run_id, r.source_uri, r.source_line, r.aws_partition, r.bucket_name, r.object_key, m.as_member AS is_archive_member,
    CASE WHEN m.as_member THEN r.archive_member_path END AS archive_member_path, r.object_public_fact, r.object_encryption_fact,
    CASE WHEN r.object_is_member AND NOT m.as_member THEN r.object_score ELSE r.subject_score END AS standing_score,
    CASE WHEN r.object_is_member AND NOT m.as_member THEN r.object_severity ELSE r.subject_severity END AS standing_severity,
    r.bucket_account_id, r.bucket_region, r.newest_bucket_permission, r.newest_bucket_encryption, r.newest_bucket_tags, r.bucket_is_public, r.bucket_is_unencrypted,
    r.newest_object_size, r.newest_object_storage_class, r.newest_object_encryption, r.newest_object_kms_key_id, r.newest_object_public_access, r.newest_object_tags,
    CASE WHEN m.as_member THEN r.is_gone ELSE r.object_is_gone END AS is_gone,
    r.is_analysis AND NOT CASE WHEN m.as_member THEN r.is_gone ELSE r.object_is_gone END AS is_analyzed,
    CASE WHEN CASE WHEN m.as_member THEN r.is_gone ELSE r.object_is_gone END THEN NULL
      WHEN NOT r.is_analysis THEN coalesce(r.status_reason, r.status_code, 'unknown')
      -- An archive without results of its own: its standing result is the newest.
      WHEN NOT r.newest_is_analysis AND r.content > 1 AND m.as_member = r.is_archive_member
        THEN coalesce(r.newest_status_reason, r.newest_status_code, 'unknown') END AS not_analyzed_reason
  FROM {{table "current_results"}} AS r
  CROSS JOIN (VALUES (false), (true)) AS m (as_member)
  WHERE NOT m.as_member AND r.source_uri = r.object_source_uri AND r.source_line = r.object_source_line
    OR m.as_member AND r.is_archive_member AND r.standing_place = 1
) AS s
