package schema_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/macielake/macielake/pkg/schema"
	"github.com/macielake/macielake/pkg/schema/internal/reference"
)

// rule is a line with the class that it must be rejected for. A ^ marks the offset of
// the error, and is removed from the line. With an empty class, the line must be
// decoded.
type rule struct {
	class schema.Class
	line  string
}

func nested(n int, inside string) string {
	return strings.Repeat("[", n) + inside + strings.Repeat("]", n)
}

const (
	inBucket     = `{"resourcesAffected":{"s3Bucket":{`
	inObject     = `{"resourcesAffected":{"s3Object":{`
	inDetection  = `{"classificationDetails":{"result":{"sensitiveData":[{"detections":[{`
	inOccurrence = inDetection + `"occurrences":{`
	inCustom     = `{"classificationDetails":{"result":{"customDataIdentifiers":{`
)

// enclosure is a line without the value of one field: the text before and after it.
type enclosure struct{ before, after string }

var (
	integerFields = []enclosure{
		{`{"count":`, `}`},
		{`{"severity":{"score":`, `}}`},
		{inObject + `"size": `, ` }}}`},
		{inObject + `"embeddedFileDetails":{"fileSize":`, `}}}}`},
		{`{"classificationDetails":{"result":{"sizeClassified":`, `}}}`},
		{`{"classificationDetails":{"result":{"sensitiveData":[{"totalCount":`, `}]}}}`},
		{inDetection + `"count":`, `}]}]}}}`},
		{inCustom + `"totalCount":`, `}}}}`},
		{inCustom + `"detections":[{"count":`, `}]}}}}`},
		{inOccurrence + `"cells":[{"row":`, `,"column":1}]}}]}]}}}`},
		{inOccurrence + `"cells":[{"row":"1","column":`, `}]}}]}]}}}`},
		{inOccurrence + `"lineRanges":[{"start":"1","end":`, `,"startColumn":1}]}}]}]}}}`},
		{inOccurrence + `"offsetRanges":[{"startColumn":`, `}]}}]}]}}}`},
		{inOccurrence + `"pages":[{"pageNumber":`, `}]}}]}]}}}`},
		{inOccurrence + `"pages":[{"lineRange":{"start":`, `}}]}}]}]}}}`},
		{inOccurrence + `"records":[{"recordIndex":`, `,"jsonPath":"$"}]}}]}]}}}`},
	}
	textFields = []enclosure{
		{`{"id":`, `}`},
		{`{"severity":{"description":`, `}}`},
		{`{"classificationDetails":{"jobId":`, `}}`},
		{inBucket + `"owner":{"displayName":`, `}}}}`},
		{inBucket + `"tags":[{"key":`, `}]}}}`},
		{inObject + `"tags":[{"key":"a","value":`, `}]}}}`},
		{inObject + `"versionId":`, `}}}`},
		{inDetection + `"type":`, `}]}]}}}`},
		{inCustom + `"detections":[{"arn":`, `}]}}}}`},
		{inOccurrence + `"cells":[{"columnName":`, `}]}}]}]}}}`},
		{inOccurrence + `"cells":[{"cellReference":"A1"},{"cellReference":`, `}]}}]}]}}}`},
		{inOccurrence + `"records":[{"jsonPath":"$.a"},{"jsonPath":`, `}]}}]}]}}}`},
	}
	booleanFields = []enclosure{
		{`{"sample":`, `}`},
		{`{"classificationDetails":{"result":{"additionalOccurrences":`, `}}}`},
		{inObject + `"publicAccess":`, `}}}`},
	}
	timeFields = []enclosure{
		{`{"updatedAt":`, `}`},
		{inBucket + `"createdAt":`, `}}}`},
		{inObject + `"lastModified":`, `}}}`},
		{inObject + `"embeddedFileDetails":{"fileLastModified":`, `}}}}`},
	}
)

// valueRules returns the rules on values, for fields of each type.
func valueRules() []rule {
	var all []rule
	add := func(fields []enclosure, class schema.Class, values ...string) {
		for _, p := range fields {
			for _, v := range values {
				if class != "" {
					v = "^" + v
				}
				all = append(all, rule{class, p.before + v + p.after})
			}
		}
	}
	add(integerFields, "", `null`, `0`, `"0"`, `-0`, `"-0"`, `12`, `"12"`, `-12`, `"-12"`, `2147483647`, `"-2147483648"`, `"\u0031\u0032"`)
	add(integerFields, schema.WrongType, `""`, `"01"`, `"-01"`, `"-"`, `"00"`, `"+1"`, `" 1"`, `"1 "`, `"1x"`, `"x"`, `"1.0"`, `"1e3"`,
		`1.0`, `1e3`, `1E3`, `-1.5`, `true`, `false`, `[1]`, `{}`, `"\ud800"`, `"\u0031x"`, "\"1\xff\"", "\"\xff\"",
		`"`+strings.Repeat("0", 19)+`"`, `123456789012345678901.5`, `"1234567890123456789x"`, `"12`+"\x7f"+`"`)
	add(integerFields, schema.IntegerRange, `9223372036854775808`, `"9223372036854775808"`, `-9223372036854775809`, `"-9223372036854775809"`,
		`10000000000000000000`, `"99999999999999999999"`, `18446744073709551617`, `"18446744073709551617"`, `"\u00318446744073709551616"`)
	add(slices.Delete(slices.Clone(integerFields), 1, 2), "", // not the score, which is smaller
		`999999999999999999`, `"1000000000000000000"`, `9223372036854775807`, `"9223372036854775807"`, `-9223372036854775808`, `"-9223372036854775808"`)
	add(textFields[:4], "", `null`)
	add(textFields, "", `""`, `"a"`, `"\u0061"`, `"é😀\ud83d\ude00"`, `"\ud800\udc00\udbff\udfff\ud7ff\ue000"`, `"`+strings.Repeat("long", 99)+`"`, `"$.a"`, `"A1"`, `"\"\\\/\b\f\n\r\t"`)
	add(textFields, schema.WrongType, `1`, `-1.5e3`, `true`, `false`, `[]`, `{}`)
	add(booleanFields, "", `null`, `true`, `false`)
	add(booleanFields, schema.WrongType, `"true"`, `"TRUE"`, `""`, `0`, `1`, `[]`, `{}`)
	add(timeFields, "", `null`, `"2021-09-14T19:44:10Z"`, `"2021-09-14 19:44:10.1234567890+05:30"`)
	add(timeFields, schema.WrongType, `0`, `true`, `[]`, `{}`)
	add(timeFields, schema.InvalidTime, `""`, `"2021-09-14"`, `"2021-09-14T19:44:10"`, `"2021-09-14T19:44:10\u007a"`)
	for _, p := range slices.Concat(textFields, integerFields, booleanFields, timeFields) {
		for _, v := range []string{`^x`, `"a^`, `tru^x`, `"\^x`, "\"^\x00", `-^x`, `^]`, `^`} {
			all = append(all, rule{schema.Malformed, p.before + v})
		}
		for _, v := range []string{"\"^\xff", `"a^\ud800`, "\"^\xe2\x82\x01"} {
			all = append(all, rule{schema.InvalidUTF8, p.before + v})
		}
	}
	for _, p := range integerFields {
		for _, v := range []string{`0^1`, `-0^1`, `12^x`, `1.^`, `-^`, `1e^`} {
			all = append(all, rule{schema.Malformed, p.before + v + p.after})
		}
	}
	for _, p := range textFields {
		for _, v := range []string{"\"^\xff\"", "\"a^\xc3\"", "\"é^\xed\xa0\x80\"", `"\n^\ud800"`, `"^\udc00\ud800"`, `"$.a^\ud800x"`,
			`"^\ud800\ue000"`, `"^\udbff\ud7ff"`, `"^\udc00\udc00"`, `"^\udbff\udbff"`} {
			all = append(all, rule{schema.InvalidUTF8, p.before + v + p.after})
		}
	}
	return all
}

func rules() []rule {
	const (
		ok  = schema.Class("")
		maj = "9223372036854775807"
		min = "-9223372036854775808"
	)
	return append(valueRules(), []rule{
		// Not JSON: at the first byte that can't follow.
		{schema.Malformed, `^x`},
		{schema.Malformed, "^\ufeff{}"},
		{schema.Malformed, "^\xff"},
		{schema.Malformed, "^\f{}"},
		{schema.Malformed, `{^`},
		{schema.Malformed, `{^a`},
		{schema.Malformed, `{^,"id":"a"}`},
		{schema.Malformed, `{"id"^}`},
		{schema.Malformed, `{"id":^}`},
		{schema.Malformed, `{"id":^,`},
		{schema.Malformed, `{"id" ^"a"}`},
		{schema.Malformed, `{"id":"a"^:`},
		{schema.Malformed, `{"id":"a",^}`},
		{schema.Malformed, `{"id":"a" ^"b":1}`},
		{schema.Malformed, `{"id":"a"^]`},
		{schema.Malformed, `{"id":"a"^`},
		{schema.Malformed, "{\"id\":\"a\"\r^"},
		{schema.Malformed, `{"id":^'a'}`},
		{schema.Malformed, `{"id":"a` + "^\x00" + `"}`},
		{schema.Malformed, `{"id":"a` + "^\x1f" + `"}`},
		{schema.Malformed, `{"id":"a` + "^\t" + `"}`},
		{schema.Malformed, `{"id":"\^x"}`},
		{schema.Malformed, `{"id":"\^'"}`},
		{schema.Malformed, `{"id":"\u12^g4"}`},
		{schema.Malformed, `{"id":"\u12^"}`},
		{schema.Malformed, `{"id":"\^`},
		{schema.Malformed, `{"id":"\ud8^`},
		{schema.Malformed, `{"id":"abc^`},
		{schema.Malformed, `{"id":"abc\"^`},
		{schema.Malformed, `{"id^`},
		{schema.Malformed, `{"sample":tru^}`},
		{schema.Malformed, `{"sample":t^`},
		{schema.Malformed, `{"sample":true^1}`},
		{schema.Malformed, `{"sample":^True}`},
		{schema.Malformed, `{"id":nul^`},
		{schema.Malformed, `{"count":-^}`},
		{schema.Malformed, `{"count":-^`},
		{schema.Malformed, `{"count":^+1}`},
		{schema.Malformed, `{"count":^.5}`},
		{schema.Malformed, `{"count":0^1}`},
		{schema.Malformed, `{"count":-0^1}`},
		{schema.Malformed, `{"count":1.^}`},
		{schema.Malformed, `{"count":1.^x}`},
		{schema.Malformed, `{"count":1e^,`},
		{schema.Malformed, `{"count":1e+^`},
		{schema.Malformed, `{"count":1^x}`},
		{schema.Malformed, `{"count":1^`},
		{schema.Malformed, `{"x":[^,1]}`},
		{schema.Malformed, `{"x":[1,^]}`},
		{schema.Malformed, `{"x":[1 ^2]}`},
		{schema.Malformed, `{"x":[1^}`},
		{schema.Malformed, `{"x":{"a":1^]`},
		{schema.Malformed, `{"x":{"a":1,^}}`},
		{schema.Malformed, `{"x":{^1:2}}`},
		{schema.Malformed, `{"x":"\^q"}`},
		{schema.Malformed, `{"x":1^`},
		{schema.Malformed, inObject + `"tags":[{"key":"a"}^}`},

		// Not an object: decided once its first token is complete.
		{schema.NotObject, `^[`},
		{schema.NotObject, " \t\r^[]"},
		{schema.NotObject, `^null`},
		{schema.NotObject, `^truex`},
		{schema.NotObject, `^1`},
		{schema.NotObject, `^01`},
		{schema.NotObject, `^-1.5e3 x`},
		{schema.NotObject, `^"a"`},
		{schema.NotObject, "^\"a\xff\""},
		{schema.NotObject, `^"\ud800"`},
		{schema.Malformed, `nul^`},
		{schema.Malformed, `nul^x`},
		{schema.Malformed, `-^`},
		{schema.Malformed, `1.^`},
		{schema.Malformed, `"a^`},
		{schema.InvalidUTF8, "\"a^\xff"},

		// After the object.
		{schema.TrailingText, `{}^x`},
		{schema.TrailingText, "{} \t\r^{}"},
		{schema.TrailingText, "{}^\xff"},
		{schema.TrailingText, "{} ^\x00"},
		{schema.TrailingText, `{}^,`},
		{schema.TrailingText, `{"id":"a"}^}`},
		{ok, "\t {} \r"},

		// Nesting. The line's object is the first level.
		{ok, `{"x":` + nested(schema.MaxNesting-1, "1") + `}`},
		{schema.Nesting, `{"x":` + strings.Repeat("[", schema.MaxNesting-1) + "^["},
		{schema.Nesting, `{"x":` + strings.Repeat("[", schema.MaxNesting-1) + "^{"},
		{schema.Nesting, strings.Repeat(`{"x":`, schema.MaxNesting) + `^{`},
		{schema.Nesting, `{"severity":` + strings.Repeat(`{"x":`, schema.MaxNesting-1) + `^[`},
		{ok, inDetection + `"x":` + nested(schema.MaxNesting-7, "") + `}]}]}}}`},
		{schema.Nesting, inDetection + `"x":` + strings.Repeat("[", schema.MaxNesting-7) + "^[]"},
		{schema.WrongType, `{"id":^` + strings.Repeat("[", 300)},

		// Known fields twice in an object.
		{schema.DuplicateField, `{"id":"a",^"id":"a"}`},
		{schema.DuplicateField, `{"id":null,^"id":null}`},
		{schema.DuplicateField, `{"id":"a", ^"\u0069d" :1}`},
		{schema.DuplicateField, `{"id":"a",^"id"`},
		{schema.DuplicateField, `{"id":"a",^"id"x`},
		{schema.DuplicateField, `{"severity":null,^"severity":{}}`},
		{schema.DuplicateField, `{"severity":{"score":1,^"score":1}}`},
		{schema.DuplicateField, inBucket + `"owner":{"id":"a",^"id":"a"}}}}`},
		{schema.DuplicateField, inBucket + `"tags":[{"key":"a",^"key":"a"}]}}}`},
		{schema.DuplicateField, inObject + `"tags":[{"value":"a","key":"a",^"value":"a"}]}}}`},
		{schema.DuplicateField, inObject + `"serverSideEncryption":{},^"serverSideEncryption":{}}}}`},
		{schema.DuplicateField, inDetection + `"count":1,^"count":1}]}]}}}`},
		{schema.DuplicateField, inOccurrence + `"cells":[],^"cells":[]}}]}]}}}`},
		{schema.DuplicateField, inOccurrence + `"cells":[{"row":1,^"row":1}]}}]}]}}}`},
		{schema.DuplicateField, inOccurrence + `"lineRanges":[{"end":1,^"end":1}]}}]}]}}}`},
		{schema.DuplicateField, inOccurrence + `"pages":[{"lineRange":{},^"lineRange":{}}]}}]}]}}}`},
		{schema.DuplicateField, inOccurrence + `"pages":[{"lineRange":{"start":1,^"start":1}}]}}]}]}}}`},
		{schema.DuplicateField, inOccurrence + `"records":[{"jsonPath":"",^"jsonPath":""}]}}]}]}}}`},
		{schema.DuplicateField, inCustom + `"detections":[{"arn":"a",^"arn":"a"}]}}}}`},
		{schema.Malformed, `{"id":"a","id^`},
		{ok, `{"ID":"a","Id":"b","iD":"c","id":"d","id ":"e"}`},
		{ok, `{"x":1,"x":2,"x":{"id":1,"id":2}}`},
		{ok, inDetection + `"arn":1,"arn":2,"name":3,"name":4}]}]}}}`},
		{ok, inCustom + `"detections":[{"type":1,"type":2}]}}}}`},

		// Types.
		{schema.WrongType, `{"id":^1}`},
		{schema.WrongType, `{"id":^1`},
		{schema.WrongType, `{"id":^1x`},
		{schema.WrongType, `{"id":^01}`},
		{schema.WrongType, `{"id":^true}`},
		{schema.WrongType, `{"id":^false`},
		{schema.WrongType, `{"id":^{`},
		{schema.WrongType, `{"id":^[`},
		{schema.WrongType, `{"id": ^[]}`},
		{schema.Malformed, `{"id":1.^`},
		{schema.Malformed, `{"id":tru^}`},
		{schema.WrongType, `{"sample":^"true"}`},
		{schema.WrongType, `{"sample":^1}`},
		{schema.WrongType, "{\"sample\":^\"\xff\"}"},
		{schema.WrongType, inBucket + `"allowsUnencryptedObjectUploads":^true}}}`},
		{schema.WrongType, inObject + `"publicAccess":^"true"}}}`},
		{schema.WrongType, `{"severity":^[]}`},
		{schema.WrongType, `{"severity":^"High"}`},
		{schema.Malformed, `{"severity":"High^`},
		{schema.WrongType, `{"classificationDetails":{"result":{"sensitiveData":^{}}}}`},
		{schema.WrongType, `{"classificationDetails":{"result":{"sensitiveData":[^null]}}}`},
		{schema.WrongType, `{"classificationDetails":{"result":{"sensitiveData":[{},^[]]}}}`},
		{schema.WrongType, `{"classificationDetails":{"result":{"sensitiveData":[{"detections":[^null]}]}}}`},
		{schema.WrongType, `{"classificationDetails":{"result":{"sensitiveData":[{"detections":^{}}]}}}`},
		{schema.WrongType, inCustom + `"detections":[^"a"]}}}}`},
		{schema.WrongType, inOccurrence + `"cells":[^null]}}]}]}}}`},
		{schema.WrongType, inOccurrence + `"cells":[{},^1]}}]}]}}}`},
		{schema.WrongType, inOccurrence + `"lineRanges":[^null]}}]}]}}}`},
		{schema.WrongType, inOccurrence + `"offsetRanges":[^[]]}}]}]}}}`},
		{schema.WrongType, inOccurrence + `"pages":[^true]}}]}]}}}`},
		{schema.WrongType, inOccurrence + `"pages":[{"lineRange":^[]}]}}]}]}}}`},
		{schema.WrongType, inOccurrence + `"records":[^"$"]}}]}]}}}`},
		{schema.WrongType, inOccurrence + `"records":[{"jsonPath":^1}]}}]}]}}}`},
		{schema.WrongType, inDetection + `"occurrences":^[]}]}]}}}`},
		{schema.WrongType, inBucket + `"tags":^{}}}}`},
		{schema.WrongType, inBucket + `"tags":[^null]}}}`},
		{schema.WrongType, inBucket + `"tags":[{"key":^1}]}}}`},
		{schema.WrongType, inBucket + `"tags":[{"key":"a","value":^1}]}}}`},
		{ok, `{"id":null,"severity":null,"count":null,"sample":null,"createdAt":null,"classificationDetails":null,"resourcesAffected":null}`},
		{ok, inOccurrence + `"cells":null,"pages":[{"lineRange":null,"offsetRange":null,"pageNumber":null}],"records":[{}]}}]}]}}}`},
		{ok, inBucket + `"tags":null}}}`},

		// Integers, in either encoding.
		{ok, `{"count":0}`},
		{ok, `{"count":-0}`},
		{ok, `{"count":"-0"}`},
		{ok, `{"count":"\u0031\u0032"}`},
		{ok, `{"count":` + maj + `}`},
		{ok, `{"count":"` + min + `"}`},
		{schema.WrongType, `{"count":^1.0}`},
		{schema.WrongType, `{"count":^1e3}`},
		{schema.WrongType, `{"count":^-0.0}`},
		{schema.WrongType, `{"count":^1.0`},
		{schema.WrongType, `{"count":^""}`},
		{schema.WrongType, `{"count":^"-"}`},
		{schema.WrongType, `{"count":^"+1"}`},
		{schema.WrongType, `{"count":^"01"}`},
		{schema.WrongType, `{"count":^"-01"}`},
		{schema.WrongType, `{"count":^" 1"}`},
		{schema.WrongType, `{"count":^"1 "}`},
		{schema.WrongType, `{"count":^"1\n"}`},
		{schema.WrongType, `{"count":^"1\u0000"}`},
		{schema.WrongType, `{"count":^"1.0"}`},
		{schema.WrongType, `{"count":^"1_0"}`},
		{schema.WrongType, `{"count":^"٣"}`},
		{schema.WrongType, `{"count":^true}`},
		{schema.WrongType, "{\"count\":^\"1\xff\"}"},
		{schema.WrongType, `{"count":^"1\ud800"}`},
		{schema.InvalidUTF8, "{\"count\":\"1^\xff"},
		{schema.InvalidUTF8, `{"count":"1^\ud800`},
		{schema.IntegerRange, `{"count":^9223372036854775808}`},
		{schema.IntegerRange, `{"count":^"-9223372036854775809"}`},
		{schema.IntegerRange, `{"count":^18446744073709551617}`},
		{schema.IntegerRange, `{"count":^` + strings.Repeat("9", 100) + `}`},
		{schema.WrongType, `{"count":^` + strings.Repeat("9", 100) + `.5}`},
		{schema.WrongType, `{"count":^"` + strings.Repeat("0", 100) + `"}`},
		{schema.IntegerRange, `{"severity":{"score":^2147483648}}`},
		{schema.IntegerRange, `{"severity":{"score":^"-2147483649"}}`},
		{schema.IntegerRange, `{"severity":{"score":^"9223372036854775808"}}`},
		{ok, `{"severity":{"score":"-2147483648"}}`},
		{ok, `{"severity":{"score":2147483647}}`},

		// Sums, at the end of the line's object.
		{ok, `{"classificationDetails":{"result":{"sensitiveData":[{"totalCount":` + maj + `},{"totalCount":"-1"},{"totalCount":1}]}}}`},
		{schema.IntegerRange, `{"classificationDetails":{"result":{"sensitiveData":[{"totalCount":` + maj + `},{"totalCount":1}]}}^}`},
		{schema.IntegerRange, `{"classificationDetails":{"result":{"sensitiveData":[{"totalCount":` + maj + `},{"totalCount":1},{"totalCount":-1}]}}^} x`},
		{schema.IntegerRange, `{"classificationDetails":{"result":{"sensitiveData":[{"totalCount":` + min + `},{"totalCount":-1}]}},"x":"}" ^}`},
		{schema.IntegerRange, inDetection + `"count":` + maj + `},{"count":"1"}]}]}}^}`},
		{schema.IntegerRange, `{"classificationDetails":{"result":{"customDataIdentifiers":{"detections":[{"count":1}]},"sensitiveData":[{"detections":[{"count":` + maj + `}]}]}}^}`},
		// Managed before custom, whatever the order in the line: -1 + max + 1 fits.
		{ok, `{"classificationDetails":{"result":{"customDataIdentifiers":{"detections":[{"count":` + maj + `},{"count":1}]},"sensitiveData":[{"detections":[{"count":-1}]}]}}}`},
		{schema.IntegerRange, `{"classificationDetails":{"result":{"customDataIdentifiers":{"detections":[{"count":-1}]},"sensitiveData":[{"detections":[{"count":` + maj + `},{"count":1}]}]}}^}`},
		{ok, inCustom + `"totalCount":` + maj + `,"detections":[{"count":1}]}}}}`},
		{schema.WrongType, `{"classificationDetails":{"result":{"sensitiveData":[{"totalCount":` + maj + `},{"totalCount":1}]}},"id":^1}`},

		// Times.
		{ok, `{"createdAt":"2021-09-14T19:44:10Z"}`},
		{ok, `{"createdAt":"2020-10-26 13:47:03.127000+00:00"}`},
		{ok, `{"createdAt":"2024-02-29T23:59:59.9999999999999999999-23:59"}`},
		{ok, `{"createdAt":"2000-02-29T00:00:00-00:00"}`},
		{ok, `{"createdAt":"\u0032021-09-14T19:44:10\u005a"}`},
		{ok, `{"createdAt":"0001-01-01T00:00:00Z","updatedAt":"9999-12-31T23:59:59.999Z"}`},
		{ok, `{"createdAt":"0001-01-01T00:01:00+00:01","updatedAt":"9999-12-31T22:59:59.999-01:00"}`},
		{schema.InvalidTime, `{"createdAt":^"0001-01-01T00:00:00+00:01"}`},
		{schema.InvalidTime, `{"createdAt":^"9999-12-31T23:00:00-01:00"}`},
		{schema.InvalidTime, `{"createdAt":^"0000-12-31T23:59:59-01:00"}`},
		{schema.InvalidTime, `{"createdAt":^""}`},
		{schema.InvalidTime, `{"createdAt":^"2021-09-14T19:44:10"}`},
		{schema.InvalidTime, `{"createdAt":^"2021-09-14t19:44:10Z"}`},
		{schema.InvalidTime, `{"createdAt":^"2021-09-14T19:44:10z"}`},
		{schema.InvalidTime, `{"createdAt":^"2021-09-14  19:44:10Z"}`},
		{schema.InvalidTime, `{"createdAt":^"2021-09-14T19:44:10 Z"}`},
		{schema.InvalidTime, `{"createdAt":^"2021-09-14T19:44:10.Z"}`},
		{schema.InvalidTime, `{"createdAt":^"2021-09-14T19:44:10,5Z"}`},
		{schema.InvalidTime, `{"createdAt":^"2021-09-14T19:44Z"}`},
		{schema.InvalidTime, `{"createdAt":^"2021-09-14"}`},
		{schema.InvalidTime, `{"createdAt":^"2021-09-14T19:44:10+0000"}`},
		{schema.InvalidTime, `{"createdAt":^"2021-09-14T19:44:10+00"}`},
		{schema.InvalidTime, `{"createdAt":^"2021-09-14T19:44:10+24:00"}`},
		{schema.InvalidTime, `{"createdAt":^"2021-09-14T19:44:10+00:60"}`},
		{schema.InvalidTime, `{"createdAt":^"2021-09-14T19:44:10Zx"}`},
		{schema.InvalidTime, `{"createdAt":^" 2021-09-14T19:44:10Z"}`},
		{schema.InvalidTime, `{"createdAt":^"2021-09-14T19:44:10Z\n"}`},
		{schema.InvalidTime, `{"createdAt":^"2021-13-14T19:44:10Z"}`},
		{schema.InvalidTime, `{"createdAt":^"2021-00-14T19:44:10Z"}`},
		{schema.InvalidTime, `{"createdAt":^"2021-09-00T19:44:10Z"}`},
		{schema.InvalidTime, `{"createdAt":^"2021-09-31T19:44:10Z"}`},
		{schema.InvalidTime, `{"createdAt":^"2021-02-29T19:44:10Z"}`},
		{schema.InvalidTime, `{"createdAt":^"2100-02-29T19:44:10Z"}`},
		{schema.InvalidTime, `{"createdAt":^"2021-09-14T24:00:00Z"}`},
		{schema.InvalidTime, `{"createdAt":^"2021-09-14T23:60:00Z"}`},
		{schema.InvalidTime, `{"createdAt":^"2016-12-31T23:59:61Z"}`},
		{schema.InvalidTime, `{"createdAt":^"2016-12-31T23:58:60Z"}`},
		{schema.InvalidTime, `{"createdAt":^"2016-12-31T22:59:60Z"}`},
		{schema.InvalidTime, `{"createdAt":^"2016-12-31T23:59:60+01:00"}`},
		{schema.InvalidTime, `{"createdAt":^"9999-12-31T23:59:60Z"}`},
		{schema.InvalidTime, `{"createdAt":^"2016-02-30T23:59:60Z"}`},
		{ok, `{"createdAt":"2016-12-31T23:59:60Z","updatedAt":"2017-01-01T00:59:60.9999999+01:00"}`},
		{schema.InvalidTime, `{"createdAt":^"+2021-09-14T19:44:10Z"}`},
		{schema.InvalidTime, `{"createdAt":^"12021-09-14T19:44:10Z"}`},
		{schema.InvalidTime, `{"createdAt":^"2021-9-14T19:44:10Z"}`},
		{schema.InvalidTime, `{"createdAt":^"٢021-09-14T19:44:10Z"}`},
		{schema.InvalidTime, "{\"createdAt\":^\"2021-09-14T19:44:10Z\xff\"}"},
		{schema.InvalidTime, `{"createdAt":^"\ud800"}`},
		{schema.InvalidUTF8, "{\"createdAt\":\"2021^\xff"},
		{schema.WrongType, `{"createdAt":^1631648650}`},
		{schema.InvalidTime, inObject + `"lastModified":^"x"}}}`},
		{schema.InvalidTime, inObject + `"embeddedFileDetails":{"fileLastModified":^"x"}}}}`},
		{schema.InvalidTime, inBucket + `"createdAt":^"x"}}}`},

		// UTF-8, in every string of the line.
		{schema.InvalidUTF8, "{\"id\":\"a^\xff\"}"},
		{schema.InvalidUTF8, "{\"id\":\"^\x80\"}"},
		{schema.InvalidUTF8, "{\"id\":\"é^\xc3\"}"},
		{schema.InvalidUTF8, "{\"id\":\"^\xe2\x82\"}"},
		{schema.InvalidUTF8, "{\"id\":\"^\xe2\x82"},
		{schema.InvalidUTF8, "{\"id\":\"^\xe2\x82\x01"},
		{schema.InvalidUTF8, "{\"id\":\"^\xe2\x82\\n\"}"},
		{schema.InvalidUTF8, "{\"id\":\"^\xf0\x9f\x98\"}"},
		{schema.InvalidUTF8, "{\"id\":\"^\xc0\x80\"}"},
		{schema.InvalidUTF8, "{\"id\":\"^\xed\xa0\x80\"}"},
		{schema.InvalidUTF8, "{\"id\":\"^\xf4\x90\x80\x80\"}"},
		{schema.InvalidUTF8, "{\"id\":\"a^\xff\\x\"}"},
		{schema.Malformed, "{\"id\":\"a\\^\xff\"}"},
		{schema.InvalidUTF8, `{"id":"a^\ud800"}`},
		{schema.InvalidUTF8, `{"id":"a^\uDFFF"}`},
		{schema.InvalidUTF8, `{"id":"^\udc00\ud800"}`},
		{schema.InvalidUTF8, `{"id":"^\ud800\u0041"}`},
		{schema.InvalidUTF8, `{"id":"^\ud800\ud800\udc00"}`},
		{schema.InvalidUTF8, `{"id":"\ud83d\ude00^\ude00"}`},
		{schema.InvalidUTF8, `{"id":"^\ud800\n"}`},
		{schema.InvalidUTF8, `{"id":"^\ud800`},
		{schema.InvalidUTF8, `{"id":"^\ud800\udc0`},
		{schema.InvalidUTF8, `{"id":"^\ud800\x"}`},
		{schema.InvalidUTF8, `{"id":"^\ud800\udcg0"}`},
		{ok, `{"id":"\\ud800"}`},
		{ok, `{"id":"\ud83d\uDE00 \ufffd \u0000 ` + "\ufffd \u2028 \x7f" + `"}`},
		{schema.InvalidUTF8, "{\"^\xff\":1}"},
		{schema.InvalidUTF8, "{\"id\":\"a\",\"id^\xff\":1}"},
		{schema.InvalidUTF8, "{\"id^\xff"},
		{schema.InvalidUTF8, `{"^\ud800":1}`},
		{schema.InvalidUTF8, "{\"x\":\"^\xff\"}"},
		{schema.InvalidUTF8, "{\"x\":\"^\xff"},
		{schema.InvalidUTF8, "{\"x\":[{\"a\":[1,\"^\xff\"]}]}"},
		{schema.InvalidUTF8, "{\"x\":{\"^\xff\":1}}"},
		{schema.InvalidUTF8, `{"x":"^\udead"}`},
		{schema.InvalidUTF8, inObject + `"tags":[{"key":"^\udead"}]}}}`},
		{schema.Malformed, "{\"x\":^\xff}"},

		// Tags.
		{schema.TagWithoutKey, inBucket + `"tags":[{^}]}}}`},
		{schema.TagWithoutKey, inBucket + `"tags":[{"key":"a"},{"value":"a" ^}]}}}`},
		{schema.TagWithoutKey, inObject + `"tags":[{"value":"a","key":null^}]}}}`},
		{schema.TagWithoutKey, inObject + `"tags":[{"Key":"a"^}]}}}`},
		{ok, inObject + `"tags":[{"key":""},{"key":"a","value":null}]}}}`},

		// Text that is none of these.
		{ok, `{}`},
		{ok, `{"":"","x y":1,"x":[1,2.5e-3,{"a":null}]}`},
	}...)
}

func (r rule) split(t testing.TB) (line []byte, offset int) {
	offset = strings.IndexByte(r.line, '^')
	if (offset < 0) != (r.class == "") || strings.Count(r.line, "^") > 1 {
		t.Fatalf("%q: wants one ^ if it has a class, else none", r.line)
	}
	return []byte(strings.Replace(r.line, "^", "", 1)), offset
}

// TestReferenceRules checks the reference on each rule.
func TestReferenceRules(t *testing.T) {
	for _, r := range rules() {
		line, offset := r.split(t)
		_, err := reference.DecodeLine(line, schema.DecoderOptions{}.Limits())
		switch {
		case r.class == "" && err != nil:
			t.Errorf("%q: %v, want a row", r.line, err)
		case r.class != "" && err == nil:
			t.Errorf("%q: a row, want %s at %d", r.line, r.class, offset)
		case r.class != "" && *err != reference.Error{Class: r.class, Offset: offset}:
			t.Errorf("%q: %v, want %s at %d", r.line, err, r.class, offset)
		}
	}
}

// fullLine has every known field, each with a different value. fullRows are its rows.
const fullLine = `{"schemaVersion":"1.0","id":"r1","accountId":"111111111111","partition":"aws-cn","region":"cn-north-1",` +
	`"type":"T","title":"it\u0027s","description":"D","category":"CLASSIFICATION",` +
	`"createdAt":"2022-03-11T05:49:17.220Z","updatedAt":"1969-12-31T23:59:59.9999999Z","sample":true,"archived":false,"count":"7",` +
	`"severity":{"score":"3","description":"High"},` +
	`"classificationDetails":{"jobArn":"ja","jobId":"ji","originType":"o","detailedResultsLocation":"s3://d",` +
	`"result":{"customDataIdentifiers":{"totalCount":"5","detections":[{"arn":"ca","name":"cn","count":5,"occurrences":{` +
	`"pages":[{"pageNumber":41,"lineRange":{"start":42,"end":"43","startColumn":44},"offsetRange":{"start":"45","end":46,"startColumn":47}}],` +
	`"cells":[{"row":"2","column":12,"columnName":"email check","cellReference":"Sheet2!C5"}]}}]},` +
	`"status":{"code":"PARTIAL","reason":"why"},"sizeClassified":"5000000000","mimeType":"text/csv","additionalOccurrences":true,` +
	`"sensitiveData":[{"detections":[{"type":"NAME","count":4294967296,"occurrences":{` +
	`"records":[{"recordIndex":0,"jsonPath":"$[0]['Card Number']"},{"recordIndex":1}],` +
	`"offsetRanges":[{"start":31,"end":32,"startColumn":33}],"lineRanges":[{"start":21,"end":22,"startColumn":23},{}],` +
	`"future":[1, 2]}},{"type":"EMPTY","count":null,"occurrences":null}],"totalCount":"10","category":"PERSONAL_INFORMATION"},` +
	`{"totalCount":-3,"detections":null},{"detections":[{}]}]}},` +
	`"resourcesAffected":{"weird key":{ "a" : "\u0041" },"s3Bucket":{"arn":"ba","name":"bn","createdAt":"2020-10-26 13:47:03.127000+01:00",` +
	`"owner":{"displayName":"od","id":"oi"},"tags":[{"key":"k","value":"1"},{"key":"l","value":null},{"value":"","key":"\u006b"}],` +
	`"allowsUnencryptedObjectUploads":"UNKNOWN","defaultServerSideEncryption":{"encryptionType":"be","kmsMasterKeyId":"bk"},` +
	`"publicAccess":{"effectivePermission":"NOT_PUBLIC","permissionConfiguration":{"bucketLevelPermissions":{` +
	`"accessControlList":{"allowsPublicReadAccess":true,"allowsPublicWriteAccess":false},` +
	`"bucketPolicy":{"allowsPublicReadAccess":false,"allowsPublicWriteAccess":true},` +
	`"blockPublicAccess":{"ignorePublicAcls":true,"restrictPublicBuckets":true,"blockPublicAcls":false,"blockPublicPolicy":false}},` +
	`"accountLevelPermissions":{"blockPublicAccess":{"ignorePublicAcls":false,"restrictPublicBuckets":true,"blockPublicAcls":true,"blockPublicPolicy":false}}}}},` +
	`"s3Object":{"bucketArn":"oba","key":"","path":"op","extension":"csv","lastModified":"0001-01-01T00:00:00Z","eTag":"e","versionId":"",` +
	`"size":"6000000000","storageClass":"STANDARD","tags":[],"publicAccess":false,` +
	`"serverSideEncryption":{"encryptionType":"oe","kmsMasterKeyId":"ok"},` +
	`"embeddedFileDetails":{"filePath":"a/b","fileExtension":"txt","fileSize":"9","fileLastModified":"9999-12-31T23:59:59.999Z"}}},` +
	`"future":1,"future":"two"}`

// nullRow returns a row of the table with the values of rows, and null in all other
// columns.
func nullRow(table *schema.Table, rows ...reference.Row) reference.Row {
	out := reference.Row{}
	for _, c := range table.Columns {
		out[c.Name] = nil
	}
	for _, row := range rows {
		for name, v := range row {
			if _, ok := out[name]; !ok {
				panic("no column " + name + " in " + table.Name)
			}
			out[name] = v
		}
	}
	return out
}

func fullRows() *reference.Output {
	type row = reference.Row
	identity := row{
		"result_id": "r1", "account_id": "111111111111", "region": "cn-north-1", "job_id": "ji",
		"created_at": reference.Micros(1646977757220000), "bucket_name": "bn", "object_key": "", "object_version_id": nil,
		"archive_member_path": "a/b", "mime_type": "text/csv", "run_id": "run", "source_uri": "s3://b/k", "source_line": int64(3),
	}
	result := nullRow(schema.Results(), identity, row{
		"schema_version": "1.0", "aws_partition": "aws-cn", "admin_account_id": "999999999999", "job_arn": "ja", "origin_type": "o",
		"updated_at": reference.Micros(-1), "finding_type": "T", "finding_category": "CLASSIFICATION", "title": "it's",
		"description": "D", "severity_score": int32(3), "severity": "High", "sample": true, "archived": false, "finding_count": int64(7),
		"status_code": "PARTIAL", "status_reason": "why", "size_classified": int64(5000000000), "additional_occurrences": true,
		"sensitive_total_count": int64(7), "custom_total_count": int64(5), "type_count": int64(4),
		"occurrence_count": int64(4294967301), "location_count": int64(7),
		"bucket_arn": "ba", "bucket_created_at": reference.Micros(1603716423127000), "bucket_owner_id": "oi", "bucket_owner_display_name": "od",
		"bucket_encryption_type": "be", "bucket_kms_key_id": "bk", "bucket_effective_permission": "NOT_PUBLIC",
		"bucket_allows_unencrypted_uploads": "UNKNOWN", "bucket_tags": []reference.Tag{{Key: "k", Value: ""}, {Key: "l"}},
		"bucket_acl_public_read": true, "bucket_acl_public_write": false, "bucket_policy_public_read": false, "bucket_policy_public_write": true,
		"bucket_block_public_acls": false, "bucket_block_public_policy": false, "bucket_ignore_public_acls": true, "bucket_restrict_public_buckets": true,
		"account_block_public_acls": true, "account_block_public_policy": false, "account_ignore_public_acls": false, "account_restrict_public_buckets": true,
		"object_bucket_arn": "oba", "object_path": "op", "object_extension": "csv", "object_size": int64(6000000000), "object_etag": "e",
		"object_last_modified": reference.Micros(-62135596800000000), "object_storage_class": "STANDARD",
		"object_encryption_type": "oe", "object_kms_key_id": "ok", "object_public_access": false, "object_tags": []reference.Tag{},
		"is_archive_member": true, "archive_member_extension": "txt", "archive_member_size": int64(9),
		"archive_member_last_modified": reference.Micros(253402300799999000), "detailed_results_location": "s3://d", "source_etag": "etag",
		"unrecognized": `{"classificationDetails.result.sensitiveData[0].detections[0].occurrences.future":[1, 2],` +
			`"resourcesAffected[\"weird key\"]":{ "a" : "\u0041" },"future":"two"}`,
	})
	context := row{
		"origin_type": "o", "severity": "High", "status_code": "PARTIAL", "bucket_effective_permission": "NOT_PUBLIC",
		"bucket_encryption_type": "be", "object_public_access": false, "object_size": int64(6000000000),
		"object_last_modified": reference.Micros(-62135596800000000), "object_etag": "e", "object_extension": "csv", "is_archive_member": true,
	}
	name := row{"detection_index": int64(0), "identifier_kind": "managed", "category": "PERSONAL_INFORMATION", "detection_type": "NAME"}
	empty := row{"detection_index": int64(1), "identifier_kind": "managed", "category": "PERSONAL_INFORMATION", "detection_type": "EMPTY"}
	bare := row{"detection_index": int64(2), "identifier_kind": "managed"}
	custom := row{"detection_index": int64(3), "identifier_kind": "custom", "category": "CUSTOM_IDENTIFIER", "detection_type": "cn", "custom_identifier_arn": "ca"}

	detection := func(own row, count any, locations int64) row {
		return nullRow(schema.Detections(), identity, context, own,
			row{"occurrence_count": count, "location_count": locations, "is_capped": false})
	}
	occurrence := func(detection row, index int64, kind string, own row) row {
		return nullRow(schema.Occurrences(), identity, detection, row{"occurrence_index": index, "location_kind": kind}, own)
	}
	return &reference.Output{
		LineCount: 1,
		Tables: map[string][]row{
			"results":    {result},
			"detections": {detection(name, int64(4294967296), 5), detection(empty, nil, 0), detection(bare, nil, 0), detection(custom, int64(5), 2)},
			"occurrences": {
				occurrence(name, 0, "line", row{"line_start": int64(21), "line_end": int64(22), "line_start_column": int64(23)}),
				occurrence(name, 1, "line", nil),
				occurrence(name, 2, "offset", row{"offset_start": int64(31), "offset_end": int64(32), "offset_start_column": int64(33)}),
				occurrence(name, 3, "record", row{"record_index": int64(0), "json_path": "$[0]['Card Number']"}),
				occurrence(name, 4, "record", row{"record_index": int64(1)}),
				occurrence(custom, 0, "cell", row{"cell_row": int64(2), "cell_column": int64(12), "cell_column_name": "email check", "cell_reference": "Sheet2!C5"}),
				occurrence(custom, 1, "page", row{
					"page_number": int64(41), "line_start": int64(42), "line_end": int64(43), "line_start_column": int64(44),
					"offset_start": int64(45), "offset_end": int64(46), "offset_start_column": int64(47),
				}),
			},
		},
		Unknown: map[string]int64{
			"classificationDetails.result.sensitiveData[].detections[].occurrences.future": 1,
			`resourcesAffected["weird key"]`:                                               1,
			"future":                                                                       2,
		},
	}
}

func fullBatch() *schema.Batch {
	b := schema.NewBatch()
	b.RunID = "run"
	b.AppendLines(schema.Source{URI: "s3://b/k", ETag: "etag", AdminAccountID: "999999999999"}, 3, 100, []byte(fullLine))
	return b
}

// TestReferenceRows compares the reference with rows written by hand.
func TestReferenceRows(t *testing.T) {
	if d := reference.Diff(fullRows(), reference.Decode(fullBatch(), schema.DecoderOptions{})); d != "" {
		t.Error(d)
	}
}

func TestReferenceUnrecognized(t *testing.T) {
	tests := []struct{ line, want string }{
		{`{"a":1,"b":{},"a":[ ]}`, `{"a":[ ],"b":{}}`},
		{`{"":1,"a.b":2,"_1":3,"1a":4,"\u0061\u0062":5,"é":6}`, `{"[\"\"]":1,"[\"a.b\"]":2,"_1":3,"[\"1a\"]":4,"ab":5,"[\"é\"]":6}`},
		{`{"q\"\\\n\u001F/":"\n"}`, `{"[\"q\\\"\\\\\\u000A\\u001F/\"]":"\n"}`},
		{inCustom + `"detections":[{},{"type":1,"x y":2}]}}}}`, `{"classificationDetails.result.customDataIdentifiers.detections[1].type":1,"classificationDetails.result.customDataIdentifiers.detections[1][\"x y\"]":2}`},
		{inOccurrence + `"pages":[{"lineRange":{"x":1}}]}}]}]}}}`, `{"classificationDetails.result.sensitiveData[0].detections[0].occurrences.pages[0].lineRange.x":1}`},
		{inObject + `"tags":[{"key":"a","x":1},{"x":2,"key":"a","x":3}]}}}`, `{"resourcesAffected.s3Object.tags[0].x":1,"resourcesAffected.s3Object.tags[1].x":3}`},
	}
	for _, test := range tests {
		l, err := reference.DecodeLine([]byte(test.line), schema.DecoderOptions{}.Limits())
		if err != nil {
			t.Errorf("%s: %v", test.line, err)
		} else if got := l.Result["unrecognized"]; got != test.want {
			t.Errorf("%s:\ngot  %s\nwant %s", test.line, got, test.want)
		}
	}
}

func TestIsCapped(t *testing.T) {
	all := bulkDecoders()
	tests := []struct {
		locations int
		count     string
		want      bool
	}{
		{999, "5000", false},
		{1000, "1000", false},
		{1000, "null", false},
		{1000, "1001", true},
		{1001, `"1001"`, false},
		{1001, `"1002"`, true},
	}
	for _, test := range tests {
		line := inOccurrence + `"records":[{}` + strings.Repeat(",{}", test.locations-2) + `],"cells":[{}]},"count":` + test.count + `}]}]}}}`
		l, err := reference.DecodeLine([]byte(line), schema.DecoderOptions{}.Limits())
		if err != nil {
			t.Errorf("%d locations, count %s: %v", test.locations, test.count, err)
		} else if got := l.Detections[0]["is_capped"]; got != test.want || len(l.Occurrences) != test.locations {
			t.Errorf("%d locations, count %s: %d rows, capped %v", test.locations, test.count, len(l.Occurrences), got)
		}
		checkDecoders(t, all, []byte(line))
	}
}

// TestReferenceLines checks how the reference splits a batch into lines.
func TestReferenceLines(t *testing.T) {
	b := schema.NewBatch()
	b.AppendLines(schema.Source{URI: "a"}, 1, 0, []byte("{}\n \t\r\n{x\r\n\n{\"id\":\"\"}\r\n"))
	b.AppendLines(schema.Source{URI: "b"}, 5, 1000, []byte("{}\n {\"id\":1}"))
	b.AppendLines(schema.Source{URI: "c"}, 9, 2000, nil)
	b.AppendLines(schema.Source{URI: "d"}, 9, 2000, []byte("{\"id\":\"to"))
	b.Segments[3].TooLong = 2009
	got := reference.Decode(b, schema.DecoderOptions{})
	want := []reference.Reject{
		{Source: 0, Line: 3, Offset: 8, Class: schema.Malformed, Raw: "{x\r"},
		{Source: 1, Line: 6, Offset: 1010, Class: schema.WrongType, Raw: " {\"id\":1}"},
		{Source: 3, Line: 9, Offset: 2009, Class: schema.LineTooLong, Raw: "{\"id\":\"to"},
	}
	if !reflect.DeepEqual(got.Rejects, want) {
		t.Errorf("rejects: got %v, want %v", got.Rejects, want)
	}
	var lines []string
	for _, row := range got.Tables["results"] {
		lines = append(lines, fmt.Sprint(row["source_uri"], row["source_line"]))
	}
	if want := []string{"a1", "a5", "b5"}; !slices.Equal(lines, want) {
		t.Errorf("rows of %v, want %v", lines, want)
	}
	if got.LineCount != 8 || got.BlankCount != 2 {
		t.Errorf("%d lines, %d blank; want 8 and 2", got.LineCount, got.BlankCount)
	}
}

// TestFullLine checks that the full line has a value for every column.
func TestFullLine(t *testing.T) {
	rows := fullRows().Tables
	for _, table := range schema.Tables() {
		for _, c := range table.Columns {
			filled := func(row reference.Row) bool { return row[c.Name] != nil }
			if c.Name != "object_version_id" && !slices.ContainsFunc(rows[table.Name], filled) {
				t.Errorf("%s: no value for %s", table.Name, c.Name)
			}
		}
	}
}
