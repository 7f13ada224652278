SELECT *, is_analyzed AS was_analyzed, CASE WHEN is_analyzed THEN created_at END AS last_analyzed_at
FROM o_subjects WHERE not_analyzed_reason IS NOT NULL
