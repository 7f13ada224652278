package main

import (
	"context"
	"fmt"
	"os"
	"strings"
)

// dataset is a dataset's tables, as views of the same names over their Parquet
// files. Directory names are no columns here: what a row says of itself is in
// its file.
type dataset struct {
	*duck
	files map[string][]string // by table
}

// openDataset makes the views. A table without a file has no rows.
func openDataset(ctx context.Context, dir string, tables []table) (*dataset, error) {
	if info, err := os.Stat(dir); err != nil {
		return nil, err
	} else if !info.IsDir() {
		return nil, fmt.Errorf("%s isn't a directory", dir)
	}
	d, err := openDuck(ctx)
	if err != nil {
		return nil, err
	}
	s := &dataset{d, map[string][]string{}}
	for _, t := range tables {
		if s.files[t.name], err = filesOf(dir, t.name); err == nil {
			err = d.exec(ctx, fmt.Sprintf(`CREATE VIEW %s AS %s`, t.name, s.source(t)))
		}
		if err != nil {
			d.close()
			return nil, fmt.Errorf("table %s: %w", t.name, err)
		}
	}
	return s, nil
}

// source returns the query that reads a table.
func (s *dataset) source(t table) string {
	if files := s.files[t.name]; len(files) > 0 {
		return `SELECT * FROM ` + readParquet(files, "")
	}
	empty := make([]string, len(t.columns))
	for i, c := range t.columns {
		empty[i] = fmt.Sprintf("CAST(NULL AS %s) AS %s", c.kind.duckType(), c.name)
	}
	return "SELECT " + strings.Join(empty, ", ") + " WHERE false"
}

// readParquet returns the call that reads files, with more options if any.
func readParquet(files []string, options string) string {
	return fmt.Sprintf("read_parquet(%s, hive_partitioning = false%s)", list(files), options)
}

// list makes a list literal of SQL.
func list(texts []string) string {
	quoted := make([]string, len(texts))
	for i, t := range texts {
		quoted[i] = quote(t)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// schemaProblems says where a table's files differ from the table's
// definition: names and their order, types, and what is optional.
func (s *dataset) schemaProblems(ctx context.Context, t table) ([]string, error) {
	files := s.files[t.name]
	if len(files) == 0 {
		return nil, nil
	}
	var problems []string

	found, err := s.strings(ctx, fmt.Sprintf(
		`SELECT column_name || ' ' || column_type FROM (DESCRIBE %s)`, t.name))
	if err != nil {
		return nil, err
	}
	want := make([]string, len(t.columns))
	for i, c := range t.columns {
		want[i] = c.name + " " + c.kind.duckType()
	}
	for i := range max(len(want), len(found)) {
		w, f := at(want, i), at(found, i)
		if w != f {
			problems = append(problems, fmt.Sprintf("column %d should be %s and is %s", i+1, w, f))
		}
	}

	// Every file has each leaf once, in one form only.
	forms := map[string]bool{"key REQUIRED VARCHAR": true, "value OPTIONAL VARCHAR": true}
	for _, c := range t.columns {
		form := c.name + " OPTIONAL " + c.kind.duckType()
		if c.kind == timeKind {
			form += " MICROS"
		}
		forms[form] = true
	}
	found, err = s.strings(ctx, fmt.Sprintf(`
		SELECT concat_ws(' ', name, repetition_type, duckdb_type,
			CASE WHEN duckdb_type LIKE 'TIMESTAMP%%' THEN regexp_extract(logical_type, '([A-Z]+)=[A-Z][a-z]', 1) END)
		FROM parquet_schema(%s) WHERE type IS NOT NULL AND repetition_type IS NOT NULL AND duckdb_type IS NOT NULL
		GROUP BY ALL ORDER BY ALL`, list(files)))
	if err != nil {
		return nil, err
	}
	for _, f := range found {
		if !forms[f] {
			problems = append(problems, "a column stands as "+f)
		}
	}
	return problems, nil
}

func at(texts []string, i int) string {
	if i < len(texts) {
		return texts[i]
	}
	return "(none)"
}

// misplaced counts the rows whose directory names say something else than the
// row does. A row without created_at may be in any month.
func (s *dataset) misplaced(ctx context.Context, t table) (int64, error) {
	if len(s.files[t.name]) == 0 {
		return 0, nil
	}
	var n int64
	err := s.conn.QueryRowContext(ctx, fmt.Sprintf(`
		SELECT count(*) FILTER (coalesce(month <> '' AND month <> strftime(created_at, '%%Y-%%m'), false)
			OR coalesce(date <> '' AND date <> strftime(created_at, '%%Y-%%m-%%d'), false)
			OR region_of <> '' AND url_decode(region_of) <> coalesce(nullif(region, ''), 'unknown')
			OR account_of <> '' AND url_decode(account_of) <> coalesce(nullif(account_id, ''), 'unknown')
			OR job_of <> '' AND url_decode(job_of) <> coalesce(nullif(job_id, ''), 'unknown'))
		FROM (SELECT created_at, region, account_id, job_id,
			regexp_extract(filename, '/created_month=([^/]*)/', 1) AS month,
			regexp_extract(filename, '/created_date=([^/]*)/', 1) AS date,
			regexp_extract(filename, '/p_region=([^/]*)/', 1) AS region_of,
			regexp_extract(filename, '/p_account=([^/]*)/', 1) AS account_of,
			regexp_extract(filename, '/p_job=([^/]*)/', 1) AS job_of
			FROM %s)`, readParquet(s.files[t.name], ", filename = true"))).Scan(&n)
	return n, err
}

// strings returns the only column of a query.
func (d *duck) strings(ctx context.Context, query string) ([]string, error) {
	rows, err := d.conn.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var texts []string
	for rows.Next() {
		var t string
		if err := rows.Scan(&t); err != nil {
			return nil, err
		}
		texts = append(texts, t)
	}
	return texts, rows.Err()
}
