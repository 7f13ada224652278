SELECT bucket_name, category, detection_type,
  sum(occurrence_count) AS occurrences, count(DISTINCT {{template "object_name"}}) AS objects
FROM {{table "detections"}}
WHERE NOT is_archive_member AND {{template "committed"}}
GROUP BY bucket_name, category, detection_type
ORDER BY bucket_name, occurrences DESC, category, detection_type
