SELECT status_code, status_reason, count(*) AS results
FROM {{table "results"}}
WHERE job_id = {{template "job" "results"}} AND NOT is_archive_member AND {{template "committed"}}
GROUP BY status_code, status_reason
ORDER BY results DESC, status_code, status_reason
