SELECT detection_type AS identifier, regexp_extract(custom_identifier_arn, '[^/]*$') AS identifier_id,
  count(DISTINCT {{template "object"}}) AS objects, count(DISTINCT bucket_name) AS buckets,
  sum(occurrence_count) AS occurrences,
  round(CAST(sum(occurrence_count) AS double) / CAST(count(DISTINCT {{template "object"}}) AS double), 1) AS occurrences_per_object,
  round(100e0 * CAST(count(DISTINCT {{template "object"}}) AS double) / CAST((
    SELECT count(DISTINCT {{template "object"}}) FROM {{table "current_objects"}} WHERE NOT is_archive_member AND {{template "analysis"}}
  ) AS double), 2) AS percent_of_objects,
  count(CASE WHEN is_capped THEN 1 END) AS capped
FROM {{table "current_detections"}}
WHERE identifier_kind = 'custom' AND NOT is_archive_member
GROUP BY detection_type, regexp_extract(custom_identifier_arn, '[^/]*$')
ORDER BY occurrences DESC, identifier, identifier_id
