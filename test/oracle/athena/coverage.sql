WITH newest AS (
  SELECT thing, min_by({'code': status_code, 'reason': status_reason, 'size': object_size, 'modified': late(object_last_modified)}, newness) AS skipped,
    min_by({'code': status_code, 'reason': status_reason, 'size': object_size, 'modified': late(object_last_modified)}, newness)
      FILTER (WHERE analysis) AS analyzed
  FROM o_results WHERE NOT is_archive_member GROUP BY thing
), chosen AS (
  SELECT analyzed IS NOT NULL AND skipped.modified < analyzed.modified AS before,
    CASE WHEN analyzed IS NULL OR skipped.modified < analyzed.modified THEN skipped ELSE analyzed END AS r
  FROM newest
)
SELECT r.code AS status_code, r.reason AS status_reason, count(*) AS objects,
  round(100 * count(*) / (SELECT count(*) FROM chosen), 2) AS percent, sum(r.size) AS object_bytes, count(*) FILTER (WHERE before) AS analyzed_before
FROM chosen GROUP BY ALL
