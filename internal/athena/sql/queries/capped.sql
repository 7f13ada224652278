SELECT bucket_name, object_key, archive_member_path, is_archive_member, category, detection_type, state, occurrence_count, location_count,
  unlocated_count, unlocated_cause
FROM {{table "current_findings"}}
WHERE state IN ('confirmed', 'unconfirmed') AND unlocated_count > 0
ORDER BY unlocated_count DESC, bucket_name, object_key, is_archive_member, archive_member_path, detection_type
