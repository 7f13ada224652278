SELECT job_id, origin_type, status_code, status_reason, count(*) AS results FROM x_results WHERE is_archive_member = false GROUP BY ALL
