SELECT bucket_name, object_key, archive_member_path, category, detection_type, occurrence_count, job_id, created_at
FROM {{table "detections"}}
WHERE {{template "committed"}}
ORDER BY bucket_name, object_key, archive_member_path NULLS FIRST, occurrence_count DESC, category, detection_type
