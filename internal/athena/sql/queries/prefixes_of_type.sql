SELECT bucket_name, regexp_extract(object_key, '^(?:[^/]*/){0,{{number "depth" "2"}}}') AS prefix,
  count(DISTINCT {{template "object"}}) AS objects, sum(occurrence_count) AS occurrences,
  count(CASE WHEN is_capped THEN 1 END) AS capped
FROM {{table "current_detections"}}
WHERE NOT is_archive_member AND detection_type = {{param "type" (printf "(SELECT detection_type FROM %s WHERE NOT is_archive_member GROUP BY detection_type ORDER BY sum(occurrence_count) DESC NULLS LAST, detection_type LIMIT 1)" (table "current_detections"))}}
GROUP BY bucket_name, regexp_extract(object_key, '^(?:[^/]*/){0,{{number "depth" "2"}}}')
ORDER BY occurrences DESC, bucket_name, prefix
