package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

//go:embed summaries.sql
var summariesSQL string

// summaries compares what `macielake summarize` says with what DuckDB computes
// from the raw results by SQL of its own.
type summaries struct {
	program string
	raw     string
	skip    string   // see readRejects; "" for none
	dataset string   // that was converted from raw; "" for none
	flags   []string // of the program
}

// summaryCase is a question, as the program is asked it and as SQL.
type summaryCase struct {
	name string
	args []string
	sql  string
	// columns of both answers, in order; those of a case that is sorted begin
	// with the number of the row.
	columns []string
	sorted  bool
}

// summaryDimensions are the dimensions that cases group by, as SQL on the columns
// of a result or of a detection with its result.
var summaryDimensions = map[string]string{
	"category": "category", "type": "detection_type", "identifier_kind": "identifier_kind", "identifier": "identifier",
	"partition": "aws_partition", "account": "account_id", "region": "region", "bucket": "bucket_name",
	"object": "'s3://' || coalesce(bucket_name, '') || '/' || object_key", "key": "object_key",
	"prefix:0": "CASE WHEN object_key IS NOT NULL THEN 's3://' || coalesce(bucket_name, '') || '/' END",
	"prefix:2": `'s3://' || coalesce(bucket_name, '') || '/' || regexp_extract(object_key, '^([^/]*/){0,2}')`,
	"job":      "job_id", "origin": "origin_type", "severity": "severity", "status": "status_code", "reason": "status_reason",
	"mime_type": "mime_type", "extension": "CASE WHEN is_archive_member THEN archive_member_extension ELSE object_extension END",
	"storage_class": "object_storage_class", "encryption": "object_encryption_type", "bucket_encryption": "bucket_encryption_type",
	"public_access": "bucket_effective_permission", "object_public": "CAST(object_public_access AS VARCHAR)",
	"date": "strftime(created_at, '%Y-%m-%d')", "month": "strftime(created_at, '%Y-%m')",
	"archive": "CASE WHEN is_archive_member THEN 's3://' || coalesce(bucket_name, '') || '/' || object_key END",
	"member":  "archive_member_path", "tag:owner": "object_tags['owner']", "bucket_tag:team": "bucket_tags['team']",
}

// ofTypes are the dimensions of detections.
var ofTypes = map[string]bool{"category": true, "type": true, "identifier_kind": true, "identifier": true}

// grouped is a question that groups.
type grouped struct {
	by        string // dimensions
	members   bool
	where     string // of the program
	whereSQL  string
	typeWhere bool // the filter is on types
}

// measures are all that a summary has, in the order in which cases ask for them.
const measures = "occurrences,locations,findings,sensitive_objects,objects,partial_objects,skipped_objects,bytes,results"

// summaryCase returns g as a case.
func (g grouped) summaryCase() summaryCase {
	var by []string
	typed := false
	for name := range strings.SplitSeq(g.by, ",") {
		if name != "" {
			by = append(by, name)
			typed = typed || ofTypes[name]
		}
	}
	args := []string{"--by", g.by, "--measures", measures, "--all"}
	objects, found, missed := "all_objects", "all_found", "all_missed"
	condition := "true"
	if g.members {
		args = append(args, "--members")
	} else {
		condition = "NOT is_archive_member"
	}
	if g.where != "" {
		args = append(args, "--where", g.where)
		condition += " AND (" + g.whereSQL + ")"
	}
	dimensions, names := "", ""
	for i, name := range by {
		dimensions += fmt.Sprintf("%s AS d%d, ", summaryDimensions[name], i)
		names += fmt.Sprintf("d%d, ", i)
	}
	objectValues := "1 AS results, CAST(analysed AS INT) AS objects, CAST(status_code = 'PARTIAL' AS INT) AS partials, CASE WHEN analysed THEN coalesce(size_classified, 0) ELSE 0 END AS bytes"
	kept := fmt.Sprintf("SELECT *, %s true AS here FROM %s WHERE %s", dimensions, found, condition)
	var parts []string
	switch {
	case typed:
		// An object is in each group of its detections once.
		parts = append(parts, fmt.Sprintf(`SELECT %s 0 AS occurrences, 0 AS locations, 0 AS detections, 0 AS sensitive, objects, partials, 0 AS skipped, bytes, results
			FROM (SELECT DISTINCT %s thing FROM (%s)) JOIN (SELECT thing, %s FROM %s) USING (thing)`, names, names, kept, objectValues, objects))
	case g.typeWhere:
		parts = append(parts, fmt.Sprintf(`SELECT %s 0 AS occurrences, 0 AS locations, 0 AS detections, 0 AS sensitive, objects, partials, 0 AS skipped, bytes, results
			FROM (SELECT *, %s %s FROM %s) SEMI JOIN (%s) k USING (thing)`, names, dimensions, objectValues, objects, kept))
	default:
		parts = append(parts, fmt.Sprintf(`SELECT %s 0 AS occurrences, 0 AS locations, 0 AS detections, 0 AS sensitive, objects, partials, 0 AS skipped, bytes, results
			FROM (SELECT *, %s %s FROM %s WHERE %s)`, names, dimensions, objectValues, objects, condition),
			fmt.Sprintf(`SELECT %s 0, 0, 0, 0, 0, 0, 1, 0, 0 FROM (SELECT *, %s true AS here FROM %s WHERE %s)`, names, dimensions, missed, condition))
	}
	parts = append(parts,
		fmt.Sprintf("SELECT %s coalesce(detections_count, 0), detections_locations, 1, 0, 0, 0, 0, 0, 0 FROM (%s)", names, kept),
		fmt.Sprintf("SELECT DISTINCT ON (thing, %s true) %s 0, 0, 0, 1, 0, 0, 0, 0, 0 FROM (%s)", names, names, kept))
	sums := `sum(occurrences) AS occurrences, sum(locations) AS locations, sum(detections) AS findings, sum(sensitive) AS sensitive_objects,
		sum(objects) AS objects, sum(partials) AS partial_objects, sum(skipped) AS skipped_objects, sum(bytes) AS bytes, sum(results) AS results`
	group := ""
	if len(by) > 0 {
		group = "GROUP BY " + strings.TrimSuffix(names, ", ") + " HAVING any_value(true) AND (sum(abs(occurrences)) + sum(locations) + sum(detections) + sum(skipped) + sum(results) + sum(abs(bytes)) > 0)"
	}
	order := "occurrences DESC"
	for i := range by {
		order += fmt.Sprintf(", d%d NULLS LAST", i)
	}
	sql := fmt.Sprintf("SELECT row_number() OVER (ORDER BY %s) AS row, %s %s FROM (SELECT %s %s FROM (%s) %s)",
		order, names, measures, names, sums, strings.Join(parts, " UNION ALL "), group)
	name := "by " + g.by
	for _, extra := range []struct {
		on   bool
		text string
	}{{g.members, " --members"}, {g.where != "", " where " + g.where}} {
		if extra.on {
			name += extra.text
		}
	}
	return summaryCase{name: name, args: args, sql: sql, columns: append(by, strings.Split(measures, ",")...), sorted: true}
}

// groupedCases are the questions that group: each dimension, alone and with
// others, filtered. They ask for every result: the vectors in testdata/current, and a model
// of its own, hold the current state.
func groupedCases() []summaryCase {
	var questions []grouped
	for _, by := range []string{
		"category", "type", "identifier_kind", "identifier", "partition", "account", "region", "bucket", "object", "key",
		"prefix:0", "prefix:2", "job", "origin", "severity", "status,reason", "mime_type", "extension", "storage_class",
		"encryption,bucket_encryption", "public_access,object_public", "date", "month", "tag:owner", "bucket_tag:team",
		"category,type", "bucket,type", "job,object,type", "month,severity,identifier_kind",
	} {
		questions = append(questions, grouped{by: by}, grouped{by: by, members: true})
	}
	questions = append(questions,
		grouped{by: "archive,member", members: true},
		grouped{by: "extension,type", members: true},
		grouped{by: "bucket", where: "count>=5 and type~'_NUMBER$'", whereSQL: "detections_count >= 5 AND detection_type LIKE '%\\_NUMBER' ESCAPE '\\'", typeWhere: true},
		grouped{by: "bucket,type", where: "not (count<5 or category=FINANCIAL_INFORMATION)", whereSQL: "NOT (detections_count < 5 OR category = 'FINANCIAL_INFORMATION')", typeWhere: true},
		grouped{by: "job", where: "severity in (High, Medium) and public_access!=PUBLIC", whereSQL: "severity IN ('High', 'Medium') AND bucket_effective_permission <> 'PUBLIC'"},
		grouped{by: "status", where: "created_at<2026-04-01 or reason is not null", whereSQL: "created_at < '2026-04-01' OR status_reason IS NOT NULL"},
		grouped{by: "month", where: "bytes>1000000 and modified is null or size<=4096", whereSQL: "size_classified > 1000000 AND object_last_modified IS NULL OR object_size <= 4096"},
		grouped{by: "account", where: "unlocated>0", whereSQL: "detections_count > detections_locations", typeWhere: true},
	)
	cases := make([]summaryCase, len(questions))
	for i, q := range questions {
		cases[i] = q.summaryCase()
	}
	return cases
}

// presetCases are the presets, each by SQL that says what the published query
// means.
func presetCases() []summaryCase {
	types := func(preset, names string, columns ...string) summaryCase {
		order, selected := "occurrences DESC", ""
		for i, c := range columns {
			order += fmt.Sprintf(", k%d NULLS LAST", i)
			selected += fmt.Sprintf("%s AS k%d, ", c, i)
		}
		order += ", ca NULLS LAST, ty NULLS LAST"
		selected = strings.TrimSuffix(selected, ", ")
		return summaryCase{
			name: preset, args: []string{"--preset", preset}, sorted: true,
			columns: append(strings.Split(names, ","), "category", "type", "occurrences", "findings", "sensitive_objects"),
			sql: fmt.Sprintf(`SELECT row_number() OVER (ORDER BY %s), * FROM (
				SELECT %s, category AS ca, detection_type AS ty, sum(coalesce(detections_count, 0)) AS occurrences, count(*),
					count(DISTINCT (source_uri, source_line))
				FROM all_found WHERE NOT is_archive_member GROUP BY ALL)`, order, selected),
		}
	}
	status := func(preset, name, column string) summaryCase {
		return summaryCase{
			name: preset, args: []string{"--preset", preset}, columns: []string{name, "status", "reason", "results"},
			sql: fmt.Sprintf("SELECT %s, status_code, status_reason, count(*) FROM all_objects WHERE NOT is_archive_member GROUP BY ALL", column),
		}
	}
	locations := func(preset, kind string) summaryCase {
		columns := "job_id,bucket_name,object_key,archive_member_path,category,detection_type,location_kind," +
			"cell_row,cell_column,cell_column_name,cell_reference,line_start,line_end,line_start_column," +
			"offset_start,offset_end,offset_start_column,page_number,record_index,json_path"
		return summaryCase{
			name: preset, args: []string{"--preset", preset}, columns: strings.Split(columns, ","),
			sql: fmt.Sprintf("SELECT %s FROM all_occurrences WHERE identifier_kind = %s", columns, quote(kind)),
		}
	}
	return []summaryCase{
		types("job-types", "job", "job_id"),
		types("account-types", "account", "account_id"),
		types("bucket-types", "bucket", "bucket_name"),
		types("object-types", "job,object", "job_id", summaryDimensions["object"]),
		status("job-status", "job", "job_id"),
		status("account-status", "account", "account_id"),
		status("bucket-status", "bucket", "bucket_name"),
		{
			name: "job-bytes", args: []string{"--preset", "job-bytes"}, columns: []string{"job", "bytes", "results"},
			sql: "SELECT job_id, sum(CASE WHEN analysed THEN coalesce(size_classified, 0) ELSE 0 END), count(*) FROM all_objects WHERE NOT is_archive_member GROUP BY ALL",
		},
		{
			name: "object-details", args: []string{"--preset", "object-details"},
			columns: []string{"bucket_name", "object_key", "archive_member_path", "category", "detection_type", "occurrence_count", "location_count", "job_id", "created_at"},
			sql: `SELECT bucket_name, object_key, archive_member_path, category, detection_type, detections_count, detections_locations, job_id,
				strftime(created_at AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S.%fZ') FROM all_results JOIN all_detections USING (source_uri, source_line)`, // repeats included
		},
		locations("managed-locations", "managed"),
		locations("custom-locations", "custom"),
	}
}

// run compares all cases. It writes a line for each, and gives errDifferent if
// one differs.
func (s summaries) run(ctx context.Context, out io.Writer) error {
	d, err := openDuck(ctx)
	if err != nil {
		return err
	}
	defer d.close()
	if err := s.load(ctx, d); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "oracle-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	inputs := []string{s.raw}
	if s.dataset != "" {
		inputs = append(inputs, s.dataset)
	}
	different, rows := 0, int64(0)
	cases := append(groupedCases(), presetCases()...)
	for _, c := range cases {
		for _, input := range inputs {
			n, problem, err := s.compare(ctx, d, c, input, filepath.Join(dir, "answer.ndjson"))
			if err != nil {
				return fmt.Errorf("%s of %s: %w", c.name, input, err)
			}
			rows += n
			if problem != "" {
				different++
				fmt.Fprintf(out, "%s of %s: %s\n", c.name, printable(input), problem)
			}
		}
	}
	fmt.Fprintf(out, "%d summaries of %d inputs, %d rows, %d differ\n", len(cases), len(inputs), rows, different)
	if different > 0 {
		return errDifferent
	}
	return nil
}

// load makes the tables that the cases ask.
func (s summaries) load(ctx context.Context, d *duck) error {
	in, err := openRaw(s.raw, s.skip)
	if err != nil {
		return err
	}
	if err := d.exec(ctx, "CREATE TEMP TABLE origins(source_uri VARCHAR, run_id VARCHAR, source_etag VARCHAR)"); err != nil {
		return err
	}
	var batch []line
	made, size := false, 0
	flush := func() error {
		if err := d.load(ctx, batch); err != nil {
			return err
		}
		to := "INSERT INTO %s BY NAME "
		if !made {
			to = "CREATE TEMP TABLE %s AS "
		}
		made = true
		batch, size = batch[:0], 0
		return d.exec(ctx, fmt.Sprintf(to, "all_results")+"SELECT * EXCLUDE (n, title, description, unrecognized) FROM x_results;"+
			fmt.Sprintf(to, "all_detections")+`SELECT source_uri, source_line, detection_index, identifier_kind, category, detection_type,
				regexp_extract(custom_identifier_arn, '[^/]*$') AS identifier, occurrence_count AS detections_count,
				location_count AS detections_locations, is_capped FROM x_detections;`+
			fmt.Sprintf(to, "all_occurrences")+"SELECT * FROM x_occurrences;")
	}
	for _, path := range in.paths {
		problems, err := in.read(path, func(l line) error {
			batch = append(batch, l)
			if size += len(l.text); size < 64<<20 && len(batch) < maxBatchLines {
				return nil
			}
			return flush()
		})
		if err != nil {
			return err
		}
		if len(problems) > 0 {
			p := problems[0]
			return fmt.Errorf("line %d of %s %s", p.line, p.uri, p.what)
		}
	}
	if err := flush(); err != nil {
		return err
	}
	return d.exec(ctx, summariesSQL)
}

// compare asks a case, and says how many rows the answer has and how it differs.
func (s summaries) compare(ctx context.Context, d *duck, c summaryCase, input, answer string) (rows int64, problem string, err error) {
	file, err := os.Create(answer)
	if err != nil {
		return 0, "", err
	}
	defer file.Close()
	args := append([]string{"summarize", input, "--output", "ndjson"}, c.args...)
	if input == s.raw {
		args = append(args, s.flags...)
	}
	cmd := exec.CommandContext(ctx, s.program, args...)
	cmd.Stdout = file
	var exit *exec.ExitError
	// What is rejected is left out, and says so by its exit code.
	if err := cmd.Run(); err != nil && !(s.skip != "" && errors.As(err, &exit) && exit.ExitCode() == 3) {
		return 0, "", fmt.Errorf("macielake %s: %w", strings.Join(args, " "), err)
	}
	var types, texts, casts, names []string
	if c.sorted {
		texts = append(texts, "CAST(row_number() OVER () AS VARCHAR)")
	}
	for _, name := range c.columns {
		types = append(types, quoteName(name)+": 'VARCHAR'")
		texts = append(texts, quoteName(name))
	}
	for i := range texts {
		names = append(names, fmt.Sprintf("c%d", i))
		casts = append(casts, fmt.Sprintf("CAST(c%d AS VARCHAR)", i))
	}
	err = d.exec(ctx, fmt.Sprintf(`
		CREATE OR REPLACE TEMP TABLE answer AS
		SELECT %s FROM read_json(%s, format = 'newline_delimited', columns = {%s}, maximum_object_size = 67108864);
		CREATE OR REPLACE TEMP TABLE wanted AS SELECT %s FROM (%s) AS t(%s)`,
		strings.Join(texts, ", "), quote(answer), strings.Join(types, ", "),
		strings.Join(casts, ", "), c.sql, strings.Join(names, ", ")))
	if err != nil {
		return 0, "", err
	}
	var missing, extra int64
	var example any
	err = d.conn.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM wanted),
		(SELECT count(*) FROM (FROM wanted EXCEPT ALL FROM answer)), (SELECT count(*) FROM (FROM answer EXCEPT ALL FROM wanted)),
		(SELECT CAST(min(w) AS VARCHAR) FROM (FROM wanted EXCEPT ALL FROM answer) w)`).Scan(&rows, &missing, &extra, &example)
	if err != nil || missing+extra == 0 {
		return rows, "", err
	}
	return rows, fmt.Sprintf("%d rows are missing, %d too many, such as %s", missing, extra, printable(fmt.Sprint(example))), nil
}

func quoteName(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
