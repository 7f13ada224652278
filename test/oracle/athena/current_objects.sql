SELECT * EXCLUDE (n, thing, content, analysis, newness, categories, types, is_capped) FROM o_objects
