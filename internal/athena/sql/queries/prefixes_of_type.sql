SELECT bucket_name, regexp_extract(object_key, '^(?:[^/]*/){0,{{number "depth" "2"}}}') AS prefix,
  count(*) AS objects, count(CASE WHEN state = 'confirmed' THEN 1 END) AS confirmed_objects, sum(occurrence_count) AS occurrences,
  count(CASE WHEN unlocated_count > 0 THEN 1 END) AS capped
FROM {{table "current_findings"}}
WHERE NOT is_archive_member AND state IN ('confirmed', 'unconfirmed') AND detection_type = {{param "type" (printf "(SELECT detection_type FROM %s WHERE NOT is_archive_member AND state IN ('confirmed', 'unconfirmed') GROUP BY detection_type ORDER BY sum(occurrence_count) DESC NULLS LAST, detection_type LIMIT 1)" (table "current_findings"))}}
GROUP BY bucket_name, regexp_extract(object_key, '^(?:[^/]*/){0,{{number "depth" "2"}}}')
ORDER BY occurrences DESC, bucket_name, prefix
