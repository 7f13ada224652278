SELECT * FROM o_unanalyzed
