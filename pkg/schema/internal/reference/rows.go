package reference

import "maps"

// Row is a row of a table, by column. Null is nil, a text string, an integer int64
// or int32, a boolean bool, a timestamp Micros, a map []Tag.
type Row map[string]any

// Micros is a timestamp: microseconds since 1970 in UTC.
type Micros int64

// Tag is an entry of a map. Value is a string, or nil for null.
type Tag struct {
	Key   string
	Value any
}

// Line holds the rows of one line.
type Line struct {
	Result      Row
	Detections  []Row
	Occurrences []Row
	// Unknown counts the unknown fields, by path, with [] for every index. It is nil
	// if there are none.
	Unknown map[string]int64
}

// The columns of results that detections and occurrences repeat, those that only
// detections repeat, and the columns of detections that occurrences repeat.
var (
	identityColumns = []string{
		"result_id", "account_id", "region", "job_id", "created_at", "bucket_name", "object_key",
		"object_version_id", "archive_member_path", "mime_type", "run_id", "source_uri", "source_line",
	}
	contextColumns = []string{
		"origin_type", "severity", "status_code", "bucket_effective_permission", "bucket_encryption_type",
		"object_public_access", "object_size", "object_last_modified", "object_etag", "object_extension",
		"is_archive_member",
	}
	detectionColumns = []string{
		"detection_index", "identifier_kind", "category", "detection_type", "custom_identifier_arn",
	}
)

// batchColumns are the columns whose values come from the batch, not from the line.
var batchColumns = []string{"run_id", "source_uri", "source_etag", "admin_account_id", "source_line"}

// setBatchColumns sets the batchColumns of the line, in all its rows.
func (l *Line) setBatchColumns(values Row) {
	maps.Copy(l.Result, values)
	for _, rows := range [][]Row{l.Detections, l.Occurrences} {
		for _, row := range rows {
			for _, name := range identityColumns {
				row[name] = l.Result[name]
			}
		}
	}
}

// project returns the rows of a line, without batchColumns, from the line's object.
// It returns false if a sum overflows.
func project(line map[string]any) (*Line, bool) {
	severity := objectAt(line, "severity")
	details := objectAt(line, "classificationDetails")
	result := objectAt(details, "result")
	status := objectAt(result, "status")
	custom := objectAt(result, "customDataIdentifiers")
	bucket := objectAt(line, "resourcesAffected", "s3Bucket")
	owner := objectAt(bucket, "owner")
	bucketEncryption := objectAt(bucket, "defaultServerSideEncryption")
	access := objectAt(bucket, "publicAccess")
	bucketLevel := objectAt(access, "permissionConfiguration", "bucketLevelPermissions")
	acl := objectAt(bucketLevel, "accessControlList")
	policy := objectAt(bucketLevel, "bucketPolicy")
	bucketBlock := objectAt(bucketLevel, "blockPublicAccess")
	accountBlock := objectAt(access, "permissionConfiguration", "accountLevelPermissions", "blockPublicAccess")
	s3 := objectAt(line, "resourcesAffected", "s3Object")
	encryption := objectAt(s3, "serverSideEncryption")
	member := objectAt(s3, "embeddedFileDetails")

	row := Row{
		"result_id":        line["id"],
		"schema_version":   line["schemaVersion"],
		"account_id":       line["accountId"],
		"aws_partition":    line["partition"],
		"region":           line["region"],
		"created_at":       line["createdAt"],
		"updated_at":       line["updatedAt"],
		"finding_type":     line["type"],
		"finding_category": line["category"],
		"title":            line["title"],
		"description":      line["description"],
		"sample":           line["sample"],
		"archived":         line["archived"],
		"finding_count":    line["count"],
		"severity_score":   nil,
		"severity":         severity["description"],

		"job_id":                    details["jobId"],
		"job_arn":                   details["jobArn"],
		"origin_type":               details["originType"],
		"detailed_results_location": details["detailedResultsLocation"],
		"status_code":               status["code"],
		"status_reason":             status["reason"],
		"mime_type":                 result["mimeType"],
		"size_classified":           result["sizeClassified"],
		"additional_occurrences":    result["additionalOccurrences"],
		"custom_total_count":        custom["totalCount"],

		"bucket_name":                       bucket["name"],
		"bucket_arn":                        bucket["arn"],
		"bucket_created_at":                 bucket["createdAt"],
		"bucket_owner_id":                   owner["id"],
		"bucket_owner_display_name":         owner["displayName"],
		"bucket_encryption_type":            bucketEncryption["encryptionType"],
		"bucket_kms_key_id":                 bucketEncryption["kmsMasterKeyId"],
		"bucket_effective_permission":       access["effectivePermission"],
		"bucket_allows_unencrypted_uploads": bucket["allowsUnencryptedObjectUploads"],
		"bucket_tags":                       tags(bucket["tags"]),
		"bucket_acl_public_read":            acl["allowsPublicReadAccess"],
		"bucket_acl_public_write":           acl["allowsPublicWriteAccess"],
		"bucket_policy_public_read":         policy["allowsPublicReadAccess"],
		"bucket_policy_public_write":        policy["allowsPublicWriteAccess"],
		"bucket_block_public_acls":          bucketBlock["blockPublicAcls"],
		"bucket_block_public_policy":        bucketBlock["blockPublicPolicy"],
		"bucket_ignore_public_acls":         bucketBlock["ignorePublicAcls"],
		"bucket_restrict_public_buckets":    bucketBlock["restrictPublicBuckets"],
		"account_block_public_acls":         accountBlock["blockPublicAcls"],
		"account_block_public_policy":       accountBlock["blockPublicPolicy"],
		"account_ignore_public_acls":        accountBlock["ignorePublicAcls"],
		"account_restrict_public_buckets":   accountBlock["restrictPublicBuckets"],

		"object_bucket_arn":      s3["bucketArn"],
		"object_key":             s3["key"],
		"object_path":            s3["path"],
		"object_extension":       s3["extension"],
		"object_size":            s3["size"],
		"object_etag":            s3["eTag"],
		"object_version_id":      s3["versionId"],
		"object_last_modified":   s3["lastModified"],
		"object_storage_class":   s3["storageClass"],
		"object_encryption_type": encryption["encryptionType"],
		"object_kms_key_id":      encryption["kmsMasterKeyId"],
		"object_public_access":   s3["publicAccess"],
		"object_tags":            tags(s3["tags"]),

		"is_archive_member":            s3["embeddedFileDetails"] != nil,
		"archive_member_path":          member["filePath"],
		"archive_member_extension":     member["fileExtension"],
		"archive_member_size":          member["fileSize"],
		"archive_member_last_modified": member["fileLastModified"],
	}
	if score, ok := severity["score"].(int64); ok {
		row["severity_score"] = int32(score)
	}
	if row["object_version_id"] == "" {
		row["object_version_id"] = nil
	}
	for _, name := range batchColumns {
		row[name] = nil
	}

	out := &Line{Result: row}
	var totals, counts []any
	for _, data := range objects(result, "sensitiveData") {
		totals = append(totals, data["totalCount"])
		for _, d := range objects(data, "detections") {
			counts = append(counts, d["count"])
			out.addDetection(d, Row{
				"identifier_kind":       "managed",
				"category":              data["category"],
				"detection_type":        d["type"],
				"custom_identifier_arn": nil,
			})
		}
	}
	for _, d := range objects(custom, "detections") {
		counts = append(counts, d["count"])
		out.addDetection(d, Row{
			"identifier_kind":       "custom",
			"category":              "CUSTOM_IDENTIFIER",
			"detection_type":        d["name"],
			"custom_identifier_arn": d["arn"],
		})
	}
	total, totalFits := sum(totals)
	count, countFits := sum(counts)
	row["sensitive_total_count"] = total
	row["occurrence_count"] = count
	row["type_count"] = int64(len(out.Detections))
	row["location_count"] = int64(len(out.Occurrences))
	return out, totalFits && countFits
}

// addDetection adds the rows of a detection. row has the columns that depend on the
// kind of its identifier.
func (l *Line) addDetection(d map[string]any, row Row) {
	for _, name := range identityColumns {
		row[name] = l.Result[name]
	}
	row["detection_index"] = int64(len(l.Detections))

	locations := locationRows(objectAt(d, "occurrences"))
	for i, location := range locations {
		for _, name := range identityColumns {
			location[name] = row[name]
		}
		for _, name := range detectionColumns {
			location[name] = row[name]
		}
		location["occurrence_index"] = int64(i)
		l.Occurrences = append(l.Occurrences, location)
	}

	for _, name := range contextColumns {
		row[name] = l.Result[name]
	}
	n := int64(len(locations))
	count, counted := d["count"].(int64)
	row["occurrence_count"] = d["count"]
	row["location_count"] = n
	row["is_capped"] = counted && n >= 1000 && n < count
	l.Detections = append(l.Detections, row)
}

// locationRows returns the rows of a detection's locations, in order, with only the
// columns that describe the location.
func locationRows(occurrences map[string]any) []Row {
	var rows []Row
	add := func(kind string) Row {
		row := Row{"location_kind": kind}
		for _, name := range []string{
			"cell_row", "cell_column", "cell_column_name", "cell_reference",
			"line_start", "line_end", "line_start_column",
			"offset_start", "offset_end", "offset_start_column",
			"page_number", "record_index", "json_path",
		} {
			row[name] = nil
		}
		rows = append(rows, row)
		return row
	}
	span := func(row Row, prefix string, v map[string]any) {
		row[prefix+"_start"] = v["start"]
		row[prefix+"_end"] = v["end"]
		row[prefix+"_start_column"] = v["startColumn"]
	}
	for _, v := range objects(occurrences, "cells") {
		row := add("cell")
		row["cell_row"] = v["row"]
		row["cell_column"] = v["column"]
		row["cell_column_name"] = v["columnName"]
		row["cell_reference"] = v["cellReference"]
	}
	for _, v := range objects(occurrences, "lineRanges") {
		span(add("line"), "line", v)
	}
	for _, v := range objects(occurrences, "offsetRanges") {
		span(add("offset"), "offset", v)
	}
	for _, v := range objects(occurrences, "pages") {
		row := add("page")
		row["page_number"] = v["pageNumber"]
		span(row, "line", objectAt(v, "lineRange"))
		span(row, "offset", objectAt(v, "offsetRange"))
	}
	for _, v := range objects(occurrences, "records") {
		row := add("record")
		row["record_index"] = v["recordIndex"]
		row["json_path"] = v["jsonPath"]
	}
	return rows
}

// objectAt returns the object at a path. If there is none, it returns nil, which reads
// like an empty object.
func objectAt(v map[string]any, names ...string) map[string]any {
	for _, name := range names {
		v, _ = v[name].(map[string]any)
	}
	return v
}

// objects returns the elements of an array of objects.
func objects(v map[string]any, name string) []map[string]any {
	elements, _ := v[name].([]any)
	out := make([]map[string]any, len(elements))
	for i, e := range elements {
		out[i] = e.(map[string]any)
	}
	return out
}

// tags returns the value of a map column, or nil if v is nil.
func tags(v any) any {
	elements, ok := v.([]any)
	if !ok {
		return nil
	}
	out := []Tag{}
	index := map[string]int{}
	for _, e := range elements {
		tag := e.(map[string]any)
		key := tag["key"].(string)
		i, again := index[key]
		if !again {
			i = len(out)
			index[key] = i
			out = append(out, Tag{Key: key})
		}
		out[i].Value = tag["value"]
	}
	return out
}
