package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"
)

// show writes each table's path, its number of rows and its first rows, in
// about 120 columns.
func show(ctx context.Context, w io.Writer, dir string, rows int) error {
	s, err := openDataset(ctx, dir, tables())
	if err != nil {
		return err
	}
	defer s.close()
	for _, t := range tables() {
		var n int64
		if err := s.conn.QueryRowContext(ctx, "SELECT count(*) FROM "+t.name).Scan(&n); err != nil {
			return fmt.Errorf("table %s: %w", t.name, err)
		}
		fmt.Fprintf(w, "%s  %d rows  %s\n", t.name, n, printable(filepath.Join(dir, t.name)))
		if n > 0 {
			found, err := s.conn.QueryContext(ctx, fmt.Sprintf("SELECT %s FROM %s LIMIT %d", shown(t.name), t.name, rows))
			if err != nil {
				return fmt.Errorf("table %s: %w", t.name, err)
			}
			if err := printTable(w, found, 36); err != nil {
				return err
			}
		}
		fmt.Fprintln(w)
	}
	return nil
}

// shown returns the columns of a table that say most at a glance.
func shown(table string) string {
	const object = `bucket_name || '/' || object_key || coalesce('!' || archive_member_path, '') AS object`
	switch table {
	case "results":
		return `strftime(created_at, '%Y-%m-%dT%H:%MZ') AS created_at, account_id, ` + object + `,
			status_code AS status, severity, type_count AS types, occurrence_count AS occurrences`
	case "detections":
		return object + `, category, detection_type AS type, occurrence_count AS count, location_count AS locations,
			is_capped AS capped`
	default:
		return object + `, detection_type AS type, location_kind AS kind,
			concat_ws(' ', 'row ' || cell_row, 'column ' || cell_column, cell_column_name, cell_reference,
				'page ' || page_number, 'lines ' || line_start || '-' || line_end,
				'offsets ' || offset_start || '-' || offset_end, 'record ' || record_index, json_path) AS place`
	}
}

// query writes the result of a query over the tables.
func query(ctx context.Context, w io.Writer, dir, statement string) error {
	s, err := openDataset(ctx, dir, tables())
	if err != nil {
		return err
	}
	defer s.close()
	rows, err := s.conn.QueryContext(ctx, statement)
	if err != nil {
		return err
	}
	return printTable(w, rows, 0)
}

// tablesNamed returns the tables of a comma-separated list, all for "".
func tablesNamed(names string) ([]table, error) {
	all := tables()
	if names == "" {
		return all, nil
	}
	var chosen []table
	for _, name := range strings.Split(names, ",") {
		found := false
		for _, t := range all {
			if t.name == name {
				chosen, found = append(chosen, t), true
			}
		}
		if !found {
			return nil, fmt.Errorf("no table %q: results, detections and occurrences are there", name)
		}
	}
	return chosen, nil
}
