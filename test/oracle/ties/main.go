// Ties writes raw results in which a few objects are analysed again and again.
// The values that decide which analysis counts are drawn from a few each, or are
// absent, so that every tie and gap occurs: a sample for the views.
package main

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
)

func main() {
	dir := flag.String("dir", "", "directory to write to")
	lines := flag.Int("lines", 5000, "lines to write")
	seed := flag.Uint64("seed", 1, "seed of the content")
	flag.Parse()
	if *dir == "" || *lines < 1 || flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "usage: ties --dir DIR [--lines 5000] [--seed 1]")
		os.Exit(2)
	}
	if err := write(*dir, *lines, *seed); err != nil {
		fmt.Fprintln(os.Stderr, "ties:", err)
		os.Exit(1)
	}
}

// write writes the results below dir, 500 lines per file.
func write(dir string, lines int, seed uint64) error {
	r := &repeater{rand.New(rand.NewPCG(seed, 7))}
	const perFile = 500
	for first := 0; first < lines; first += perFile {
		name := filepath.Join(dir, "AWSLogs", "111122223333", "Macie", "us-east-1", "job", fmt.Sprintf("%05d.jsonl.gz", first/perFile))
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			return err
		}
		f, err := os.Create(name)
		if err != nil {
			return err
		}
		z := gzip.NewWriter(f)
		enc := json.NewEncoder(z)
		for range min(perFile, lines-first) {
			if err == nil {
				err = enc.Encode(r.result())
			}
		}
		if err := errors.Join(err, z.Close(), f.Close()); err != nil {
			return err
		}
	}
	return nil
}

type object = map[string]any

type repeater struct{ *rand.Rand }

// pick returns one of the values; nil leaves a field out.
func (r *repeater) pick(values ...any) any { return values[r.IntN(len(values))] }

// mostly returns a value, and now and then nothing.
func (r *repeater) mostly(value any) any {
	if r.IntN(25) == 0 {
		return nil
	}
	return value
}

// set is an object of the names and values, without those that are nil.
func set(namesAndValues ...any) object {
	o := object{}
	for i := 0; i < len(namesAndValues); i += 2 {
		if v := namesAndValues[i+1]; v != nil {
			o[namesAndValues[i].(string)] = v
		}
	}
	return o
}

func (r *repeater) result() object {
	var member any
	if r.IntN(4) == 0 {
		member = set("filePath", r.mostly(fmt.Sprintf("in/%d.csv", r.IntN(3))), "fileSize", "12")
	}
	code := r.pick("COMPLETE", "COMPLETE", "COMPLETE", "PARTIAL", "SKIPPED", "SKIPPED", nil, "POSTPONED")
	var reason any
	if code != "COMPLETE" {
		reason = r.pick("PERMISSION_DENIED", "UNSUPPORTED_FILE_TYPE_EXCEPTION", nil)
	}
	result := set("status", set("code", code, "reason", reason),
		"sizeClassified", r.mostly(fmt.Sprint(r.IntN(1<<32))), "mimeType", r.pick("text/csv", "application/json"))
	if r.IntN(3) > 0 {
		result["sensitiveData"] = []object{
			{"category": "PERSONAL_INFORMATION", "totalCount": "3", "detections": r.detections("NAME", "ADDRESS", "EMAIL_ADDRESS")},
			{"category": "FINANCIAL_INFORMATION", "totalCount": "1", "detections": r.detections("CREDIT_CARD_NUMBER")},
		}
	}
	if r.IntN(3) == 0 {
		id := fmt.Sprintf("00000000-0000-0000-0000-%012d", r.IntN(3))
		custom := set("name", "badge", "count", r.mostly(r.IntN(9)), "occurrences", r.occurrences(),
			"arn", r.pick(id, "arn:aws:macie2:us-east-1:111122223333:custom-data-identifier/"+id, nil))
		result["customDataIdentifiers"] = object{"totalCount": 1, "detections": []object{custom}}
	}
	job := r.pick("job-a", "job-b", "job-c", nil)
	origin := "SENSITIVE_DATA_DISCOVERY_JOB"
	if job == nil {
		origin = "AUTOMATED_SENSITIVE_DATA_DISCOVERY"
	}
	return set("id", r.mostly(fmt.Sprintf("r%d", r.IntN(2000))), "accountId", r.pick("111122223333", "444455556666"),
		"partition", r.pick("aws", "aws", "aws", "aws-cn", nil), "region", r.pick("us-east-1", "eu-west-1"),
		"createdAt", r.mostly(fmt.Sprintf("2026-%02d-%02dT10:00:00Z", 9+r.IntN(3), 1+r.IntN(20))),
		"severity", set("score", r.pick("1", "2", "3", nil), "description", r.pick("Low", "Medium", "High")),
		"classificationDetails", set("jobId", job, "originType", r.mostly(origin), "result", result),
		"resourcesAffected", set(
			"s3Bucket", set("name", r.mostly(fmt.Sprintf("bucket-%d", r.IntN(3))),
				"defaultServerSideEncryption", set("encryptionType", r.pick("NONE", "AES256", "UNKNOWN", nil)),
				"publicAccess", set("effectivePermission", r.pick("PUBLIC", "NOT_PUBLIC", "UNKNOWN", nil)),
				"allowsUnencryptedObjectUploads", r.pick("TRUE", "FALSE")),
			"s3Object", set("key", r.mostly(fmt.Sprintf("a%d/b%d/%d.csv", r.IntN(2), r.IntN(3), r.IntN(8))),
				"lastModified", r.pick("2026-08-01T00:00:00Z", "2026-08-02T00:00:00Z", "2026-08-03T00:00:00Z", "2026-08-04T00:00:00Z", nil),
				"versionId", r.pick("v1", "v2", "", nil), "size", r.mostly(r.IntN(1<<20)),
				"serverSideEncryption", set("encryptionType", r.pick("NONE", "AES256", "UNKNOWN", nil)),
				"publicAccess", r.pick(true, false, nil), "embeddedFileDetails", member)))
}

// detections are some of the types, one of them perhaps twice.
func (r *repeater) detections(types ...string) []object {
	found := []object{}
	for _, t := range types {
		for range r.pick(0, 1, 1, 1, 2).(int) {
			found = append(found, set("type", r.mostly(t), "count", r.mostly(r.IntN(5)*1000), "occurrences", r.occurrences()))
		}
	}
	return found
}

// occurrences are locations of one kind: a few here and there, or whole columns.
func (r *repeater) occurrences() any {
	n, dense := r.IntN(4), r.IntN(20) == 0
	if dense {
		n = 10 + r.IntN(20)
	}
	if r.IntN(200) == 0 {
		n = 1000
	}
	at := func(i int) any {
		if dense {
			return r.pick(i, i, i, i, i, i, i, i, nil) // about nine rows of ten
		}
		return r.mostly(r.IntN(100))
	}
	spans := func(i int) object {
		return set("start", at(i), "end", r.mostly(r.IntN(100)), "startColumn", r.pick(3, nil))
	}
	name, one := "", func(int) object { return nil }
	switch r.IntN(6) {
	case 0:
		return nil
	case 1:
		column := r.IntN(3)
		name, one = "cells", func(i int) object {
			return set("row", at(i), "column", r.mostly(column), "columnName", r.pick("email", nil), "cellReference", r.pick("Sheet2!C5", nil, nil))
		}
	case 2:
		name, one = "lineRanges", spans
	case 3:
		name, one = "offsetRanges", spans
	case 4:
		name, one = "pages", func(i int) object {
			return set("pageNumber", at(i), "lineRange", r.pick(spans(i), nil), "offsetRange", r.pick(spans(i), nil))
		}
	case 5:
		array := r.IntN(2) == 0
		name, one = "records", func(i int) object {
			if array {
				return set("recordIndex", 0, "jsonPath", fmt.Sprintf("$[%v]['a'][%d].ssn", at(i), r.IntN(3)))
			}
			return set("recordIndex", at(i), "jsonPath", r.pick("$.ssn", "$.ssn", "$.list[99999999999999999999]", nil))
		}
	}
	list := []object{}
	for i := range n {
		list = append(list, one(i+1))
	}
	return object{name: list}
}
