package policy

import "testing"

func repository() Repository {
	return Repository{
		Place: Place{
			Bucket: "macie-results", Prefix: "security", Region: "eu-west-1",
			Keys: []string{"arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"},
		},
		Account: "111122223333", Regions: []string{"eu-west-1", "us-east-1", "me-south-1"},
	}
}

func TestRepositoryGolden(t *testing.T) {
	r := repository()
	golden(t, "repository", map[string]*Document{"bucket": r.BucketPolicy(), "key": r.KeyPolicy(), "auditor": Auditor([]Place{r.Place, r.Place})})
}

func TestRepositoryLetsMacieWrite(t *testing.T) {
	r := repository()
	d := parsed(t, r.BucketPolicy())
	write := func(change func(*Request)) Truth {
		req := Request{
			Kind: "Service", Principal: "macie.amazonaws.com", Action: "s3:PutObject",
			Resource: "arn:aws:s3:::macie-results/security/AWSLogs/111122223333/Macie/us-east-1/j/x.jsonl.gz",
			Context: map[string]string{
				"aws:sourceaccount": "111122223333", "aws:sourcearn": "arn:aws:macie2:us-east-1:111122223333:classification-job/j",
				"aws:securetransport": "true", "s3:x-amz-server-side-encryption": "aws:kms",
				"s3:x-amz-server-side-encryption-aws-kms-key-id": r.Keys[0],
			},
		}
		change(&req)
		return d.Evaluate(req).Permits()
	}
	if write(func(*Request) {}) != Yes {
		t.Error("Macie may not write")
	}
	for name, change := range map[string]func(*Request){
		"another account": func(q *Request) { q.Context["aws:sourceaccount"] = "444455556666" },
		"another source": func(q *Request) {
			q.Context["aws:sourcearn"] = "arn:aws:macie2:ap-south-1:111122223333:classification-job/j"
		},
		"plain HTTP":         func(q *Request) { q.Context["aws:securetransport"] = "false" },
		"no KMS":             func(q *Request) { q.Context["s3:x-amz-server-side-encryption"] = "AES256" },
		"another key":        func(q *Request) { q.Context["s3:x-amz-server-side-encryption-aws-kms-key-id"] = "other" },
		"another prefix":     func(q *Request) { q.Resource = "arn:aws:s3:::macie-results/x" },
		"another service":    func(q *Request) { q.Principal = "logs.amazonaws.com" },
		"another action":     func(q *Request) { q.Action = "s3:GetObject" },
		"no encryption said": func(q *Request) { q.Context["s3:x-amz-server-side-encryption"] = "" },
	} {
		if write(change) != No {
			t.Errorf("%s: may write", name)
		}
	}
}
