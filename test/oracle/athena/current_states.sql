SELECT * FROM o_subjects
