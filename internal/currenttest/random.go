package currenttest

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// Random returns results in which a few subjects are reported again and again:
// all that the rule looks at comes from a few values each and may be absent, so
// that ties, gaps and returns occur. The same seed gives the same results.
func Random(seed uint64) []Result {
	r := random{rand.New(rand.NewPCG(seed, 13))}
	// Small sets cover what is about few results; large ones what is about many.
	n := 1 + r.IntN(8)
	if r.IntN(3) == 0 {
		n = 10 + r.IntN(60)
	}
	results := make([]Result, n)
	for i := range results {
		results[i] = r.result()
		if i > 0 && r.IntN(8) == 0 {
			// A repeat: the same result, delivered again.
			again := results[r.IntN(i)]
			again.File = r.file()
			results[i] = again
		} else if id := results[i].ID; id != nil {
			*id += fmt.Sprint(i) // Macie gives each result an ID of its own
		}
	}
	return results
}

type random struct {
	*rand.Rand
}

func (r random) text(values ...string) *string {
	v := values[r.IntN(len(values))]
	return &v
}

// mostly returns one of the values, and now and then nothing.
func (r random) mostly(values ...string) *string {
	if r.IntN(15) == 0 {
		return nil
	}
	return r.text(values...)
}

func (r random) file() string { return fmt.Sprintf("%d.jsonl", r.IntN(3)) }

func (r random) result() Result {
	out := Result{
		File: r.file(), ID: r.mostly("a", "b", "c", "d", "e", "f", "g", "h", "i", "j"),
		At:        r.mostly("2026-01-01", "2026-01-02", "2026-01-03", "2026-01-04", "2026-01-05", "2026-01-05T00:00:00.001Z"),
		Partition: r.text("aws", "aws", "aws", "aws", "aws", "aws", "aws-cn"),
		Account:   r.text("111122223333", "111122223333", "111122223333", "111122223333", "111122223333", "111122223333", "444455556666"),
		Region:    r.text("us-east-1", "us-east-1", "eu-west-1"), Admin: r.text("999988887777"), Job: r.text("job-a", "job-b"),
		Bucket: r.text("b", "b", "c"), Key: r.text("1", "2", "3"),
		Modified: r.text("2025-12-01", "2025-12-02"), Version: r.text("v1", "v2"),
		Status:       r.text("COMPLETE", "COMPLETE", "COMPLETE", "PARTIAL", "SKIPPED"),
		BucketPublic: r.text("PUBLIC", "NOT_PUBLIC", "UNKNOWN"), BucketEncryption: r.text("NONE", "AES256", "UNKNOWN"),
		Encryption: r.text("NONE", "aws:kms", "UNKNOWN"),
	}
	if r.IntN(4) == 0 {
		out.Job = nil
	}
	if r.IntN(8) == 0 {
		out.Partition, out.Account, out.Region = r.mostly("aws"), r.mostly("111122223333", "444455556666", "777788889999"), r.mostly("us-east-1")
	}
	if r.IntN(8) == 0 {
		out.Admin = nil
	} else if r.IntN(6) == 0 {
		out.Admin = r.text("888877776666")
	}
	if r.IntN(12) == 0 {
		out.Bucket, out.Key = r.mostly("b", ""), r.mostly("1", "")
	}
	if r.IntN(10) == 0 {
		out.Modified, out.Version = r.mostly("2025-12-03"), r.mostly("v1")
	}
	if r.IntN(3) == 0 {
		out.IsMember, out.Member = true, r.mostly("x", "y", "")
	}
	if *out.Status != "COMPLETE" {
		out.Reason = r.mostly("PERMISSION_DENIED", "SOURCE_OBJECT_NO_LONGER_AVAILABLE", "NO_SUCH_BUCKET_AVAILABLE", "PERMISSION_DENIED")
	}
	if r.IntN(15) == 0 {
		out.Status = r.mostly("POSTPONED", "complete", "")
	}
	if r.IntN(10) == 0 {
		out.BucketPublic, out.BucketEncryption, out.Encryption = r.mostly("SHARED", ""), r.mostly("", "aws:new"), r.mostly("", "aws:new")
	}
	switch r.IntN(3) {
	case 0:
		out.ObjectPublic = new(bool)
	case 1:
		public := true
		out.ObjectPublic = &public
	}
	out.Severity = r.mostly("Low", "Medium", "High", "Critical", "")
	if r.IntN(4) > 0 {
		score := int64(1 + r.IntN(5))
		out.Score = &score
	}
	out.Found = r.found()
	return out
}

func (r random) found() []Detection {
	var found []Detection
	for range r.IntN(4) {
		d := Detection{Category: r.text("PERSONAL_INFORMATION", "PERSONAL_INFORMATION", "CREDENTIALS"), Type: r.mostly("NAME", "AWS_CREDENTIALS", "VEHICLE_IDENTIFICATION_NUMBER")}
		if r.IntN(4) == 0 {
			custom := "CUSTOM_IDENTIFIER"
			d = Detection{
				Custom: true, Category: &custom, Type: r.mostly("badge", "id-1"),
				ARN: r.mostly("id-1", "arn:aws:macie2:us-east-1:111122223333:custom-data-identifier/id-1", "id-2", ""),
			}
		} else if r.IntN(12) == 0 {
			d.Category = nil
		}
		count := int64(r.IntN(4))
		switch r.IntN(20) {
		case 0:
			count = math.MaxInt64 - int64(r.IntN(2))
		case 1:
			count = 1001
		case 2, 3:
			count = 99 + int64(r.IntN(3))
		}
		d.Count = &count
		if r.IntN(10) == 0 {
			d.Count = nil
		}
		d.Locations = r.IntN(4)
		if d.Count != nil && *d.Count > 1000 && r.IntN(2) == 0 {
			d.Locations = 1000
		}
		found = append(found, d)
	}
	// Counts of a result add up to an int64, or it is rejected.
	large := 0
	for _, d := range found {
		if d.Count != nil && *d.Count > math.MaxInt64/4 {
			if large++; large > 1 {
				*d.Count = 2
			}
		}
	}
	for i := range found {
		if large > 0 && found[i].Count != nil && *found[i].Count <= math.MaxInt64/4 {
			found[i].Count = nil
		}
	}
	return found
}
