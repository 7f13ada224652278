SELECT state, reason, count(*) AS objects,
  round(100e0 * CAST(count(*) AS double) / CAST(sum(count(*)) OVER () AS double), 2) AS percent,
  sum(object_size) AS object_bytes, count(CASE WHEN was_analyzed THEN 1 END) AS analyzed_before
FROM (
  SELECT CASE WHEN s.is_gone THEN 'gone' WHEN s.not_analyzed_reason IS NULL THEN w.status_code ELSE 'not analyzed' END AS state,
    CASE WHEN s.is_gone THEN NULL ELSE coalesce(s.not_analyzed_reason, w.status_reason) END AS reason,
    s.object_size, s.not_analyzed_reason IS NOT NULL AND s.is_analyzed AS was_analyzed
  FROM {{table "current_states"}} AS s
  JOIN {{table "results"}} AS w
    ON s.run_id = w.run_id AND s.source_uri = w.source_uri AND s.source_line = w.source_line
  WHERE NOT s.is_archive_member
) AS states
GROUP BY state, reason
ORDER BY objects DESC, state, reason
