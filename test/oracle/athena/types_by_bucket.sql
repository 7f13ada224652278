SELECT bucket_name, category, detection_type, sum(occurrence_count) AS occurrences,
  len(list_distinct(list(object_of(bucket_name, object_key)))) AS objects
FROM x_detections WHERE is_archive_member = false GROUP BY ALL
