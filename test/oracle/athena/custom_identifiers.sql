WITH all_objects AS (
  SELECT len(list_distinct(list(object_of(bucket_name, object_key)))) AS n FROM o_objects WHERE analysis AND NOT is_archive_member
)
SELECT detection_type AS identifier, id_of(custom_identifier_arn) AS identifier_id,
  len(list_distinct(list(object_of(bucket_name, object_key)))) AS objects, len(list_distinct(list(bucket_name))) AS buckets,
  sum(occurrence_count) AS occurrences,
  round(sum(occurrence_count) / len(list_distinct(list(object_of(bucket_name, object_key)))), 1) AS occurrences_per_object,
  round(100 * len(list_distinct(list(object_of(bucket_name, object_key)))) / any_value(n), 2) AS percent_of_objects,
  count(*) FILTER (WHERE is_capped) AS capped
FROM o_detections, all_objects WHERE identifier_kind = 'custom' AND NOT is_archive_member GROUP BY detection_type, identifier_id
