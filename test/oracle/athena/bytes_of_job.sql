SELECT sum(size_classified) FILTER (WHERE analysis(status_code)) AS bytes_classified, round(sum(size_classified) FILTER (WHERE analysis(status_code)) / pow(2, 30), 3) AS gib_classified
FROM x_results WHERE is_archive_member = false AND job_id = (SELECT job_id FROM x_results WHERE job_id IS NOT NULL ORDER BY late(created_at), job_id LIMIT 1)
