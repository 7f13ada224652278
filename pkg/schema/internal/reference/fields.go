package reference

// kind is the type that the value of a known field must have.
type kind int

const (
	textKind kind = iota
	integerKind
	integer32Kind
	booleanKind
	timeKind
	objectKind
	arrayKind // of objects
)

// field is a known field of a result.
type field struct {
	kind   kind
	fields map[string]*field // the known fields of an object
	elem   *field            // the elements of an array
	// required is a field that the object must have, or empty.
	required string
	// limit names the limit on the number of an array's elements in the line, or is
	// empty: "locations", "detections" or "tags".
	limit string
}

type object = map[string]*field

func leaf(k kind) *field         { return &field{kind: k} }
func obj(fields object) *field   { return &field{kind: objectKind, fields: fields} }
func list(element *field) *field { return &field{kind: arrayKind, elem: element} }

// limitedList returns an array whose elements count against a limit of the line.
func limitedList(limit string, element *field) *field {
	return &field{kind: arrayKind, elem: element, limit: limit}
}

func ints(names ...string) object { return leaves(integerKind, names) }
func bools(names ...string) *field {
	return obj(leaves(booleanKind, names))
}

func leaves(k kind, names []string) object {
	o := object{}
	for _, name := range names {
		o[name] = leaf(k)
	}
	return o
}

// line returns the fields of a line (Macie API reference: Finding,
// ClassificationDetails, Occurrences).
func line() *field {
	text, integer, boolean, instant := leaf(textKind), leaf(integerKind), leaf(booleanKind), leaf(timeKind)

	tag := obj(object{"key": text, "value": text})
	tag.required = "key"
	encryption := obj(object{"encryptionType": text, "kmsMasterKeyId": text})
	publicReadWrite := bools("allowsPublicReadAccess", "allowsPublicWriteAccess")
	blockPublicAccess := bools("ignorePublicAcls", "restrictPublicBuckets", "blockPublicAcls", "blockPublicPolicy")

	span := obj(ints("start", "end", "startColumn"))
	occurrences := obj(object{
		"cells":        limitedList("locations", obj(object{"row": integer, "column": integer, "columnName": text, "cellReference": text})),
		"lineRanges":   limitedList("locations", span),
		"offsetRanges": limitedList("locations", span),
		"pages":        limitedList("locations", obj(object{"pageNumber": integer, "lineRange": span, "offsetRange": span})),
		"records":      limitedList("locations", obj(object{"recordIndex": integer, "jsonPath": text})),
	})

	return obj(object{
		"schemaVersion": text, "id": text, "accountId": text, "partition": text, "region": text,
		"type": text, "title": text, "description": text, "category": text,
		"createdAt": instant, "updatedAt": instant,
		"sample": boolean, "archived": boolean, "count": integer,
		"severity": obj(object{"score": leaf(integer32Kind), "description": text}),
		"classificationDetails": obj(object{
			"jobArn": text, "jobId": text, "originType": text, "detailedResultsLocation": text,
			"result": obj(object{
				"status":         obj(object{"code": text, "reason": text}),
				"sizeClassified": integer, "mimeType": text, "additionalOccurrences": boolean,
				"sensitiveData": list(obj(object{
					"category": text, "totalCount": integer,
					"detections": limitedList("detections", obj(object{"type": text, "count": integer, "occurrences": occurrences})),
				})),
				"customDataIdentifiers": obj(object{
					"totalCount": integer,
					"detections": limitedList("detections", obj(object{"arn": text, "name": text, "count": integer, "occurrences": occurrences})),
				}),
			}),
		}),
		"resourcesAffected": obj(object{
			"s3Bucket": obj(object{
				"arn": text, "name": text, "createdAt": instant,
				"owner":                          obj(object{"displayName": text, "id": text}),
				"tags":                           limitedList("tags", tag),
				"allowsUnencryptedObjectUploads": text,
				"defaultServerSideEncryption":    encryption,
				"publicAccess": obj(object{
					"effectivePermission": text,
					"permissionConfiguration": obj(object{
						"bucketLevelPermissions": obj(object{
							"accessControlList": publicReadWrite,
							"bucketPolicy":      publicReadWrite,
							"blockPublicAccess": blockPublicAccess,
						}),
						"accountLevelPermissions": obj(object{"blockPublicAccess": blockPublicAccess}),
					}),
				}),
			}),
			"s3Object": obj(object{
				"bucketArn": text, "key": text, "path": text, "extension": text, "lastModified": instant,
				"eTag": text, "versionId": text, "size": integer, "storageClass": text,
				"tags": limitedList("tags", tag), "publicAccess": boolean, "serverSideEncryption": encryption,
				"embeddedFileDetails": obj(object{
					"filePath": text, "fileExtension": text, "fileSize": integer, "fileLastModified": instant,
				}),
			}),
		}),
	})
}
