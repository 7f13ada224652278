SELECT {{columns "detections" ""}}, object_source_uri, object_source_line
FROM (
  SELECT {{columns "detections" "d."}}, r.object_source_uri, r.object_source_line,
    row_number() OVER (
      PARTITION BY r.object_source_uri, r.object_source_line, d.identifier_kind, d.category, d.detection_type,
        regexp_extract(d.custom_identifier_arn, '[^/]*$')
      ORDER BY d.occurrence_count DESC NULLS LAST, d.created_at DESC NULLS LAST, d.result_id ASC NULLS LAST,
        d.source_uri ASC, d.source_line ASC, d.detection_index ASC
    ) AS place
  FROM {{table "detections"}} AS d
  JOIN {{table "current_results"}} AS r
    ON d.run_id = r.run_id AND d.source_uri = r.source_uri AND d.source_line = r.source_line
) AS ranked
WHERE place = 1
