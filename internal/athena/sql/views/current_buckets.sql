SELECT s.aws_partition, s.bucket_name, s.bucket_account_id AS account_id, s.bucket_region AS region,
  s.newest_bucket_permission AS bucket_effective_permission, s.newest_bucket_encryption AS bucket_encryption_type,
  s.bucket_is_public AS is_public, s.bucket_is_unencrypted AS is_unencrypted, s.bucket_last_result_at AS last_result_at,
  s.newest_bucket_tags AS bucket_tags,
  w.bucket_arn, w.bucket_created_at, w.bucket_owner_id, w.bucket_owner_display_name,
  w.bucket_kms_key_id, w.bucket_allows_unencrypted_uploads, w.bucket_acl_public_read, w.bucket_acl_public_write, w.bucket_policy_public_read, w.bucket_policy_public_write,
  w.bucket_block_public_acls, w.bucket_block_public_policy, w.bucket_ignore_public_acls, w.bucket_restrict_public_buckets,
  w.account_block_public_acls, w.account_block_public_policy, w.account_ignore_public_acls, w.account_restrict_public_buckets
FROM {{table "current_results"}} AS s
JOIN {{table "results"}} AS w
  ON s.run_id = w.run_id AND s.source_uri = w.source_uri AND s.source_line = w.source_line
WHERE s.is_newest_of_bucket
