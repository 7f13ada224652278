SELECT bucket_name, object_key, archive_member_path, category, detection_type, location_kind,
  {{template "location"}} AS location
FROM {{table "occurrences"}}
WHERE identifier_kind = 'custom' AND job_id = {{template "job" "occurrences"}} AND {{template "committed"}}
ORDER BY bucket_name, object_key, archive_member_path NULLS FIRST, category, detection_type, occurrence_index
