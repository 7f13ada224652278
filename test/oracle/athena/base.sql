-- What views and queries are compared with: computed from x_results,
-- x_detections and x_occurrences, which are DuckDB's own reading of the raw
-- lines, and from m_subjects and m_findings, the state that the model in
-- internal/currenttest makes of the same lines. Written apart from
-- internal/athena/sql: by aggregation over sort keys, where that uses windows.

CREATE OR REPLACE TEMP MACRO late(t) AS -coalesce(epoch_us(t), -4000000000000000000);
CREATE OR REPLACE TEMP MACRO text_key(s) AS {'absent': s IS NULL, 'text': coalesce(s, '')};
CREATE OR REPLACE TEMP MACRO object_of(b, k) AS concat(b, '/', k);
CREATE OR REPLACE TEMP MACRO id_of(arn) AS string_split(arn, '/')[-1];
CREATE OR REPLACE TEMP MACRO in_words(l) AS CASE WHEN len(l) > 0 THEN array_to_string(l, ', ') END;
CREATE OR REPLACE TEMP MACRO month_of(t) AS left(CAST(make_timestamp(epoch_us(t)) AS VARCHAR), 7);

CREATE OR REPLACE TEMP MACRO analysis(status) AS CASE status WHEN 'COMPLETE' THEN true WHEN 'PARTIAL' THEN true ELSE false END;
CREATE OR REPLACE TEMP MACRO bucket_of(p, b) AS CAST(to_json([p, b]) AS VARCHAR);
CREATE OR REPLACE TEMP MACRO named(p, b, k) AS CAST(to_json([p, b, k]) AS VARCHAR);

-- Each result, with its place in the order of newness and whether it counts: not
-- when it is a former owner's of its bucket.
CREATE OR REPLACE TEMP TABLE o_results AS
WITH owners AS (
  SELECT bucket_of(aws_partition, bucket_name) AS bucket, account_id, max(created_at) AS seen FROM x_results
  WHERE account_id IS NOT NULL AND bucket_name IS NOT NULL GROUP BY ALL
), changed AS (
  SELECT bucket, list_reverse_sort(list(seen)) AS times FROM owners GROUP BY bucket
)
SELECT r.*, bucket_of(aws_partition, bucket_name) AS bucket, named(aws_partition, bucket_name, object_key) AS object,
  coalesce(times[1] <= times[2], true) OR coalesce(created_at > times[2], false) AS counts,
  {'created': late(created_at), 'modified': late(object_last_modified), 'analysis': NOT analysis(status_code), 'id': text_key(result_id), 'uri': source_uri, 'line': source_line} AS newness
FROM x_results r LEFT JOIN changed c ON c.bucket = bucket_of(aws_partition, bucket_name);

-- Buckets, as the newest result of their owner has them.
CREATE OR REPLACE TEMP TABLE o_buckets AS
SELECT bucket, any_value(aws_partition) AS aws_partition, any_value(bucket_name) AS bucket_name,
  min_by(account_id, newness) FILTER (WHERE account_id IS NOT NULL) AS account_id, min_by(region, newness) FILTER (WHERE region IS NOT NULL) AS region,
  min_by({'v': bucket_effective_permission}, newness).v AS bucket_effective_permission,
  min_by({'v': bucket_encryption_type}, newness).v AS bucket_encryption_type,
  min_by({'v': bucket_effective_permission}, newness) FILTER (WHERE bucket_effective_permission IN ('PUBLIC', 'NOT_PUBLIC')).v AS known_permission,
  min_by({'v': bucket_encryption_type}, newness) FILTER (WHERE bucket_encryption_type NOT IN ('', 'UNKNOWN')).v AS known_encryption,
  min_by(bucket_tags, newness) FILTER (WHERE bucket_tags IS NOT NULL) AS bucket_tags,
  min_by({'uri': source_uri, 'line': source_line}, newness) AS newest, max(created_at) AS last_result_at
FROM o_results WHERE counts GROUP BY bucket;

-- Objects' newest own results: of those that count, or of all where neither the
-- object's nor its members' count.
CREATE OR REPLACE TEMP TABLE o_own AS
SELECT object, CASE WHEN bool_or(counts) THEN min_by({'uri': source_uri, 'line': source_line}, newness) FILTER (WHERE counts AND NOT is_archive_member)
  ELSE min_by({'uri': source_uri, 'line': source_line}, newness) FILTER (WHERE NOT is_archive_member) END AS newest
FROM o_results GROUP BY object;

-- Subjects: their standing results, with what is known of their objects and
-- buckets now. An archive that only its members' results name has what the one
-- says that stands for it.
CREATE OR REPLACE TEMP TABLE o_subjects AS
WITH objects AS (
  SELECT object, any_value(f) AS f FROM (
    SELECT r.object, CASE WHEN newest IS NULL THEN r END AS f FROM m_subjects m JOIN o_results r USING (source_uri, source_line) JOIN o_own USING (object) WHERE NOT m.is_archive_member
    UNION ALL SELECT r.object, r FROM o_own JOIN o_results r ON r.source_uri = newest.uri AND r.source_line = newest.line
  ) WHERE f IS NOT NULL GROUP BY object
)
SELECT r.* EXCLUDE (is_archive_member, archive_member_path, archive_member_extension, archive_member_size, archive_member_last_modified, account_id, region,
    bucket_effective_permission, bucket_encryption_type, severity_score, severity, type_count, occurrence_count, location_count, sensitive_total_count, custom_total_count,
    bucket, object, counts, newness, object_size, object_storage_class, object_encryption_type, object_kms_key_id, object_public_access, object_tags,
    bucket_tags, bucket_arn, bucket_created_at, bucket_owner_id, bucket_owner_display_name, bucket_kms_key_id, bucket_allows_unencrypted_uploads, bucket_acl_public_read, bucket_acl_public_write, bucket_policy_public_read,
    bucket_policy_public_write, bucket_block_public_acls, bucket_block_public_policy, bucket_ignore_public_acls, bucket_restrict_public_buckets, account_block_public_acls, account_block_public_policy, account_ignore_public_acls, account_restrict_public_buckets),
  m.is_archive_member, CASE WHEN m.is_archive_member THEN archive_member_path END AS archive_member_path,
  CASE WHEN m.is_archive_member THEN archive_member_extension END AS archive_member_extension,
  CASE WHEN m.is_archive_member THEN archive_member_size END AS archive_member_size,
  CASE WHEN m.is_archive_member THEN archive_member_last_modified END AS archive_member_last_modified,
  b.account_id, b.region, b.bucket_effective_permission, b.bucket_encryption_type, b.bucket_tags, b.bucket,
  f.object_size, f.object_storage_class, f.object_encryption_type, f.object_kms_key_id, f.object_public_access, f.object_tags,
  m.analysed <> 'no' AND NOT m.gone AS is_analyzed, m.gone AS is_gone, nullif(m.not_analysed, '') AS not_analyzed_reason,
  m.public AS is_public, m.unencrypted AS is_unencrypted, nullif(m.severity, '') AS severity
FROM m_subjects m JOIN o_results r USING (source_uri, source_line) JOIN objects USING (object) LEFT JOIN o_buckets b USING (bucket);

CREATE OR REPLACE TEMP MACRO identifier_of(kind, category, type, arn) AS
  CASE WHEN kind = 'custom' THEN 'custom/' || coalesce(id_of(arn), type, '(absent)') ELSE concat(coalesce(category, '(absent)'), '/', coalesce(type, '(absent)')) END;

CREATE OR REPLACE TEMP TABLE o_findings AS
WITH names AS (
  SELECT identifier_of(identifier_kind, category, detection_type, custom_identifier_arn) AS identifier, any_value(identifier_kind) AS identifier_kind,
    any_value(category) AS category, min(detection_type) AS detection_type, max(id_of(custom_identifier_arn)) AS custom_identifier_id
  FROM x_detections GROUP BY identifier
)
SELECT m.source_uri, m.source_line, m.is_archive_member, s.aws_partition, s.bucket_name, s.object_key, s.archive_member_path,
  n.identifier_kind, n.category, n.detection_type, CASE WHEN n.identifier_kind = 'custom' THEN n.custom_identifier_id END AS custom_identifier_id,
  m.state, m.occurrences AS occurrence_count, m.locations AS location_count, m.unlocated AS unlocated_count, nullif(m.cause, '') AS unlocated_cause,
  nullif(m.severity, '') AS type_severity, m.state IN ('confirmed', 'unconfirmed') AS is_open
FROM m_findings m JOIN names n USING (identifier) JOIN o_subjects s USING (source_uri, source_line, is_archive_member);

CREATE OR REPLACE TEMP TABLE o_sensitive AS
SELECT s.*, f.*
FROM o_subjects s JOIN (
  SELECT source_uri AS u, source_line AS l, is_archive_member AS m, list_sort(list_distinct(list(category))) AS categories,
    list_sort(list_distinct(list(detection_type))) AS types, count(*) AS type_count,
    count(*) FILTER (WHERE state = 'confirmed') AS confirmed_count, count(*) FILTER (WHERE state = 'unconfirmed') AS unconfirmed_count,
    sum(occurrence_count) AS occurrence_count, sum(location_count) AS location_count, sum(unlocated_count) AS unlocated_count
  FROM o_findings WHERE is_open GROUP BY ALL
) f ON s.source_uri = f.u AND s.source_line = f.l AND s.is_archive_member = f.m;

-- The detections whose locations are shown: of the results that open findings of
-- objects and members rest on.
CREATE OR REPLACE TEMP TABLE o_detections AS
SELECT d.*, m.state FROM m_detections m JOIN x_detections d USING (source_uri, source_line, detection_index);

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
