SELECT job_id, origin_type, status_code, status_reason, count(*) AS results
FROM {{table "results"}}
WHERE NOT is_archive_member AND {{template "committed"}}
GROUP BY job_id, origin_type, status_code, status_reason
ORDER BY job_id, origin_type, results DESC, status_code, status_reason
