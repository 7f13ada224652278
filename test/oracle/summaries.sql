-- What is current of the results and detections in all_results and
-- all_detections, by the rule of docs/dataset.md, "What counts as current". Makes
-- for the summaries of what is current, and of every analysis:
--   {current,all}_objects     a row a thing: its result, with thing and analysed
--   {current,all}_detections  a row a detection that counts, with its thing
--   {current,all}_missed      a row a thing that is not analysed as it is now

CREATE TEMP MACRO later(a, b) AS a IS NOT NULL AND (b IS NULL OR a > b);

CREATE TEMP TABLE ordered AS
SELECT *, status_code IS NOT NULL AND status_code IN ('COMPLETE', 'PARTIAL') AS analysed,
  dense_rank() OVER (ORDER BY aws_partition, bucket_name, object_key, is_archive_member, archive_member_path) AS thing
FROM all_results;

CREATE TEMP TABLE placed AS
SELECT *,
  row_number() OVER (PARTITION BY thing ORDER BY analysed DESC, object_last_modified DESC NULLS LAST,
    created_at DESC NULLS LAST, result_id NULLS LAST, source_uri, source_line) AS place,
  row_number() OVER (PARTITION BY thing ORDER BY object_last_modified DESC NULLS LAST,
    created_at DESC NULLS LAST, result_id NULLS LAST, source_uri, source_line) AS age
FROM ordered;

CREATE TEMP TABLE standing AS SELECT * FROM placed WHERE place = 1;

CREATE TEMP TABLE counting AS
SELECT p.* FROM placed p JOIN standing s USING (thing)
WHERE p.analysed = s.analysed AND p.object_last_modified IS NOT DISTINCT FROM s.object_last_modified
  AND p.object_version_id IS NOT DISTINCT FROM s.object_version_id;

CREATE TEMP TABLE severest AS
SELECT thing, severity_score, severity FROM (
  SELECT thing, severity_score, severity,
    row_number() OVER (PARTITION BY thing ORDER BY severity_score DESC NULLS LAST, severity DESC NULLS LAST) AS place
  FROM counting) WHERE place = 1;

CREATE TEMP TABLE current_objects AS
SELECT s.* REPLACE (severest.severity AS severity, severest.severity_score AS severity_score)
FROM standing s JOIN severest USING (thing);

CREATE TEMP TABLE current_missed AS
SELECT * FROM standing WHERE NOT analysed
UNION ALL
SELECT p.* FROM placed p JOIN standing s USING (thing)
WHERE s.analysed AND p.age = 1 AND NOT p.analysed AND later(p.object_last_modified, s.object_last_modified);

CREATE TEMP TABLE current_detections AS
SELECT * EXCLUDE (place2) FROM (
  SELECT c.*, d.identifier_kind, d.category, d.detection_type, d.identifier,
    d.detections_count, d.detections_locations, d.is_capped,
    row_number() OVER (PARTITION BY c.thing, d.identifier_kind, d.category, d.detection_type, d.identifier
      ORDER BY d.detections_count DESC NULLS LAST, c.created_at DESC NULLS LAST, c.result_id NULLS LAST,
        c.source_uri, c.source_line, d.detection_index) AS place2
  FROM counting c JOIN all_detections d USING (source_uri, source_line))
WHERE place2 = 1;

CREATE TEMP TABLE all_objects AS
SELECT * REPLACE (row_number() OVER (ORDER BY source_uri, source_line) AS thing) FROM placed;
CREATE TEMP TABLE all_missed AS SELECT * FROM all_objects WHERE NOT analysed;
CREATE TEMP TABLE all_found AS
SELECT o.*, d.identifier_kind, d.category, d.detection_type, d.identifier,
  d.detections_count, d.detections_locations, d.is_capped
FROM all_objects o JOIN all_detections d USING (source_uri, source_line);
