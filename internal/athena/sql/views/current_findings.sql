SELECT source_uri, source_line, aws_partition, bucket_name, object_key, is_archive_member, archive_member_path,
  identifier_kind, category, detection_type, custom_identifier_id, state, occurrence_count, location_count,
  CASE WHEN occurrence_count > location_count THEN occurrence_count - location_count ELSE 0 END AS unlocated_count,
  CASE WHEN occurrence_count <= location_count THEN NULL WHEN is_limited THEN 'limit' WHEN location_count = 0 THEN 'none' ELSE 'unknown' END AS unlocated_cause,
  {{typeSeverity "identifier_kind" "detection_type" "occurrence_count"}} AS type_severity, has_count, members_exceed
FROM (
  SELECT source_uri, source_line, is_archive_member, aws_partition, bucket_name, object_key, archive_member_path,
    identifier_kind, category, detection_type, custom_identifier_id, state, is_limited, has_count,
    -- Not greatest: in Trino it is null if an argument is.
    coalesce(CASE WHEN members_count > own_count THEN members_count END, own_count, members_count, 0) AS occurrence_count,
    coalesce(CASE WHEN members_locations > own_locations THEN members_locations END, own_locations, members_locations, 0) AS location_count,
    members_count > coalesce(own_count, 0) AND NOT object_is_member AS members_exceed
  FROM (
    SELECT source_uri, source_line, is_archive_member, identifier, max(aws_partition) AS aws_partition, max(bucket_name) AS bucket_name,
      max(object_key) AS object_key, max(CASE WHEN is_archive_member THEN archive_member_path END) AS archive_member_path,
      max(identifier_kind) AS identifier_kind, max(category) AS category,
      coalesce(max(CASE WHEN is_own THEN detection_type END), min(detection_type)) AS detection_type,
      max(custom_identifier_id) AS custom_identifier_id, coalesce(max(open_state), max(CASE WHEN is_own THEN state END)) AS state,
      max(CASE WHEN object_is_member THEN 1 ELSE 0 END) = 1 AS object_is_member,
      sum(CASE WHEN is_own AND state = shown_state THEN coalesce({{number_of "occurrence_count"}}, 0) END) AS own_count,
      sum(CASE WHEN NOT is_own AND state = shown_state THEN coalesce({{number_of "occurrence_count"}}, 0) END) AS members_count,
      sum(CASE WHEN is_own AND state = shown_state THEN location_count END) AS own_locations,
      sum(CASE WHEN NOT is_own AND state = shown_state THEN location_count END) AS members_locations,
      max(CASE WHEN state = shown_state AND location_count >= 1000 THEN 1 ELSE 0 END) = 1 AS is_limited,
      max(CASE WHEN state = shown_state AND occurrence_count IS NOT NULL THEN 1 ELSE 0 END) = 1 AS has_count
    FROM (
      SELECT *, coalesce(open_state, state) AS shown_state
      FROM (
        SELECT *,
          -- min: confirmed wins over unconfirmed.
          min(CASE WHEN state IN ('confirmed', 'unconfirmed') THEN state END) OVER (PARTITION BY source_uri, source_line, is_archive_member, identifier) AS open_state
        FROM (
          SELECT CASE WHEN v.as_member THEN d.subject_source_uri ELSE d.object_source_uri END AS source_uri,
            CASE WHEN v.as_member THEN d.subject_source_line ELSE d.object_source_line END AS source_line,
            v.as_member AS is_archive_member, v.as_member = d.is_archive_member AS is_own, d.identifier, d.state, d.object_is_member,
            d.aws_partition, d.bucket_name, d.object_key, d.archive_member_path, d.identifier_kind, d.category, d.detection_type,
            CASE WHEN d.identifier_kind = 'custom' THEN {{bareID "d.custom_identifier_arn"}} END AS custom_identifier_id, d.occurrence_count, d.location_count
          FROM {{table "current_detections"}} AS d
          CROSS JOIN (VALUES (false), (true)) AS v (as_member)
          -- A member's open findings count twice: as its own and as its archive's.
          WHERE d.is_archive_member AND (v.as_member OR d.state IN ('confirmed', 'unconfirmed')) OR NOT d.is_archive_member AND NOT v.as_member
        ) AS parts
      ) AS opened
    ) AS shown
    GROUP BY source_uri, source_line, is_archive_member, identifier
  ) AS added
) AS counted
