SELECT bucket_name, object_key, archive_member_path, severity, types, type_count, occurrence_count, status_code, last_analyzed_at
FROM {{table "sensitive_objects"}}
WHERE is_archive_member
ORDER BY bucket_name, object_key, occurrence_count DESC, archive_member_path
