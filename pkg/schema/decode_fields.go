package schema

// The input's schema as a table: the fields of each JSON object, and the method of
// the decoder that takes the field's value. Source: Macie API reference, data type
// Finding and the types it refers to; docs/dataset.md has the tree.

// Kinds of JSON objects that have known fields.
const (
	rootObject = iota
	severityObject
	detailsObject
	resultObject
	statusObject
	categoryObject
	managedObject
	customIdentifiersObject
	customObject
	occurrencesObject
	cellObject
	lineObject
	offsetObject
	pageObject
	pageLineObject
	pageOffsetObject
	recordObject
	resourcesObject
	bucketObject
	ownerObject
	bucketEncryptionObject
	bucketAccessObject
	permissionsObject
	bucketPermissionsObject
	aclObject
	policyObject
	bucketBlockObject
	accountPermissionsObject
	accountBlockObject
	s3Object
	objectEncryptionObject
	memberObject
	tagObject

	numObjects
)

// maxFields is the most fields that an object kind may have: the bits of seen in
// bulkDecoder.object.
const maxFields = 32

// field is a known field of an object kind.
type field struct {
	name string
	// parse decodes the value at p into the slot and returns the position after it,
	// or a negative position after bulkDecoder.fail.
	parse func(d *bulkDecoder, slot, p int) int
	slot  int
}

// objectFields are the fields of one object kind, and a guess which field follows
// which: the field that followed last time. Lines of a file keep one order of keys,
// so the guess is nearly always right.
type objectFields struct {
	fields []field
	next   [maxFields + 1]uint8 // [0] is the first field, [i+1] the one after field i
}

// find returns the index of the field with that name, or -1.
func (o *objectFields) find(name []byte) int {
	for i := range o.fields {
		if string(name) == o.fields[i].name {
			return i
		}
	}
	return -1
}

// knownObjects returns the fields of each object kind. The decoder that calls it
// owns them: it changes the guesses.
func knownObjects() *[numObjects]objectFields {
	block := func(acls, policy, ignore, restrict int) []field {
		return []field{
			{"ignorePublicAcls", (*bulkDecoder).resultBool, ignore},
			{"restrictPublicBuckets", (*bulkDecoder).resultBool, restrict},
			{"blockPublicAcls", (*bulkDecoder).resultBool, acls},
			{"blockPublicPolicy", (*bulkDecoder).resultBool, policy},
		}
	}
	public := func(read, write int) []field {
		return []field{
			{"allowsPublicReadAccess", (*bulkDecoder).resultBool, read},
			{"allowsPublicWriteAccess", (*bulkDecoder).resultBool, write},
		}
	}
	position := func(parse func(d *bulkDecoder, slot, p int) int, base int) []field {
		return []field{
			{"start", parse, base},
			{"end", parse, base + 1},
			{"startColumn", parse, base + 2},
		}
	}
	encryption := func(typ, key int) []field {
		return []field{
			{"encryptionType", (*bulkDecoder).resultText, typ},
			{"kmsMasterKeyId", (*bulkDecoder).resultText, key},
		}
	}
	kinds := [numObjects][]field{
		rootObject: {
			{"schemaVersion", (*bulkDecoder).resultText, SchemaVersion},
			{"id", (*bulkDecoder).resultText, ResultID},
			{"accountId", (*bulkDecoder).resultText, AccountID},
			{"partition", (*bulkDecoder).resultText, AWSPartition},
			{"region", (*bulkDecoder).resultText, Region},
			{"type", (*bulkDecoder).resultText, FindingType},
			{"title", (*bulkDecoder).resultText, Title},
			{"description", (*bulkDecoder).resultText, Description},
			{"severity", (*bulkDecoder).child, severityObject},
			{"createdAt", (*bulkDecoder).resultTime, CreatedAt},
			{"resourcesAffected", (*bulkDecoder).child, resourcesObject},
			{"category", (*bulkDecoder).resultText, FindingCategory},
			{"classificationDetails", (*bulkDecoder).child, detailsObject},
			{"updatedAt", (*bulkDecoder).resultTime, UpdatedAt},
			{"sample", (*bulkDecoder).resultBool, Sample},
			{"archived", (*bulkDecoder).resultBool, Archived},
			{"count", (*bulkDecoder).resultInt, FindingCount},
		},
		severityObject: {
			{"score", (*bulkDecoder).resultInt32, SeverityScore},
			{"description", (*bulkDecoder).resultText, Severity},
		},
		detailsObject: {
			{"jobArn", (*bulkDecoder).resultText, JobARN},
			{"result", (*bulkDecoder).child, resultObject},
			{"detailedResultsLocation", (*bulkDecoder).resultText, DetailedResultsLocation},
			{"jobId", (*bulkDecoder).resultText, JobID},
			{"originType", (*bulkDecoder).resultText, OriginType},
		},
		resultObject: {
			{"status", (*bulkDecoder).child, statusObject},
			{"sizeClassified", (*bulkDecoder).resultInt, SizeClassified},
			{"mimeType", (*bulkDecoder).resultText, MimeType},
			{"sensitiveData", (*bulkDecoder).categories, 0},
			{"customDataIdentifiers", (*bulkDecoder).child, customIdentifiersObject},
			{"additionalOccurrences", (*bulkDecoder).resultBool, AdditionalOccurrences},
		},
		statusObject: {
			{"code", (*bulkDecoder).resultText, StatusCode},
			{"reason", (*bulkDecoder).resultText, StatusReason},
		},
		categoryObject: {
			{"category", (*bulkDecoder).categoryName, 0},
			{"totalCount", (*bulkDecoder).categoryTotal, 0},
			{"detections", (*bulkDecoder).managedDetections, 0},
		},
		managedObject: {
			{"type", (*bulkDecoder).detectionText, DetectionType},
			{"count", (*bulkDecoder).detectionInt, DetectionOccurrenceCount},
			{"occurrences", (*bulkDecoder).child, occurrencesObject},
		},
		customIdentifiersObject: {
			{"totalCount", (*bulkDecoder).resultInt, CustomTotalCount},
			{"detections", (*bulkDecoder).customDetections, 0},
		},
		customObject: {
			{"arn", (*bulkDecoder).detectionText, CustomIdentifierARN},
			{"name", (*bulkDecoder).detectionText, DetectionType},
			{"count", (*bulkDecoder).detectionInt, DetectionOccurrenceCount},
			{"occurrences", (*bulkDecoder).child, occurrencesObject},
		},
		occurrencesObject: {
			{"lineRanges", (*bulkDecoder).lines, 0},
			{"pages", (*bulkDecoder).pages, 0},
			{"records", (*bulkDecoder).records, 0},
			{"cells", (*bulkDecoder).cells, 0},
			{"offsetRanges", (*bulkDecoder).offsets, 0},
		},
		cellObject: {
			{"row", (*bulkDecoder).cellInt, 0},
			{"column", (*bulkDecoder).cellInt, 1},
			{"columnName", (*bulkDecoder).cellName, 0},
			{"cellReference", (*bulkDecoder).cellReference, 0},
		},
		lineObject:   position((*bulkDecoder).rangeInt, 0),
		offsetObject: position((*bulkDecoder).rangeInt, 0),
		pageObject: {
			{"pageNumber", (*bulkDecoder).pageNumber, 0},
			{"lineRange", (*bulkDecoder).child, pageLineObject},
			{"offsetRange", (*bulkDecoder).child, pageOffsetObject},
		},
		pageLineObject:   position((*bulkDecoder).pageLineInt, 0),
		pageOffsetObject: position((*bulkDecoder).pageOffsetInt, 0),
		recordObject: {
			{"recordIndex", (*bulkDecoder).recordIndex, 0},
			{"jsonPath", (*bulkDecoder).recordPath, 0},
		},
		resourcesObject: {
			{"s3Bucket", (*bulkDecoder).bucket, 0},
			{"s3Object", (*bulkDecoder).child, s3Object},
		},
		bucketObject: {
			{"arn", (*bulkDecoder).resultText, BucketARN},
			{"name", (*bulkDecoder).resultText, BucketName},
			{"createdAt", (*bulkDecoder).resultTime, BucketCreatedAt},
			{"owner", (*bulkDecoder).child, ownerObject},
			{"tags", (*bulkDecoder).tags, BucketTags},
			{"defaultServerSideEncryption", (*bulkDecoder).child, bucketEncryptionObject},
			{"publicAccess", (*bulkDecoder).child, bucketAccessObject},
			{"allowsUnencryptedObjectUploads", (*bulkDecoder).resultText, BucketAllowsUnencryptedUploads},
		},
		ownerObject: {
			{"displayName", (*bulkDecoder).resultText, BucketOwnerDisplayName},
			{"id", (*bulkDecoder).resultText, BucketOwnerID},
		},
		bucketEncryptionObject: encryption(BucketEncryptionType, BucketKMSKeyID),
		bucketAccessObject: {
			{"permissionConfiguration", (*bulkDecoder).child, permissionsObject},
			{"effectivePermission", (*bulkDecoder).resultText, BucketEffectivePermission},
		},
		permissionsObject: {
			{"bucketLevelPermissions", (*bulkDecoder).child, bucketPermissionsObject},
			{"accountLevelPermissions", (*bulkDecoder).child, accountPermissionsObject},
		},
		bucketPermissionsObject: {
			{"accessControlList", (*bulkDecoder).child, aclObject},
			{"bucketPolicy", (*bulkDecoder).child, policyObject},
			{"blockPublicAccess", (*bulkDecoder).child, bucketBlockObject},
		},
		aclObject:    public(BucketACLPublicRead, BucketACLPublicWrite),
		policyObject: public(BucketPolicyPublicRead, BucketPolicyPublicWrite),
		bucketBlockObject: block(BucketBlockPublicACLs, BucketBlockPublicPolicy,
			BucketIgnorePublicACLs, BucketRestrictPublicBuckets),
		accountPermissionsObject: {
			{"blockPublicAccess", (*bulkDecoder).child, accountBlockObject},
		},
		accountBlockObject: block(AccountBlockPublicACLs, AccountBlockPublicPolicy,
			AccountIgnorePublicACLs, AccountRestrictPublicBuckets),
		s3Object: {
			{"bucketArn", (*bulkDecoder).resultText, ObjectBucketARN},
			{"key", (*bulkDecoder).resultText, ObjectKey},
			{"path", (*bulkDecoder).resultText, ObjectPath},
			{"extension", (*bulkDecoder).resultText, ObjectExtension},
			{"lastModified", (*bulkDecoder).resultTime, ObjectLastModified},
			{"eTag", (*bulkDecoder).resultText, ObjectETag},
			{"versionId", (*bulkDecoder).resultText, ObjectVersionID},
			{"serverSideEncryption", (*bulkDecoder).child, objectEncryptionObject},
			{"size", (*bulkDecoder).resultInt, ObjectSize},
			{"storageClass", (*bulkDecoder).resultText, ObjectStorageClass},
			{"tags", (*bulkDecoder).tags, ObjectTags},
			{"publicAccess", (*bulkDecoder).resultBool, ObjectPublicAccess},
			{"embeddedFileDetails", (*bulkDecoder).member, 0},
		},
		objectEncryptionObject: encryption(ObjectEncryptionType, ObjectKMSKeyID),
		memberObject: {
			{"filePath", (*bulkDecoder).resultText, ArchiveMemberPath},
			{"fileExtension", (*bulkDecoder).resultText, ArchiveMemberExtension},
			{"fileSize", (*bulkDecoder).resultInt, ArchiveMemberSize},
			{"fileLastModified", (*bulkDecoder).resultTime, ArchiveMemberLastModified},
		},
		tagObject: {
			{"key", (*bulkDecoder).tagText, 0},
			{"value", (*bulkDecoder).tagText, 1},
		},
	}
	objects := new([numObjects]objectFields)
	for i, fields := range kinds {
		o := &objects[i]
		o.fields = fields
		for j := range fields {
			o.next[j] = uint8(j)
		}
	}
	return objects
}
