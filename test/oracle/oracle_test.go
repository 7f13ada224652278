package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var (
	rawFlag     = flag.String("raw", os.Getenv("ORACLE_RAW"), "raw results to compare with -dataset")
	datasetFlag = flag.String("dataset", os.Getenv("ORACLE_DATASET"), "dataset that was converted from -raw")
	skipFlag    = flag.String("skip", os.Getenv("ORACLE_SKIP"), "description of -raw that names its bad lines and sources")
)

// TestDataset compares a converted dataset with its raw input.
func TestDataset(t *testing.T) {
	if *rawFlag == "" || *datasetFlag == "" {
		t.Skip("no -raw and -dataset (or ORACLE_RAW and ORACLE_DATASET)")
	}
	args := []string{"compare", "--raw", *rawFlag, "--dataset", *datasetFlag, "--skip", *skipFlag}
	var out bytes.Buffer
	err := run(context.Background(), args, &out)
	t.Logf("\n%s", &out)
	if err != nil {
		t.Fatal(err)
	}
}

// asReal is a result with integers as strings, unused lists empty, as real
// files have it.
const asReal = `{"schemaVersion":"1.0","id":"r1","accountId":"111122223333","partition":"aws","region":"us-east-1",` +
	`"type":"SensitiveData:S3Object/Multiple","title":"It\u0027s","description":"d","severity":{"score":"3","description":"High"},` +
	`"createdAt":"2026-11-14T19:44:10Z","resourcesAffected":{"s3Bucket":{"arn":"arn:aws:s3:::b","name":"b",` +
	`"createdAt":"2021-01-19T18:41:37Z","owner":{"displayName":"o","id":"oid"},"tags":[],` +
	`"defaultServerSideEncryption":{"encryptionType":"AES256"},"publicAccess":{"permissionConfiguration":{` +
	`"bucketLevelPermissions":{"accessControlList":{"allowsPublicReadAccess":false,"allowsPublicWriteAccess":true},` +
	`"bucketPolicy":{"allowsPublicReadAccess":true,"allowsPublicWriteAccess":false},` +
	`"blockPublicAccess":{"ignorePublicAcls":true,"restrictPublicBuckets":false,"blockPublicAcls":true,"blockPublicPolicy":false}},` +
	`"accountLevelPermissions":{"blockPublicAccess":{"ignorePublicAcls":false,"restrictPublicBuckets":true,` +
	`"blockPublicAcls":false,"blockPublicPolicy":true}}},"effectivePermission":"NOT_PUBLIC"}},` +
	`"s3Object":{"bucketArn":"arn:aws:s3:::b","key":"k=\u003d\u00e9.csv","path":"b/k","extension":"csv",` +
	`"lastModified":"2021-02-02T01:27:44Z","eTag":"e","versionId":"","serverSideEncryption":{"encryptionType":"AES256"},` +
	`"size":"40200","storageClass":"STANDARD","tags":[],"publicAccess":false}},"category":"CLASSIFICATION",` +
	`"classificationDetails":{"jobArn":"ja","result":{"status":{"code":"COMPLETE"},"sizeClassified":"5000000000","mimeType":"text/csv",` +
	`"sensitiveData":[{"category":"FINANCIAL_INFORMATION","totalCount":"30","detections":[` +
	`{"type":"CREDIT_CARD_NUMBER","count":"3000000000","occurrences":{"lineRanges":[{"start":"5","end":"6","startColumn":"7"}],"pages":[],` +
	`"records":[{"recordIndex":"0","jsonPath":"$[0][\u0027Card Number\u0027]"},{"recordIndex":"1"}],` +
	`"cells":[{"row":"2","column":"12","columnName":"email"},{"row":"3","column":"4","cellReference":"Sheet2!C5"}]}}]},` +
	`{"category":"EMPTY","totalCount":"0","detections":[]},` +
	`{"category":"PERSONAL_INFORMATION","totalCount":"12","detections":[{"type":"NAME","count":"2","occurrences":{}},` +
	`{"type":"ADDRESS","count":"10"}]}],` +
	`"customDataIdentifiers":{"totalCount":"1","detections":[{"arn":"bb33","name":"email check","count":"1",` +
	`"occurrences":{"lineRanges":[],"pages":[],"records":[],"cells":[{"row":"2","column":"12","columnName":"email"}]}}]}},` +
	`"detailedResultsLocation":"s3://x","jobId":"j"}}`

// asDescribed has numbers, nulls, and unknown fields at every level.
const asDescribed = `{"newTop":1.50,"id":"r2","accountId":"444455556666","region":"eu-west-1","createdAt":"2026-12-01T00:30:00.9876543+01:00",` +
	`"updatedAt":"2020-10-26 13:47:03.127999-00:30","sample":true,"archived":false,"count":2,` +
	`"severity":{"score":1,"description":"Low","x":null},"ID":"other case","newTop":{"b":[1,{"a":"\u00e9"}]},` +
	`"classificationDetails":{"jobArn":null,"jobId":null,"originType":"AUTOMATED_SENSITIVE_DATA_DISCOVERY","result":{` +
	`"status":{"code":"PARTIAL","reason":"FILE_EXCEEDS_SIZE_LIMIT"},"sizeClassified":9223372036854775807,"additionalOccurrences":true,` +
	`"sensitiveData":[{"category":"CREDENTIALS","totalCount":null,"detections":[{"type":"K","count":null,"occurrences":{` +
	`"cells":null,"records":null,"offsetRanges":[{"start":1,"end":2,"startColumn":3}],` +
	`"pages":[{"pageNumber":5,"lineRange":{"start":10,"end":11,"startColumn":12},"offsetRange":null},` +
	`{"pageNumber":6,"offsetRange":{"start":20,"end":21,"startColumn":22,"y":"z"}}]}}]}],` +
	`"customDataIdentifiers":{"detections":[],"totalCount":0}}},` +
	`"resourcesAffected":{"s3Bucket":{"name":"b2","tags":[{"key":"a","value":"1"},{"key":"b","value":null},{"key":"a","value":"2"},{"key":"c"}],` +
	`"allowsUnencryptedObjectUploads":"UNKNOWN","publicAccess":null},` +
	`"s3Object":{"key":"a.zip","versionId":"v1","size":123,"tags":null,"publicAccess":null,` +
	`"embeddedFileDetails":{"filePath":"in/\u0000\ud83d\ude00.txt","fileExtension":"txt","fileSize":"9","fileLastModified":"1969-12-31T23:59:59.9999Z"}}}}`

// writeArchive writes a small archive in Macie's key layout and returns its
// directory: gzip in two members, blank lines, CRLF, a byte order mark, no
// newline at an end, a capped detection, an object that is no result.
func writeArchive(t *testing.T) string {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var many []string
	for i := range 1000 {
		many = append(many, fmt.Sprintf(`{"row":%d,"column":1}`, i+1))
	}
	capped := fmt.Sprintf(`{"id":"r3","createdAt":"2026-11-30T23:59:59Z","classificationDetails":{"result":{"sensitiveData":[`+
		`{"detections":[{"type":"T","count":1001,"occurrences":{"cells":[%s]}},{"type":"U","count":1000,"occurrences":{"cells":[%[1]s]}}]}]}}}`,
		strings.Join(many, ","))
	job := filepath.Join(root, "pre fix", "AWSLogs", "999988887777", "Macie", "us-east-1", "job")
	files := map[string][]byte{
		filepath.Join(job, "one.jsonl.gz"):                append(zipped("\ufeff"+asReal+"\r\n\n"), zipped(" \t\n"+asDescribed)...),
		filepath.Join(job, "444455556666", "two.jsonl"):   []byte(capped + "\n{}\n"),
		filepath.Join(root, "macie-test-object"):          []byte("{"),
		filepath.Join(root, "x", "bad=é.jsonl.gz"):        zipped("{\n" + asReal + "\n"),
		filepath.Join(root, "x", "truncated.jsonl.gz"):    zipped(asReal)[:100],
		filepath.Join(filepath.Dir(root), "rejects.json"): []byte(`{"rejects":{"lines":[{"path":"x/bad=é.jsonl.gz","line":1,"class":"syntax"}],"sources":[{"path":"x/truncated.jsonl.gz","class":"truncated"}]}}`),
	}
	for name, data := range files {
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(root, filepath.Join(root, "loop")); err != nil {
		t.Fatal(err)
	}
	return root
}

func skipOf(root string) string { return filepath.Join(filepath.Dir(root), "rejects.json") }

func zipped(text string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write([]byte(text))
	z.Close()
	return b.Bytes()
}

// expect returns a DuckDB that has the expected tables of the archive.
func expect(t *testing.T, root string) *duck {
	t.Helper()
	d, err := openDuck(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.close)
	name := skipOf(root)
	if _, err := os.Stat(name); err != nil {
		name = ""
	}
	in, err := openRaw(root, name)
	if err != nil {
		t.Fatal(err)
	}
	var batch []line
	for _, path := range in.paths {
		problems, err := in.read(path, func(l line) error {
			batch = append(batch, l)
			return nil
		})
		if err != nil || len(problems) > 0 {
			t.Fatal(problems, err)
		}
	}
	mustExec(t, d, `CREATE TEMP TABLE origins(source_uri VARCHAR, run_id VARCHAR, source_etag VARCHAR)`)
	if err := d.load(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	return d
}

func mustExec(t *testing.T, d *duck, statement string) {
	t.Helper()
	if err := d.exec(t.Context(), statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// writeDataset writes the expected tables in the dataset's layout, changed by
// the replacements: what to select instead of a column, by table.column, and
// the condition on the rows, by table.
func writeDataset(t *testing.T, d *duck, replaced map[string]string) string {
	t.Helper()
	out := t.TempDir()
	for _, tab := range tables() {
		var list []string
		for _, c := range tab.columns {
			value := c.name
			if r, ok := replaced[tab.name+"."+c.name]; ok {
				value = r
			}
			list = append(list, value+" AS "+c.name)
		}
		rows := "x_" + tab.name
		if r, ok := replaced[tab.name]; ok {
			rows = r
		}
		month := "coalesce(strftime(created_at, '%Y-%m'), '1970-01')"
		if r, ok := replaced[tab.name+".created_month"]; ok {
			month = r
		}
		mustExec(t, d, fmt.Sprintf(`COPY (SELECT %s, %s AS created_month FROM %s) TO %s (FORMAT parquet, PARTITION_BY (created_month))`,
			strings.Join(list, ", "), month, rows, quote(filepath.Join(out, tab.name))))
	}
	return out
}

func compareDuckDB(t *testing.T, root, out, skip string) *difference {
	t.Helper()
	d, err := compare(t.Context(), comparison{
		raw: root, dataset: out, skip: skip, tables: tables(), batchBytes: 50_000,
	})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestExpectedValues holds what the SQL makes of the input above, by hand.
func TestExpectedValues(t *testing.T) {
	d := expect(t, writeArchive(t))
	cases := []struct{ what, query, want string }{
		{"lines", `SELECT string_agg(result_id || '@' || source_line, ' ' ORDER BY source_uri, source_line)
			FROM x_results WHERE result_id IS NOT NULL`, "r3@1 r1@1 r2@4 r1@2"},
		{"a line with nothing", `SELECT concat_ws('|', source_line, coalesce(result_id, 'null'), type_count, occurrence_count, location_count,
			sensitive_total_count, coalesce(custom_total_count, -1), is_archive_member, coalesce(object_tags::VARCHAR, 'null'), coalesce(unrecognized, 'null'))
			FROM x_results WHERE result_id IS NULL`, "2|null|0|0|0|0|-1|false|null|null"},
		{"uri", `SELECT regexp_extract(min(source_uri), '/x/.*') FROM x_results WHERE source_uri LIKE '%/x/%'`, "/x/bad=é.jsonl.gz"},
		{"prefix in uri", `SELECT count(*) FROM x_results WHERE source_uri LIKE '/%/pre fix/AWSLogs/%'`, "4"},
		{"admin account", `SELECT string_agg(DISTINCT coalesce(admin_account_id, 'none'), ' ' ORDER BY coalesce(admin_account_id, 'none')) FROM x_results`, "999988887777 none"},
		{"admin account of a path", `SELECT string_agg(coalesce(admin_of(p), 'none'), ' ' ORDER BY i) FROM (VALUES
			(1, '/a/AWSLogs/1/Macie/r/x'), (2, 'AWSLogs/2/Macie/r/x'), (3, '/AWSLogs/1/Macie/AWSLogs/3/Macie/x'),
			(4, '/xAWSLogs/4/Macie/r'), (5, '/AWSLogs/5/6/Macie/r'), (6, '/AWSLogs//Macie/r')) t(i, p)`, "1 2 3 none none none"},
		{"real integers", `SELECT concat_ws('|', size_classified, object_size, severity_score, sensitive_total_count, custom_total_count,
			type_count, occurrence_count, location_count) FROM x_results WHERE result_id = 'r1' LIMIT 1`, "5000000000|40200|3|42|1|4|3000000013|6"},
		{"described integers", `SELECT concat_ws('|', size_classified, object_size, severity_score, finding_count, sensitive_total_count, custom_total_count,
			type_count, occurrence_count, location_count) FROM x_results WHERE result_id = 'r2'`, "9223372036854775807|123|1|2|0|0|1|0|3"},
		{"times", `SELECT concat_ws('|', created_at, updated_at, archive_member_last_modified) FROM x_results WHERE result_id = 'r2'`,
			"2026-11-30 23:30:00.987654+00|2020-10-26 14:17:03.127999+00|1969-12-31 23:59:59.9999+00"},
		{"text", `SELECT title || object_key FROM x_results WHERE result_id = 'r1' LIMIT 1`, "It'sk==é.csv"},
		{"member", `SELECT concat_ws('|', is_archive_member, archive_member_path = 'in/' || chr(0) || '😀.txt', archive_member_extension, archive_member_size)
			FROM x_results WHERE result_id = 'r2'`, "true|true|txt|9"},
		{"versions", `SELECT string_agg(result_id || '=' || coalesce(object_version_id, 'null'), ' ' ORDER BY result_id)
			FROM (SELECT DISTINCT result_id, object_version_id FROM x_results WHERE result_id <> 'r3')`, "r1=null r2=v1"},
		{"tags", `SELECT concat_ws('|', bucket_tags, coalesce(object_tags::VARCHAR, 'null')) FROM x_results WHERE result_id = 'r2'`, "{b=NULL, a=2, c=NULL}|null"},
		{"no tags", `SELECT concat_ws('|', bucket_tags, object_tags) FROM x_results WHERE result_id = 'r1' LIMIT 1`, "{}|{}"},
		{"permissions", `SELECT concat_ws(' ', bucket_acl_public_read::INT, bucket_acl_public_write::INT, bucket_policy_public_read::INT, bucket_policy_public_write::INT,
			bucket_block_public_acls::INT, bucket_block_public_policy::INT, bucket_ignore_public_acls::INT, bucket_restrict_public_buckets::INT,
			account_block_public_acls::INT, account_block_public_policy::INT, account_ignore_public_acls::INT, account_restrict_public_buckets::INT)
			FROM x_results WHERE result_id = 'r1' LIMIT 1`, "0 1 1 0 1 0 1 0 0 1 0 1"},
		{"absent booleans", `SELECT count(*) FROM x_results WHERE result_id = 'r2' AND bucket_acl_public_read IS NULL AND account_block_public_acls IS NULL
			AND object_public_access IS NULL AND sample AND NOT archived AND additional_occurrences`, "1"},
		{"unrecognized", `SELECT unrecognized FROM x_results WHERE result_id = 'r2'`,
			`{"ID":"other case","classificationDetails.result.sensitiveData[0].detections[0].occurrences.pages[1].offsetRange.y":"z",` +
				`"newTop":{"b":[1,{"a":"é"}]},"severity.x":null}`},
		{"detections", `SELECT string_agg(concat_ws(',', detection_index, identifier_kind, category, detection_type, custom_identifier_arn, occurrence_count, location_count, is_capped), ' ' ORDER BY detection_index)
			FROM x_detections WHERE result_id = 'r1' AND source_line = 1`,
			"0,managed,FINANCIAL_INFORMATION,CREDIT_CARD_NUMBER,3000000000,5,false 1,managed,PERSONAL_INFORMATION,NAME,2,0,false " +
				"2,managed,PERSONAL_INFORMATION,ADDRESS,10,0,false 3,custom,CUSTOM_IDENTIFIER,email check,bb33,1,1,false"},
		{"capped", `SELECT string_agg(concat_ws(',', detection_type, occurrence_count, location_count, is_capped), ' ' ORDER BY detection_index)
			FROM x_detections WHERE result_id = 'r3'`, "T,1001,1000,true U,1000,1000,false"},
		{"no count", `SELECT concat_ws(',', coalesce(occurrence_count::VARCHAR, 'null'), location_count, is_capped) FROM x_detections WHERE result_id = 'r2'`, "null,3,false"},
		{"occurrences", `SELECT string_agg(concat_ws(',', detection_index, occurrence_index, location_kind, cell_row, cell_column, cell_column_name, cell_reference,
			line_start, line_end, line_start_column, record_index, json_path), ' ' ORDER BY detection_index, occurrence_index)
			FROM x_occurrences WHERE result_id = 'r1' AND source_line = 1`,
			"0,0,cell,2,12,email 0,1,cell,3,4,Sheet2!C5 0,2,line,5,6,7 0,3,record,0,$[0]['Card Number'] 0,4,record,1 3,0,cell,2,12,email"},
		{"pages", `SELECT string_agg(concat_ws(',', occurrence_index, location_kind, page_number, 'l', line_start, line_end, line_start_column,
			'o', offset_start, offset_end, offset_start_column), ' ' ORDER BY occurrence_index) FROM x_occurrences WHERE result_id = 'r2'`,
			"0,offset,l,o,1,2,3 1,page,5,l,10,11,12,o 2,page,6,l,o,20,21,22"},
	}
	for _, c := range cases {
		t.Run(c.what, func(t *testing.T) {
			var got string
			if err := d.conn.QueryRowContext(t.Context(), c.query).Scan(&got); err != nil {
				t.Fatal(err)
			}
			if got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// TestTimes holds the forms that a time can have.
func TestTimes(t *testing.T) {
	d := expect(t, writeArchive(t))
	for in, want := range map[string]string{
		"2021-09-14T19:44:10Z":              "2021-09-14 19:44:10+00",
		"2021-09-14t19:44:10z":              "2021-09-14 19:44:10+00",
		"2020-10-26 13:47:03.127000+00:00":  "2020-10-26 13:47:03.127+00",
		"2021-09-14T19:44:10.1Z":            "2021-09-14 19:44:10.1+00",
		"0001-01-01T00:00:00Z":              "0001-01-01 00:00:00+00",
		"9999-12-31T23:59:59.999999999Z":    "9999-12-31 23:59:59.999999+00",
		"2021-09-14T19:44:10.999999+05:30":  "2021-09-14 14:14:10.999999+00",
		"2021-09-14T19:44:10":               "null",
		"2021-13-14T19:44:10Z":              "null",
		"2021-09-14T19:44:10.Z":             "null",
		"1960-02-29T00:00:00.0009999-23:59": "1960-02-29 23:59:00.000999+00",
	} {
		var got string
		if err := d.conn.QueryRowContext(t.Context(), fmt.Sprintf("SELECT coalesce(time_of(%s)::VARCHAR, 'null')", quote(in))).Scan(&got); err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

// TestSamples holds a few rows of real files, where they are present.
func TestSamples(t *testing.T) {
	root, err := filepath.Abs("../../../shared/samples")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(root); err != nil {
		t.Skip("no real files in ../shared/samples")
	}
	d := expect(t, root)
	for query, want := range map[string]string{
		`SELECT count(*) || ' ' || min(record_index) || ' ' || max(record_index) FROM x_occurrences
			WHERE detection_type = 'CREDIT_CARD_NUMBER' AND json_path = '$.CCN' AND location_kind = 'record'`: "30 0 29",
		`SELECT count(*) FROM x_occurrences WHERE json_path = '$[0][''Card Number'']'`: "1",
		`SELECT concat_ws(' ', category, detection_type, custom_identifier_arn, cell_row, cell_column, cell_column_name)
			FROM x_occurrences WHERE location_kind = 'cell'`: "CUSTOM_IDENTIFIER email check bb33b7c9-fb77-4f97-9690-1ca94f02e92a 2 12 email",
		`SELECT string_agg(occurrence_count || '/' || location_count || '/' || object_size, ' ' ORDER BY object_size) FROM x_results`: "19/19/619 1/1/4855 153/153/40200",
		`SELECT count(*) FROM x_results WHERE unrecognized IS NULL AND created_at IS NOT NULL AND object_tags = MAP {}`:               "3",
	} {
		var got string
		if err := d.conn.QueryRowContext(t.Context(), query).Scan(&got); err != nil || got != want {
			t.Errorf("%s: %s (%v), want %s", query, got, err, want)
		}
	}
	if d := compareDuckDB(t, root, writeDataset(t, d, nil), ""); !d.equal() || d.tables[0].raw != 3 {
		t.Error("different")
	}
}

func TestEqual(t *testing.T) {
	root := writeArchive(t)
	d := expect(t, root)
	mustExec(t, d, `INSERT INTO origins SELECT DISTINCT source_uri, 'r', 'e' FROM raw`)
	d2 := compareDuckDB(t, root, writeDataset(t, d, nil), skipOf(root))
	var out bytes.Buffer
	d2.print(&out)
	t.Logf("\n%s", &out)
	if !d2.equal() || d2.lines != 5 || d2.runs != 1 {
		t.Error("different")
	}
	for i, want := range []int64{5, 11, 2015} {
		if got := d2.tables[i]; got.raw != want || got.dataset != want {
			t.Errorf("%s: %d and %d rows, want %d", got.table.name, got.raw, got.dataset, want)
		}
	}
}

// TestColumns changes every column of every table in turn and expects that
// column, and no other, to be reported. Columns of the key are left to
// TestRows.
func TestColumns(t *testing.T) {
	root := writeArchive(t)
	d := expect(t, root)
	for ti, tab := range tables() {
		replaced := map[string]string{}
		key := map[string]bool{}
		for _, k := range tab.key {
			key[k] = true
		}
		for _, c := range tab.columns {
			if key[c.name] {
				continue
			}
			value := map[kind]string{
				textKind:  "coalesce(" + c.name + ", '') || 'x'",
				int64Kind: "coalesce(" + c.name + ", 0) - 1",
				int32Kind: "(coalesce(" + c.name + ", 0) - 1)::INTEGER",
				boolKind:  "coalesce(NOT " + c.name + ", false)",
				timeKind:  "coalesce(" + c.name + " + INTERVAL 1 MICROSECOND, '2020-01-01'::TIMESTAMPTZ)",
				mapKind:   "CASE WHEN " + c.name + " IS NULL THEN MAP {} WHEN cardinality(" + c.name + ") = 0 THEN NULL ELSE MAP {'a': '2', 'b': NULL, 'c': ''} END",
			}[c.kind]
			switch c.name {
			case "run_id": // what is the same in all rows but can't be known
				value = "CASE WHEN source_line = 1 THEN 'other' ELSE NULL END"
			case "source_etag":
				value = "CASE WHEN source_line = 1 THEN 'a' ELSE 'b' END"
			case "unrecognized":
				value = "replace(coalesce(unrecognized, '{}'), '\"z\"', '\"Z\"')"
			}
			replaced[tab.name+"."+c.name] = value
		}
		// All at once shows that each column is compared; what follows, that
		// one isn't taken for another.
		got := compareDuckDB(t, root, writeDataset(t, d, replaced), skipOf(root)).tables[ti]
		for i, c := range tab.columns {
			if wanted := !key[c.name]; (got.columns[i].count > 0) != wanted {
				t.Errorf("%s.%s: %d rows differ, want some: %v", tab.name, c.name, got.columns[i].count, wanted)
			}
		}
	}
	out := writeDataset(t, d, map[string]string{"occurrences.json_path": `CASE WHEN record_index = 0 AND source_uri LIKE '%one%' THEN '$' ELSE json_path END`})
	got := compareDuckDB(t, root, out, skipOf(root))
	if got.equal() || !got.tables[0].equal() || !got.tables[1].equal() {
		t.Error("a changed json_path isn't told from the rest")
	}
	for i, c := range tables()[2].columns {
		r := got.tables[2].columns[i]
		if c.name != "json_path" && r.count > 0 {
			t.Errorf("%s: %d rows differ, want none", c.name, r.count)
		}
		if c.name == "json_path" && (r.count != 1 || len(r.at) != 1 || !strings.HasSuffix(r.at[0], "/one.jsonl.gz:1")) {
			t.Errorf("json_path: %+v", r)
		}
	}
}

func TestRows(t *testing.T) {
	root := writeArchive(t)
	d := expect(t, root)
	only := func(table, sql string) map[string]string { return map[string]string{table: sql} }
	cases := []struct {
		what                      string
		replaced                  map[string]string
		table                     int
		missing, extra            int64
		repeated, misplaced, rows int64
	}{
		{"a row left out", only("occurrences", "(FROM x_occurrences WHERE NOT (result_id = 'r2' AND occurrence_index = 1))"), 2, 1, 0, 0, 0, 2014},
		{"a table left empty", only("detections", "(FROM x_detections WHERE false)"), 1, 11, 0, 0, 0, 0},
		{"a row twice", only("detections", "(FROM x_detections UNION ALL FROM x_detections WHERE result_id = 'r2')"), 1, 0, 0, 1, 0, 12},
		{"all rows twice", only("results", "(FROM x_results UNION ALL FROM x_results)"), 0, 0, 0, 5, 0, 10},
		{"another index", map[string]string{"detections.detection_index": "detection_index + 100"}, 1, 11, 11, 0, 0, 11},
		{"no index", map[string]string{"occurrences.occurrence_index": "nullif(occurrence_index, 999)"}, 2, 2, 2, 0, 0, 2015},
		{"a blank line's number", map[string]string{"results.source_line": "CASE WHEN result_id = 'r2' THEN 2 ELSE source_line END"}, 0, 1, 1, 0, 0, 5},
		{"another object", map[string]string{"results.source_uri": "source_uri || '2'"}, 0, 5, 5, 0, 0, 5},
		{"another month", map[string]string{"results.created_month": "'2026-10'"}, 0, 0, 0, 0, 4, 5},
	}
	for _, c := range cases {
		t.Run(c.what, func(t *testing.T) {
			d := compareDuckDB(t, root, writeDataset(t, d, c.replaced), skipOf(root))
			got := d.tables[c.table]
			if d.equal() || got.missing.count != c.missing || got.extra.count != c.extra || got.repeated != c.repeated ||
				got.misplaced != c.misplaced || got.dataset != c.rows {
				t.Errorf("%d and %d rows, missing %d, extra %d, repeated %d, misplaced %d",
					got.raw, got.dataset, got.missing.count, got.extra.count, got.repeated, got.misplaced)
			}
			for i := range got.columns {
				if got.columns[i].count > 0 && c.repeated == 0 && got.table.columns[i].name != "run_id" {
					t.Errorf("column %s differs", got.table.columns[i].name)
				}
			}
		})
	}
}

// TestBadInput: without the list of what to leave out, bad input is a
// difference, and so are rows of what should have been left out.
func TestBadInput(t *testing.T) {
	root := writeArchive(t)
	out := writeDataset(t, expect(t, root), nil)
	d := compareDuckDB(t, root, out, "")
	if d.equal() || len(d.problems) != 2 {
		t.Errorf("problems: %+v", d.problems)
	}
	skip := filepath.Join(t.TempDir(), "more.json")
	text := `{"rejects":{"lines":[{"path":"x/bad=é.jsonl.gz","line":1},{"path":"x/bad=é.jsonl.gz","line":2}],"sources":[{"path":"x/truncated.jsonl.gz"}]}}`
	if err := os.WriteFile(skip, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	d = compareDuckDB(t, root, out, skip)
	if d.equal() || len(d.problems) != 0 || d.tables[0].extra.count != 1 || d.tables[1].extra.count != 4 || d.tables[2].extra.count != 6 {
		t.Errorf("%+v", d)
	}
}

// TestUnreadableLine: what only one of the JSON readers takes is a difference
// too, and never ends the comparison.
func TestUnreadableLine(t *testing.T) {
	root := writeArchive(t)
	out := writeDataset(t, expect(t, root), nil)
	lines := `{"id":"\ud800"}` + "\n" + `{"id":"` + "\xff" + `"}` + "\n" + `{"id":7,"sample":"x","count":"1e3"}` + "\n"
	if err := os.WriteFile(filepath.Join(root, "more.jsonl"), []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	d := compareDuckDB(t, root, out, skipOf(root))
	if len(d.problems) != 1 || d.problems[0].line != 2 || d.tables[0].missing.count != 2 {
		t.Errorf("problems %v, %d rows missing", d.problems, d.tables[0].missing.count)
	}
}

func TestSchema(t *testing.T) {
	root := writeArchive(t)
	d := expect(t, root)
	for what, replaced := range map[string]map[string]string{
		"type":  {"results.severity_score": "severity_score::BIGINT"},
		"times": {"results.created_at": "created_at::TIMESTAMP"},
		"unit":  {"results.created_at": "created_at::TIMESTAMP_NS"},
		"map":   {"results.object_tags": "object_tags::VARCHAR"},
	} {
		_, err := compare(t.Context(), comparison{raw: root, dataset: writeDataset(t, d, replaced), skip: skipOf(root),
			tables: tables(), batchBytes: 1 << 20})
		if err == nil || !strings.Contains(err.Error(), "isn't as described") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestCommands(t *testing.T) {
	root := writeArchive(t)
	d := expect(t, root)
	out := writeDataset(t, d, map[string]string{"results.object_key": `object_key || chr(27) || '[2J' || chr(8238)`})
	for _, c := range []struct {
		args string
		code int
		want []string
	}{
		{"query --dataset OUT SELECT/**/object_key,severity/**/FROM/**/results", 0, []string{"object_key", `\x1b[2J\u202e`, "High"}},
		{"sizes --dataset OUT", 0, []string{"results", "ratio"}},
		{"help", 0, []string{"usage:"}},
		{"sizes", 2, nil},
		{"sizes --dataset OUT extra", 2, nil},
		{"query --dataset OUT", 2, nil},
		{"compare --dataset OUT", 2, nil},
		{"compare --raw x --dataset OUT --only-tables runs", 2, nil},
		{"compare --raw OUT --dataset OUT", 1, nil},
		{"sizes --dataset OUT/none", 1, nil},
		{"other", 2, nil},
		{"", 2, nil},
	} {
		args := strings.Fields(strings.ReplaceAll(c.args, "OUT", out))
		var stdout, stderr bytes.Buffer
		err := run(t.Context(), args, &stdout)
		if got := exitCode(err, &stderr); got != c.code {
			t.Errorf("%s: exit %d (%v), want %d", c.args, got, err, c.code)
		}
		for _, w := range c.want {
			if !strings.Contains(stdout.String(), w) {
				t.Errorf("%s: no %q in\n%s", c.args, w, &stdout)
			}
		}
		for l := range strings.Lines(stdout.String()) {
			if strings.HasPrefix(c.args, "show") && !strings.Contains(l, " rows  ") && len([]rune(l)) > 160 {
				t.Errorf("a line of %d columns: %s", len([]rune(l)), l)
			}
		}
	}
	var stdout bytes.Buffer
	err := run(t.Context(), []string{"query", "--dataset", out, "SELECT detection_type, count(*) AS n FROM occurrences GROUP BY ALL ORDER BY n DESC, 1 LIMIT 2"}, &stdout)
	if want := "  detection_type     n\n  T               1000\n  U               1000\n"; err != nil || stdout.String() != want {
		t.Errorf("query: %v\n%s", err, &stdout)
	}
	if code := exitCode(errDifferent, &stdout); code != 1 {
		t.Errorf("different: exit %d", code)
	}
}
