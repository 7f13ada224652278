WITH months AS (
  SELECT DISTINCT {{month "created_at"}} AS created
  FROM {{table "detections"}}
  WHERE {{template "committed"}}
), periods AS (
  SELECT {{param "before" "(SELECT max(created) FROM months WHERE created < (SELECT max(created) FROM months))"}} AS before_period,
    {{param "after" "(SELECT max(created) FROM months)"}} AS after_period
), found AS (
  SELECT bucket_name, object_key, category, detection_type,
    max(CASE WHEN job_id = before_period OR {{month "created_at"}} = before_period THEN occurrence_count END) AS before_count,
    max(CASE WHEN job_id = after_period OR {{month "created_at"}} = after_period THEN occurrence_count END) AS after_count
  FROM {{table "detections"}}
  CROSS JOIN periods
  WHERE NOT is_archive_member AND {{template "committed"}}
  GROUP BY bucket_name, object_key, category, detection_type
)
SELECT bucket_name, category, detection_type,
  count(before_count) AS objects_before, count(after_count) AS objects_after,
  count(CASE WHEN before_count IS NULL THEN 1 END) AS objects_only_after,
  count(CASE WHEN after_count IS NULL THEN 1 END) AS objects_only_before,
  coalesce(sum(before_count), 0) AS occurrences_before, coalesce(sum(after_count), 0) AS occurrences_after,
  coalesce(sum(after_count), 0) - coalesce(sum(before_count), 0) AS difference
FROM found
WHERE before_count IS NOT NULL OR after_count IS NOT NULL
GROUP BY bucket_name, category, detection_type
ORDER BY abs(coalesce(sum(after_count), 0) - coalesce(sum(before_count), 0)) DESC, bucket_name, category, detection_type
