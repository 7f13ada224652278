SELECT *, occurrence_count - location_count AS without_location FROM o_detections WHERE is_capped
