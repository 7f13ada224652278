WITH of_type AS (
  SELECT *, string_split(object_key, '/') AS levels FROM o_findings WHERE is_open AND NOT is_archive_member AND detection_type = (
    SELECT min_by(detection_type, {'n': -found, 't': detection_type})
    FROM (SELECT detection_type, sum(occurrence_count) AS found FROM o_findings WHERE is_open AND NOT is_archive_member AND detection_type IS NOT NULL GROUP BY ALL))
)
SELECT bucket_name, CASE WHEN object_key IS NOT NULL THEN array_to_string(list_transform(levels[1:least(2, len(levels) - 1)], lambda l: l || '/'), '') END AS prefix,
  count(*) AS objects, count_if(state = 'confirmed') AS confirmed_objects, sum(occurrence_count) AS occurrences, count_if(unlocated_count > 0) AS capped
FROM of_type GROUP BY ALL
