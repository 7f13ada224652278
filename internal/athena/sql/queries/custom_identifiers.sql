SELECT min(detection_type) AS identifier, custom_identifier_id AS identifier_id,
  count(*) AS objects, count(CASE WHEN state = 'confirmed' THEN 1 END) AS confirmed_objects, count(DISTINCT bucket_name) AS buckets,
  sum(occurrence_count) AS occurrences,
  round(CAST(sum(occurrence_count) AS double) / CAST(count(*) AS double), 1) AS occurrences_per_object,
  round(100e0 * CAST(count(*) AS double) / CAST((
    SELECT count(*) FROM {{table "current_states"}} WHERE NOT is_archive_member AND is_analyzed
  ) AS double), 2) AS percent_of_objects,
  count(CASE WHEN unlocated_count > 0 THEN 1 END) AS capped
FROM {{table "current_findings"}}
WHERE identifier_kind = 'custom' AND NOT is_archive_member AND state IN ('confirmed', 'unconfirmed')
GROUP BY coalesce(custom_identifier_id, detection_type), custom_identifier_id
ORDER BY occurrences DESC, identifier, identifier_id
