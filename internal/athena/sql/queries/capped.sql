SELECT bucket_name, object_key, archive_member_path, category, detection_type, occurrence_count, location_count,
  occurrence_count - location_count AS without_location
FROM {{table "current_detections"}}
WHERE is_capped
ORDER BY without_location DESC, bucket_name, object_key, archive_member_path, detection_type
