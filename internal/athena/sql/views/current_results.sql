SELECT {{columns "results" ""}},
  object_source_uri, object_source_line, has_newer_content,
  max(severity_score) OVER (PARTITION BY object_source_uri, object_source_line) AS object_severity_score
FROM (
  SELECT {{columns "results" ""}},
    {{template "analysis"}} AS is_analysis,
    first_value({{template "analysis"}}) OVER (PARTITION BY {{template "thing"}} ORDER BY {{template "standing"}}) AS first_is_analysis,
    first_value(object_last_modified) OVER (PARTITION BY {{template "thing"}} ORDER BY {{template "standing"}}) AS first_last_modified,
    first_value(object_version_id) OVER (PARTITION BY {{template "thing"}} ORDER BY {{template "standing"}}) AS first_version_id,
    first_value(source_uri) OVER (PARTITION BY {{template "thing"}} ORDER BY {{template "standing"}}) AS object_source_uri,
    first_value(source_line) OVER (PARTITION BY {{template "thing"}} ORDER BY {{template "standing"}}) AS object_source_line,
    coalesce(max(object_last_modified) OVER (PARTITION BY {{template "thing"}})
      > first_value(object_last_modified) OVER (PARTITION BY {{template "thing"}} ORDER BY {{template "standing"}}),
      max(object_last_modified) OVER (PARTITION BY {{template "thing"}}) IS NOT NULL) AS has_newer_content
  FROM {{table "results"}}
  WHERE {{template "committed"}}
) AS ranked
WHERE is_analysis = first_is_analysis
  AND object_last_modified IS NOT DISTINCT FROM first_last_modified
  AND object_version_id IS NOT DISTINCT FROM first_version_id

{{- define "standing" -}}
CASE WHEN status_code IN ('COMPLETE', 'PARTIAL') THEN 0 ELSE 1 END, {{template "newest"}}
{{- end -}}
