-- Throughout: at least 10 rows, and at least 90 % of the rows from the first to the last.
WITH places AS (
  SELECT bucket_name, object_key, archive_member_path, category, detection_type, is_capped,
    CASE WHEN location_kind = 'cell' THEN coalesce(cell_column_name, 'column ' || CAST(cell_column AS varchar))
      ELSE {{replace "json_path" `\[[0-9]+\]` "[*]"}} END AS place,
    CASE WHEN location_kind = 'cell' THEN cell_row
      -- In a plain JSON file, the elements of an array are the rows.
      WHEN record_index = 0 THEN coalesce(TRY_CAST(regexp_extract(json_path, '^\$\[([0-9]+)\]', 1) AS bigint), record_index)
      ELSE record_index END AS place_row
  FROM {{table "object_locations"}}
  WHERE location_kind IN ('cell', 'record')
)
SELECT bucket_name, object_key, archive_member_path, place, category, detection_type,
  count(DISTINCT place_row) AS sensitive_rows, min(place_row) AS first_row, max(place_row) AS last_row,
  round(100e0 * CAST(count(DISTINCT place_row) AS double) / CAST(max(place_row) - min(place_row) + 1 AS double), 1) AS percent_of_rows,
  max(CASE WHEN is_capped THEN 1 ELSE 0 END) = 1 AS is_capped
FROM places
WHERE place IS NOT NULL AND place_row IS NOT NULL
GROUP BY bucket_name, object_key, archive_member_path, place, category, detection_type
HAVING count(DISTINCT place_row) >= 10
  AND CAST(count(DISTINCT place_row) AS double) >= 0.9e0 * CAST(max(place_row) - min(place_row) + 1 AS double)
ORDER BY sensitive_rows DESC, bucket_name, object_key, archive_member_path, place, detection_type
