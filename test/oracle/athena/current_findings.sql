SELECT * FROM o_findings WHERE is_open
