SELECT * FROM o_findings WHERE is_open AND unlocated_count > 0
