SELECT * REPLACE (in_words(types) AS types), created_at AS last_analyzed_at
FROM o_sensitive WHERE is_archive_member
