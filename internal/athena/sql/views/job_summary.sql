SELECT job_id, origin_type,
  min(created_at) AS first_result_at, max(created_at) AS last_result_at,
  count(DISTINCT account_id) AS accounts, count(DISTINCT region) AS regions, count(DISTINCT bucket_name) AS buckets,
  count(DISTINCT {{template "object_name"}}) AS objects, count(*) AS results,
  count(CASE WHEN status_code = 'COMPLETE' THEN 1 END) AS complete_results,
  count(CASE WHEN status_code = 'PARTIAL' THEN 1 END) AS partial_results,
  count(CASE WHEN status_code = 'SKIPPED' THEN 1 END) AS skipped_results,
  count(CASE WHEN type_count > 0 THEN 1 END) AS sensitive_results,
  sum(occurrence_count) AS occurrence_count, sum(CASE WHEN {{template "analysis"}} THEN size_classified END) AS bytes_classified
FROM {{table "results"}}
WHERE NOT is_archive_member AND {{template "committed"}}
GROUP BY job_id, origin_type
