WITH dated AS (
  SELECT bucket_name, object_key, category, detection_type, month_of(created_at) AS month, max(occurrence_count) AS n
  FROM x_detections WHERE NOT is_archive_member AND created_at IS NOT NULL GROUP BY ALL HAVING n IS NOT NULL
), months AS (
  SELECT list_reverse_sort(list(DISTINCT month_of(created_at))) AS m FROM x_detections WHERE created_at IS NOT NULL
), a AS (
  SELECT * FROM dated WHERE month = (SELECT m[1] FROM months)
), b AS (
  SELECT * FROM dated WHERE month = (SELECT m[2] FROM months)
), pairs AS (
  SELECT 1 AS is_after, 0 AS is_before, * FROM a UNION ALL SELECT 0, 1, * FROM b
), objects AS (
  SELECT bucket_name, object_key, category, detection_type, max(is_before) AS is_before, max(is_after) AS is_after,
    sum(n) FILTER (WHERE is_before = 1) AS before_n, sum(n) FILTER (WHERE is_after = 1) AS after_n
  FROM pairs GROUP BY ALL
)
SELECT bucket_name, category, detection_type, sum(is_before) AS objects_before, sum(is_after) AS objects_after,
  count(*) FILTER (WHERE is_before = 0) AS objects_only_after, count(*) FILTER (WHERE is_after = 0) AS objects_only_before,
  coalesce(sum(before_n), 0) AS occurrences_before, coalesce(sum(after_n), 0) AS occurrences_after,
  coalesce(sum(after_n), 0) - coalesce(sum(before_n), 0) AS difference
FROM objects GROUP BY ALL
