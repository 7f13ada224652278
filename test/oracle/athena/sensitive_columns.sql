WITH places AS (
  SELECT p.bucket_name, p.object_key, p.archive_member_path, p.category, p.detection_type, d.is_capped,
    CASE p.location_kind WHEN 'cell' THEN ifnull(p.cell_column_name, format('column {}', p.cell_column))
      ELSE regexp_replace(p.json_path, '\[\d+\]', '[*]', 'g') END AS place,
    CASE WHEN p.location_kind = 'record' AND p.record_index = 0 AND regexp_matches(p.json_path, '^\$\[\d+\]')
        AND TRY_CAST(string_split(substr(p.json_path, 3), ']')[1] AS BIGINT) IS NOT NULL
      THEN CAST(string_split(substr(p.json_path, 3), ']')[1] AS BIGINT)
      WHEN p.location_kind = 'record' THEN p.record_index
      ELSE p.cell_row END AS position_at
  FROM o_places p JOIN o_detections d USING (source_uri, source_line, detection_index)
  WHERE p.location_kind IN ('cell', 'record')
), grouped AS (
  SELECT bucket_name, object_key, archive_member_path, place, category, detection_type, bool_or(is_capped) AS is_capped,
    list_sort(list_distinct(list(position_at))) AS found
  FROM places WHERE position_at IS NOT NULL AND place IS NOT NULL GROUP BY ALL
)
SELECT *, len(found) AS sensitive_rows, found[1] AS first_row, found[-1] AS last_row,
  round(100 * len(found) / CAST(found[-1] - found[1] + 1 AS DOUBLE), 1) AS percent_of_rows
FROM grouped WHERE len(found) >= 10 AND len(found) / CAST(found[-1] - found[1] + 1 AS DOUBLE) >= 0.9
