SELECT * EXCLUDE (thing, what, preference) FROM o_detections
