SELECT bucket_name, object_key, archive_member_path, is_archive_member,
  aws_partition, account_id, region, status_code, status_reason,
  object_size, object_extension, mime_type, object_storage_class, object_encryption_type, object_kms_key_id,
  object_last_modified, object_version_id, job_id, origin_type, created_at, last_analyzed_at, was_analyzed,
  source_uri, source_line
FROM (
  SELECT {{columns "results" ""}},
    row_number() OVER (PARTITION BY {{template "thing"}} ORDER BY {{template "newest"}}) AS place,
    max(CASE WHEN {{template "analysis"}} THEN 1 ELSE 0 END) OVER (PARTITION BY {{template "thing"}}) = 1 AS was_analyzed,
    max(CASE WHEN {{template "analysis"}} THEN object_last_modified END) OVER (PARTITION BY {{template "thing"}}) AS analyzed_last_modified,
    max(CASE WHEN {{template "analysis"}} THEN created_at END) OVER (PARTITION BY {{template "thing"}}) AS last_analyzed_at
  FROM {{table "results"}}
  WHERE {{template "committed"}}
) AS ranked
WHERE place = 1
  AND (NOT was_analyzed OR coalesce(object_last_modified > analyzed_last_modified,
    analyzed_last_modified IS NULL AND object_last_modified IS NOT NULL))
