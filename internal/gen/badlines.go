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

// edit makes a line from a valid one. Neither has a newline.
type edit func(line string) string

// badLine is a line that must be rejected for its first error, by offset.
type badLine struct {
	class string
	make  edit
}

// oddLine is a line that must be accepted.
type oddLine struct {
	make    edit
	unknown []string      // paths of its unknown fields
	tally   func() *tally // nil if it has the same rows as the line it is made from
}

// badLines returns lines of every class, grouped by class.
func badLines() []badLine {
	var list []badLine
	add := func(class string, edits ...edit) {
		for _, e := range edits {
			list = append(list, badLine{class, e})
		}
	}
	add(classLineTooLong,
		field(`"future":"`+strings.Repeat("x", maxLineBytes+1)+`"`),
		field(`"future":"`+strings.Repeat(`\u00e9`, maxLineBytes/2)+`"`),
	)
	add(classNesting,
		field(`"future":`+strings.Repeat("[", 300)+strings.Repeat("]", 300)),
		field(`"future":`+strings.Repeat(`{"a":`, 300)+"1"+strings.Repeat("}", 300)),
		field(`"future":`+strings.Repeat("[", 100_000)),
		field(`"future":`+strings.Repeat(`[{"":`, 5000)),
	)
	add(classMalformed,
		upTo(`"resourcesAffected":{`), upTo(`"schemaVersion":`), upTo(`"schemaVersion":"1`), upTo(`"schemaVersion"`),
		text("{"), text(`{"`), text(`{"future":"\`), text(`{"future":"\u12`), text(`{,}`), text(`{"future":1,}`),
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
		add(classMalformed, field(s))
	}
	add(classTrailingText,
		then(" x"), then("{}"), then("}"), then("]"), then(","), then("\x00"), then(` "x"`), then("null"), then(" // end"),
		func(line string) string { return line + line },
		text(`{}{}`), text(`{} 1`),
	)
	add(classNotObject,
		text("[]"), text(`[{"schemaVersion":"1.0"}]`), text(`"text"`), text("42"), text("-1.5e3"), text("true"), text("false"), text("null"), text(" [ ] "),
	)
	for _, v := range []string{"1.0", "1e3", `""`, `"1.0"`, `"1e3"`, `" 1"`, `"1 "`, `"+1"`, `"01"`, `"-"`, `"--1"`, `"0x10"`, `"x"`, "true", "{}", "[1]", "-0.0"} {
		add(classWrongType, set("size", v))
	}
	for _, kv := range [][2]string{
		{"schemaVersion", "1"}, {"id", "5"}, {"id", `["x"]`}, {"region", "{}"}, {"accountId", "111122223333"},
		{"severity", `"High"`}, {"severity", "[]"}, {"score", "2.5"}, {"createdAt", "1767571200"}, {"createdAt", "{}"},
		{"resourcesAffected", "[]"}, {"s3Bucket", `""`}, {"owner", "true"}, {"tags", "{}"}, {"tags", `["a"]`}, {"tags", `[{"key":1}]`},
		{"encryptionType", "0"}, {"publicAccess", "1"}, {"sensitiveData", "{}"}, {"sensitiveData", `"none"`}, {"sensitiveData", "[5]"},
		{"detections", "[[]]"}, {"occurrences", "[]"}, {"records", "{}"}, {"records", "[1]"}, {"recordIndex", "0.5"}, {"recordIndex", `"0.0"`},
		{"customDataIdentifiers", "[]"}, {"totalCount", "1.5"}, {"status", `"COMPLETE"`}, {"mimeType", "0"},
	} {
		add(classWrongType, set(kv[0], kv[1]))
	}
	add(classWrongType,
		field(`"sample":"true"`), field(`"archived":0`), field(`"updatedAt":false`),
		within("s3Bucket", `"allowsUnencryptedObjectUploads":true`),
		within("s3Object", `"embeddedFileDetails":[]`),
		// The first error counts.
		func(line string) string { return set("size", "1.0")(line) + " x" },
		func(line string) string { line = set("size", "1.0")(line); return line[:len(line)-1] },
	)
	add(classDuplicateField,
		twice("schemaVersion"), twice("id"), twice("accountId"), twice("severity"), twice("score"), twice("createdAt"),
		twice("resourcesAffected"), twice("s3Object"), twice("eTag"), twice("size"), twice("tags"), twice("encryptionType"),
		twice("classificationDetails"), twice("result"), twice("status"), twice("sensitiveData"), twice("detections"),
		twice("occurrences"), twice("records"), twice("recordIndex"), twice("jsonPath"),
		field(`"id":null`), field(`"\u0069d":"x"`), field(`"\u0069\u0064":null`),
		set("tags", `[{"key":"a","key":"b","value":""}]`), set("tags", `[{"key":"a","value":"1","value":"1"}]`),
		// The second key comes before what is wrong with its value.
		func(line string) string { return set("size", `1,"size":1.0`)(line) },
	)
	add(classIntegerRange,
		set("size", "9223372036854775808"), set("size", `"9223372036854775808"`), set("size", "-9223372036854775809"), set("size", `"-9223372036854775809"`),
		set("size", strings.Repeat("9", 40)), set("size", `"1`+strings.Repeat("0", 400)+`"`),
		set("sizeClassified", "18446744073709551616"), set("totalCount", `"18446744073709551615"`), set("recordIndex", "99999999999999999999"),
	)
	for _, s := range []string{
		"\xff", "a\xfeb", "\xc0\x80", "\xc1\xbf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x80\x80\xaf", "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80",
		"\x80", "\xe2\x82", "\xf0\x9f\x94", "\xc3(", `\ud83d`, `\udd11`, `\ud83dx`, `\ud83d\u0041`, `\ud83d\n`, `\ud83d\ud83d\udd11`, `\udd11\ud83d`, `\uD800`, `\uDFFF`,
	} {
		add(classUTF8, field(`"future":"`+s+`"`))
	}
	add(classUTF8,
		set("eTag", "\"\xff\""), set("eTag", `"\ud800"`), set("jsonPath", "\"$.\xe9\""), set("key", "\"caf\xe9.csv\""),
		field("\"fut\xffure\":1"), field(`"\udc00":1`), field("\"future\":{\"a\":[\"\xff\"]}"),
		// The first error counts.
		func(line string) string { return field("\"future\":\"\xff\"")(set("size", "1.0")(line)) },
	)
	for _, v := range []string{
		"", " ", "yesterday", "2026-01-05", "2026-01-05T00:00:00", "2026-01-05 00:00:00", "2026-01-05T00:00Z", "2026-01-05T00:00:00.Z",
		"2026-01-05T00:00:00+0200", "2026-01-05T00:00:00+02", "2026-01-05T00:00:00Zulu", " 2026-01-05T00:00:00Z", "2026-01-05T00:00:00Z ",
		"2026-1-5T0:0:0Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-02-30T00:00:00Z", "2025-02-29T00:00:00Z", "2026-01-00T00:00:00Z",
		"2026-01-05T25:00:00Z", "2026-01-05T00:60:00Z", "2026-01-05T00:00:61Z", "0000-06-01T00:00:00Z", "10000-01-01T00:00:00Z", "-001-01-01T00:00:00Z",
		"2026-01-05T00:00:00 Z", "1767571200", "2026-01-05T00:00:00,5Z", "２026-01-05T00:00:00Z",
	} {
		add(classTime, set("createdAt", `"`+v+`"`))
	}
	add(classTime, set("lastModified", `"2026-01-05T00:00:00"`), field(`"updatedAtt":1`, `"updatedAt":"now"`))
	add(classTooManyValues,
		text(`{"resourcesAffected":{"s3Object":{"tags":[`+strings.Repeat(`{"key":"k"},`, 10_000)+`{"key":"k"}]}}}`),
	)
	add(classTagWithoutKey,
		set("tags", `[{"value":"x"}]`), set("tags", "[{}]"), set("tags", `[{"key":"a","value":"b"},{"value":"c"}]`),
		set("tags", `[{"key":null,"value":"c"}]`), set("tags", `[{"Key":"a","value":"c"}]`),
	)
	return list
}

// oddLines returns lines that must be accepted.
func oddLines() []oddLine {
	future := []string{"future"}
	var list []oddLine
	add := func(unknown []string, edits ...edit) {
		for _, e := range edits {
			list = append(list, oddLine{make: e, unknown: unknown})
		}
	}
	add(nil,
		then("\r"), then(" \t "), func(line string) string { return " \t\r " + line },
		func(line string) string { return strings.Replace(line, `"id":`, "\"id\" \t:\r ", 1) },
		func(line string) string { return strings.Replace(line, `"id":`, `"\u0069d":`, 1) },
		func(line string) string { return strings.Replace(line, `"occurrences":`, `"o\u0063currences":`, 1) },
		set("tags", `[{"key":"a","value":"1"},{"key":"b"},{"key":"a","value":null}]`),
		set("tags", `[{"value":"1","key":"\ud83d\udd11"}]`), set("tags", `[]`), set("tags", "null"),
		set("size", "-0"), set("size", `"-0"`), set("size", "9223372036854775807"), set("size", `"-9223372036854775808"`), set("size", "null"),
		set("eTag", `"\u0000\b\f\n\r\t\"\\\/\u007f"`), set("eTag", `"\ud83d\udd11\uD83D\uDD11🔑"`), set("eTag", "\"\u2028\x7f\ufeff\U0010ffff\""), set("eTag", `""`),
		set("lastModified", `"2026-01-05T00:00:00.123456789123456789Z"`), set("lastModified", `"2026-01-05 23:59:59.9999+14:00"`), set("lastModified", `"2017-01-01T00:59:60.5+01:00"`),
		set("lastModified", `"1969-12-31T23:59:59.9995Z"`), set("lastModified", `"0001-01-01T00:00:00Z"`), set("lastModified", `"9999-12-31T23:59:59.999Z"`),
		set("lastModified", `"2024-02-29T00:00:00-00:00"`),
		set("createdAt", `"2026-03-01T00:30:00.5+02:00"`), set("encryptionType", `"aws:kms:future"`), set("sizeClassified", "-1"),
	)
	add([]string{"future", "future"}, field(`"future":1,"future":{"id":1,"id":2}`))
	add(future,
		field(`"f\u0075ture":""`), field(`"future":1e400`), field(`"future":-0.0E-0`),
		field(`"future":12345678901234567890123456789`), field(`"future":`+strings.Repeat("[", 250)+strings.Repeat("]", 250)),
		field(`"future":"`+strings.Repeat("long ", 20_000)+`"`), field(`"future":{"":{},"é":[[],{}]}`), field(`"future":false`),
	)
	add([]string{"ID", "SchemaVersion"}, field(`"ID":1,"SchemaVersion":[]`))
	add([]string{"classificationdetails"}, field(`"classificationdetails":{"result":{"sensitiveData":[{}]}}`))
	add([]string{"resourcesAffected.s3Object.tag"}, within("s3Object", `"tag":[{"value":"no key"}]`))

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
		list = append(list, oddLine{make: text(line), tally: results})
	}
	// Keys in another order than anyone writes them.
	list = append(list, oddLine{
		make: set("result", `{"customDataIdentifiers":{"detections":[{"occurrences":{"records":[{"jsonPath":"$.a","recordIndex":"0"}],"cells":[{"column":1,"row":"2"}]},"count":"2","name":"order","arn":"x"}],"totalCount":2},`+
			`"sensitiveData":[{"detections":[{"occurrences":{"pages":[{"offsetRange":{"end":"9","start":1},"pageNumber":3}],"offsetRanges":[{"start":"5","end":8}],"lineRanges":[{"startColumn":null,"end":1,"start":1}]},"count":3,"type":"NAME"},{"type":"ADDRESS","count":"-0","occurrences":null}],"totalCount":"3","category":"PERSONAL_INFORMATION"}],`+
			`"additionalOccurrences":null,"mimeType":null,"status":null}`),
		tally: func() *tally {
			t := results()
			t.detection("NAME", 3, 3)
			t.detection("ADDRESS", 0, 0)
			t.detection("order", 2, 2)
			t.kinds = Kinds{Cell: 1, Line: 1, Offset: 1, Page: 1, Record: 1}
			return t
		},
	})
	return list
}

// text replaces the line.
func text(s string) edit { return func(string) string { return s } }

// then appends s to the line.
func then(s string) edit { return func(line string) string { return line + s } }

// upTo cuts the line after the first s.
func upTo(s string) edit {
	return func(line string) string { return line[:mustIndex(line, s)+len(s)] }
}

// field inserts fields at the beginning.
func field(fields ...string) edit {
	return func(line string) string { return "{" + strings.Join(fields, ",") + "," + line[1:] }
}

// set replaces the value of the first field of a name.
func set(name, value string) edit {
	return func(line string) string {
		start, end := valueOf(line, name)
		return line[:start] + value + line[end:]
	}
}

// twice repeats the first field of a name.
func twice(name string) edit {
	return func(line string) string {
		start, end := valueOf(line, name)
		return line[:end] + `,"` + name + `":` + line[start:end] + line[end:]
	}
}

// within inserts a field at the beginning of the first object of a name.
func within(object, field string) edit {
	return func(line string) string {
		start, _ := valueOf(line, object)
		return line[:start] + "{" + field + "," + line[start+1:]
	}
}

// valueOf returns the range of the value of the first field of a name.
func valueOf(line, name string) (start, end int) {
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

// mustIndex panics where the template of bad lines lacks what an edit needs,
// which a test of all edits excludes.
func mustIndex(line, s string) int {
	i := strings.Index(line, s)
	if i < 0 {
		panic("gen: the template has no " + s)
	}
	return i
}
