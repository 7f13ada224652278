-- Every result of all_results once, and the detections in all_detections. Makes
-- for the summaries that ask for every result:
--   all_objects   a row per result, with thing (its number) and analysed
--   all_found     a row per detection, with its result
--   all_missed    a row per result that is no analysis

CREATE TEMP TABLE ordered AS
SELECT *, status_code IS NOT NULL AND status_code IN ('COMPLETE', 'PARTIAL') AS analysed
FROM all_results
QUALIFY result_id IS NULL OR row_number() OVER (
  PARTITION BY aws_partition, bucket_name, object_key, is_archive_member, archive_member_path, result_id, created_at
  ORDER BY object_last_modified DESC NULLS LAST, status_code IN ('COMPLETE', 'PARTIAL') DESC NULLS LAST, source_uri, source_line) = 1;

CREATE TEMP TABLE all_objects AS
SELECT *, row_number() OVER (ORDER BY source_uri, source_line) AS thing FROM ordered;
CREATE TEMP TABLE all_missed AS SELECT * FROM all_objects WHERE NOT analysed;
CREATE TEMP TABLE all_found AS
SELECT o.*, d.identifier_kind, d.category, d.detection_type, d.identifier,
  d.detections_count, d.detections_locations, d.is_capped
FROM all_objects o JOIN all_detections d USING (source_uri, source_line);
