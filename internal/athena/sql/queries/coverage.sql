SELECT status_code, status_reason, count(*) AS objects,
  round(100e0 * CAST(count(*) AS double) / CAST(sum(count(*)) OVER () AS double), 2) AS percent,
  sum(object_size) AS object_bytes, sum(was_analyzed_before) AS analyzed_before
FROM (
  SELECT status_code, status_reason, object_size, 0 AS was_analyzed_before
  FROM {{table "current_objects"}}
  WHERE NOT is_archive_member AND NOT has_newer_content
  UNION ALL
  SELECT status_code, status_reason, object_size, 1 AS was_analyzed_before
  FROM {{table "unanalyzed_objects"}}
  WHERE NOT is_archive_member AND was_analyzed
) AS newest
GROUP BY status_code, status_reason
ORDER BY objects DESC, status_code, status_reason
