SELECT * REPLACE (in_words(types) AS types), created_at AS last_analyzed_at
FROM o_sensitive WHERE NOT is_archive_member AND NOT (is_public = 'no' AND is_unencrypted = 'no')
