SELECT o.bucket_name, o.object_key, o.archive_member_path, d.is_archive_member,
  o.identifier_kind, o.category, o.detection_type, o.custom_identifier_arn, d.state,
  o.location_kind, o.location, d.occurrence_count, d.location_count, d.is_capped,
  o.cell_row, o.cell_column, o.cell_column_name, o.cell_reference, o.line_start, o.line_end, o.line_start_column,
  o.offset_start, o.offset_end, o.offset_start_column, o.page_number, o.record_index, o.json_path,
  o.account_id, o.region, o.job_id, o.created_at, o.object_version_id, o.mime_type,
  o.source_uri, o.source_line, o.detection_index, o.occurrence_index
FROM (
  SELECT {{columns "occurrences" ""}},
  {{template "location"}} AS location
  FROM {{table "occurrences"}}
) AS o
JOIN {{table "current_detections"}} AS d
  ON o.run_id = d.run_id AND o.source_uri = d.source_uri AND o.source_line = d.source_line
    AND o.detection_index = d.detection_index
WHERE d.state IN ('confirmed', 'unconfirmed')
