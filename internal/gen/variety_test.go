package gen

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// seen counts the features that the lines and sources of a sample have, by name.
type seen map[string]int

// countIf counts a feature if ok.
func (s seen) countIf(ok bool, feature string) {
	if ok {
		s[feature]++
	}
}

var (
	jobAtEnd   = regexp.MustCompile(`"jobId":"[0-9a-f]{32}"}}$`)
	spacedTime = regexp.MustCompile(`"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8}\.[0-9]{3}000\+00:00"`)
)

// countLine counts the features of a line.
func (s seen) countLine(t testing.TB, line []byte, v map[string]any) {
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
		s.countIf(strings.Contains(raw, part), what)
	}
	s.countIf(!utf8.ValidString(raw), "INVALID UTF-8")
	s.countIf(bytes.ContainsFunc(line, func(r rune) bool { return r > 0x7f }), "not ASCII")
	s.countIf(jobAtEnd.Match(line), "jobId at the end")
	s.countIf(spacedTime.Match(line), "time with space")

	details := lookUp(v, "classificationDetails")
	result := lookUp(details, "result")
	bucket := lookUp(v, "resourcesAffected", "s3Bucket")
	object := lookUp(v, "resourcesAffected", "s3Object")
	status := str(lookUp(result, "status", "code"))
	s["status "+status]++
	s.countIf(status != "COMPLETE" && str(lookUp(result, "status", "reason")) != "", "reason")
	s["bucket "+str(lookUp(bucket, "publicAccess", "effectivePermission"))]++
	s["bucket encryption "+str(lookUp(bucket, "defaultServerSideEncryption", "encryptionType"))]++
	s["uploads "+str(lookUp(bucket, "allowsUnencryptedObjectUploads"))]++
	s["object encryption "+str(lookUp(object, "serverSideEncryption", "encryptionType"))]++
	s.countIf(lookUp(object, "serverSideEncryption", "kmsMasterKeyId") != nil, "object key id")
	s.countIf(lookUp(bucket, "defaultServerSideEncryption", "kmsMasterKeyId") != nil, "bucket key id")
	s.countIf(strings.ContainsFunc(str(lookUp(object, "key")), func(r rune) bool { return r > 0xffff }), "beyond the BMP")
	s.countIf(len(items(lookUp(bucket, "tags"))) > 0, "bucket tags")
	s.countIf(len(items(lookUp(object, "tags"))) > 0, "object tags")
	s.countIf(lookUp(object, "publicAccess") == true, "public object")
	s.countIf(number(t, lookUp(object, "size")) > 1<<31, "big size")
	s.countIf(lookUp(object, "versionId") != nil, "version")
	s.countIf(lookUp(object, "versionId") == "", "empty version")
	s.countIf(lookUp(object, "embeddedFileDetails") != nil, "archive member")
	s.countIf(lookUp(v, "sample") == true, "sample")
	s.countIf(lookUp(v, "archived") == true, "archived")
	s.countIf(lookUp(v, "count") != nil, "finding count")
	s.countIf(lookUp(v, "updatedAt") != nil, "updatedAt")
	s.countIf(lookUp(v, "severity") == nil, "no severity")
	s.countIf(lookUp(details, "jobId") == nil && lookUp(details, "originType") == "AUTOMATED_SENSITIVE_DATA_DISCOVERY", "automated discovery")
	s.countIf(lookUp(details, "jobId") != nil && lookUp(details, "originType") == nil, "no origin")
	s.countIf(lookUp(details, "originType") == "SENSITIVE_DATA_DISCOVERY_JOB", "origin job")
	s.countIf(strings.Contains(str(lookUp(details, "detailedResultsLocation")), "[export-config-not-set]"), "export not set")
	s["partition "+str(lookUp(v, "partition"))]++
	s["created "+str(lookUp(v, "createdAt"))[:7]]++

	custom := lookUp(result, "customDataIdentifiers")
	s.countIf(len(items(lookUp(result, "sensitiveData"))) == 0 && len(items(lookUp(custom, "detections"))) == 0, "clean")
	s.countIf(len(items(lookUp(result, "sensitiveData"))) == 0 && len(items(lookUp(custom, "detections"))) > 0, "only custom")
	s.countIf(len(items(lookUp(result, "sensitiveData"))) > 0 && len(items(lookUp(custom, "detections"))) > 0, "custom and managed")
	for _, d := range items(lookUp(custom, "detections")) {
		s.countIf(strings.HasPrefix(str(lookUp(d, "arn")), "arn:"), "custom full arn")
		s.countIf(len(str(lookUp(d, "arn"))) == 36, "custom bare id")
		s.countLocations(t, d)
	}
	types := 0
	for _, category := range items(lookUp(result, "sensitiveData")) {
		s["category "+str(lookUp(category, "category"))]++
		for _, d := range items(lookUp(category, "detections")) {
			types++
			s.countLocations(t, d)
		}
	}
	s.countIf(types >= 20, "many types")
}

func (s seen) countLocations(t testing.TB, d any) {
	t.Helper()
	kinds, n := 0, int64(0)
	for _, l := range listsReal {
		list := items(lookUp(d, "occurrences", l.key))
		if len(list) > 0 {
			kinds++
		}
		n += int64(len(list))
		for _, o := range list {
			s[l.key]++
			for _, k := range []string{"cellReference", "columnName", "jsonPath", "startColumn", "lineRange", "offsetRange"} {
				if lookUp(o, k) != nil {
					s[l.key+" with "+k]++
				} else {
					s[l.key+" without "+k]++
				}
			}
			s.countIf(len([]rune(str(lookUp(o, "jsonPath")))) > 250, "PATH OVER 250")
			s.countIf(len([]rune(str(lookUp(o, "jsonPath")))) > 200, "long path")
		}
	}
	count := number(t, lookUp(d, "count"))
	s.countIf(count < n, "COUNT BELOW LOCATIONS")
	s.countIf(n > 1000, "OVER 1000 LOCATIONS")
	s.countIf(count > n && n > 0, "count above locations")
	s.countIf(count > 0 && n == 0, "no locations")
	s.countIf(count > 1<<31, "big count")
	s.countIf(kinds > 1, "two kinds")
}

// always lists the features of samples of any size, profile and encoding.
var always = []string{
	"status COMPLETE", "status PARTIAL", "reason", "bucket NOT_PUBLIC", "object key id", "bucket key id",
	"bucket tags", "version", "archive member", "clean", "custom and managed", "not ASCII",
	"category FINANCIAL_INFORMATION", "category PERSONAL_INFORMATION", "count above locations", "no locations",
	"cells", "cells with cellReference", "cells without cellReference", "cells with columnName", "lineRanges", "lineRanges with startColumn",
	"pages", "records with jsonPath",
}

// inMixed lists further features of the mixed and small profiles.
var inMixed = []string{
	"status SKIPPED", "object tags", "public object", "big size", "big count", "sample", "archived", "finding count", "updatedAt", "no severity",
	"automated discovery", "export not set", "partition aws", "partition aws-us-gov", "partition aws-cn",
	"bucket PUBLIC", "bucket UNKNOWN", "bucket encryption aws:kms", "bucket encryption AES256", "bucket encryption NONE",
	"bucket encryption aws:kms:dsse", "bucket encryption UNKNOWN", "only custom", "category CREDENTIALS", "beyond the BMP", "escaped quote",
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
						if !isSource(rel) {
							continue
						}
						levels := strings.Count(rel, "/")
						s[fmt.Sprint("levels ", levels)]++
						for _, line := range lines(content(t, dir, rel)) {
							s.countLine(t, line, decode(t, line))
						}
					}
					if p.Name == profileMixed && len(e.UnknownFields) < 8 {
						t.Errorf("seed %d: unknown fields are %v", seed, e.UnknownFields)
					}
				}
				want := always
				if p.Name == profileMixed || p.Name == profileSmall {
					want = append(append(want[:len(want):len(want)], inMixed...), "levels 5", "levels 6", "levels 7")
				}
				for _, what := range want {
					if s[what] == 0 {
						t.Errorf("seed %d: no line or source has: %s", seed, what)
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

// A large sample has exactly the features of its encoding.
func TestEncodings(t *testing.T) {
	only := map[Encoding][]string{
		EncodingReal: {"escaped quote", "empty lists", "integer as string", "custom bare id", "jobId at the end"},
		EncodingAPI:  {"null", "number", "time with fraction", "custom full arn", "uploads TRUE", "no customs, API"},
	}
	for _, encoding := range Encodings() {
		dir, _ := run(t, Options{Seed: 5, Size: 400_000, Encoding: encoding})
		s := seen{}
		for _, rel := range files(t, dir) {
			if isSource(rel) {
				for _, line := range lines(content(t, dir, rel)) {
					s.countLine(t, line, decode(t, line))
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

func TestSourcesSpanOneMonth(t *testing.T) {
	dir, _ := run(t, Options{Seed: 2, Size: 3_000_000})
	months := map[string]bool{}
	for _, rel := range files(t, dir) {
		if !isSource(rel) {
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
