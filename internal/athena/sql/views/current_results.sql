SELECT *,
  -- The highest severity of the standing content: of the subject, and of the whole object.
  first_value(standing_score) OVER (PARTITION BY subject_source_uri, subject_source_line ORDER BY {{template "highest"}}) AS subject_score,
  first_value(standing_severity) OVER (PARTITION BY subject_source_uri, subject_source_line ORDER BY {{template "highest"}}) AS subject_severity,
  first_value(standing_score) OVER (PARTITION BY object_source_uri, object_source_line ORDER BY {{template "highest"}}) AS object_score,
  first_value(standing_severity) OVER (PARTITION BY object_source_uri, object_source_line ORDER BY {{template "highest"}}) AS object_severity
FROM (
  SELECT *,
    CASE WHEN is_analysis AND is_standing_content AND NOT is_gone THEN {{template "score"}} END AS standing_score,
    CASE WHEN is_analysis AND is_standing_content AND NOT is_gone AND {{template "score"}} IS NOT NULL THEN severity END AS standing_severity
  FROM (
SELECT {{template "result"}},
  is_analysis, is_former_owner, is_standing_content, place, standing_place, content, content_seen_at, content_undated, has_other_content,
  subject_source_uri, subject_source_line, newest_is_analysis, newest_status_code, newest_status_reason,
  object_source_uri, object_source_line, object_is_member, object_is_gone, object_public_fact, object_encryption_fact,
  newest_object_size, newest_object_storage_class, newest_object_encryption, newest_object_kms_key_id, newest_object_public_access, newest_object_tags,
  bucket_account_id, bucket_region, newest_bucket_permission, newest_bucket_encryption, newest_bucket_tags, bucket_last_result_at, is_newest_of_bucket,
  CASE WHEN known_bucket_permission = 'PUBLIC' THEN 'yes' WHEN newest_bucket_permission = 'NOT_PUBLIC' THEN 'no' ELSE 'unknown' END AS bucket_is_public,
  CASE WHEN known_bucket_encryption = 'NONE' THEN 'yes' WHEN newest_bucket_encryption NOT IN ('', 'UNKNOWN') THEN 'no' ELSE 'unknown' END AS bucket_is_unencrypted,
  is_former_owner OR object_is_gone OR is_archive_member AND (
    coalesce(NOT newest_is_analysis AND {{template "is_gone_reason" "newest_status_reason"}}, false)
    -- A later, complete analysis of the archive doesn't have the member.
    OR coalesce(has_standing_content = 0 AND NOT object_is_member AND object_status_code = 'COMPLETE'
      AND subject_undated = 0 AND object_created_at > subject_seen_at, false)) AS is_gone
FROM (
  SELECT *,
    is_former_object OR CASE WHEN object_is_member THEN coalesce(object_status_code NOT IN ('COMPLETE', 'PARTIAL'), true)
        AND coalesce({{template "is_gone_reason" "object_status_reason"}}, false)
      ELSE own_is_gone = 1 END AS object_is_gone,
    -- What the object's own results say, or the member's result that stands for it.
    max(CASE WHEN source_uri = object_source_uri AND source_line = object_source_line THEN
        CASE WHEN NOT is_archive_member THEN public_fact WHEN object_public_access THEN 2 WHEN NOT object_public_access THEN 3 END END)
      OVER (PARTITION BY object_source_uri, object_source_line) AS object_public_fact,
    max(CASE WHEN source_uri = object_source_uri AND source_line = object_source_line THEN
        CASE WHEN NOT is_archive_member THEN encryption_fact WHEN object_encryption_type = 'NONE' THEN 2
          WHEN object_encryption_type NOT IN ('', 'UNKNOWN') THEN 3 END END)
      OVER (PARTITION BY object_source_uri, object_source_line) AS object_encryption_fact
  FROM (
    SELECT *,
      -- The number of the result's content, and when that was seen last.
      min(place) OVER (PARTITION BY {{template "content"}}) AS content,
      max(created_at) OVER (PARTITION BY {{template "content"}}) AS content_seen_at,
      count(CASE WHEN created_at IS NULL THEN 1 END) OVER (PARTITION BY {{template "content"}}) AS content_undated,
      count(*) OVER (PARTITION BY {{template "content"}}) < count(*) OVER (PARTITION BY subject_source_uri, subject_source_line) AS has_other_content,
      max(created_at) OVER (PARTITION BY subject_source_uri, subject_source_line) AS subject_seen_at,
      count(CASE WHEN created_at IS NULL THEN 1 END) OVER (PARTITION BY subject_source_uri, subject_source_line) AS subject_undated,
      max(CASE WHEN is_standing_content THEN 1 ELSE 0 END) OVER (PARTITION BY subject_source_uri, subject_source_line) AS has_standing_content,
      -- Twice the place of the newest known value, one more where it isn't exposed.
      min(CASE WHEN object_public_access THEN 2 * place WHEN NOT object_public_access THEN 2 * place + 1 END)
        OVER (PARTITION BY subject_source_uri, subject_source_line) AS public_fact,
      min(CASE WHEN object_encryption_type = 'NONE' THEN 2 * place WHEN object_encryption_type NOT IN ('', 'UNKNOWN') THEN 2 * place + 1 END)
        OVER (PARTITION BY subject_source_uri, subject_source_line) AS encryption_fact,
      max(CASE WHEN NOT is_archive_member AND place = 1 AND NOT is_analysis AND {{template "is_gone_reason" "status_reason"}} THEN 1 ELSE 0 END)
        OVER (PARTITION BY object_source_uri, object_source_line) AS own_is_gone,
      -- Values of the object's newest own result, or of the member's result that stands for it.
      first_value(object_size) OVER ({{template "own"}}) AS newest_object_size,
      first_value(object_storage_class) OVER ({{template "own"}}) AS newest_object_storage_class,
      first_value(object_encryption_type) OVER ({{template "own"}}) AS newest_object_encryption,
      first_value(object_kms_key_id) OVER ({{template "own"}}) AS newest_object_kms_key_id,
      first_value(object_public_access) OVER ({{template "own"}}) AS newest_object_public_access,
      first_value(object_tags) OVER ({{template "own"}}) AS newest_object_tags
  FROM (
    SELECT *,
      row_number() OVER (PARTITION BY {{template "subject"}} ORDER BY {{template "newest"}}) AS place,
      row_number() OVER (PARTITION BY {{template "subject"}} ORDER BY {{template "standing"}}) AS standing_place,
      first_value(source_uri) OVER (PARTITION BY {{template "subject"}} ORDER BY {{template "standing"}}) AS subject_source_uri,
      first_value(source_line) OVER (PARTITION BY {{template "subject"}} ORDER BY {{template "standing"}}) AS subject_source_line,
      first_value(is_analysis) OVER (PARTITION BY {{template "subject"}} ORDER BY {{template "newest"}}) AS newest_is_analysis,
      first_value(status_code) OVER (PARTITION BY {{template "subject"}} ORDER BY {{template "newest"}}) AS newest_status_code,
      first_value(status_reason) OVER (PARTITION BY {{template "subject"}} ORDER BY {{template "newest"}}) AS newest_status_reason
    FROM (
      SELECT *,
        object_last_modified IS NOT DISTINCT FROM standing_last_modified AND object_version_id IS NOT DISTINCT FROM standing_version_id AS is_standing_content
      FROM (
        SELECT *,
          -- The object's standing result, and the result with its standing content.
          first_value(source_uri) OVER (PARTITION BY {{template "object"}} ORDER BY {{template "object_standing"}}) AS object_source_uri,
          first_value(source_line) OVER (PARTITION BY {{template "object"}} ORDER BY {{template "object_standing"}}) AS object_source_line,
          first_value(is_archive_member) OVER (PARTITION BY {{template "object"}} ORDER BY {{template "object_standing"}}) AS object_is_member,
          first_value(status_code) OVER (PARTITION BY {{template "object"}} ORDER BY {{template "object_standing"}}) AS object_status_code,
          first_value(status_reason) OVER (PARTITION BY {{template "object"}} ORDER BY {{template "object_standing"}}) AS object_status_reason,
          first_value(created_at) OVER (PARTITION BY {{template "object"}} ORDER BY {{template "object_standing"}}) AS object_created_at,
          first_value(object_last_modified) OVER (PARTITION BY {{template "object"}} ORDER BY {{template "object_content"}}) AS standing_last_modified,
          first_value(object_version_id) OVER (PARTITION BY {{template "object"}} ORDER BY {{template "object_content"}}) AS standing_version_id,
          first_value(is_former_owner) OVER (PARTITION BY {{template "object"}} ORDER BY {{template "object_standing"}}) AS is_former_object,
          -- Values of the bucket's newest result that has them.
          first_value(account_id) OVER (PARTITION BY {{template "bucket"}} ORDER BY {{template "known_first" "account_id IS NOT NULL"}}) AS bucket_account_id,
          first_value(region) OVER (PARTITION BY {{template "bucket"}} ORDER BY {{template "known_first" "region IS NOT NULL"}}) AS bucket_region,
          first_value(bucket_effective_permission) OVER (PARTITION BY {{template "bucket"}} ORDER BY {{template "known_first" "true"}}) AS newest_bucket_permission,
          first_value(bucket_encryption_type) OVER (PARTITION BY {{template "bucket"}} ORDER BY {{template "known_first" "true"}}) AS newest_bucket_encryption,
          first_value(bucket_effective_permission) OVER (PARTITION BY {{template "bucket"}}
            ORDER BY {{template "known_first" "bucket_effective_permission IN ('PUBLIC', 'NOT_PUBLIC')"}}) AS known_bucket_permission,
          first_value(bucket_encryption_type) OVER (PARTITION BY {{template "bucket"}}
            ORDER BY {{template "known_first" "bucket_encryption_type NOT IN ('', 'UNKNOWN')"}}) AS known_bucket_encryption,
          first_value(bucket_tags) OVER (PARTITION BY {{template "bucket"}} ORDER BY {{template "known_first" "bucket_tags IS NOT NULL"}}) AS newest_bucket_tags,
          row_number() OVER (PARTITION BY {{template "bucket"}} ORDER BY {{template "known_first" "true"}}) = 1 AS is_newest_of_bucket,
          max(CASE WHEN NOT is_former_owner THEN created_at END) OVER (PARTITION BY {{template "bucket"}}) AS bucket_last_result_at,
          min(CASE WHEN is_former_owner THEN 1 ELSE 0 END) OVER (PARTITION BY {{template "subject"}}) AS is_former_subject
        FROM (
          SELECT r.*, coalesce(r.created_at <= w.changed_at, w.changed_at IS NOT NULL) AS is_former_owner
          FROM (
            SELECT {{template "result"}},
              {{template "analysis"}} AS is_analysis,
              row_number() OVER (PARTITION BY {{template "subject"}}, result_id, created_at ORDER BY {{template "newest"}}) AS copy
            FROM {{table "results"}}
            WHERE {{template "committed"}}
          ) AS r
          LEFT JOIN (
            -- Buckets that changed owners, and the time before which results are a former owner's.
            SELECT aws_partition, bucket_name, max(CASE WHEN place > 1 THEN seen_at END) AS changed_at
            FROM (
              SELECT aws_partition, bucket_name, account_id, max(created_at) AS seen_at,
                row_number() OVER (PARTITION BY {{template "bucket"}} ORDER BY max(created_at) DESC NULLS LAST, account_id) AS place
              FROM {{table "results"}}
              WHERE bucket_name IS NOT NULL AND account_id IS NOT NULL AND {{template "committed"}}
              GROUP BY aws_partition, bucket_name, account_id
            ) AS accounts
            GROUP BY aws_partition, bucket_name
            HAVING max(CASE WHEN place = 1 THEN seen_at END) > max(CASE WHEN place > 1 THEN seen_at END)
          ) AS w ON {{same "r" "w"}}
          WHERE r.copy = 1 OR r.result_id IS NULL
        ) AS owned
      ) AS placed
      WHERE NOT is_former_owner OR is_former_object OR is_archive_member AND is_former_subject = 1
    ) AS compared
    ) AS ranked
  ) AS counted
) AS judged
  ) AS decided
) AS rated

{{- define "highest" -}}
standing_score DESC NULLS LAST, standing_severity DESC NULLS LAST
{{- end -}}

{{- define "object_standing" -}}
CASE WHEN is_former_owner THEN 1 ELSE 0 END, CASE WHEN is_archive_member THEN 1 ELSE 0 END, {{template "analyses_first"}}, {{template "newest"}}
{{- end -}}

{{- define "object_content" -}}
CASE WHEN NOT is_former_owner THEN 0 WHEN NOT is_archive_member THEN 1 ELSE 2 END, {{template "analyses_first"}}, CASE WHEN is_archive_member THEN 1 ELSE 0 END, {{template "newest"}}
{{- end -}}

{{- define "standing" -}}
CASE WHEN is_archive_member AND NOT is_standing_content THEN 1 ELSE 0 END, {{template "analyses_first"}}, {{template "newest"}}
{{- end -}}

{{- define "result" -}}
run_id, source_uri, source_line, result_id, aws_partition, account_id, region, admin_account_id, bucket_name, object_key,
  is_archive_member, archive_member_path, job_id, created_at, object_last_modified, object_version_id, status_code, status_reason,
  severity_score, severity, bucket_effective_permission, bucket_encryption_type, bucket_tags,
  object_size, object_storage_class, object_encryption_type, object_kms_key_id, object_public_access, object_tags
{{- end -}}

{{- define "own" -}}
PARTITION BY object_source_uri, object_source_line
        ORDER BY CASE WHEN object_is_member THEN CASE WHEN source_uri = object_source_uri AND source_line = object_source_line THEN 0 ELSE 1 END
          WHEN is_archive_member THEN 1 ELSE 0 END, {{template "newest"}}
{{- end -}}

{{- define "known_first" -}}
CASE WHEN is_former_owner THEN 2 WHEN {{.}} THEN 0 ELSE 1 END, {{template "newest"}}
{{- end -}}

{{- define "content" -}}
subject_source_uri, subject_source_line, object_last_modified, object_version_id
{{- end -}}

{{- define "is_gone_reason" -}}
{{.}} IN ('SOURCE_OBJECT_NO_LONGER_AVAILABLE', 'NO_SUCH_BUCKET_AVAILABLE')
{{- end -}}
