SELECT job_id, origin_type, sum(size_classified) FILTER (WHERE analysis(status_code)) AS bytes_classified, round(sum(size_classified) FILTER (WHERE analysis(status_code)) / pow(2, 30), 3) AS gib_classified
FROM x_results WHERE is_archive_member = false GROUP BY ALL
