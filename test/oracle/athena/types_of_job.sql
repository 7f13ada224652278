SELECT category, detection_type, sum(occurrence_count) AS occurrences,
  len(list_distinct(list(object_of(bucket_name, object_key)))) AS objects
FROM x_detections WHERE is_archive_member = false AND job_id = (SELECT job_id FROM x_detections WHERE job_id IS NOT NULL ORDER BY late(created_at), job_id LIMIT 1) GROUP BY ALL
