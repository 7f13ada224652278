SELECT * REPLACE (in_words(types) AS types), created_at AS last_analyzed_at
FROM o_objects WHERE is_archive_member AND type_count > 0
