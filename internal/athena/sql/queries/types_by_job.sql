SELECT job_id, origin_type, category, detection_type,
  sum(occurrence_count) AS occurrences, count(DISTINCT {{template "object_name"}}) AS objects
FROM {{table "detections"}}
WHERE NOT is_archive_member AND {{template "committed"}}
GROUP BY job_id, origin_type, category, detection_type
ORDER BY job_id, origin_type, occurrences DESC, category, detection_type
