SELECT {{columns "detections" ""}}, state, identifier, aws_partition, severity_score,
  subject_source_uri, subject_source_line, object_source_uri, object_source_line, object_is_member
FROM (
  SELECT u.*,
    CASE WHEN u.is_gone THEN 'gone' WHEN u.is_confirmed THEN 'confirmed'
      WHEN u.undated = 0 AND w.looked_at > u.last_seen_at THEN 'resolved' ELSE 'unconfirmed' END AS state
  FROM (
    SELECT *,
      row_number() OVER (
        PARTITION BY subject_source_uri, subject_source_line, identifier
        ORDER BY CASE WHEN content = chosen_content THEN 0 ELSE 1 END, occurrence_count DESC NULLS LAST, place, detection_index
      ) AS choice
    FROM (
      SELECT *,
        first_value(content) OVER ({{template "finding"}} ORDER BY {{template "confirming"}}) AS chosen_content,
        first_value(is_standing_content) OVER ({{template "finding"}} ORDER BY {{template "confirming"}}) AS is_confirmed,
        max(content_seen_at) OVER ({{template "finding"}}) AS last_seen_at,
        max(content_undated) OVER ({{template "finding"}}) AS undated
      FROM (
        SELECT {{columns "detections" "d."}}, {{identifier "d."}} AS identifier, r.aws_partition, r.severity_score,
          r.is_gone, r.is_standing_content, r.content, r.content_seen_at, r.content_undated, r.place,
          r.subject_source_uri, r.subject_source_line, r.object_source_uri, r.object_source_line, r.object_is_member
        FROM {{table "detections"}} AS d
        JOIN {{table "current_results"}} AS r
          ON d.run_id = r.run_id AND d.source_uri = r.source_uri AND d.source_line = r.source_line
        WHERE r.is_analysis
      ) AS reported
    ) AS contents
  ) AS u
  LEFT JOIN (
    -- When a subject of several contents was last analyzed completely by an origin that looked for an identifier.
    SELECT a.subject_source_uri, a.subject_source_line, o.identifier, max(a.created_at) AS looked_at
    FROM {{table "current_results"}} AS a
    JOIN (
      SELECT {{origin "r."}} AS origin, {{identifier "d."}} AS identifier, max(r.created_at) AS reported_at
      FROM {{table "detections"}} AS d
      JOIN {{table "results"}} AS r
        ON d.run_id = r.run_id AND d.source_uri = r.source_uri AND d.source_line = r.source_line
      WHERE r.status_code IN ('COMPLETE', 'PARTIAL') AND d.{{template "committed"}}
      GROUP BY {{origin "r."}}, {{identifier "d."}}
    ) AS o ON {{origin "a."}} = o.origin AND o.reported_at >= a.created_at
    WHERE a.status_code = 'COMPLETE' AND a.has_other_content AND NOT a.is_gone
    GROUP BY a.subject_source_uri, a.subject_source_line, o.identifier
  ) AS w
    ON u.subject_source_uri = w.subject_source_uri AND u.subject_source_line = w.subject_source_line AND u.identifier = w.identifier
  WHERE u.choice = 1
) AS judged

{{- define "finding" -}}
PARTITION BY subject_source_uri, subject_source_line, identifier
{{- end -}}

{{- define "confirming" -}}
CASE WHEN is_standing_content THEN 0 ELSE 1 END, place
{{- end -}}
