SELECT account_id, status_code, status_reason, count(*) AS results
FROM {{table "results"}}
WHERE NOT is_archive_member AND {{template "committed"}}
GROUP BY account_id, status_code, status_reason
ORDER BY account_id, results DESC, status_code, status_reason
