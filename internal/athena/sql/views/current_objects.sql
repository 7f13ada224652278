SELECT {{columns "results" "r." "severity_score" "severity" "type_count" "occurrence_count" "location_count" "sensitive_total_count" "custom_total_count"}},
  r.object_severity_score AS severity_score, a.severity,
{{- if has "detections"}}
  coalesce(d.type_count, 0) AS type_count, coalesce(d.occurrence_count, 0) AS occurrence_count,
  coalesce(d.location_count, 0) AS location_count, coalesce(d.sensitive_total_count, 0) AS sensitive_total_count,
  coalesce(d.custom_total_count, 0) AS custom_total_count,
{{- else}}
  -- Without the table detections: the largest count of the results that count.
  a.type_count, a.occurrence_count, a.location_count, a.sensitive_total_count, a.custom_total_count,
{{- end}}
  a.analyses, r.has_newer_content
FROM {{table "current_results"}} AS r
JOIN (
  SELECT object_source_uri, object_source_line, count(*) AS analyses,
    max(CASE WHEN severity_score = object_severity_score THEN severity END) AS severity,
    max(type_count) AS type_count, max(occurrence_count) AS occurrence_count, max(location_count) AS location_count,
    max(sensitive_total_count) AS sensitive_total_count, max(custom_total_count) AS custom_total_count
  FROM {{table "current_results"}}
  GROUP BY object_source_uri, object_source_line
) AS a ON r.source_uri = a.object_source_uri AND r.source_line = a.object_source_line
{{- if has "detections"}}
LEFT JOIN (
  SELECT object_source_uri, object_source_line, count(*) AS type_count,
    sum(occurrence_count) AS occurrence_count, sum(location_count) AS location_count,
    sum(CASE WHEN identifier_kind = 'managed' THEN occurrence_count END) AS sensitive_total_count,
    sum(CASE WHEN identifier_kind = 'custom' THEN occurrence_count END) AS custom_total_count
  FROM {{table "current_detections"}}
  GROUP BY object_source_uri, object_source_line
) AS d ON r.source_uri = d.object_source_uri AND r.source_line = d.object_source_line
{{- end}}
