SELECT job_id, origin_type, bucket_name, object_key, category, detection_type, sum(occurrence_count) AS occurrences
FROM {{table "detections"}}
WHERE NOT is_archive_member AND {{template "committed"}}
GROUP BY job_id, origin_type, bucket_name, object_key, category, detection_type
ORDER BY job_id, origin_type, bucket_name, object_key, occurrences DESC, category, detection_type
