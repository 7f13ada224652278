// Package currenttest checks whoever says what is current: the rule of
// docs/current.md in small vectors, a model of it written apart from all
// implementations, and random results.
//
// [Load] reads vectors, [Random] makes results; [Lines] turns results into the
// lines that Macie would write, and [Model] says what state they are in. An
// implementation renders its answer in the form of [Subject], and [Diff] compares.
package currenttest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"
)

// Result is a result of Macie in a short form. A nil pointer is an absent value.
type Result struct {
	File string // name of the source; lines of a file are in the order of the results

	ID        *string
	At        *string // createdAt
	Partition *string
	Account   *string
	Region    *string
	Admin     *string // of the source's key; nil where its layout isn't Macie's
	Job       *string // nil for automated discovery
	Bucket    *string
	Key       *string
	IsMember  bool
	Member    *string // path of an archive member
	Modified  *string // of the object
	Version   *string
	Status    *string
	Reason    *string

	Severity *string
	Score    *int64

	BucketPublic     *string // effective permission
	BucketEncryption *string
	ObjectPublic     *bool
	Encryption       *string
	Tags             map[string]string // of the bucket; nil where absent

	Found []Detection
}

// Detection is a type of sensitive data in a result.
type Detection struct {
	Custom    bool
	Category  *string
	Type      *string // of a custom identifier its name
	ARN       *string // of a custom identifier
	Count     *int64
	Locations int
}

// defaults are the values of a result in a vector that doesn't name them.
const defaults = `{"file": "1.jsonl", "partition": "aws", "account": "111122223333", "region": "us-east-1",
	"admin": "999988887777", "job": "job-a", "bucket": "b", "key": "a.csv", "member": null,
	"modified": "2025-12-01", "version": null, "status": "COMPLETE", "reason": null, "severity": null,
	"bucket_public": "NOT_PUBLIC", "bucket_encryption": "AES256", "object_public": false, "encryption": "AES256",
	"bucket_tags": null, "found": {}}`

// UnmarshalJSON reads a result of a vector: the defaults, replaced by what it
// names. null is an absent value.
func (r *Result) UnmarshalJSON(data []byte) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal([]byte(defaults), &fields); err != nil {
		return err
	}
	var given map[string]json.RawMessage
	if err := json.Unmarshal(data, &given); err != nil {
		return err
	}
	if _, ok := given["at"]; !ok {
		return fmt.Errorf("a result without at: %s", data)
	}
	maps.Copy(fields, given)
	*r = Result{}
	found := json.RawMessage(nil)
	targets := map[string]any{
		"file": &r.File, "id": &r.ID, "at": &r.At, "partition": &r.Partition, "account": &r.Account, "region": &r.Region,
		"admin": &r.Admin, "job": &r.Job, "bucket": &r.Bucket, "key": &r.Key, "member": &r.Member, "is_member": &r.IsMember,
		"modified": &r.Modified, "version": &r.Version, "status": &r.Status, "reason": &r.Reason, "severity": &r.Severity,
		"score": &r.Score, "bucket_public": &r.BucketPublic, "bucket_encryption": &r.BucketEncryption,
		"object_public": &r.ObjectPublic, "encryption": &r.Encryption, "bucket_tags": &r.Tags, "found": &found,
	}
	for name, value := range fields {
		target, ok := targets[name]
		if !ok {
			return fmt.Errorf("a result has no field %q", name)
		}
		if err := json.Unmarshal(value, target); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if r.Member != nil {
		r.IsMember = true
	}
	if _, given := given["score"]; !given && r.Severity != nil {
		if i := slices.Index([]string{"Low", "Medium", "High"}, *r.Severity); i >= 0 {
			score := int64(i + 1)
			r.Score = &score
		}
	}
	return r.readFound(found)
}

// readFound reads what was found: counts by type, or detections in a list.
func (r *Result) readFound(data json.RawMessage) error {
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte("[")) {
		var list []json.RawMessage
		if err := json.Unmarshal(data, &list); err != nil {
			return err
		}
		for _, item := range list {
			d, err := readDetection("", item)
			if err != nil {
				return err
			}
			r.Found = append(r.Found, d)
		}
		return nil
	}
	var byType map[string]json.RawMessage
	if err := json.Unmarshal(data, &byType); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(byType)) {
		d, err := readDetection(name, byType[name])
		if err != nil {
			return err
		}
		r.Found = append(r.Found, d)
	}
	return nil
}

func readDetection(name string, data json.RawMessage) (Detection, error) {
	d := Detection{Type: &name, Category: new(string)}
	switch {
	case strings.Contains(name, "CREDENTIALS"):
		*d.Category = "CREDENTIALS"
	case strings.HasPrefix(name, "CREDIT_CARD"):
		*d.Category = "FINANCIAL_INFORMATION"
	default:
		*d.Category = "PERSONAL_INFORMATION"
	}
	if !bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) {
		return d, json.Unmarshal(data, &d.Count)
	}
	var form struct {
		Type, ARN, Category *string
		Custom              bool
		Count               *int64
		Locations           int
	}
	form.Type, form.Category = d.Type, d.Category
	if err := json.Unmarshal(data, &form); err != nil {
		return d, err
	}
	d = Detection{form.Custom || form.ARN != nil, form.Category, form.Type, form.ARN, form.Count, form.Locations}
	if d.Custom {
		custom := "CUSTOM_IDENTIFIER" // as macielake names their category
		d.Category = &custom
	}
	return d, nil
}

// Time returns a time of a result: a date, or RFC 3339.
func Time(s string) time.Time {
	for _, layout := range []string{time.DateOnly, time.RFC3339Nano} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC()
		}
	}
	panic("not a time: " + s)
}

// Path is where the source of a result lies, below the root: as Macie lays its
// keys out, or if it has no administrator flat.
func (r *Result) Path() string {
	if r.Admin == nil {
		return r.File
	}
	job := "automated"
	if r.Job != nil {
		job = *r.Job
	}
	region := "us-east-1"
	if r.Region != nil {
		region = *r.Region
	}
	return path.Join("AWSLogs", *r.Admin, "Macie", region, job, r.File)
}

// Lines returns the sources, by their paths: the results as Macie writes them. It
// also returns where each result is.
func Lines(results []Result) (sources map[string][]byte, places []Place) {
	sources = make(map[string][]byte)
	lines := make(map[string]int64)
	for i := range results {
		p := results[i].Path()
		lines[p]++
		places = append(places, Place{p, lines[p]})
		sources[p] = append(append(sources[p], results[i].line()...), '\n')
	}
	return sources, places
}

// Place is where a result is: a path below the root, and a line from 1.
type Place struct {
	Path string
	Line int64
}

type object = map[string]any

// set returns an object of the names and values, without those that are nil.
func set(namesAndValues ...any) object {
	o := object{}
	for i := 0; i < len(namesAndValues); i += 2 {
		var value any
		switch v := namesAndValues[i+1].(type) {
		case *string:
			if v != nil {
				value = *v
			}
		case *int64:
			if v != nil {
				value = *v
			}
		case *bool:
			if v != nil {
				value = *v
			}
		case object:
			if v != nil {
				value = v
			}
		default:
			value = v
		}
		if value != nil {
			o[namesAndValues[i].(string)] = value
		}
	}
	return o
}

func stamp(s *string) any {
	if s == nil {
		return nil
	}
	return Time(*s).Format(time.RFC3339Nano)
}

// line is the result as Macie writes it.
func (r *Result) line() []byte {
	var member object
	if r.IsMember {
		member = set("filePath", r.Member)
	}
	var tags any
	if r.Tags != nil {
		list := []object{}
		for _, key := range slices.Sorted(maps.Keys(r.Tags)) {
			list = append(list, object{"key": key, "value": r.Tags[key]})
		}
		tags = list
	}
	sensitive, custom := []object{}, []object{}
	for _, d := range r.Found {
		var occurrences any
		if d.Locations > 0 {
			cells := []object{}
			for i := range d.Locations {
				cells = append(cells, object{"row": i + 1, "column": 1})
			}
			occurrences = object{"cells": cells}
		}
		if d.Custom {
			custom = append(custom, set("name", d.Type, "arn", d.ARN, "count", d.Count, "occurrences", occurrences))
			continue
		}
		sensitive = append(sensitive, set("category", d.Category,
			"detections", []object{set("type", d.Type, "count", d.Count, "occurrences", occurrences)}))
	}
	origin := "SENSITIVE_DATA_DISCOVERY_JOB"
	if r.Job == nil {
		origin = "AUTOMATED_SENSITIVE_DATA_DISCOVERY"
	}
	encryption := func(kind *string) object {
		if kind == nil {
			return nil
		}
		return set("encryptionType", kind)
	}
	out, err := json.Marshal(set("id", r.ID, "accountId", r.Account, "partition", r.Partition, "region", r.Region,
		"createdAt", stamp(r.At), "severity", set("score", r.Score, "description", r.Severity),
		"classificationDetails", set("jobId", r.Job, "originType", origin, "result", set(
			"status", set("code", r.Status, "reason", r.Reason), "sensitiveData", sensitive,
			"customDataIdentifiers", object{"totalCount": 0, "detections": custom})),
		"resourcesAffected", object{
			"s3Bucket": set("name", r.Bucket, "tags", tags, "defaultServerSideEncryption", encryption(r.BucketEncryption),
				"publicAccess", set("effectivePermission", r.BucketPublic)),
			"s3Object": set("key", r.Key, "lastModified", stamp(r.Modified), "versionId", r.Version,
				"publicAccess", r.ObjectPublic, "serverSideEncryption", encryption(r.Encryption),
				"embeddedFileDetails", member)}))
	if err != nil {
		panic(err) // of texts and numbers alone
	}
	return out
}
