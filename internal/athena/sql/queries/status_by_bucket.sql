SELECT bucket_name, status_code, status_reason, count(*) AS results
FROM {{table "results"}}
WHERE NOT is_archive_member AND {{template "committed"}}
GROUP BY bucket_name, status_code, status_reason
ORDER BY bucket_name, results DESC, status_code, status_reason
