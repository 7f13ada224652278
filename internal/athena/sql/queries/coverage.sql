SELECT CASE WHEN is_gone THEN 'gone' WHEN not_analyzed_reason IS NULL THEN status_code ELSE 'not analyzed' END AS state,
  CASE WHEN is_gone THEN NULL ELSE coalesce(not_analyzed_reason, status_reason) END AS reason, count(*) AS objects,
  round(100e0 * CAST(count(*) AS double) / CAST(sum(count(*)) OVER () AS double), 2) AS percent,
  sum(object_size) AS object_bytes, count(CASE WHEN not_analyzed_reason IS NOT NULL AND is_analyzed THEN 1 END) AS analyzed_before
FROM {{table "current_subjects"}}
WHERE NOT is_archive_member
GROUP BY CASE WHEN is_gone THEN 'gone' WHEN not_analyzed_reason IS NULL THEN status_code ELSE 'not analyzed' END,
  CASE WHEN is_gone THEN NULL ELSE coalesce(not_analyzed_reason, status_reason) END
ORDER BY objects DESC, state, reason
