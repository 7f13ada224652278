package gen

// appendLine appends rec as one line and counts it.
func (g *generator) appendLine(rec *record) {
	g.turn++
	g.ascii = rec.traits&asciiOnly != 0
	g.unknownTaken = false
	g.t.rows.Results++
	g.b = append(g.b, '{')
	if g.api {
		g.topSorted(rec)
	} else {
		g.topReal(rec)
	}
	g.b = append(g.b, '}', '\n')
}

// countUnknown counts a field that isn't in the documented schema.
func (g *generator) countUnknown(path string) { g.t.unknown[path]++ }

// topReal writes the top-level fields in the order of real files.
func (g *generator) topReal(rec *record) {
	g.str("schemaVersion", "1.0")
	g.str("id", rec.id)
	g.str("accountId", g.site.accountID())
	g.str("partition", g.site.admin.partition)
	g.str("region", g.site.region.name)
	g.findingType(rec)
	g.title(rec)
	g.description(rec)
	g.severity(rec)
	g.time("createdAt", rec.created, rec.traits&oddTimes != 0)
	g.updatedAt(rec)
	g.flags(rec)
	g.findingCount(rec)
	g.affected(rec)
	g.newTopField(rec)
	g.str("category", "CLASSIFICATION")
	g.details(rec)
}

// topSorted writes the top-level fields in alphabetical order, as API clients do.
func (g *generator) topSorted(rec *record) {
	g.str("accountId", g.site.accountID())
	g.flags(rec)
	g.str("category", "CLASSIFICATION")
	g.details(rec)
	g.findingCount(rec)
	g.time("createdAt", rec.created, rec.traits&oddTimes != 0)
	g.description(rec)
	g.str("id", rec.id)
	g.str("partition", g.site.admin.partition)
	g.newTopField(rec)
	g.str("region", g.site.region.name)
	g.affected(rec)
	g.str("schemaVersion", "1.0")
	g.severity(rec)
	g.title(rec)
	g.findingType(rec)
	g.updatedAt(rec)
}

// finding returns type, title and description of the line's finding. They are empty
// for a line without sensitive data.
func (rec *record) finding() (kind, title, description string) {
	var managed, customs int
	category := ""
	for i := range rec.detected {
		switch d := &rec.detected[i]; {
		case d.custom != nil:
			customs++
		case category != d.managed.category:
			category = d.managed.category
			managed++
		}
	}
	switch {
	case managed == 0 && customs == 0:
		return "", "", ""
	case managed == 0:
		return "SensitiveData:S3Object/CustomIdentifier", "The S3 object contains content that matches a custom data identifier.",
			"This object contains content that matches one or more custom data identifiers for the organization. The content might include multiple types of sensitive information."
	case managed > 1 || customs > 0:
		return "SensitiveData:S3Object/Multiple", "The S3 object contains multiple types of sensitive information.",
			"The object contains more than one type of sensitive information."
	}
	switch category {
	case financial:
		return "SensitiveData:S3Object/Financial", "The S3 object contains financial information.",
			"The object contains financial information such as bank account numbers or credit card numbers."
	case credentials:
		return "SensitiveData:S3Object/Credentials", "The S3 object contains credentials.",
			"The object contains credentials such as private keys or access keys."
	}
	return "SensitiveData:S3Object/Personal", "The S3 object contains personal information.",
		"The object contains personal information such as full names or mailing addresses."
}

func (g *generator) findingType(rec *record) {
	kind, _, _ := rec.finding()
	g.optional("type", kind)
}

func (g *generator) title(rec *record) {
	_, title, _ := rec.finding()
	g.optional("title", title)
}

func (g *generator) description(rec *record) {
	_, _, description := rec.finding()
	g.optional("description", description)
}

func (g *generator) severity(rec *record) {
	if len(rec.detected) == 0 {
		g.absent("severity")
		return
	}
	score := int64(1)
	for i := range rec.detected {
		if d := &rec.detected[i]; d.count >= 50 || d.managed != nil && d.managed.category == credentials {
			score = 3
		} else if d.count >= 5 || len(rec.detected) > 2 {
			score = max(score, 2)
		}
	}
	g.begin("severity", '{')
	g.int("score", score)
	g.str("description", []string{"Low", "Medium", "High"}[score-1])
	g.end('}')
}

func (g *generator) updatedAt(rec *record) {
	if rec.traits&hasUpdated == 0 {
		g.absent("updatedAt")
		return
	}
	g.time("updatedAt", rec.created+g.r.n(600)*second+g.r.n(1000), rec.traits&oddTimes != 0)
}

func (g *generator) flags(rec *record) {
	for _, f := range []struct {
		key   string
		trait traits
	}{{"archived", isArchived}, {"sample", isSample}} {
		switch {
		case rec.traits&f.trait != 0:
			g.bool(f.key, true)
		case rec.traits&hasCount != 0:
			g.bool(f.key, false)
		default:
			g.absent(f.key)
		}
	}
}

func (g *generator) findingCount(rec *record) {
	if rec.traits&hasCount == 0 {
		g.absent("count")
		return
	}
	g.int("count", g.r.between(1, 40))
}

func (g *generator) newTopField(rec *record) {
	if rec.traits&newTop == 0 {
		return
	}
	g.begin("recordOrigin", '{')
	g.str("service", "macie")
	g.int("revision", g.r.n(9))
	g.raw(`,"flags":[true,null,1.5e-3,{"key":"]}"}]}`)
	g.countUnknown("recordOrigin")
}

func (g *generator) affected(rec *record) {
	g.begin("resourcesAffected", '{')
	g.bucket(rec)
	g.object(rec)
	g.end('}')
}

func (g *generator) bucket(rec *record) {
	b := rec.object.bucket
	g.begin("s3Bucket", '{')
	g.str("arn", b.arn)
	g.str("name", b.name)
	g.time("createdAt", b.created, rec.traits&oddTimes != 0)
	if rec.traits&sparse != 0 {
		g.absent("owner")
		g.absent("tags")
		g.absent("publicAccess")
		g.end('}')
		return
	}
	g.begin("owner", '{')
	g.optional("displayName", b.ownerName)
	g.str("id", b.ownerID)
	g.end('}')
	g.tags(b.tags)
	if g.api {
		g.str("allowsUnencryptedObjectUploads", b.uploads)
	}
	g.encryption("defaultServerSideEncryption", b.encryption, b.kms)
	g.begin("publicAccess", '{')
	if b.permission == "UNKNOWN" {
		g.absent("permissionConfiguration")
	} else {
		g.begin("permissionConfiguration", '{')
		g.begin("bucketLevelPermissions", '{')
		g.grants("accessControlList", b.publicACL)
		g.grants("bucketPolicy", b.policyOpen)
		g.blocks(b.blocked)
		g.end('}')
		g.begin("accountLevelPermissions", '{')
		g.blocks(b.blocked)
		g.end('}')
		g.end('}')
	}
	g.str("effectivePermission", b.permission)
	if rec.traits&newAccess != 0 {
		g.begin("accessPoints", '[')
		g.raw(`{"alias":"a","public":false},[[]],"x"]`)
		g.countUnknown("resourcesAffected.s3Bucket.publicAccess.accessPoints")
	}
	g.end('}')
	g.end('}')
}

func (g *generator) encryption(k, kind, kms string) {
	g.begin(k, '{')
	g.str("encryptionType", kind)
	g.optional("kmsMasterKeyId", kms)
	g.end('}')
}

func (g *generator) grants(k string, read bool) {
	g.begin(k, '{')
	g.bool("allowsPublicReadAccess", read)
	g.bool("allowsPublicWriteAccess", false)
	g.end('}')
}

func (g *generator) blocks(on bool) {
	g.begin("blockPublicAccess", '{')
	g.bool("ignorePublicAcls", on)
	g.bool("restrictPublicBuckets", on)
	g.bool("blockPublicAcls", true)
	g.bool("blockPublicPolicy", on)
	g.end('}')
}

func (g *generator) object(rec *record) {
	o := rec.object
	g.begin("s3Object", '{')
	g.str("bucketArn", o.bucket.arn)
	g.str("key", o.key)
	g.str("path", o.bucket.name+"/"+o.key)
	if g.api && o.ext == "" {
		g.str("extension", "")
	} else {
		g.optional("extension", o.ext)
	}
	if rec.traits&newObject != 0 {
		g.str("checksumAlgorithm", "CRC64NVME")
		g.countUnknown("resourcesAffected.s3Object.checksumAlgorithm")
	}
	if rec.traits&sparse != 0 {
		g.absent("lastModified")
		g.absent("eTag")
		g.absent("versionId")
		g.absent("size")
	} else {
		g.time("lastModified", o.modified, rec.traits&oddTimes != 0)
		g.str("eTag", o.etag)
		if g.api && o.version == "" && g.nulls {
			g.str("versionId", "")
		} else {
			g.optional("versionId", o.version)
		}
		g.encryption("serverSideEncryption", o.encryption, o.kms)
		g.int("size", o.size)
		g.str("storageClass", o.storage)
		g.tags(o.tags)
		g.bool("publicAccess", o.public)
	}
	if m := rec.member; m == nil {
		g.absent("embeddedFileDetails")
	} else {
		g.begin("embeddedFileDetails", '{')
		g.str("filePath", m.path)
		g.optional("fileExtension", m.ext)
		g.int("fileSize", m.size)
		g.time("fileLastModified", m.modified, rec.traits&oddTimes != 0)
		g.end('}')
	}
	g.end('}')
}

// details writes classificationDetails. In real files the job's id comes last.
func (g *generator) details(rec *record) {
	g.begin("classificationDetails", '{')
	if g.api {
		g.resultsLocation(rec)
		g.jobARN()
		g.optional("jobId", g.site.job)
		g.origin()
		g.result(rec)
	} else {
		g.jobARN()
		g.result(rec)
		g.resultsLocation(rec)
		if g.site.job == "" || rec.created%3 == 0 { // older results of jobs have no originType
			g.origin()
		}
		g.optional("jobId", g.site.job)
	}
	g.end('}')
}

func (g *generator) jobARN() {
	if g.site.job == "" {
		g.absent("jobArn")
		return
	}
	a := g.site.admin
	g.str("jobArn", "arn:"+a.partition+":macie2:"+g.site.region.name+":"+a.id+":classification-job/"+g.site.job)
}

func (g *generator) origin() {
	origin := "SENSITIVE_DATA_DISCOVERY_JOB"
	if g.site.job == "" {
		origin = "AUTOMATED_SENSITIVE_DATA_DISCOVERY"
	}
	g.str("originType", origin)
}

func (g *generator) resultsLocation(rec *record) {
	b := g.site.admin.resultsBucket
	if rec.traits&exportNotSet != 0 {
		b = "[export-config-not-set]"
	}
	g.str("detailedResultsLocation", "s3://"+b+"/"+g.rel)
}

func (g *generator) result(rec *record) {
	g.begin("result", '{')
	g.begin("status", '{')
	g.str("code", rec.status)
	g.optional("reason", rec.reason)
	g.end('}')
	if rec.outcome == outcomeSkipped && !g.api {
		g.absent("sizeClassified")
	} else {
		g.int("sizeClassified", rec.size)
	}
	g.optional("mimeType", rec.mime)
	if g.api || rec.anyCapped {
		g.bool("additionalOccurrences", rec.anyCapped)
	}
	if rec.traits&newResult != 0 {
		g.str("confidence", "HIGH")
		g.countUnknown("classificationDetails.result.confidence")
	}

	managed := rec.detected
	for i := range rec.detected {
		if rec.detected[i].custom != nil {
			managed = rec.detected[:i]
			break
		}
	}
	if rec.outcome == outcomeSkipped && g.r.n(2) == 0 {
		g.absent("sensitiveData")
	} else {
		g.sensitiveData(rec, managed)
	}
	g.customIdentifiers(rec, rec.detected[len(managed):])
	g.end('}')
}

func sumCounts(list []detection) (n int64) {
	for i := range list {
		n += list[i].count
	}
	return n
}

// sensitiveData writes managed detections, one JSON object per category. The list
// must be sorted by category.
func (g *generator) sensitiveData(rec *record, list []detection) {
	first := true
	g.begin("sensitiveData", '[')
	for len(list) > 0 {
		category, n := list[0].managed.category, 1
		for n < len(list) && list[n].managed.category == category {
			n++
		}
		g.comma()
		g.raw("{")
		g.str("category", category)
		g.int("totalCount", sumCounts(list[:n]))
		g.begin("detections", '[')
		for i := range list[:n] {
			d := &list[i]
			g.comma()
			g.raw("{")
			g.str("type", d.managed.name)
			g.int("count", d.count)
			if first && rec.traits&newDetection != 0 {
				g.raw(`,"confidenceScore":0.93`)
				g.countUnknown("classificationDetails.result.sensitiveData[].detections[].confidenceScore")
			}
			g.occurrences(rec, d, "classificationDetails.result.sensitiveData[].detections[].occurrences", first)
			first = false
			g.raw("}")
		}
		g.raw("]}")
		list = list[n:]
	}
	g.end(']')
}

func (g *generator) customIdentifiers(rec *record, list []detection) {
	if len(list) == 0 && !g.style() {
		return
	}
	g.begin("customDataIdentifiers", '{')
	g.int("totalCount", sumCounts(list))
	g.begin("detections", '[')
	for i := range list {
		d := &list[i]
		g.comma()
		g.raw("{")
		arn := d.custom.id
		if g.style() {
			arn = d.custom.arn
		}
		g.str("arn", arn)
		g.str("name", d.custom.name)
		g.int("count", d.count)
		if i == 0 && rec.traits&newCustom != 0 {
			g.str("severity", "MEDIUM")
			g.countUnknown("classificationDetails.result.customDataIdentifiers.detections[].severity")
		}
		g.occurrences(rec, d, "classificationDetails.result.customDataIdentifiers.detections[].occurrences", false)
		g.raw("}")
	}
	g.raw("]}")
}
