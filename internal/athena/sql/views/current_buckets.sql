SELECT aws_partition, bucket_name, max(bucket_account_id) AS account_id, max(bucket_region) AS region,
  max(newest_bucket_permission) AS bucket_effective_permission, max(newest_bucket_encryption) AS bucket_encryption_type,
  max(bucket_is_public) AS is_public, max(bucket_is_unencrypted) AS is_unencrypted, max(bucket_last_result_at) AS last_result_at
FROM {{table "current_results"}}
WHERE NOT is_former_owner
GROUP BY aws_partition, bucket_name
