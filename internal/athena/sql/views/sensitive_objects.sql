SELECT o.bucket_name, o.object_key, o.archive_member_path, o.is_archive_member,
  's3://' || o.bucket_name || '/' || o.object_key AS s3_uri,
  o.aws_partition, o.account_id, o.region, o.severity_score, o.severity,
  d.categories, d.types, o.type_count, o.occurrence_count, o.location_count, d.is_capped,
  coalesce(o.bucket_effective_permission = 'PUBLIC', false) OR coalesce(o.object_public_access, false) AS is_public,
  coalesce(coalesce(nullif(o.object_encryption_type, 'UNKNOWN'), o.bucket_encryption_type) = 'NONE', false) AS is_unencrypted,
  o.bucket_effective_permission, o.object_public_access, o.bucket_encryption_type, o.object_encryption_type,
  o.object_size, o.object_storage_class, o.object_last_modified, o.object_version_id, o.mime_type,
  o.status_code, o.status_reason, o.has_newer_content, o.job_id, o.created_at AS last_analyzed_at,
  o.source_uri, o.source_line
FROM {{table "current_objects"}} AS o
JOIN (
  SELECT object_source_uri, object_source_line, {{list "category"}} AS categories, {{list "detection_type"}} AS types,
    max(CASE WHEN is_capped THEN 1 ELSE 0 END) = 1 AS is_capped
  FROM {{table "current_detections"}}
  GROUP BY object_source_uri, object_source_line
) AS d ON o.source_uri = d.object_source_uri AND o.source_line = d.object_source_line
