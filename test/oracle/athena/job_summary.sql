SELECT job_id, origin_type, min(created_at) AS first_result_at, max(created_at) AS last_result_at,
  len(list_distinct(list(account_id))) AS accounts, len(list_distinct(list(region))) AS regions,
  len(list_distinct(list(bucket_name))) AS buckets, len(list_distinct(list(object_of(bucket_name, object_key)))) AS objects,
  count(*) AS results, count(*) FILTER (WHERE status_code = 'COMPLETE') AS complete_results, count(*) FILTER (WHERE status_code = 'PARTIAL') AS partial_results,
  count(*) FILTER (WHERE status_code = 'SKIPPED') AS skipped_results,
  count_if((source_uri, source_line) IN (SELECT (source_uri, source_line) FROM x_detections)) AS sensitive_results,
  sum(occurrence_count) AS occurrence_count, sum(size_classified) FILTER (WHERE analysis(status_code)) AS bytes_classified
FROM x_results WHERE is_archive_member = false GROUP BY ALL
