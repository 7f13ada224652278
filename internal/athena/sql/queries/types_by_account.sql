SELECT account_id, category, detection_type,
  sum(occurrence_count) AS occurrences, count(DISTINCT {{template "object_name"}}) AS objects
FROM {{table "detections"}}
WHERE NOT is_archive_member AND {{template "committed"}}
GROUP BY account_id, category, detection_type
ORDER BY account_id, occurrences DESC, category, detection_type
