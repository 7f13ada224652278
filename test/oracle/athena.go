package main

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

//go:embed athena
var athenaSQL embed.FS

// athenaViews are the views to compare; the queries are those that the program
// lists.
var athenaViews = [...]string{
	"current_subjects", "current_states", "current_findings", "current_buckets", "sensitive_objects", "object_locations",
	"unanalyzed_objects", "job_summary", "bucket_summary",
}

// athenaOptions are what to compare.
type athenaOptions struct {
	raw, skip, dataset, program string
}

// compareAthena runs the views and queries that the program prints for DuckDB,
// and compares each with what the raw lines give by SQL of its own.
func compareAthena(ctx context.Context, w io.Writer, o athenaOptions) error {
	d, err := openDuck(ctx)
	if err != nil {
		return err
	}
	defer d.close()
	if err := d.exec(ctx, `SET preserve_insertion_order = false`); err != nil {
		return err
	}
	ddl, err := output(ctx, o.program, "ddl", o.dataset, "--dialect", "duckdb")
	if err != nil {
		return err
	}
	if err := d.exec(ctx, ddl); err != nil {
		return fmt.Errorf("running the DDL: %w", err)
	}
	if err := d.loadAll(ctx, o); err != nil {
		return err
	}
	if err := d.loadModel(ctx); err != nil {
		return fmt.Errorf("asking the model what is current: %w", err)
	}
	base, err := athenaSQL.ReadFile("athena/base.sql")
	if err != nil {
		return err
	}
	if err := d.exec(ctx, string(base)); err != nil {
		return fmt.Errorf("computing what is current: %w", err)
	}

	different := false
	check := func(name, sql string) error {
		rows, problems, err := d.compareQuery(ctx, name, sql)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		fmt.Fprintf(w, "%-24s %7d rows", name, rows)
		if problems == "" {
			fmt.Fprintln(w, "  equal")
			return nil
		}
		different = true
		fmt.Fprintf(w, "  DIFFERENT: %s\n", problems)
		return nil
	}
	for _, name := range athenaViews {
		sql := "SELECT * FROM macie." + name
		switch name {
		case "current_states": // the severity is without that of unconfirmed findings, which current_subjects adds
			sql = "SELECT * EXCLUDE (standing_score, standing_severity) FROM macie.current_states"
		case "current_findings": // closed ones and the rest are for the vectors (current_test.go)
			sql = "SELECT * EXCLUDE (has_count, members_exceed) FROM macie.current_findings WHERE state IN ('confirmed', 'unconfirmed')"
		}
		if err := check(name, sql); err != nil {
			return err
		}
	}
	if err := o.eachQuery(ctx, check); err != nil {
		return err
	}

	// Without a committed run there is nothing to see.
	if err := d.exec(ctx, `CREATE OR REPLACE TEMP TABLE no_runs AS SELECT * FROM macie.runs LIMIT 0;
		CREATE OR REPLACE VIEW macie.runs AS SELECT * FROM temp.no_runs`); err != nil {
		return err
	}
	empty := func(name, sql string) error {
		var rows int64
		if err := d.conn.QueryRowContext(ctx, "SELECT count(*) FROM ("+sql+") AS q").Scan(&rows); err != nil {
			return err
		}
		if rows > 0 && name != "bytes_of_job" && name != "completeness" { // sums over nothing
			different = true
			fmt.Fprintf(w, "%-24s %7d rows of runs that aren't committed\n", name, rows)
		}
		return nil
	}
	for _, name := range athenaViews {
		if err := empty(name, "SELECT * FROM macie."+name); err != nil {
			return err
		}
	}
	if err := o.eachQuery(ctx, empty); err != nil {
		return err
	}
	if different {
		return errDifferent
	}
	return nil
}

// eachQuery hands the queries that the program has to do.
func (o athenaOptions) eachQuery(ctx context.Context, do func(name, sql string) error) error {
	list, err := output(ctx, o.program, "queries", o.dataset)
	if err != nil {
		return err
	}
	for line := range strings.Lines(list) {
		if strings.HasPrefix(line, " ") { // a parameter
			continue
		}
		name := strings.Fields(line)[0]
		sql, err := output(ctx, o.program, "queries", o.dataset, name, "--dialect", "duckdb")
		if err != nil {
			return err
		}
		if err := do(name, strings.TrimSuffix(strings.TrimSpace(sql), ";")); err != nil {
			return err
		}
	}
	return nil
}

// loadAll makes the expected tables of all raw lines at once.
func (d *duck) loadAll(ctx context.Context, o athenaOptions) error {
	lines, err := readLines(o.raw, o.skip)
	if err != nil {
		return err
	}
	if err := d.exec(ctx, `CREATE TEMP TABLE origins AS
		SELECT source_uri, min(run_id) AS run_id, min(source_etag) AS source_etag FROM macie.results GROUP BY source_uri`); err != nil {
		return err
	}
	return d.load(ctx, lines)
}

// compareQuery compares a query with the expected one of that name: its columns
// are those of the query, in any order and among others. It returns the number
// of rows and what differs.
func (d *duck) compareQuery(ctx context.Context, name, sql string) (rows int64, problems string, err error) {
	expected, err := athenaSQL.ReadFile("athena/" + name + ".sql")
	if err != nil {
		return 0, "", err
	}
	if err := d.exec(ctx, "CREATE OR REPLACE TEMP TABLE got AS\n"+sql); err != nil {
		return 0, "", err
	}
	if err := d.exec(ctx, "CREATE OR REPLACE TEMP TABLE want AS\n"+string(expected)); err != nil {
		return 0, "", fmt.Errorf("expected: %w", err)
	}
	columns, err := d.strings(ctx, `SELECT CASE
			WHEN column_name = 'unrecognized' THEN 'canonical_json(unrecognized)'
			WHEN column_type LIKE 'MAP%' THEN 'list_sort(map_entries("' || column_name || '"))'
			ELSE '"' || column_name || '"' END
		FROM (DESCRIBE got)`)
	if err != nil {
		return 0, "", err
	}
	list := strings.Join(columns, ", ")
	var missing, extra int64
	count := func(sql string, n *int64) {
		if err == nil {
			err = d.conn.QueryRowContext(ctx, sql).Scan(n)
		}
	}
	count("SELECT count(*) FROM got", &rows)
	count(fmt.Sprintf("SELECT count(*) FROM (SELECT %s FROM want EXCEPT ALL SELECT %[1]s FROM got)", list), &missing)
	count(fmt.Sprintf("SELECT count(*) FROM (SELECT %s FROM got EXCEPT ALL SELECT %[1]s FROM want)", list), &extra)
	if err != nil || missing+extra == 0 {
		return rows, "", err
	}
	return rows, fmt.Sprintf("%d rows missing, %d extra", missing, extra), nil
}

// output runs the program and returns its standard output.
func output(ctx context.Context, program string, args ...string) (string, error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", errors.Join(fmt.Errorf("%s %s: %w", program, strings.Join(args, " "), err), errors.New(stderr.String()))
	}
	return stdout.String(), nil
}

// programOf returns the program's absolute path.
func programOf(name string) (string, error) {
	if _, err := os.Stat(name); err != nil {
		return "", err
	}
	return filepath.Abs(name)
}
