-- Only objects that were analyzed on both sides are compared; the others are counted as not analyzed again, or not before.
WITH months AS (
  SELECT DISTINCT {{month "created_at"}} AS created
  FROM {{table "results"}}
  WHERE {{template "analysis"}} AND {{template "committed"}}
), periods AS (
  SELECT {{param "before" "(SELECT max(created) FROM months WHERE created < (SELECT max(created) FROM months))"}} AS before_period,
    {{param "after" "(SELECT max(created) FROM months)"}} AS after_period
), analyzed AS (
  SELECT run_id, source_uri, source_line, is_before, is_after,
    max(is_before) OVER (PARTITION BY {{template "object"}}) = 1 AS was_analyzed_before,
    max(is_after) OVER (PARTITION BY {{template "object"}}) = 1 AS was_analyzed_after,
    first_value(source_uri) OVER (PARTITION BY {{template "object"}} ORDER BY source_uri, source_line) AS object_uri,
    first_value(source_line) OVER (PARTITION BY {{template "object"}} ORDER BY source_uri, source_line) AS object_line
  FROM (
    SELECT run_id, source_uri, source_line, {{template "object"}},
      CASE WHEN job_id = before_period OR {{month "created_at"}} = before_period THEN 1 ELSE 0 END AS is_before,
      CASE WHEN job_id = after_period OR {{month "created_at"}} = after_period THEN 1 ELSE 0 END AS is_after
    FROM {{table "results"}}
    CROSS JOIN periods
    WHERE NOT is_archive_member AND {{template "analysis"}} AND {{template "committed"}}
  ) AS sides
), found AS (
  SELECT a.object_uri, a.object_line, a.was_analyzed_before, a.was_analyzed_after, d.bucket_name, d.category, d.detection_type,
    max(CASE WHEN a.is_before = 1 THEN coalesce(d.occurrence_count, 0) END) AS before_count,
    max(CASE WHEN a.is_after = 1 THEN coalesce(d.occurrence_count, 0) END) AS after_count
  FROM {{table "detections"}} AS d
  JOIN analyzed AS a ON d.run_id = a.run_id AND d.source_uri = a.source_uri AND d.source_line = a.source_line
  WHERE a.is_before = 1 OR a.is_after = 1
  GROUP BY a.object_uri, a.object_line, a.was_analyzed_before, a.was_analyzed_after, d.bucket_name, d.category, d.detection_type
), compared AS (
  SELECT *, was_analyzed_before AND was_analyzed_after AS is_comparable
  FROM found
)
SELECT bucket_name, category, detection_type,
  count(CASE WHEN is_comparable THEN before_count END) AS objects_before, count(CASE WHEN is_comparable THEN after_count END) AS objects_after,
  count(CASE WHEN is_comparable AND before_count IS NULL THEN 1 END) AS objects_only_after,
  count(CASE WHEN is_comparable AND after_count IS NULL THEN 1 END) AS objects_only_before,
  coalesce(sum(CASE WHEN is_comparable THEN {{number_of "before_count"}} END), 0) AS occurrences_before,
  coalesce(sum(CASE WHEN is_comparable THEN {{number_of "after_count"}} END), 0) AS occurrences_after,
  coalesce(sum(CASE WHEN is_comparable THEN {{number_of "after_count"}} END), 0) - coalesce(sum(CASE WHEN is_comparable THEN {{number_of "before_count"}} END), 0) AS difference,
  count(CASE WHEN NOT was_analyzed_after THEN 1 END) AS objects_not_analyzed_again,
  count(CASE WHEN NOT was_analyzed_before THEN 1 END) AS objects_not_analyzed_before
FROM compared
GROUP BY bucket_name, category, detection_type
ORDER BY abs(coalesce(sum(CASE WHEN is_comparable THEN {{number_of "after_count"}} END), 0) - coalesce(sum(CASE WHEN is_comparable THEN {{number_of "before_count"}} END), 0)) DESC, bucket_name, category, detection_type
