SELECT job_id, origin_type, bucket_name, object_key, category, detection_type, sum(occurrence_count) AS occurrences
FROM x_detections WHERE is_archive_member = false GROUP BY ALL
