SELECT sum(CASE WHEN {{template "analysis"}} THEN size_classified END) AS bytes_classified,
  round(CAST(sum(CASE WHEN {{template "analysis"}} THEN size_classified END) AS double) / 1073741824e0, 3) AS gib_classified
FROM {{table "results"}}
WHERE job_id = {{template "job" "results"}} AND NOT is_archive_member AND {{template "committed"}}
