SELECT bucket_name, object_key, archive_member_path, category, detection_type, location_kind, location
FROM o_places WHERE identifier_kind = 'managed' AND job_id = (SELECT job_id FROM x_occurrences WHERE job_id IS NOT NULL ORDER BY late(created_at), job_id LIMIT 1)
