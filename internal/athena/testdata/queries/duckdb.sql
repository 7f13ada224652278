== types_by_job: Which categories and types did each job find, and how often?
SELECT job_id, origin_type, category, detection_type,
  sum(occurrence_count) AS occurrences, count(DISTINCT coalesce(bucket_name, '') || '/' || coalesce(object_key, '')) AS objects
FROM "macie"."detections"
WHERE NOT is_archive_member AND run_id IN (SELECT run_id FROM "macie"."runs")
GROUP BY job_id, origin_type, category, detection_type
ORDER BY job_id, origin_type, occurrences DESC, category, detection_type
== types_by_account: Which categories and types are in each account, and how often?
SELECT account_id, category, detection_type,
  sum(occurrence_count) AS occurrences, count(DISTINCT coalesce(bucket_name, '') || '/' || coalesce(object_key, '')) AS objects
FROM "macie"."detections"
WHERE NOT is_archive_member AND run_id IN (SELECT run_id FROM "macie"."runs")
GROUP BY account_id, category, detection_type
ORDER BY account_id, occurrences DESC, category, detection_type
== types_by_bucket: Which categories and types are in each bucket, and how often?
SELECT bucket_name, category, detection_type,
  sum(occurrence_count) AS occurrences, count(DISTINCT coalesce(bucket_name, '') || '/' || coalesce(object_key, '')) AS objects
FROM "macie"."detections"
WHERE NOT is_archive_member AND run_id IN (SELECT run_id FROM "macie"."runs")
GROUP BY bucket_name, category, detection_type
ORDER BY bucket_name, occurrences DESC, category, detection_type
== types_by_object: Which categories and types did each job find in each object, and how often?
SELECT job_id, origin_type, bucket_name, object_key, category, detection_type, sum(occurrence_count) AS occurrences
FROM "macie"."detections"
WHERE NOT is_archive_member AND run_id IN (SELECT run_id FROM "macie"."runs")
GROUP BY job_id, origin_type, bucket_name, object_key, category, detection_type
ORDER BY job_id, origin_type, bucket_name, object_key, occurrences DESC, category, detection_type
== types_of_job: Which categories and types did one job find, and how often?
SELECT category, detection_type,
  sum(occurrence_count) AS occurrences, count(DISTINCT coalesce(bucket_name, '') || '/' || coalesce(object_key, '')) AS objects
FROM "macie"."detections"
WHERE job_id = (SELECT job_id FROM "macie"."detections" WHERE job_id IS NOT NULL AND run_id IN (SELECT run_id FROM "macie"."runs") ORDER BY created_at DESC NULLS LAST, job_id LIMIT 1) AND NOT is_archive_member AND run_id IN (SELECT run_id FROM "macie"."runs")
GROUP BY category, detection_type
ORDER BY occurrences DESC, category, detection_type
== types_of_job_by_object: Which categories and types did one job find in each object, and how often?
SELECT bucket_name, object_key, category, detection_type, sum(occurrence_count) AS occurrences
FROM "macie"."detections"
WHERE job_id = (SELECT job_id FROM "macie"."detections" WHERE job_id IS NOT NULL AND run_id IN (SELECT run_id FROM "macie"."runs") ORDER BY created_at DESC NULLS LAST, job_id LIMIT 1) AND NOT is_archive_member AND run_id IN (SELECT run_id FROM "macie"."runs")
GROUP BY bucket_name, object_key, category, detection_type
ORDER BY occurrences DESC, bucket_name, object_key, category, detection_type
== status_by_job: How did the analyses of each job end, and why?
SELECT job_id, origin_type, status_code, status_reason, count(*) AS results
FROM "macie"."results"
WHERE NOT is_archive_member AND run_id IN (SELECT run_id FROM "macie"."runs")
GROUP BY job_id, origin_type, status_code, status_reason
ORDER BY job_id, origin_type, results DESC, status_code, status_reason
== status_by_account: How did the analyses in each account end, and why?
SELECT account_id, status_code, status_reason, count(*) AS results
FROM "macie"."results"
WHERE NOT is_archive_member AND run_id IN (SELECT run_id FROM "macie"."runs")
GROUP BY account_id, status_code, status_reason
ORDER BY account_id, results DESC, status_code, status_reason
== status_by_bucket: How did the analyses in each bucket end, and why?
SELECT bucket_name, status_code, status_reason, count(*) AS results
FROM "macie"."results"
WHERE NOT is_archive_member AND run_id IN (SELECT run_id FROM "macie"."runs")
GROUP BY bucket_name, status_code, status_reason
ORDER BY bucket_name, results DESC, status_code, status_reason
== status_of_job: How did the analyses of one job end, and why?
SELECT status_code, status_reason, count(*) AS results
FROM "macie"."results"
WHERE job_id = (SELECT job_id FROM "macie"."results" WHERE job_id IS NOT NULL AND run_id IN (SELECT run_id FROM "macie"."runs") ORDER BY created_at DESC NULLS LAST, job_id LIMIT 1) AND NOT is_archive_member AND run_id IN (SELECT run_id FROM "macie"."runs")
GROUP BY status_code, status_reason
ORDER BY results DESC, status_code, status_reason
== bytes_by_job: How many bytes did each job analyse?
SELECT job_id, origin_type, sum(CASE WHEN coalesce(status_code IN ('COMPLETE', 'PARTIAL'), false) THEN size_classified END) AS bytes_classified,
  round(CAST(sum(CASE WHEN coalesce(status_code IN ('COMPLETE', 'PARTIAL'), false) THEN size_classified END) AS double) / 1073741824e0, 3) AS gib_classified
FROM "macie"."results"
WHERE NOT is_archive_member AND run_id IN (SELECT run_id FROM "macie"."runs")
GROUP BY job_id, origin_type
ORDER BY bytes_classified DESC, job_id, origin_type
== bytes_of_job: How many bytes did one job analyse?
SELECT sum(CASE WHEN coalesce(status_code IN ('COMPLETE', 'PARTIAL'), false) THEN size_classified END) AS bytes_classified,
  round(CAST(sum(CASE WHEN coalesce(status_code IN ('COMPLETE', 'PARTIAL'), false) THEN size_classified END) AS double) / 1073741824e0, 3) AS gib_classified
FROM "macie"."results"
WHERE job_id = (SELECT job_id FROM "macie"."results" WHERE job_id IS NOT NULL AND run_id IN (SELECT run_id FROM "macie"."runs") ORDER BY created_at DESC NULLS LAST, job_id LIMIT 1) AND NOT is_archive_member AND run_id IN (SELECT run_id FROM "macie"."runs")
== object_details: What was found in each object, and in each file inside an archive?
SELECT bucket_name, object_key, archive_member_path, category, detection_type, occurrence_count, job_id, created_at
FROM "macie"."detections"
WHERE run_id IN (SELECT run_id FROM "macie"."runs")
ORDER BY bucket_name, object_key, archive_member_path NULLS FIRST, occurrence_count DESC, category, detection_type
== managed_locations: Where did managed data identifiers match in one job?
SELECT bucket_name, object_key, archive_member_path, category, detection_type, location_kind,
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
  END AS location
FROM "macie"."occurrences"
WHERE identifier_kind = 'managed' AND job_id = (SELECT job_id FROM "macie"."occurrences" WHERE job_id IS NOT NULL AND run_id IN (SELECT run_id FROM "macie"."runs") ORDER BY created_at DESC NULLS LAST, job_id LIMIT 1) AND run_id IN (SELECT run_id FROM "macie"."runs")
ORDER BY bucket_name, object_key, archive_member_path NULLS FIRST, category, detection_type, occurrence_index
== custom_locations: Where did custom data identifiers match in one job?
SELECT bucket_name, object_key, archive_member_path, category, detection_type, location_kind,
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
  END AS location
FROM "macie"."occurrences"
WHERE identifier_kind = 'custom' AND job_id = (SELECT job_id FROM "macie"."occurrences" WHERE job_id IS NOT NULL AND run_id IN (SELECT run_id FROM "macie"."runs") ORDER BY created_at DESC NULLS LAST, job_id LIMIT 1) AND run_id IN (SELECT run_id FROM "macie"."runs")
ORDER BY bucket_name, object_key, archive_member_path NULLS FIRST, category, detection_type, occurrence_index
== exposure: Which objects with sensitive data are, or may be, public or unencrypted?
-- This doesn't cover sharing with other accounts.
SELECT bucket_name, object_key, account_id, region, severity, is_public, is_unencrypted, types, confirmed_count, unconfirmed_count, occurrence_count,
  bucket_effective_permission, object_public_access, bucket_encryption_type, object_encryption_type, last_analyzed_at
FROM "macie"."sensitive_objects"
WHERE NOT is_archive_member AND (is_public <> 'no' OR is_unencrypted <> 'no')
ORDER BY CASE is_public WHEN 'yes' THEN 0 WHEN 'unknown' THEN 1 ELSE 2 END, CASE is_unencrypted WHEN 'yes' THEN 0 WHEN 'unknown' THEN 1 ELSE 2 END,
  severity_score DESC NULLS LAST, occurrence_count DESC, bucket_name, object_key
== capped: Where did Macie count more sensitive data than it gave locations for?
SELECT bucket_name, object_key, archive_member_path, is_archive_member, category, detection_type, state, occurrence_count, location_count,
  unlocated_count, unlocated_cause
FROM "macie"."current_findings"
WHERE state IN ('confirmed', 'unconfirmed') AND unlocated_count > 0
ORDER BY unlocated_count DESC, bucket_name, object_key, is_archive_member, archive_member_path, detection_type
== coverage: How much was analysed, what was not, and why?
SELECT state, reason, count(*) AS objects,
  round(100e0 * CAST(count(*) AS double) / CAST(sum(count(*)) OVER () AS double), 2) AS percent,
  sum(object_size) AS object_bytes, count(CASE WHEN was_analyzed THEN 1 END) AS analyzed_before
FROM (
  SELECT CASE WHEN s.is_gone THEN 'gone' WHEN s.not_analyzed_reason IS NULL THEN w.status_code ELSE 'not analyzed' END AS state,
    CASE WHEN s.is_gone THEN NULL ELSE coalesce(s.not_analyzed_reason, w.status_reason) END AS reason,
    s.object_size, s.not_analyzed_reason IS NOT NULL AND s.is_analyzed AS was_analyzed
  FROM "macie"."current_states" AS s
  JOIN "macie"."results" AS w
    ON s.run_id = w.run_id AND s.source_uri = w.source_uri AND s.source_line = w.source_line
  WHERE NOT s.is_archive_member
) AS states
GROUP BY state, reason
ORDER BY objects DESC, state, reason
== change: What changed between two jobs, or two months, in objects that both analyzed?
-- Only objects that were analyzed on both sides are compared; the others are counted as not analyzed again, or not before.
WITH months AS (
  SELECT DISTINCT strftime(make_timestamp(epoch_us(created_at)), '%Y-%m') AS created
  FROM "macie"."results"
  WHERE coalesce(status_code IN ('COMPLETE', 'PARTIAL'), false) AND run_id IN (SELECT run_id FROM "macie"."runs")
), periods AS (
  SELECT (SELECT max(created) FROM months WHERE created < (SELECT max(created) FROM months)) AS before_period,
    (SELECT max(created) FROM months) AS after_period
), analyzed AS (
  SELECT run_id, source_uri, source_line, is_before, is_after,
    max(is_before) OVER (PARTITION BY aws_partition, bucket_name, object_key) = 1 AS was_analyzed_before,
    max(is_after) OVER (PARTITION BY aws_partition, bucket_name, object_key) = 1 AS was_analyzed_after,
    first_value(source_uri) OVER (PARTITION BY aws_partition, bucket_name, object_key ORDER BY source_uri, source_line) AS object_uri,
    first_value(source_line) OVER (PARTITION BY aws_partition, bucket_name, object_key ORDER BY source_uri, source_line) AS object_line
  FROM (
    SELECT run_id, source_uri, source_line, aws_partition, bucket_name, object_key,
      CASE WHEN job_id = before_period OR strftime(make_timestamp(epoch_us(created_at)), '%Y-%m') = before_period THEN 1 ELSE 0 END AS is_before,
      CASE WHEN job_id = after_period OR strftime(make_timestamp(epoch_us(created_at)), '%Y-%m') = after_period THEN 1 ELSE 0 END AS is_after
    FROM "macie"."results"
    CROSS JOIN periods
    WHERE NOT is_archive_member AND coalesce(status_code IN ('COMPLETE', 'PARTIAL'), false) AND run_id IN (SELECT run_id FROM "macie"."runs")
  ) AS sides
), found AS (
  SELECT a.object_uri, a.object_line, a.was_analyzed_before, a.was_analyzed_after, d.bucket_name, d.category, d.detection_type,
    max(CASE WHEN a.is_before = 1 THEN coalesce(d.occurrence_count, 0) END) AS before_count,
    max(CASE WHEN a.is_after = 1 THEN coalesce(d.occurrence_count, 0) END) AS after_count
  FROM "macie"."detections" AS d
  JOIN analyzed AS a ON d.run_id = a.run_id AND d.source_uri = a.source_uri AND d.source_line = a.source_line
  WHERE a.is_before = 1 OR a.is_after = 1
  GROUP BY a.object_uri, a.object_line, a.was_analyzed_before, a.was_analyzed_after, d.bucket_name, d.category, d.detection_type
), compared AS (
  SELECT *, was_analyzed_before AND was_analyzed_after AS is_comparable
  FROM found
)
SELECT bucket_name, category, detection_type,
  count(CASE WHEN is_comparable THEN before_count END) AS objects_before, count(CASE WHEN is_comparable THEN after_count END) AS objects_after,
  count(CASE WHEN is_comparable AND before_count IS NULL THEN 1 END) AS objects_only_after,
  count(CASE WHEN is_comparable AND after_count IS NULL THEN 1 END) AS objects_only_before,
  coalesce(sum(CASE WHEN is_comparable THEN CAST(before_count AS decimal(38, 0)) END), 0) AS occurrences_before,
  coalesce(sum(CASE WHEN is_comparable THEN CAST(after_count AS decimal(38, 0)) END), 0) AS occurrences_after,
  coalesce(sum(CASE WHEN is_comparable THEN CAST(after_count AS decimal(38, 0)) END), 0) - coalesce(sum(CASE WHEN is_comparable THEN CAST(before_count AS decimal(38, 0)) END), 0) AS difference,
  count(CASE WHEN NOT was_analyzed_after THEN 1 END) AS objects_not_analyzed_again,
  count(CASE WHEN NOT was_analyzed_before THEN 1 END) AS objects_not_analyzed_before
FROM compared
GROUP BY bucket_name, category, detection_type
ORDER BY abs(coalesce(sum(CASE WHEN is_comparable THEN CAST(after_count AS decimal(38, 0)) END), 0) - coalesce(sum(CASE WHEN is_comparable THEN CAST(before_count AS decimal(38, 0)) END), 0)) DESC, bucket_name, category, detection_type
== sensitive_columns: Which columns and fields are sensitive throughout a table?
-- Throughout: at least 10 rows, and at least 90 % of the rows from the first to the last.
WITH places AS (
  SELECT bucket_name, object_key, archive_member_path, category, detection_type, is_capped,
    CASE WHEN location_kind = 'cell' THEN coalesce(cell_column_name, 'column ' || CAST(cell_column AS varchar))
      ELSE regexp_replace(json_path, '\[[0-9]+\]', '[*]', 'g') END AS place,
    CASE WHEN location_kind = 'cell' THEN cell_row
      -- In a plain JSON file, the elements of an array are the rows.
      WHEN record_index = 0 THEN coalesce(TRY_CAST(regexp_extract(json_path, '^\$\[([0-9]+)\]', 1) AS bigint), record_index)
      ELSE record_index END AS place_row
  FROM "macie"."object_locations"
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
== custom_identifiers: How much does each custom data identifier find?
SELECT min(detection_type) AS identifier, custom_identifier_id AS identifier_id,
  count(*) AS objects, count(CASE WHEN state = 'confirmed' THEN 1 END) AS confirmed_objects, count(DISTINCT bucket_name) AS buckets,
  sum(occurrence_count) AS occurrences,
  round(CAST(sum(occurrence_count) AS double) / CAST(count(*) AS double), 1) AS occurrences_per_object,
  round(100e0 * CAST(count(*) AS double) / CAST((
    SELECT count(*) FROM "macie"."current_states" WHERE NOT is_archive_member AND is_analyzed
  ) AS double), 2) AS percent_of_objects,
  count(CASE WHEN unlocated_count > 0 THEN 1 END) AS capped
FROM "macie"."current_findings"
WHERE identifier_kind = 'custom' AND NOT is_archive_member AND state IN ('confirmed', 'unconfirmed')
GROUP BY coalesce(custom_identifier_id, detection_type), custom_identifier_id
ORDER BY occurrences DESC, identifier, identifier_id
== archive_members: Which files inside archives hold sensitive data?
SELECT bucket_name, object_key, archive_member_path, severity, types, type_count, occurrence_count, status_code, last_analyzed_at
FROM "macie"."sensitive_objects"
WHERE is_archive_member
ORDER BY bucket_name, object_key, occurrence_count DESC, archive_member_path
== prefixes_of_type: Which prefixes hold one type of sensitive data?
SELECT bucket_name, regexp_extract(object_key, '^(?:[^/]*/){0,2}') AS prefix,
  count(*) AS objects, count(CASE WHEN state = 'confirmed' THEN 1 END) AS confirmed_objects, sum(occurrence_count) AS occurrences,
  count(CASE WHEN unlocated_count > 0 THEN 1 END) AS capped
FROM "macie"."current_findings"
WHERE NOT is_archive_member AND state IN ('confirmed', 'unconfirmed') AND detection_type = (SELECT detection_type FROM "macie"."current_findings" WHERE NOT is_archive_member AND state IN ('confirmed', 'unconfirmed') GROUP BY detection_type ORDER BY sum(occurrence_count) DESC NULLS LAST, detection_type LIMIT 1)
GROUP BY bucket_name, regexp_extract(object_key, '^(?:[^/]*/){0,2}')
ORDER BY occurrences DESC, bucket_name, prefix
== completeness: Do the tables show every row that the committed runs wrote?
-- Missing rows are in partitions that the catalog doesn't have yet: register the
-- tables again.
SELECT 'results' AS table_name, rows_written, rows_shown, rows_written - rows_shown AS rows_missing
FROM (SELECT coalesce(sum(results_rows), 0) AS rows_written FROM "macie"."runs") AS written
CROSS JOIN (SELECT count(*) AS rows_shown FROM "macie"."results" WHERE run_id IN (SELECT run_id FROM "macie"."runs")) AS shown
UNION ALL
SELECT 'detections' AS table_name, rows_written, rows_shown, rows_written - rows_shown AS rows_missing
FROM (SELECT coalesce(sum(detections_rows), 0) AS rows_written FROM "macie"."runs") AS written
CROSS JOIN (SELECT count(*) AS rows_shown FROM "macie"."detections" WHERE run_id IN (SELECT run_id FROM "macie"."runs")) AS shown
UNION ALL
SELECT 'occurrences' AS table_name, rows_written, rows_shown, rows_written - rows_shown AS rows_missing
FROM (SELECT coalesce(sum(occurrences_rows), 0) AS rows_written FROM "macie"."runs") AS written
CROSS JOIN (SELECT count(*) AS rows_shown FROM "macie"."occurrences" WHERE run_id IN (SELECT run_id FROM "macie"."runs")) AS shown
