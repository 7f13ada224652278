WITH sides AS (
  SELECT source_uri, source_line, CAST(to_json([aws_partition, bucket_name, object_key]) AS VARCHAR) AS object, month_of(created_at) AS month
  FROM x_results WHERE is_archive_member = false AND analysis(status_code)
), months AS (
  SELECT list_reverse_sort(list(DISTINCT month_of(created_at))) AS m FROM x_results WHERE created_at IS NOT NULL AND analysis(status_code)
), looked AS (
  SELECT object, bool_or(month = m[1]) AS again, bool_or(month = m[2]) AS before FROM sides, months GROUP BY object
), found AS (
  SELECT object, d.bucket_name, category, detection_type,
    max(coalesce(occurrence_count, 0)) FILTER (WHERE month = m[2]) AS before_n, max(coalesce(occurrence_count, 0)) FILTER (WHERE month = m[1]) AS after_n
  FROM x_detections d JOIN sides USING (source_uri, source_line), months WHERE month = m[1] OR month = m[2] GROUP BY ALL
)
SELECT bucket_name, category, detection_type, count(before_n) FILTER (WHERE again AND before) AS objects_before, count(after_n) FILTER (WHERE again AND before) AS objects_after,
  count_if(again AND before AND before_n IS NULL) AS objects_only_after, count_if(again AND before AND after_n IS NULL) AS objects_only_before,
  coalesce(sum(before_n) FILTER (WHERE again AND before), 0) AS occurrences_before, coalesce(sum(after_n) FILTER (WHERE again AND before), 0) AS occurrences_after,
  coalesce(sum(after_n) FILTER (WHERE again AND before), 0) - coalesce(sum(before_n) FILTER (WHERE again AND before), 0) AS difference,
  count_if(NOT coalesce(again, false)) AS objects_not_analyzed_again, count_if(NOT coalesce(before, false)) AS objects_not_analyzed_before
FROM found JOIN looked USING (object) GROUP BY ALL
