package gen

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// schema has the documented fields. A JSON object has its fields, an array one element
// under "[]", and any other value is nil.
var schema = func() map[string]any {
	fields := func(names string) map[string]any {
		m := map[string]any{}
		for _, name := range strings.Fields(names) {
			m[name] = nil
		}
		return m
	}
	with := func(m map[string]any, name string, v map[string]any) map[string]any {
		m[name] = v
		return m
	}
	list := func(v map[string]any) map[string]any { return map[string]any{"[]": v} }

	span := fields("start end startColumn")
	pages := fields("pageNumber")
	pages["lineRange"], pages["offsetRange"] = span, span
	occurrences := map[string]any{
		"cells": list(fields("row column columnName cellReference")), "lineRanges": list(span), "offsetRanges": list(span),
		"pages": list(pages), "records": list(fields("recordIndex jsonPath")),
	}
	managed := with(fields("type count"), "occurrences", occurrences)
	customs := with(fields("arn name count"), "occurrences", occurrences)
	result := fields("sizeClassified mimeType additionalOccurrences")
	result["status"] = fields("code reason")
	result["sensitiveData"] = list(with(fields("category totalCount"), "detections", list(managed)))
	result["customDataIdentifiers"] = with(fields("totalCount"), "detections", list(customs))

	grants := fields("allowsPublicReadAccess allowsPublicWriteAccess")
	blocks := fields("ignorePublicAcls restrictPublicBuckets blockPublicAcls blockPublicPolicy")
	tags := list(fields("key value"))
	encryption := fields("encryptionType kmsMasterKeyId")
	bucket := fields("arn name createdAt allowsUnencryptedObjectUploads")
	bucket["owner"], bucket["tags"], bucket["defaultServerSideEncryption"] = fields("displayName id"), tags, encryption
	bucket["publicAccess"] = with(fields("effectivePermission"), "permissionConfiguration", map[string]any{
		"bucketLevelPermissions":  map[string]any{"accessControlList": grants, "bucketPolicy": grants, "blockPublicAccess": blocks},
		"accountLevelPermissions": map[string]any{"blockPublicAccess": blocks},
	})
	object := fields("bucketArn key path extension lastModified eTag versionId size storageClass publicAccess")
	object["tags"], object["serverSideEncryption"] = tags, encryption
	object["embeddedFileDetails"] = fields("filePath fileExtension fileSize fileLastModified")

	top := fields("schemaVersion id accountId partition region type title description category createdAt updatedAt sample archived count")
	top["severity"] = fields("score description")
	top["classificationDetails"] = with(fields("jobArn jobId originType detailedResultsLocation"), "result", result)
	top["resourcesAffected"] = map[string]any{"s3Bucket": bucket, "s3Object": object}
	return top
}()

// countUnknown counts the fields of d's next value that aren't in the schema, every
// time they occur.
func countUnknown(t testing.TB, d *json.Decoder, schema map[string]any, path string, found map[string]int64) {
	t.Helper()
	next := func() json.Token {
		token, err := d.Token()
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	switch next() {
	case json.Delim('{'):
		for d.More() {
			key := next().(string)
			sub, known := schema[key]
			if sub != nil {
				countUnknown(t, d, sub.(map[string]any), path+"."+key, found)
				continue
			}
			if !known {
				found[strings.TrimPrefix(path+"."+key, ".")]++
			}
			var skipped json.RawMessage
			if err := d.Decode(&skipped); err != nil {
				t.Fatal(err)
			}
		}
		next()
	case json.Delim('['):
		for d.More() {
			countUnknown(t, d, schema["[]"].(map[string]any), path+"[]", found)
		}
		next()
	}
}

// lookUp follows keys through JSON objects. It returns nil if one is missing.
func lookUp(v any, keys ...string) any {
	for _, k := range keys {
		m, _ := v.(map[string]any)
		v = m[k]
	}
	return v
}

func items(v any) []any {
	list, _ := v.([]any)
	return list
}

// str returns a string; empty for another value.
func str(v any) string {
	s, _ := v.(string)
	return s
}

var integer = regexp.MustCompile(`^-?(0|[1-9][0-9]*)$`)

// number reads an integer in either encoding.
func number(t testing.TB, v any) int64 {
	t.Helper()
	var s string
	switch v := v.(type) {
	case nil:
		return 0
	case json.Number:
		s = v.String()
	case string:
		s = v
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || !integer.MatchString(s) {
		t.Fatalf("%v is not an integer", v)
	}
	return n
}

// lines returns the lines of a source's content, without their newlines.
func lines(b []byte) [][]byte {
	b = bytes.TrimPrefix(b, []byte(byteOrderMark))
	list := bytes.Split(b, []byte("\n"))
	if len(list[len(list)-1]) == 0 {
		list = list[:len(list)-1]
	}
	return list
}

// decode returns the JSON object of a line.
func decode(t testing.TB, line []byte) map[string]any {
	t.Helper()
	if !json.Valid(line) {
		t.Fatalf("not JSON: %.300q", line)
	}
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	var v map[string]any
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

// recount counts a sample from its files. It takes only the rejects and the options
// from want.
func recount(t testing.TB, dir string, want Expected) Expected {
	t.Helper()
	got := Expected{
		Seed: want.Seed, Profile: want.Profile, Encoding: want.Encoding, Size: want.Size,
		Rejects: want.Rejects, ConvertFlags: want.ConvertFlags,
		ByType: map[string]TypeCount{}, UnknownFields: map[string]int64{},
	}
	rejected := map[string]bool{}
	for _, r := range want.Rejects.Sources {
		rejected[r.Path] = true
	}
	badLines := map[string]map[int64]bool{}
	for _, r := range want.Rejects.Lines {
		if badLines[r.Path] == nil {
			badLines[r.Path] = map[int64]bool{}
		}
		badLines[r.Path][r.Line] = true
	}

	for _, rel := range files(t, dir) {
		if !isSource(rel) {
			got.SkippedFiles++
			continue
		}
		got.Sources++
		if rejected[rel] {
			continue
		}
		info, err := os.Stat(filepath.Join(dir, filepath.FromSlash(rel)))
		if err != nil {
			t.Fatal(err)
		}
		got.CompressedBytes += info.Size()
		b := content(t, dir, rel)
		got.InflatedBytes += int64(len(b))
		for i, line := range lines(b) {
			got.Lines++
			switch {
			case len(bytes.Trim(line, " \t\r")) == 0:
				got.BlankLines++
			case !badLines[rel][int64(i+1)]:
				recountLine(t, line, &got)
			}
		}
	}
	return got
}

func recountLine(t testing.TB, line []byte, got *Expected) {
	t.Helper()
	v := decode(t, line)
	got.Rows.Results++
	countUnknown(t, json.NewDecoder(bytes.NewReader(line)), schema, "", got.UnknownFields)

	result := lookUp(v, "classificationDetails", "result")
	var sum, total int64
	count := func(d any, name string) {
		n := number(t, lookUp(d, "count"))
		sum += n
		got.SumOfCounts += n
		got.Rows.Detections++
		var locations int64
		for _, l := range []struct {
			key  string
			kind *int64
		}{
			{"cells", &got.OccurrencesByKind.Cell}, {"lineRanges", &got.OccurrencesByKind.Line}, {"offsetRanges", &got.OccurrencesByKind.Offset},
			{"pages", &got.OccurrencesByKind.Page}, {"records", &got.OccurrencesByKind.Record},
		} {
			n := int64(len(items(lookUp(d, "occurrences", l.key))))
			*l.kind += n
			locations += n
		}
		got.Rows.Occurrences += locations
		c := got.ByType[name]
		c.Detections++
		c.OccurrenceCount += n
		c.Locations += locations
		got.ByType[name] = c
	}
	for _, s := range items(lookUp(result, "sensitiveData")) {
		total += number(t, lookUp(s, "totalCount"))
		for _, d := range items(lookUp(s, "detections")) {
			count(d, str(lookUp(d, "type")))
		}
	}
	total += number(t, lookUp(result, "customDataIdentifiers", "totalCount"))
	for _, d := range items(lookUp(result, "customDataIdentifiers", "detections")) {
		count(d, str(lookUp(d, "name")))
	}
	if sum != total {
		t.Errorf("the counts sum up to %d, the total counts to %d", sum, total)
	}
}
