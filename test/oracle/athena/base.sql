-- What views and queries are compared with: computed from x_results,
-- x_detections and x_occurrences, which are DuckDB's own reading of the raw
-- lines, by the rule in docs/dataset.md, "What counts as current". Written apart
-- from internal/athena/sql: by aggregation over sort keys, where that uses windows.

CREATE OR REPLACE TEMP MACRO late(t) AS -coalesce(epoch_us(t), -4000000000000000000);
CREATE OR REPLACE TEMP MACRO text_key(s) AS {'absent': s IS NULL, 'text': coalesce(s, '')};
CREATE OR REPLACE TEMP MACRO object_of(b, k) AS concat(b, '/', k);
CREATE OR REPLACE TEMP MACRO id_of(arn) AS string_split(arn, '/')[-1];
CREATE OR REPLACE TEMP MACRO in_words(l) AS CASE WHEN len(l) > 0 THEN array_to_string(l, ', ') END;
CREATE OR REPLACE TEMP MACRO month_of(t) AS left(CAST(make_timestamp(epoch_us(t)) AS VARCHAR), 7);

CREATE OR REPLACE TEMP TABLE o_results AS
SELECT *,
  CAST(to_json([aws_partition, bucket_name, object_key, CAST(is_archive_member AS VARCHAR), archive_member_path]) AS VARCHAR) AS thing,
  CAST(to_json([CAST(epoch_us(object_last_modified) AS VARCHAR), object_version_id]) AS VARCHAR) AS content,
  CASE status_code WHEN 'COMPLETE' THEN true WHEN 'PARTIAL' THEN true ELSE false END AS analysis,
  {'modified': late(object_last_modified), 'created': late(created_at), 'id': text_key(result_id), 'uri': source_uri, 'line': source_line} AS newness
FROM x_results;

CREATE OR REPLACE TEMP TABLE o_first AS
SELECT thing, min_by({'uri': source_uri, 'line': source_line, 'content': content, 'modified': object_last_modified, 'analysis': analysis},
    {'analysis': CASE WHEN analysis THEN 0 ELSE 1 END, 'newness': newness}) AS first,
  max(object_last_modified) AS newest_modified
FROM o_results GROUP BY thing;

CREATE OR REPLACE TEMP TABLE o_counting AS
SELECT r.*, f.first.uri AS object_source_uri, f.first.line AS object_source_line,
  late(f.newest_modified) < late(f.first.modified) AS has_newer_content
FROM o_results r JOIN o_first f ON r.thing = f.thing AND r.content = f.first.content AND r.analysis = f.first.analysis;

CREATE OR REPLACE TEMP TABLE o_detections AS
WITH mine AS (
  SELECT d.*, c.thing, c.object_source_uri, c.object_source_line,
    CAST(to_json([d.identifier_kind, d.category, d.detection_type, id_of(d.custom_identifier_arn)]) AS VARCHAR) AS what,
    {'count': -coalesce(CAST(d.occurrence_count AS HUGEINT), -10000000000000000000), 'created': late(d.created_at),
      'id': text_key(d.result_id), 'uri': d.source_uri, 'line': d.source_line, 'index': d.detection_index} AS preference
  FROM x_detections d JOIN o_counting c ON d.source_uri = c.source_uri AND d.source_line = c.source_line
), best AS (
  SELECT thing, what, min(preference) AS preference FROM mine GROUP BY thing, what
)
SELECT mine.* FROM mine JOIN best USING (thing, what, preference);

CREATE OR REPLACE TEMP TABLE o_objects AS
WITH sums AS (
  SELECT thing, count(*) AS type_count, coalesce(sum(occurrence_count), 0) AS occurrence_count,
    coalesce(sum(location_count), 0) AS location_count,
    coalesce(sum(occurrence_count) FILTER (WHERE identifier_kind = 'managed'), 0) AS sensitive_total_count,
    coalesce(sum(occurrence_count) FILTER (WHERE identifier_kind = 'custom'), 0) AS custom_total_count,
    list_sort(list_distinct(list(category))) AS categories, list_sort(list_distinct(list(detection_type))) AS types,
    bool_or(is_capped) AS is_capped
  FROM o_detections GROUP BY thing
), tops AS (
  SELECT thing, count(*) AS analyses, max(severity_score) AS top FROM o_counting GROUP BY thing
), words AS (
  SELECT c.thing, max(c.severity) AS severity FROM o_counting c JOIN tops t ON c.thing = t.thing AND c.severity_score = t.top GROUP BY c.thing
)
SELECT c.* EXCLUDE (severity_score, severity, type_count, occurrence_count, location_count, sensitive_total_count, custom_total_count,
    object_source_uri, object_source_line),
  tops.top AS severity_score, words.severity, coalesce(sums.type_count, 0) AS type_count,
  coalesce(sums.occurrence_count, 0) AS occurrence_count, coalesce(sums.location_count, 0) AS location_count,
  coalesce(sums.sensitive_total_count, 0) AS sensitive_total_count, coalesce(sums.custom_total_count, 0) AS custom_total_count,
  tops.analyses, sums.categories, sums.types, sums.is_capped
FROM o_counting c
LEFT JOIN sums USING (thing) LEFT JOIN tops USING (thing) LEFT JOIN words USING (thing)
WHERE c.source_uri = c.object_source_uri AND c.source_line = c.object_source_line;

CREATE OR REPLACE TEMP TABLE o_unanalyzed AS
WITH newest AS (
  SELECT thing, min_by({'uri': source_uri, 'line': source_line}, newness) AS it, bool_or(analysis) AS was_analyzed,
    max(created_at) FILTER (WHERE analysis) AS last_analyzed_at,
    min(late(object_last_modified)) AS newest_modified,
    min(late(object_last_modified)) FILTER (WHERE analysis) AS analyzed_modified
  FROM o_results GROUP BY thing
)
SELECT r.*, n.was_analyzed, n.last_analyzed_at
FROM newest n JOIN o_results r ON r.source_uri = n.it.uri AND r.source_line = n.it.line
WHERE NOT n.was_analyzed OR n.newest_modified < n.analyzed_modified;

-- A location, in words.
CREATE OR REPLACE TEMP MACRO span(word, low, high) AS
  CASE WHEN low IS NULL THEN word WHEN high > low THEN format('{}s {}-{}', word, low, high) ELSE format('{} {}', word, low) END;
CREATE OR REPLACE TEMP TABLE o_places AS
SELECT *, CASE location_kind
  WHEN 'cell' THEN concat(
    CASE WHEN cell_reference IS NOT NULL THEN cell_reference
      WHEN cell_row IS NULL AND cell_column IS NULL THEN 'cell'
      ELSE concat_ws(', ', 'row ' || cell_row, 'column ' || cell_column) END,
    ' (' || cell_column_name || ')')
  WHEN 'line' THEN concat_ws(', ', span('line', line_start, line_end), 'column ' || line_start_column)
  WHEN 'offset' THEN concat_ws(', ', span('offset', offset_start, offset_end), 'column ' || offset_start_column)
  WHEN 'page' THEN concat_ws(', ', trim(concat('page ', page_number)), 'line ' || line_start, 'offset ' || offset_start)
  WHEN 'record' THEN concat_ws(' ', 'record', record_index, json_path)
  END AS location
FROM x_occurrences;
