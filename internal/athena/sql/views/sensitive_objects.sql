SELECT s.bucket_name, s.object_key, s.archive_member_path, s.is_archive_member,
  's3://' || s.bucket_name || '/' || s.object_key AS s3_uri,
  s.aws_partition, s.account_id, s.region, s.severity_score, s.severity,
  f.categories, f.types, f.type_count, f.confirmed_count, f.unconfirmed_count, f.occurrence_count, f.location_count, f.unlocated_count,
  s.is_public, s.is_unencrypted,
  s.bucket_effective_permission, s.object_public_access, s.bucket_encryption_type, s.object_encryption_type,
  s.object_size, s.object_storage_class, s.object_last_modified, s.object_version_id, s.mime_type,
  s.status_code, s.status_reason, s.not_analyzed_reason, s.job_id, s.created_at AS last_analyzed_at,
  s.source_uri, s.source_line
FROM {{table "current_subjects"}} AS s
JOIN (
  SELECT source_uri, source_line, is_archive_member, {{list "category"}} AS categories, {{list "detection_type"}} AS types, count(*) AS type_count,
    count(CASE WHEN state = 'confirmed' THEN 1 END) AS confirmed_count, count(CASE WHEN state = 'unconfirmed' THEN 1 END) AS unconfirmed_count,
    sum(occurrence_count) AS occurrence_count, sum(location_count) AS location_count, sum(unlocated_count) AS unlocated_count
  FROM {{table "current_findings"}}
  WHERE state IN ('confirmed', 'unconfirmed')
  GROUP BY source_uri, source_line, is_archive_member
) AS f ON s.source_uri = f.source_uri AND s.source_line = f.source_line AND s.is_archive_member = f.is_archive_member
