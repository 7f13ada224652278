SELECT p.*, d.is_archive_member, d.occurrence_count, d.location_count, d.is_capped, d.state
FROM o_places p JOIN o_detections d USING (source_uri, source_line, detection_index)
