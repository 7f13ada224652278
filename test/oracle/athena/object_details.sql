SELECT bucket_name, object_key, archive_member_path, category, detection_type, occurrence_count, job_id, created_at FROM x_detections
