package main

// finding is a line as a Go program would declare it: for the encoding with
// integers as text, and without the checks that the decoder makes.
type finding struct {
	SchemaVersion string `json:"schemaVersion"`
	ID            string `json:"id"`
	AccountID     string `json:"accountId"`
	Partition     string `json:"partition"`
	Region        string `json:"region"`
	Type          string `json:"type"`
	Title         string `json:"title"`
	Description   string `json:"description"`
	Category      string `json:"category"`
	CreatedAt     string `json:"createdAt"`
	UpdatedAt     string `json:"updatedAt"`
	Sample        *bool  `json:"sample"`
	Archived      *bool  `json:"archived"`
	Count         int64  `json:"count,string"`
	Severity      struct {
		Score       int64  `json:"score,string"`
		Description string `json:"description"`
	} `json:"severity"`
	ClassificationDetails struct {
		JobArn                  string `json:"jobArn"`
		JobID                   string `json:"jobId"`
		OriginType              string `json:"originType"`
		DetailedResultsLocation string `json:"detailedResultsLocation"`
		Result                  struct {
			Status struct {
				Code   string `json:"code"`
				Reason string `json:"reason"`
			} `json:"status"`
			SizeClassified        int64  `json:"sizeClassified,string"`
			MimeType              string `json:"mimeType"`
			AdditionalOccurrences *bool  `json:"additionalOccurrences"`
			SensitiveData         []struct {
				Category   string      `json:"category"`
				TotalCount int64       `json:"totalCount,string"`
				Detections []detection `json:"detections"`
			} `json:"sensitiveData"`
			CustomDataIdentifiers struct {
				TotalCount int64       `json:"totalCount,string"`
				Detections []detection `json:"detections"`
			} `json:"customDataIdentifiers"`
		} `json:"result"`
	} `json:"classificationDetails"`
	ResourcesAffected struct {
		S3Bucket struct {
			Arn       string `json:"arn"`
			Name      string `json:"name"`
			CreatedAt string `json:"createdAt"`
			Owner     struct {
				DisplayName string `json:"displayName"`
				ID          string `json:"id"`
			} `json:"owner"`
			Tags                           []tag      `json:"tags"`
			AllowsUnencryptedObjectUploads string     `json:"allowsUnencryptedObjectUploads"`
			DefaultServerSideEncryption    encryption `json:"defaultServerSideEncryption"`
			PublicAccess                   struct {
				EffectivePermission     string `json:"effectivePermission"`
				PermissionConfiguration struct {
					BucketLevelPermissions struct {
						AccessControlList publicPermission `json:"accessControlList"`
						BucketPolicy      publicPermission `json:"bucketPolicy"`
						BlockPublicAccess blockAccess      `json:"blockPublicAccess"`
					} `json:"bucketLevelPermissions"`
					AccountLevelPermissions struct {
						BlockPublicAccess blockAccess `json:"blockPublicAccess"`
					} `json:"accountLevelPermissions"`
				} `json:"permissionConfiguration"`
			} `json:"publicAccess"`
		} `json:"s3Bucket"`
		S3Object struct {
			BucketArn            string     `json:"bucketArn"`
			Key                  string     `json:"key"`
			Path                 string     `json:"path"`
			Extension            string     `json:"extension"`
			LastModified         string     `json:"lastModified"`
			ETag                 string     `json:"eTag"`
			VersionID            string     `json:"versionId"`
			Size                 int64      `json:"size,string"`
			StorageClass         string     `json:"storageClass"`
			Tags                 []tag      `json:"tags"`
			PublicAccess         *bool      `json:"publicAccess"`
			ServerSideEncryption encryption `json:"serverSideEncryption"`
			EmbeddedFileDetails  *struct {
				FilePath         string `json:"filePath"`
				FileExtension    string `json:"fileExtension"`
				FileSize         int64  `json:"fileSize,string"`
				FileLastModified string `json:"fileLastModified"`
			} `json:"embeddedFileDetails"`
		} `json:"s3Object"`
	} `json:"resourcesAffected"`
}

type detection struct {
	Type        string `json:"type"`
	Arn         string `json:"arn"`
	Name        string `json:"name"`
	Count       int64  `json:"count,string"`
	Occurrences struct {
		Cells []struct {
			Row           int64  `json:"row,string"`
			Column        int64  `json:"column,string"`
			ColumnName    string `json:"columnName"`
			CellReference string `json:"cellReference"`
		} `json:"cells"`
		LineRanges   []position `json:"lineRanges"`
		OffsetRanges []position `json:"offsetRanges"`
		Pages        []struct {
			PageNumber  int64     `json:"pageNumber,string"`
			LineRange   *position `json:"lineRange"`
			OffsetRange *position `json:"offsetRange"`
		} `json:"pages"`
		Records []struct {
			RecordIndex int64  `json:"recordIndex,string"`
			JSONPath    string `json:"jsonPath"`
		} `json:"records"`
	} `json:"occurrences"`
}

type position struct {
	Start       int64 `json:"start,string"`
	End         int64 `json:"end,string"`
	StartColumn int64 `json:"startColumn,string"`
}

type tag struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

type encryption struct {
	EncryptionType string `json:"encryptionType"`
	KMSMasterKeyID string `json:"kmsMasterKeyId"`
}

type publicPermission struct {
	AllowsPublicReadAccess  *bool `json:"allowsPublicReadAccess"`
	AllowsPublicWriteAccess *bool `json:"allowsPublicWriteAccess"`
}

type blockAccess struct {
	IgnorePublicAcls      *bool `json:"ignorePublicAcls"`
	RestrictPublicBuckets *bool `json:"restrictPublicBuckets"`
	BlockPublicAcls       *bool `json:"blockPublicAcls"`
	BlockPublicPolicy     *bool `json:"blockPublicPolicy"`
}

// rows counts the finding's detections and locations.
func (f *finding) rows() (detections, locations int64) {
	count := func(all []detection) {
		for i := range all {
			o := &all[i].Occurrences
			detections++
			locations += int64(len(o.Cells) + len(o.LineRanges) + len(o.OffsetRanges) + len(o.Pages) + len(o.Records))
		}
	}
	r := &f.ClassificationDetails.Result
	for i := range r.SensitiveData {
		count(r.SensitiveData[i].Detections)
	}
	count(r.CustomDataIdentifiers.Detections)
	return detections, locations
}
