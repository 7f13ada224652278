SELECT category, detection_type,
  sum(occurrence_count) AS occurrences, count(DISTINCT {{template "object_name"}}) AS objects
FROM {{table "detections"}}
WHERE job_id = {{template "job" "detections"}} AND NOT is_archive_member AND {{template "committed"}}
GROUP BY category, detection_type
ORDER BY occurrences DESC, category, detection_type
