SELECT {{columns "results" "w." "is_archive_member" "archive_member_path" "archive_member_extension" "archive_member_size" "archive_member_last_modified" "region" "object_size" "object_storage_class" "object_encryption_type" "object_kms_key_id" "object_public_access" "object_tags" "bucket_*" "account_*" "severity_score" "severity" "type_count" "occurrence_count" "location_count" "sensitive_total_count" "custom_total_count"}},
  w.bucket_name, s.is_archive_member, s.archive_member_path,
  CASE WHEN s.is_archive_member THEN w.archive_member_extension END AS archive_member_extension,
  CASE WHEN s.is_archive_member THEN w.archive_member_size END AS archive_member_size,
  CASE WHEN s.is_archive_member THEN w.archive_member_last_modified END AS archive_member_last_modified,
  s.account_id, s.region, s.bucket_effective_permission, s.bucket_encryption_type, s.bucket_tags,
  s.object_size, s.object_storage_class, s.object_encryption_type, s.object_kms_key_id, s.object_public_access, s.object_tags,
  s.is_analyzed, s.is_gone, s.not_analyzed_reason, s.is_public, s.is_unencrypted,
  CASE WHEN NOT s.is_gone THEN s.score END AS severity_score,
  CASE WHEN NOT s.is_gone THEN CASE s.score WHEN 1 THEN 'Low' WHEN 2 THEN 'Medium' WHEN 3 THEN 'High' ELSE s.severity END END AS severity
FROM (
{{- if has "detections"}}
  SELECT s.*,
    CASE WHEN {{template "unconfirmed_higher"}} THEN v.score ELSE s.standing_score END AS score,
    CASE WHEN {{template "unconfirmed_higher"}} THEN v.severity ELSE s.standing_severity END AS severity
  FROM {{table "current_states"}} AS s
  LEFT JOIN (
    SELECT source_uri, source_line, is_archive_member, score, severity,
      row_number() OVER (PARTITION BY source_uri, source_line, is_archive_member ORDER BY score DESC, severity DESC NULLS LAST) AS place
    FROM (
      SELECT CASE WHEN m.as_archive THEN r.object_source_uri ELSE r.subject_source_uri END AS source_uri,
        CASE WHEN m.as_archive THEN r.object_source_line ELSE r.subject_source_line END AS source_line,
        r.is_archive_member AND NOT m.as_archive AS is_archive_member, r.severity, {{template "score"}} AS score
      FROM {{table "current_detections"}} AS r
      -- An archive without results of its own has the highest severity of its members.
      CROSS JOIN (VALUES (false), (true)) AS m (as_archive)
      WHERE r.state = 'unconfirmed' AND (NOT m.as_archive OR r.object_is_member)
    ) AS scores
    WHERE score IS NOT NULL
  ) AS v ON s.source_uri = v.source_uri AND s.source_line = v.source_line AND s.is_archive_member = v.is_archive_member AND v.place = 1
{{- else}}
  SELECT *, standing_score AS score, standing_severity AS severity
  FROM {{table "current_states"}}
{{- end}}
) AS s
JOIN {{table "results"}} AS w
  ON s.run_id = w.run_id AND s.source_uri = w.source_uri AND s.source_line = w.source_line

{{- define "unconfirmed_higher" -}}
v.score IS NOT NULL AND (s.standing_score IS NULL OR v.score > s.standing_score
      OR v.score = s.standing_score AND (s.standing_severity IS NULL OR v.severity > s.standing_severity))
{{- end -}}
