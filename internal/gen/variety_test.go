package gen

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// feature names that a line or an object can show; collected over a sample.
type seen map[string]int

func (s seen) when(ok bool, what string) {
	if ok {
		s[what]++
	}
}

var (
	jobAtEnd   = regexp.MustCompile(`"jobId":"[0-9a-f]{32}"}}$`)
	spacedTime = regexp.MustCompile(`"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8}\.[0-9]{3}000\+00:00"`)
)

// look notes what a line shows.
func (s seen) look(t testing.TB, line []byte, v map[string]any) {
	t.Helper()
	raw := string(line)
	for what, part := range map[string]string{
		"escaped quote":       `\u0027`,
		"escaped ampersand":   `\u0026`,
		"escaped equals sign": `\u003d`,
		"null":                `:null`,
		"empty lists":         `"lineRanges":[],"pages":[],"records":[]`,
		"no customs, API":     `"customDataIdentifiers":{"totalCount":`,
		"number":              `"size":1`,
		"integer as string":   `"size":"1`,
		"time with fraction":  `.000Z"`,
		"surrogate pair":      `\ud83d\u`,
		"bracket path":        `['`,
		"bracket path, Gson":  `[\u0027`,
		"ordinary quote":      `\"`,
	} {
		s.when(strings.Contains(raw, part), what)
	}
	s.when(!utf8.ValidString(raw), "INVALID UTF-8")
	s.when(bytes.ContainsFunc(line, func(r rune) bool { return r > 0x7f }), "not ASCII")
	s.when(jobAtEnd.Match(line), "jobId at the end")
	s.when(spacedTime.Match(line), "time with space")

	details := at(v, "classificationDetails")
	result := at(details, "result")
	bucket := at(v, "resourcesAffected", "s3Bucket")
	object := at(v, "resourcesAffected", "s3Object")
	status := str(at(result, "status", "code"))
	s["status "+status]++
	s.when(status != "COMPLETE" && str(at(result, "status", "reason")) != "", "reason")
	s["bucket "+str(at(bucket, "publicAccess", "effectivePermission"))]++
	s["bucket encryption "+str(at(bucket, "defaultServerSideEncryption", "encryptionType"))]++
	s["uploads "+str(at(bucket, "allowsUnencryptedObjectUploads"))]++
	s["object encryption "+str(at(object, "serverSideEncryption", "encryptionType"))]++
	s.when(at(object, "serverSideEncryption", "kmsMasterKeyId") != nil, "object key id")
	s.when(at(bucket, "defaultServerSideEncryption", "kmsMasterKeyId") != nil, "bucket key id")
	s.when(strings.ContainsFunc(str(at(object, "key")), func(r rune) bool { return r > 0xffff }), "beyond the BMP")
	s.when(len(items(at(bucket, "tags"))) > 0, "bucket tags")
	s.when(len(items(at(object, "tags"))) > 0, "object tags")
	s.when(at(object, "publicAccess") == true, "public object")
	s.when(number(t, at(object, "size")) > 1<<31, "big size")
	s.when(at(object, "versionId") != nil, "version")
	s.when(at(object, "versionId") == "", "empty version")
	s.when(at(object, "embeddedFileDetails") != nil, "archive member")
	s.when(at(v, "sample") == true, "sample")
	s.when(at(v, "archived") == true, "archived")
	s.when(at(v, "count") != nil, "finding count")
	s.when(at(v, "updatedAt") != nil, "updatedAt")
	s.when(at(v, "severity") == nil, "no severity")
	s.when(at(details, "jobId") == nil && at(details, "originType") == "AUTOMATED_SENSITIVE_DATA_DISCOVERY", "automated discovery")
	s.when(at(details, "jobId") != nil && at(details, "originType") == nil, "no origin")
	s.when(at(details, "originType") == "SENSITIVE_DATA_DISCOVERY_JOB", "origin job")
	s.when(strings.Contains(str(at(details, "detailedResultsLocation")), "[export-config-not-set]"), "export not set")
	s["partition "+str(at(v, "partition"))]++
	s["created "+str(at(v, "createdAt"))[:7]]++

	custom := at(result, "customDataIdentifiers")
	s.when(len(items(at(result, "sensitiveData"))) == 0 && len(items(at(custom, "detections"))) == 0, "clean")
	s.when(len(items(at(result, "sensitiveData"))) == 0 && len(items(at(custom, "detections"))) > 0, "custom alone")
	s.when(len(items(at(result, "sensitiveData"))) > 0 && len(items(at(custom, "detections"))) > 0, "custom and managed")
	for _, d := range items(at(custom, "detections")) {
		s.when(strings.HasPrefix(str(at(d, "arn")), "arn:"), "custom full arn")
		s.when(len(str(at(d, "arn"))) == 36, "custom bare id")
		s.lookLocations(t, d)
	}
	types := 0
	for _, category := range items(at(result, "sensitiveData")) {
		s["category "+str(at(category, "category"))]++
		for _, d := range items(at(category, "detections")) {
			types++
			s.lookLocations(t, d)
		}
	}
	s.when(types >= 20, "many types")
}

func (s seen) lookLocations(t testing.TB, d any) {
	t.Helper()
	kinds, n := 0, int64(0)
	for _, l := range listsReal {
		list := items(at(d, "occurrences", l.key))
		if len(list) > 0 {
			kinds++
		}
		n += int64(len(list))
		for _, o := range list {
			s[l.key]++
			for _, k := range []string{"cellReference", "columnName", "jsonPath", "startColumn", "lineRange", "offsetRange"} {
				if at(o, k) != nil {
					s[l.key+" with "+k]++
				} else {
					s[l.key+" without "+k]++
				}
			}
			s.when(len([]rune(str(at(o, "jsonPath")))) > 250, "PATH OVER 250")
			s.when(len([]rune(str(at(o, "jsonPath")))) > 200, "long path")
		}
	}
	count := number(t, at(d, "count"))
	s.when(count < n, "COUNT BELOW LOCATIONS")
	s.when(n > 1000, "OVER 1000 LOCATIONS")
	s.when(count > n && n > 0, "count above locations")
	s.when(count > 0 && n == 0, "no locations")
	s.when(count > 1<<31, "big count")
	s.when(kinds > 1, "two kinds")
}

// always is what a sample of any size, profile and encoding shows.
var always = []string{
	"status COMPLETE", "status PARTIAL", "reason", "bucket NOT_PUBLIC", "object key id", "bucket key id",
	"bucket tags", "version", "archive member", "clean", "custom and managed", "not ASCII",
	"category FINANCIAL_INFORMATION", "category PERSONAL_INFORMATION", "count above locations", "no locations",
	"cells", "cells with cellReference", "cells without cellReference", "cells with columnName", "lineRanges", "lineRanges with startColumn",
	"pages", "records with jsonPath",
}

// inTrees is what a tree of objects shows besides.
var inTrees = []string{
	"status SKIPPED", "object tags", "public object", "big size", "big count", "sample", "archived", "finding count", "updatedAt", "no severity",
	"automated discovery", "export not set", "partition aws", "partition aws-us-gov", "partition aws-cn",
	"bucket PUBLIC", "bucket UNKNOWN", "bucket encryption aws:kms", "bucket encryption AES256", "bucket encryption NONE",
	"bucket encryption aws:kms:dsse", "bucket encryption UNKNOWN", "custom alone", "category CREDENTIALS", "beyond the BMP", "escaped quote",
	"cells without columnName", "offsetRanges", "pages with lineRange", "pages with offsetRange", "records without jsonPath", "long path",
	"two kinds", "many types", "ordinary quote", "bracket path, Gson", "escaped ampersand", "empty lists", "integer as string", "no origin", "custom bare id",
	"null", "number", "time with fraction", "time with space", "surrogate pair", "bracket path", "custom full arn", "no customs, API", "empty version", "origin job",
	"uploads TRUE", "uploads FALSE", "uploads UNKNOWN",
	"created 2026-01", "created 2026-02", "created 2026-03", "created 2026-04", "created 2026-05",
}

func TestVariety(t *testing.T) {
	for _, p := range Profiles() {
		if p.Name == profileHostile {
			continue
		}
		t.Run(p.Name, func(t *testing.T) {
			for seed := range uint64(4) {
				s := seen{}
				for _, encoding := range Encodings() {
					dir, e := run(t, Options{Seed: seed, Size: 160 << 10, Profile: p.Name, Encoding: encoding})
					for _, rel := range files(t, dir) {
						if !isObject(rel) {
							continue
						}
						levels := strings.Count(rel, "/")
						s[fmt.Sprint("levels ", levels)]++
						for _, line := range lines(content(t, dir, rel)) {
							s.look(t, line, decode(t, line))
						}
					}
					if p.Name == profileMixed && len(e.UnknownFields) < 8 {
						t.Errorf("seed %d: unknown fields are %v", seed, e.UnknownFields)
					}
				}
				want := always
				if p.Name == profileMixed || p.Name == profileSmall {
					want = append(append(want[:len(want):len(want)], inTrees...), "levels 5", "levels 6", "levels 7")
				}
				for _, what := range want {
					if s[what] == 0 {
						t.Errorf("seed %d: nothing shows: %s", seed, what)
					}
				}
				for what := range s {
					if what == strings.ToUpper(what) && what != "" {
						t.Errorf("seed %d: %s", seed, what)
					}
				}
			}
		})
	}
}

// What each encoding has and has not, in a sample large enough for both.
func TestEncodings(t *testing.T) {
	only := map[Encoding][]string{
		EncodingReal: {"escaped quote", "empty lists", "integer as string", "custom bare id", "jobId at the end"},
		EncodingAPI:  {"null", "number", "time with fraction", "custom full arn", "uploads TRUE", "no customs, API"},
	}
	for _, encoding := range Encodings() {
		dir, _ := run(t, Options{Seed: 5, Size: 400_000, Encoding: encoding})
		s := seen{}
		for _, rel := range files(t, dir) {
			if isObject(rel) {
				for _, line := range lines(content(t, dir, rel)) {
					s.look(t, line, decode(t, line))
				}
			}
		}
		for of, list := range only {
			for _, what := range list {
				// Unknown fields hold a null in any encoding; real customs with totals too.
				if what == "null" || what == "no customs, API" {
					continue
				}
				want := encoding == of || encoding == EncodingMixed
				if (s[what] > 0) != want {
					t.Errorf("%s: %q occurs %d times", encoding, what, s[what])
				}
			}
		}
	}
}

func TestRecordsCloseInTime(t *testing.T) {
	dir, _ := run(t, Options{Seed: 2, Size: 3_000_000})
	months := map[string]bool{}
	for _, rel := range files(t, dir) {
		if !isObject(rel) {
			continue
		}
		here := map[string]bool{}
		for _, line := range lines(content(t, dir, rel)) {
			created := str(decode(t, line)["createdAt"])
			here[created[:7]] = true
			months[created[:7]] = true
		}
		if len(here) > 1 {
			t.Errorf("%s has records of %d months", rel, len(here))
		}
	}
	if len(months) < 5 {
		t.Errorf("all records are of %d months", len(months))
	}
}
