SELECT min(detection_type) AS identifier, custom_identifier_id AS identifier_id, count(*) AS objects, count_if(state = 'confirmed') AS confirmed_objects,
  len(list_distinct(list(bucket_name))) AS buckets, sum(occurrence_count) AS occurrences, round(sum(occurrence_count) / count(*), 1) AS occurrences_per_object,
  round(100 * count(*) / (SELECT count(*) FROM o_subjects WHERE is_analyzed AND NOT is_archive_member), 2) AS percent_of_objects,
  count_if(unlocated_count > 0) AS capped
FROM o_findings WHERE is_open AND identifier_kind = 'custom' AND NOT is_archive_member GROUP BY custom_identifier_id, CASE WHEN custom_identifier_id IS NULL THEN detection_type END
