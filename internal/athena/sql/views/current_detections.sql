SELECT {{columns "detections" ""}}, state, identifier, aws_partition, severity_score,
  subject_source_uri, subject_source_line, object_source_uri, object_source_line, object_is_member
FROM (
  SELECT *,
    CASE WHEN is_gone THEN 'gone' WHEN is_confirmed THEN 'confirmed'
      WHEN undated = 0 AND looked_at > last_seen_at THEN 'resolved' ELSE 'unconfirmed' END AS state,
    row_number() OVER ({{template "finding"}}
      ORDER BY CASE WHEN is_found AND content = chosen_content THEN 0 WHEN is_found THEN 1 ELSE 2 END, occurrence_count DESC NULLS LAST, place, detection_index
    ) AS choice
  FROM (
    SELECT *,
      first_value(content) OVER ({{template "finding"}} ORDER BY {{template "confirming"}}) AS chosen_content,
      first_value(is_standing_content) OVER ({{template "finding"}} ORDER BY {{template "confirming"}}) AS is_confirmed,
      max(CASE WHEN is_found THEN content_seen_at END) OVER ({{template "finding"}}) AS last_seen_at,
      max(CASE WHEN is_found THEN content_undated END) OVER ({{template "finding"}}) AS undated,
      max(CASE WHEN NOT is_found THEN created_at END) OVER ({{template "finding"}}) AS looked_at
    FROM (
      -- Every detection. For a subject with several contents also every complete analysis,
      -- once per identifier that its origin is known to look for.
      SELECT {{columns "detections" "d." "created_at"}}, r.created_at, coalesce({{identifier "d."}}, o.identifier) AS identifier, v.is_found,
        r.aws_partition, r.severity_score, r.is_gone, r.is_standing_content, r.content, r.content_seen_at, r.content_undated, r.place,
        r.subject_source_uri, r.subject_source_line, r.object_source_uri, r.object_source_line, r.object_is_member
      FROM {{table "current_results"}} AS r
      CROSS JOIN (VALUES (true), (false)) AS v (is_found)
      LEFT JOIN {{table "detections"}} AS d
        ON v.is_found AND r.run_id = d.run_id AND r.source_uri = d.source_uri AND r.source_line = d.source_line
      LEFT JOIN (
        SELECT {{origin "r."}} AS origin, {{identifier "d."}} AS identifier, max(r.created_at) AS reported_at, false AS is_found
        FROM {{table "detections"}} AS d
        JOIN {{table "results"}} AS r
          ON d.run_id = r.run_id AND d.source_uri = r.source_uri AND d.source_line = r.source_line
        WHERE r.status_code IN ('COMPLETE', 'PARTIAL') AND d.{{template "committed"}}
        GROUP BY {{origin "r."}}, {{identifier "d."}}
      ) AS o ON {{origin "r."}} = o.origin AND v.is_found = o.is_found AND o.reported_at >= r.created_at
      WHERE r.is_analysis AND (d.source_uri IS NOT NULL
        OR o.identifier IS NOT NULL AND r.status_code = 'COMPLETE' AND r.has_other_content AND NOT r.is_gone)
    ) AS seen
  ) AS contents
) AS judged
WHERE choice = 1 AND is_found

{{- define "finding" -}}
PARTITION BY subject_source_uri, subject_source_line, identifier
{{- end -}}

{{- define "confirming" -}}
CASE WHEN NOT is_found THEN 2 WHEN is_standing_content THEN 0 ELSE 1 END, place
{{- end -}}
