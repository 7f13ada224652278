SELECT bucket_name, object_key, category, detection_type, sum(occurrence_count) AS occurrences
FROM x_detections WHERE is_archive_member = false AND job_id = (SELECT job_id FROM x_detections WHERE job_id IS NOT NULL ORDER BY late(created_at), job_id LIMIT 1) GROUP BY ALL
