SELECT job_id, origin_type, sum(CASE WHEN {{template "analysis"}} THEN size_classified END) AS bytes_classified,
  round(CAST(sum(CASE WHEN {{template "analysis"}} THEN size_classified END) AS double) / 1073741824e0, 3) AS gib_classified
FROM {{table "results"}}
WHERE NOT is_archive_member AND {{template "committed"}}
GROUP BY job_id, origin_type
ORDER BY bytes_classified DESC, job_id, origin_type
