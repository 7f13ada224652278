-- Missing rows are in partitions that the catalog doesn't have yet: register the
-- tables again.
{{- range $i, $t := data}}
{{if $i}}UNION ALL
{{end -}}
SELECT '{{$t}}' AS table_name, rows_written, rows_shown, rows_written - rows_shown AS rows_missing
FROM (SELECT coalesce(sum({{$t}}_rows), 0) AS rows_written FROM {{table "runs"}}) AS written
CROSS JOIN (SELECT count(*) AS rows_shown FROM {{table $t}} WHERE {{template "committed"}}) AS shown
{{- end}}
