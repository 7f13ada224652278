WITH states AS (
  SELECT *, CASE WHEN is_gone THEN 'gone' WHEN not_analyzed_reason IS NOT NULL THEN 'not analyzed' ELSE status_code END AS state,
    CASE WHEN is_gone THEN NULL WHEN not_analyzed_reason IS NOT NULL THEN not_analyzed_reason ELSE status_reason END AS reason
  FROM o_subjects WHERE NOT is_archive_member
)
SELECT state, reason, count(*) AS objects, round(100 * count(*) / (SELECT count(*) FROM states), 2) AS percent, sum(object_size) AS object_bytes,
  count_if(not_analyzed_reason IS NOT NULL AND is_analyzed) AS analyzed_before
FROM states GROUP BY state, reason
