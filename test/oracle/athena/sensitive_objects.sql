SELECT * REPLACE (in_words(categories) AS categories, in_words(types) AS types),
  's3://' || bucket_name || '/' || object_key AS s3_uri, created_at AS last_analyzed_at,
  CASE severity WHEN 'Low' THEN 1 WHEN 'Medium' THEN 2 WHEN 'High' THEN 3 END AS severity_score
FROM o_sensitive
