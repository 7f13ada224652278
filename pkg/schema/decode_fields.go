package schema

// The input's schema as data: which fields each JSON object has, and which
// method of the decoder takes each one's value. Source: Macie API reference,
// data type Finding and those it names; docs/dataset.md has the tree.

// Kinds of JSON objects that have known fields.
const (
	rootObject = iota
	severityObject
	detailsObject
	resultObject
	statusObject
	categoryObject
	managedObject
	customsObject
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

// maxFields is the most fields an object kind may have: the width of
// object.seen in the decoder.
const maxFields = 32

// field is a known field of an object kind.
type field struct {
	name string
	// parse takes the value at p and returns where it ends, or a negative
	// number after bulk.fail.
	parse func(d *bulk, slot, p int) int
	slot  int
}

// objectFields is one object kind's fields, and a guess which field follows
// which: files keep one order of keys, so the guess is nearly always right.
type objectFields struct {
	fields []field
	next   [maxFields + 1]uint8 // [0] is for the first field, [i+1] for what follows field i
}

// find returns the index of the field of that name, or -1.
func (o *objectFields) find(name []byte) int {
	for i := range o.fields {
		if string(name) == o.fields[i].name {
			return i
		}
	}
	return -1
}

func knownObjects() *[numObjects]objectFields {
	block := func(acls, policy, ignore, restrict int) []field {
		return []field{
			{"ignorePublicAcls", (*bulk).resultBool, ignore},
			{"restrictPublicBuckets", (*bulk).resultBool, restrict},
			{"blockPublicAcls", (*bulk).resultBool, acls},
			{"blockPublicPolicy", (*bulk).resultBool, policy},
		}
	}
	public := func(read, write int) []field {
		return []field{
			{"allowsPublicReadAccess", (*bulk).resultBool, read},
			{"allowsPublicWriteAccess", (*bulk).resultBool, write},
		}
	}
	position := func(parse func(d *bulk, slot, p int) int, base int) []field {
		return []field{
			{"start", parse, base},
			{"end", parse, base + 1},
			{"startColumn", parse, base + 2},
		}
	}
	encryption := func(typ, key int) []field {
		return []field{
			{"encryptionType", (*bulk).resultText, typ},
			{"kmsMasterKeyId", (*bulk).resultText, key},
		}
	}
	kinds := [numObjects][]field{
		rootObject: {
			{"schemaVersion", (*bulk).resultText, SchemaVersion},
			{"id", (*bulk).resultText, ResultID},
			{"accountId", (*bulk).resultText, AccountID},
			{"partition", (*bulk).resultText, AWSPartition},
			{"region", (*bulk).resultText, Region},
			{"type", (*bulk).resultText, FindingType},
			{"title", (*bulk).resultText, Title},
			{"description", (*bulk).resultText, Description},
			{"severity", (*bulk).child, severityObject},
			{"createdAt", (*bulk).resultTime, CreatedAt},
			{"resourcesAffected", (*bulk).child, resourcesObject},
			{"category", (*bulk).resultText, FindingCategory},
			{"classificationDetails", (*bulk).child, detailsObject},
			{"updatedAt", (*bulk).resultTime, UpdatedAt},
			{"sample", (*bulk).resultBool, Sample},
			{"archived", (*bulk).resultBool, Archived},
			{"count", (*bulk).resultInt, FindingCount},
		},
		severityObject: {
			{"score", (*bulk).resultInt32, SeverityScore},
			{"description", (*bulk).resultText, Severity},
		},
		detailsObject: {
			{"jobArn", (*bulk).resultText, JobARN},
			{"result", (*bulk).child, resultObject},
			{"detailedResultsLocation", (*bulk).resultText, DetailedResultsLocation},
			{"jobId", (*bulk).resultText, JobID},
			{"originType", (*bulk).resultText, OriginType},
		},
		resultObject: {
			{"status", (*bulk).child, statusObject},
			{"sizeClassified", (*bulk).resultInt, SizeClassified},
			{"mimeType", (*bulk).resultText, MimeType},
			{"sensitiveData", (*bulk).categories, 0},
			{"customDataIdentifiers", (*bulk).child, customsObject},
			{"additionalOccurrences", (*bulk).resultBool, AdditionalOccurrences},
		},
		statusObject: {
			{"code", (*bulk).resultText, StatusCode},
			{"reason", (*bulk).resultText, StatusReason},
		},
		categoryObject: {
			{"category", (*bulk).categoryName, 0},
			{"totalCount", (*bulk).categoryTotal, 0},
			{"detections", (*bulk).managedDetections, 0},
		},
		managedObject: {
			{"type", (*bulk).detectionText, DetectionType},
			{"count", (*bulk).detectionInt, DetectionOccurrenceCount},
			{"occurrences", (*bulk).child, occurrencesObject},
		},
		customsObject: {
			{"totalCount", (*bulk).resultInt, CustomTotalCount},
			{"detections", (*bulk).customDetections, 0},
		},
		customObject: {
			{"arn", (*bulk).detectionText, CustomIdentifierARN},
			{"name", (*bulk).detectionText, DetectionType},
			{"count", (*bulk).detectionInt, DetectionOccurrenceCount},
			{"occurrences", (*bulk).child, occurrencesObject},
		},
		occurrencesObject: {
			{"lineRanges", (*bulk).lines, 0},
			{"pages", (*bulk).pages, 0},
			{"records", (*bulk).records, 0},
			{"cells", (*bulk).cells, 0},
			{"offsetRanges", (*bulk).offsets, 0},
		},
		cellObject: {
			{"row", (*bulk).cellInt, 0},
			{"column", (*bulk).cellInt, 1},
			{"columnName", (*bulk).cellName, 0},
			{"cellReference", (*bulk).cellReference, 0},
		},
		lineObject:   position((*bulk).rangeInt, 0),
		offsetObject: position((*bulk).rangeInt, 0),
		pageObject: {
			{"pageNumber", (*bulk).pageNumber, 0},
			{"lineRange", (*bulk).child, pageLineObject},
			{"offsetRange", (*bulk).child, pageOffsetObject},
		},
		pageLineObject:   position((*bulk).pageLineInt, 0),
		pageOffsetObject: position((*bulk).pageOffsetInt, 0),
		recordObject: {
			{"recordIndex", (*bulk).recordIndex, 0},
			{"jsonPath", (*bulk).recordPath, 0},
		},
		resourcesObject: {
			{"s3Bucket", (*bulk).bucket, 0},
			{"s3Object", (*bulk).child, s3Object},
		},
		bucketObject: {
			{"arn", (*bulk).resultText, BucketARN},
			{"name", (*bulk).resultText, BucketName},
			{"createdAt", (*bulk).resultTime, BucketCreatedAt},
			{"owner", (*bulk).child, ownerObject},
			{"tags", (*bulk).tags, BucketTags},
			{"defaultServerSideEncryption", (*bulk).child, bucketEncryptionObject},
			{"publicAccess", (*bulk).child, bucketAccessObject},
			{"allowsUnencryptedObjectUploads", (*bulk).resultText, BucketAllowsUnencryptedUploads},
		},
		ownerObject: {
			{"displayName", (*bulk).resultText, BucketOwnerDisplayName},
			{"id", (*bulk).resultText, BucketOwnerID},
		},
		bucketEncryptionObject: encryption(BucketEncryptionType, BucketKMSKeyID),
		bucketAccessObject: {
			{"permissionConfiguration", (*bulk).child, permissionsObject},
			{"effectivePermission", (*bulk).resultText, BucketEffectivePermission},
		},
		permissionsObject: {
			{"bucketLevelPermissions", (*bulk).child, bucketPermissionsObject},
			{"accountLevelPermissions", (*bulk).child, accountPermissionsObject},
		},
		bucketPermissionsObject: {
			{"accessControlList", (*bulk).child, aclObject},
			{"bucketPolicy", (*bulk).child, policyObject},
			{"blockPublicAccess", (*bulk).child, bucketBlockObject},
		},
		aclObject:    public(BucketACLPublicRead, BucketACLPublicWrite),
		policyObject: public(BucketPolicyPublicRead, BucketPolicyPublicWrite),
		bucketBlockObject: block(BucketBlockPublicACLs, BucketBlockPublicPolicy,
			BucketIgnorePublicACLs, BucketRestrictPublicBuckets),
		accountPermissionsObject: {
			{"blockPublicAccess", (*bulk).child, accountBlockObject},
		},
		accountBlockObject: block(AccountBlockPublicACLs, AccountBlockPublicPolicy,
			AccountIgnorePublicACLs, AccountRestrictPublicBuckets),
		s3Object: {
			{"bucketArn", (*bulk).resultText, ObjectBucketARN},
			{"key", (*bulk).resultText, ObjectKey},
			{"path", (*bulk).resultText, ObjectPath},
			{"extension", (*bulk).resultText, ObjectExtension},
			{"lastModified", (*bulk).resultTime, ObjectLastModified},
			{"eTag", (*bulk).resultText, ObjectETag},
			{"versionId", (*bulk).resultText, ObjectVersionID},
			{"serverSideEncryption", (*bulk).child, objectEncryptionObject},
			{"size", (*bulk).resultInt, ObjectSize},
			{"storageClass", (*bulk).resultText, ObjectStorageClass},
			{"tags", (*bulk).tags, ObjectTags},
			{"publicAccess", (*bulk).resultBool, ObjectPublicAccess},
			{"embeddedFileDetails", (*bulk).member, 0},
		},
		objectEncryptionObject: encryption(ObjectEncryptionType, ObjectKMSKeyID),
		memberObject: {
			{"filePath", (*bulk).resultText, ArchiveMemberPath},
			{"fileExtension", (*bulk).resultText, ArchiveMemberExtension},
			{"fileSize", (*bulk).resultInt, ArchiveMemberSize},
			{"fileLastModified", (*bulk).resultTime, ArchiveMemberLastModified},
		},
		tagObject: {
			{"key", (*bulk).tagText, 0},
			{"value", (*bulk).tagText, 1},
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
