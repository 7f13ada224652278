{{- /* Templates that views and queries share. docs/current.md has the rule of what is current;
the views current_results, current_detections, current_buckets, current_subjects and
current_findings are the only ones that repeat it. */ -}}

{{- define "committed" -}}
run_id IN (SELECT run_id FROM {{table "runs"}})
{{- end -}}

{{- define "bucket" -}}
aws_partition, bucket_name
{{- end -}}

{{- define "subject" -}}
aws_partition, bucket_name, object_key, is_archive_member, archive_member_path
{{- end -}}

{{- define "analysis" -}}
coalesce(status_code IN ('COMPLETE', 'PARTIAL'), false)
{{- end -}}

{{- /* The order of results, the newest first. */ -}}
{{- define "newest" -}}
created_at DESC NULLS LAST, object_last_modified DESC NULLS LAST, {{template "analyses_first"}}, result_id ASC NULLS LAST, source_uri ASC, source_line ASC
{{- end -}}

{{- define "analyses_first" -}}
CASE WHEN status_code IN ('COMPLETE', 'PARTIAL') THEN 0 ELSE 1 END
{{- end -}}

{{- /* A severity as a number. */ -}}
{{- define "score" -}}
coalesce(severity_score, CASE severity WHEN 'Low' THEN 1 WHEN 'Medium' THEN 2 WHEN 'High' THEN 3 END)
{{- end -}}

{{- define "object" -}}
aws_partition, bucket_name, object_key
{{- end -}}

{{- /* An object's name, to count objects by. */ -}}
{{- define "object_name" -}}
coalesce(bucket_name, '') || '/' || coalesce(object_key, '')
{{- end -}}

{{- /* A location as people write it. */ -}}
{{- define "location" -}}
CASE location_kind
    WHEN 'cell' THEN
      coalesce(cell_reference, 'row ' || CAST(cell_row AS varchar) || ', column ' || CAST(cell_column AS varchar),
        'row ' || CAST(cell_row AS varchar), 'column ' || CAST(cell_column AS varchar), 'cell')
      || coalesce(' (' || cell_column_name || ')', '')
    WHEN 'line' THEN
      CASE WHEN line_end > line_start THEN 'lines ' || CAST(line_start AS varchar) || '-' || CAST(line_end AS varchar)
        ELSE coalesce('line ' || CAST(line_start AS varchar), 'line') END
      || coalesce(', column ' || CAST(line_start_column AS varchar), '')
    WHEN 'offset' THEN
      CASE WHEN offset_end > offset_start THEN 'offsets ' || CAST(offset_start AS varchar) || '-' || CAST(offset_end AS varchar)
        ELSE coalesce('offset ' || CAST(offset_start AS varchar), 'offset') END
      || coalesce(', column ' || CAST(offset_start_column AS varchar), '')
    WHEN 'page' THEN
      coalesce('page ' || CAST(page_number AS varchar), 'page')
      || coalesce(', line ' || CAST(line_start AS varchar), '')
      || coalesce(', offset ' || CAST(offset_start AS varchar), '')
    WHEN 'record' THEN
      coalesce('record ' || CAST(record_index AS varchar), 'record') || coalesce(' ' || json_path, '')
    ELSE location_kind
  END
{{- end -}}

{{- /* A job: the one asked for, or the one with the newest result in a table. */ -}}
{{- define "job" -}}
{{param "job" (printf "(SELECT job_id FROM %s WHERE job_id IS NOT NULL AND run_id IN (SELECT run_id FROM %s) ORDER BY created_at DESC NULLS LAST, job_id LIMIT 1)" (table .) (table "runs"))}}
{{- end -}}
