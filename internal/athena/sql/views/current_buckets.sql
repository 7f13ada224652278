SELECT aws_partition, bucket_name,
  max(CASE WHEN place = account_place THEN account_id END) AS account_id,
  max(CASE WHEN place = region_place THEN region END) AS region,
  max(CASE WHEN place = 1 THEN bucket_effective_permission END) AS bucket_effective_permission,
  max(CASE WHEN place = 1 THEN bucket_encryption_type END) AS bucket_encryption_type,
  {{template "fact" "public_fact"}} AS is_public,
  {{template "fact" "encryption_fact"}} AS is_unencrypted,
  max(created_at) AS last_result_at
FROM (
  SELECT *,
    min(CASE WHEN account_id IS NOT NULL THEN place END) OVER (PARTITION BY {{template "bucket"}}) AS account_place,
    min(CASE WHEN region IS NOT NULL THEN place END) OVER (PARTITION BY {{template "bucket"}}) AS region_place,
    -- Twice the place of the newest known value, one more where it isn't exposed.
    CASE WHEN bucket_effective_permission = 'PUBLIC' THEN 2 * place WHEN bucket_effective_permission = 'NOT_PUBLIC' THEN 2 * place + 1 END AS public_fact,
    CASE WHEN bucket_encryption_type NOT IN ('', 'UNKNOWN') THEN 2 * place + CASE WHEN bucket_encryption_type = 'NONE' THEN 0 ELSE 1 END END AS encryption_fact
  FROM (
    SELECT aws_partition, bucket_name, account_id, region, bucket_effective_permission, bucket_encryption_type, created_at,
      row_number() OVER (PARTITION BY {{template "bucket"}} ORDER BY {{template "newest"}}) AS place
    FROM {{table "current_results"}}
    WHERE NOT is_former_owner
  ) AS placed
) AS facts
GROUP BY aws_partition, bucket_name

{{- define "fact" -}}
CASE WHEN min({{.}}) % 2 = 0 THEN 'yes' WHEN min({{.}}) = 3 THEN 'no' ELSE 'unknown' END
{{- end -}}
