package gen

import (
	"fmt"
	"strings"
)

// Classes of lines that must be rejected.
const (
	classLineTooLong    = "line_too_long"
	classNesting        = "nesting"
	classMalformed      = "malformed"
	classTrailingText   = "trailing_text"
	classNotObject      = "not_object"
	classWrongType      = "wrong_type"
	classDuplicateField = "duplicate_field"
	classIntegerRange   = "integer_range"
	classUTF8           = "utf8"
	classTime           = "time"
	classTagWithoutKey  = "tag_without_key"
	classTooManyValues  = "too_many_values"
)

// edit returns a changed copy of a valid line. Neither has a newline.
type edit func(line string) string

// badLine is a line that must be rejected. class is that of the error with the lowest
// offset.
type badLine struct {
	class string
	make  edit
}

// oddLine is a line that must be accepted.
type oddLine struct {
	make    edit
	unknown []string      // paths of its unknown fields
	tally   func() *tally // nil if the edit doesn't change the rows
}

// badLines returns bad lines of every class, grouped by class.
func badLines() []badLine {
	var list []badLine
	add := func(class string, edits ...edit) {
		for _, e := range edits {
			list = append(list, badLine{class, e})
		}
	}
	add(classLineTooLong,
		insertFields(`"future":"`+strings.Repeat("x", maxLineBytes+1)+`"`),
		insertFields(`"future":"`+strings.Repeat(`\u00e9`, maxLineBytes/2)+`"`),
	)
	add(classNesting,
		insertFields(`"future":`+strings.Repeat("[", 300)+strings.Repeat("]", 300)),
		insertFields(`"future":`+strings.Repeat(`{"a":`, 300)+"1"+strings.Repeat("}", 300)),
		insertFields(`"future":`+strings.Repeat("[", 100_000)),
		insertFields(`"future":`+strings.Repeat(`[{"":`, 5000)),
	)
	add(classMalformed,
		cutAfter(`"resourcesAffected":{`), cutAfter(`"schemaVersion":`), cutAfter(`"schemaVersion":"1`), cutAfter(`"schemaVersion"`),
		replaceLine("{"), replaceLine(`{"`), replaceLine(`{"future":"\`), replaceLine(`{"future":"\u12`), replaceLine(`{,}`), replaceLine(`{"future":1,}`),
		func(line string) string { return line[:len(line)-1] },
		func(line string) string { return line[:len(line)-1] + "]" },
	)
	for _, s := range []string{
		`"future"`, `"future" 1`, `"future":`, `"future":,"b":1`, `"future":1 "b":2`, `"future":1,,"b":2`, `"future"::1`,
		`'future':1`, `future:1`, `1:1`, `null:1`, `"future":'x'`, `"future":x`,
		`"future":01`, `"future":-`, `"future":-01`, `"future":1.`, `"future":.5`, `"future":+1`, `"future":1e`, `"future":1e+`, `"future":0x10`,
		`"future":NaN`, `"future":Infinity`, `"future":-Infinity`, `"future":tru`, `"future":TRUE`, `"future":nulll`,
		"\"future\":\"a\tb\"", "\"future\":\"a\x00b\"", "\"future\":\"a\x1fb\"", "\"fut\x01ure\":1",
		`"future":"\x41"`, `"future":"\'"`, `"future":"\u12G4"`, `"future":"\U0041"`, `"fut\ure":1`,
		`"future":[1,]`, `"future":[1 2]`, `"future":[1}`, `"future":{"a":1]`, `"future":{"a"}`, `"future":[,1]`,
		"\f\"future\":1", `/* comment */"future":1`, "\"future\":1//",
	} {
		add(classMalformed, insertFields(s))
	}
	add(classTrailingText,
		appendText(" x"), appendText("{}"), appendText("}"), appendText("]"), appendText(","), appendText("\x00"), appendText(` "x"`), appendText("null"), appendText(" // end"),
		func(line string) string { return line + line },
		replaceLine(`{}{}`), replaceLine(`{} 1`),
	)
	add(classNotObject,
		replaceLine("[]"), replaceLine(`[{"schemaVersion":"1.0"}]`), replaceLine(`"text"`), replaceLine("42"), replaceLine("-1.5e3"), replaceLine("true"), replaceLine("false"), replaceLine("null"), replaceLine(" [ ] "),
	)
	for _, v := range []string{"1.0", "1e3", `""`, `"1.0"`, `"1e3"`, `" 1"`, `"1 "`, `"+1"`, `"01"`, `"-"`, `"--1"`, `"0x10"`, `"x"`, "true", "{}", "[1]", "-0.0"} {
		add(classWrongType, setValue("size", v))
	}
	for _, kv := range [][2]string{
		{"schemaVersion", "1"}, {"id", "5"}, {"id", `["x"]`}, {"region", "{}"}, {"accountId", "111122223333"},
		{"severity", `"High"`}, {"severity", "[]"}, {"score", "2.5"}, {"createdAt", "1767571200"}, {"createdAt", "{}"},
		{"resourcesAffected", "[]"}, {"s3Bucket", `""`}, {"owner", "true"}, {"tags", "{}"}, {"tags", `["a"]`}, {"tags", `[{"key":1}]`},
		{"encryptionType", "0"}, {"publicAccess", "1"}, {"sensitiveData", "{}"}, {"sensitiveData", `"none"`}, {"sensitiveData", "[5]"},
		{"detections", "[[]]"}, {"occurrences", "[]"}, {"records", "{}"}, {"records", "[1]"}, {"recordIndex", "0.5"}, {"recordIndex", `"0.0"`},
		{"customDataIdentifiers", "[]"}, {"totalCount", "1.5"}, {"status", `"COMPLETE"`}, {"mimeType", "0"},
	} {
		add(classWrongType, setValue(kv[0], kv[1]))
	}
	add(classWrongType,
		insertFields(`"sample":"true"`), insertFields(`"archived":0`), insertFields(`"updatedAt":false`),
		insertInto("s3Bucket", `"allowsUnencryptedObjectUploads":true`),
		insertInto("s3Object", `"embeddedFileDetails":[]`),
		// The first error counts.
		func(line string) string { return setValue("size", "1.0")(line) + " x" },
		func(line string) string { line = setValue("size", "1.0")(line); return line[:len(line)-1] },
	)
	add(classDuplicateField,
		repeatField("schemaVersion"), repeatField("id"), repeatField("accountId"), repeatField("severity"), repeatField("score"), repeatField("createdAt"),
		repeatField("resourcesAffected"), repeatField("s3Object"), repeatField("eTag"), repeatField("size"), repeatField("tags"), repeatField("encryptionType"),
		repeatField("classificationDetails"), repeatField("result"), repeatField("status"), repeatField("sensitiveData"), repeatField("detections"),
		repeatField("occurrences"), repeatField("records"), repeatField("recordIndex"), repeatField("jsonPath"),
		insertFields(`"id":null`), insertFields(`"\u0069d":"x"`), insertFields(`"\u0069\u0064":null`),
		setValue("tags", `[{"key":"a","key":"b","value":""}]`), setValue("tags", `[{"key":"a","value":"1","value":"1"}]`),
		// The second key comes before what is wrong with its value.
		func(line string) string { return setValue("size", `1,"size":1.0`)(line) },
	)
	add(classIntegerRange,
		setValue("size", "9223372036854775808"), setValue("size", `"9223372036854775808"`), setValue("size", "-9223372036854775809"), setValue("size", `"-9223372036854775809"`),
		setValue("size", strings.Repeat("9", 40)), setValue("size", `"1`+strings.Repeat("0", 400)+`"`),
		setValue("sizeClassified", "18446744073709551616"), setValue("totalCount", `"18446744073709551615"`), setValue("recordIndex", "99999999999999999999"),
	)
	for _, s := range []string{
		"\xff", "a\xfeb", "\xc0\x80", "\xc1\xbf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x80\x80\xaf", "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80",
		"\x80", "\xe2\x82", "\xf0\x9f\x94", "\xc3(", `\ud83d`, `\udd11`, `\ud83dx`, `\ud83d\u0041`, `\ud83d\n`, `\ud83d\ud83d\udd11`, `\udd11\ud83d`, `\uD800`, `\uDFFF`,
	} {
		add(classUTF8, insertFields(`"future":"`+s+`"`))
	}
	add(classUTF8,
		setValue("eTag", "\"\xff\""), setValue("eTag", `"\ud800"`), setValue("jsonPath", "\"$.\xe9\""), setValue("key", "\"caf\xe9.csv\""),
		insertFields("\"fut\xffure\":1"), insertFields(`"\udc00":1`), insertFields("\"future\":{\"a\":[\"\xff\"]}"),
		// The first error counts.
		func(line string) string { return insertFields("\"future\":\"\xff\"")(setValue("size", "1.0")(line)) },
	)
	for _, v := range []string{
		"", " ", "yesterday", "2026-01-05", "2026-01-05T00:00:00", "2026-01-05 00:00:00", "2026-01-05T00:00Z", "2026-01-05T00:00:00.Z",
		"2026-01-05T00:00:00+0200", "2026-01-05T00:00:00+02", "2026-01-05T00:00:00Zulu", " 2026-01-05T00:00:00Z", "2026-01-05T00:00:00Z ",
		"2026-1-5T0:0:0Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-02-30T00:00:00Z", "2025-02-29T00:00:00Z", "2026-01-00T00:00:00Z",
		"2026-01-05T25:00:00Z", "2026-01-05T00:60:00Z", "2026-01-05T00:00:61Z", "0000-06-01T00:00:00Z", "10000-01-01T00:00:00Z", "-001-01-01T00:00:00Z",
		"2026-01-05T00:00:00 Z", "1767571200", "2026-01-05T00:00:00,5Z", "２026-01-05T00:00:00Z",
	} {
		add(classTime, setValue("createdAt", `"`+v+`"`))
	}
	add(classTime, setValue("lastModified", `"2026-01-05T00:00:00"`), insertFields(`"updatedAtt":1`, `"updatedAt":"now"`))
	add(classTooManyValues,
		replaceLine(`{"resourcesAffected":{"s3Object":{"tags":[`+strings.Repeat(`{"key":"k"},`, 10_000)+`{"key":"k"}]}}}`),
	)
	add(classTagWithoutKey,
		setValue("tags", `[{"value":"x"}]`), setValue("tags", "[{}]"), setValue("tags", `[{"key":"a","value":"b"},{"value":"c"}]`),
		setValue("tags", `[{"key":null,"value":"c"}]`), setValue("tags", `[{"Key":"a","value":"c"}]`),
	)
	return list
}

// oddLines returns lines that look wrong but must be accepted.
func oddLines() []oddLine {
	future := []string{"future"}
	var list []oddLine
	add := func(unknown []string, edits ...edit) {
		for _, e := range edits {
			list = append(list, oddLine{make: e, unknown: unknown})
		}
	}
	add(nil,
		appendText("\r"), appendText(" \t "), func(line string) string { return " \t\r " + line },
		func(line string) string { return strings.Replace(line, `"id":`, "\"id\" \t:\r ", 1) },
		func(line string) string { return strings.Replace(line, `"id":`, `"\u0069d":`, 1) },
		func(line string) string { return strings.Replace(line, `"occurrences":`, `"o\u0063currences":`, 1) },
		setValue("tags", `[{"key":"a","value":"1"},{"key":"b"},{"key":"a","value":null}]`),
		setValue("tags", `[{"value":"1","key":"\ud83d\udd11"}]`), setValue("tags", `[]`), setValue("tags", "null"),
		setValue("size", "-0"), setValue("size", `"-0"`), setValue("size", "9223372036854775807"), setValue("size", `"-9223372036854775808"`), setValue("size", "null"),
		setValue("eTag", `"\u0000\b\f\n\r\t\"\\\/\u007f"`), setValue("eTag", `"\ud83d\udd11\uD83D\uDD11🔑"`), setValue("eTag", "\"\u2028\x7f\ufeff\U0010ffff\""), setValue("eTag", `""`),
		setValue("lastModified", `"2026-01-05T00:00:00.123456789123456789Z"`), setValue("lastModified", `"2026-01-05 23:59:59.9999+14:00"`), setValue("lastModified", `"2017-01-01T00:59:60.5+01:00"`),
		setValue("lastModified", `"1969-12-31T23:59:59.9995Z"`), setValue("lastModified", `"0001-01-01T00:00:00Z"`), setValue("lastModified", `"9999-12-31T23:59:59.999Z"`),
		setValue("lastModified", `"2024-02-29T00:00:00-00:00"`),
		setValue("createdAt", `"2026-03-01T00:30:00.5+02:00"`), setValue("encryptionType", `"aws:kms:future"`), setValue("sizeClassified", "-1"),
	)
	add([]string{"future", "future"}, insertFields(`"future":1,"future":{"id":1,"id":2}`))
	add(future,
		insertFields(`"f\u0075ture":""`), insertFields(`"future":1e400`), insertFields(`"future":-0.0E-0`),
		insertFields(`"future":12345678901234567890123456789`), insertFields(`"future":`+strings.Repeat("[", 250)+strings.Repeat("]", 250)),
		insertFields(`"future":"`+strings.Repeat("long ", 20_000)+`"`), insertFields(`"future":{"":{},"é":[[],{}]}`), insertFields(`"future":false`),
	)
	add([]string{"ID", "SchemaVersion"}, insertFields(`"ID":1,"SchemaVersion":[]`))
	add([]string{"classificationdetails"}, insertFields(`"classificationdetails":{"result":{"sensitiveData":[{}]}}`))
	add([]string{"resourcesAffected.s3Object.tag"}, insertInto("s3Object", `"tag":[{"value":"no key"}]`))

	results := func() *tally {
		t := newTally()
		t.rows.Results++
		return t
	}
	for _, line := range []string{
		"{}", " {\t} ",
		`{"schemaVersion":null,"id":null,"createdAt":null,"severity":null,"resourcesAffected":null,"classificationDetails":null,"sample":null,"count":null}`,
		`{"id":"","resourcesAffected":{"s3Bucket":null,"s3Object":{}},"classificationDetails":{"result":{"sensitiveData":null,"customDataIdentifiers":null,"status":{}}}}`,
		`{"classificationDetails":{"jobId":null,"result":{"sensitiveData":[],"customDataIdentifiers":{}}},"severity":{}}`,
	} {
		list = append(list, oddLine{make: replaceLine(line), tally: results})
	}
	// An order of keys that no program is known to write.
	list = append(list, oddLine{
		make: setValue("result", `{"customDataIdentifiers":{"detections":[{"occurrences":{"records":[{"jsonPath":"$.a","recordIndex":"0"}],"cells":[{"column":1,"row":"2"}]},"count":"2","name":"order","arn":"x"}],"totalCount":2},`+
			`"sensitiveData":[{"detections":[{"occurrences":{"pages":[{"offsetRange":{"end":"9","start":1},"pageNumber":3}],"offsetRanges":[{"start":"5","end":8}],"lineRanges":[{"startColumn":null,"end":1,"start":1}]},"count":3,"type":"NAME"},{"type":"ADDRESS","count":"-0","occurrences":null}],"totalCount":"3","category":"PERSONAL_INFORMATION"}],`+
			`"additionalOccurrences":null,"mimeType":null,"status":null}`),
		tally: func() *tally {
			t := results()
			t.addDetection("NAME", 3, 3)
			t.addDetection("ADDRESS", 0, 0)
			t.addDetection("order", 2, 2)
			t.kinds = Kinds{Cell: 1, Line: 1, Offset: 1, Page: 1, Record: 1}
			return t
		},
	})
	return list
}

// replaceLine replaces the whole line.
func replaceLine(s string) edit { return func(string) string { return s } }

// appendText appends s to the line.
func appendText(s string) edit { return func(line string) string { return line + s } }

// cutAfter cuts the line after the first s.
func cutAfter(s string) edit {
	return func(line string) string { return line[:mustIndex(line, s)+len(s)] }
}

// insertFields inserts fields, such as `"future":1`, at the beginning of the line.
func insertFields(fields ...string) edit {
	return func(line string) string { return "{" + strings.Join(fields, ",") + "," + line[1:] }
}

// setValue replaces the value of the first field with that name.
func setValue(name, value string) edit {
	return func(line string) string {
		start, end := findValue(line, name)
		return line[:start] + value + line[end:]
	}
}

// repeatField repeats the first field with that name.
func repeatField(name string) edit {
	return func(line string) string {
		start, end := findValue(line, name)
		return line[:end] + `,"` + name + `":` + line[start:end] + line[end:]
	}
}

// insertInto inserts a field at the beginning of the JSON object in the first field
// with the name object.
func insertInto(object, field string) edit {
	return func(line string) string {
		start, _ := findValue(line, object)
		return line[:start] + "{" + field + "," + line[start+1:]
	}
}

// findValue returns the range of the value of the first field with that name.
func findValue(line, name string) (start, end int) {
	start = mustIndex(line, `"`+name+`":`) + len(name) + 3
	depth, inString := 0, false
	for i := start; i < len(line); i++ {
		switch c := line[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			depth++
		case (c == '}' || c == ']') && depth > 0:
			depth--
		case (c == ',' || c == '}' || c == ']') && depth == 0:
			return start, i
		}
	}
	panic(fmt.Sprintf("gen: the template has no whole value for %s", name))
}

// mustIndex returns the index of the first s. It panics if the line lacks s: tests
// apply every edit to the template of bad lines.
func mustIndex(line, s string) int {
	i := strings.Index(line, s)
	if i < 0 {
		panic("gen: the template has no " + s)
	}
	return i
}
