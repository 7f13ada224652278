SELECT bucket_name, object_key, category, detection_type, sum(occurrence_count) AS occurrences
FROM {{table "detections"}}
WHERE job_id = {{template "job" "detections"}} AND NOT is_archive_member AND {{template "committed"}}
GROUP BY bucket_name, object_key, category, detection_type
ORDER BY occurrences DESC, bucket_name, object_key, category, detection_type
