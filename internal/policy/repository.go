package policy

import "slices"

// Repository is where Macie of some regions puts the results of an account, and
// what it needs there (Macie user guide, "Storing and retaining sensitive data
// discovery results").
type Repository struct {
	Place
	Account string   // whose Macie it is: 12 digits
	Regions []string // of Macie
}

// MaciePrincipal is the service that a region's Macie acts as: in a region that
// has to be opted into, one of its own.
func MaciePrincipal(region string) string {
	if Partition(region) != "aws" || slices.Contains(defaultRegions(), region) {
		return "macie." + Domain(region)
	}
	return "macie." + region + "." + Domain(region)
}

// defaultRegions are enabled in every account; regions that came later have to be
// opted into (AWS Account Management guide, "Enable or disable AWS Regions in your
// account").
func defaultRegions() []string {
	return []string{
		"ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-southeast-1", "ap-southeast-2",
		"ca-central-1", "eu-central-1", "eu-north-1", "eu-west-1", "eu-west-2", "eu-west-3",
		"sa-east-1", "us-east-1", "us-east-2", "us-west-1", "us-west-2",
	}
}

// OptIn reports whether a region has to be opted into.
func OptIn(region string) bool {
	return Partition(region) == "aws" && !slices.Contains(defaultRegions(), region)
}

// SourceARNs are the ARNs as which a region's Macie writes the results of an
// account: those of automated discovery and of jobs.
func SourceARNs(region, account string) []string {
	of := "arn:" + Partition(region) + ":macie2:" + region + ":" + account
	return []string{of + ":export-configuration:*", of + ":classification-job/*"}
}

// BucketPolicy is the policy with which Macie can write to the bucket and nobody
// can use it without TLS.
func (r *Repository) BucketPolicy() *Document {
	macie, condition := r.macie()
	objects := List{r.ObjectsARN("")}
	d := &Document{Version: Version, Statement: []Statement{
		{
			Sid: "LetMacieLocateTheBucket", Effect: Allow, Principal: macie,
			Action: List{"s3:GetBucketLocation"}, Resource: List{r.BucketARN()}, Condition: condition,
		},
		{
			Sid: "LetMacieWriteResults", Effect: Allow, Principal: macie,
			Action: List{"s3:PutObject"}, Resource: objects, Condition: condition,
		},
		{
			Sid: "RefuseResultsWithoutKMS", Effect: Deny, Principal: macie,
			Action: List{"s3:PutObject"}, Resource: objects,
			Condition: Condition{"StringNotEquals": {"s3:x-amz-server-side-encryption": {"aws:kms"}}},
		},
	}}
	if len(r.Keys) > 0 {
		d.Statement = append(d.Statement, Statement{
			Sid: "RefuseResultsWithAnotherKey", Effect: Deny, Principal: macie,
			Action: List{"s3:PutObject"}, Resource: objects,
			Condition: Condition{"StringNotEquals": {"s3:x-amz-server-side-encryption-aws-kms-key-id": r.Keys}},
		})
	}
	d.Statement = append(d.Statement, Statement{
		Sid: "RefusePlainHTTP", Effect: Deny, Principal: &Principal{Anyone: true},
		Action: List{"s3:*"}, Resource: List{r.BucketARN(), r.BucketARN() + "/*"},
		Condition: Condition{"Bool": {"aws:SecureTransport": {"false"}}},
	})
	return d
}

// KeyPolicy is what the key's policy must say so that Macie can encrypt results.
func (r *Repository) KeyPolicy() *Document {
	macie, condition := r.macie()
	return &Document{Version: Version, Statement: []Statement{{
		Sid: "LetMacieEncryptResults", Effect: Allow, Principal: macie,
		Action: List{"kms:Encrypt", "kms:GenerateDataKey"}, Resource: List{"*"}, Condition: condition,
	}}}
}

func (r *Repository) macie() (*Principal, Condition) {
	var names, sources List
	for _, region := range r.Regions {
		if name := MaciePrincipal(region); !slices.Contains(names, name) {
			names = append(names, name)
		}
		sources = append(sources, SourceARNs(region, r.Account)...)
	}
	return Service(names...), Condition{
		"StringEquals": {"aws:SourceAccount": {r.Account}},
		"ArnLike":      {"aws:SourceArn": sources},
	}
}

// Auditor is the policy for asking Macie where its results go, and how those
// buckets are protected.
func Auditor(buckets []Place) *Document {
	d := &Document{Version: Version, Statement: []Statement{askMacie()}}
	var arns, keys List
	for i := range buckets {
		for _, key := range buckets[i].Keys {
			if !slices.Contains(keys, key) {
				keys = append(keys, key)
			}
		}
		if arn := buckets[i].BucketARN(); !slices.Contains(arns, arn) {
			arns = append(arns, arn)
		}
	}
	if len(arns) > 0 {
		d.Statement = append(d.Statement, Statement{
			Sid: "AuditRepositories", Effect: Allow,
			Action: List{
				"s3:GetBucketObjectLockConfiguration", "s3:GetBucketPolicy", "s3:GetBucketPolicyStatus",
				"s3:GetBucketPublicAccessBlock", "s3:GetEncryptionConfiguration", "s3:ListBucket",
			},
			Resource: arns,
		}, Statement{
			// It knows no resources (Service Authorization Reference, Amazon S3).
			Sid: "AuditAccount", Effect: Allow, Action: List{"s3:GetAccountPublicAccessBlock"}, Resource: List{"*"},
		})
	}
	if len(keys) > 0 {
		d.Statement = append(d.Statement, Statement{
			Sid: "AuditKeys", Effect: Allow, Action: List{"kms:DescribeKey", "kms:GetKeyPolicy"}, Resource: keys,
		})
	}
	return d
}

// askMacie allows to ask Macie where its results go. The action knows no
// resources (Service Authorization Reference, "Actions, resources, and condition
// keys for Amazon Macie").
func askMacie() Statement {
	return Statement{
		Sid: "AskMacie", Effect: Allow,
		Action: List{"macie2:GetClassificationExportConfiguration"}, Resource: List{"*"},
	}
}
