SELECT * EXCLUDE (n, thing, content, analysis, newness), (SELECT max(s.severity_score) FROM o_counting s WHERE s.thing = c.thing) AS object_severity_score
FROM o_counting c
