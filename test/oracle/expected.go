package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// writeExpected writes the rows that raw results must become, a Parquet file per
// table, for readers other than DuckDB to be compared with. The columns run_id and
// source_etag are left out, since the raw results don't determine them;
// unrecognized is in its canonical form.
func writeExpected(ctx context.Context, raw, skip, out string) error {
	lines, err := readLines(raw, skip)
	if err != nil {
		return err
	}
	d, err := openDuck(ctx)
	if err != nil {
		return err
	}
	defer d.close()
	if err := d.exec(ctx, `CREATE TEMP TABLE origins(source_uri VARCHAR, run_id VARCHAR, source_etag VARCHAR)`); err != nil {
		return err
	}
	if err := d.load(ctx, lines); err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o777); err != nil {
		return err
	}
	for _, t := range tables() {
		var names []string
		for _, c := range t.columns {
			if c.name != "run_id" && c.name != "source_etag" {
				names = append(names, c.name)
			}
		}
		copying := fmt.Sprintf("COPY (SELECT %s FROM x_%s) TO %s (FORMAT parquet)",
			strings.Join(names, ", "), t.name, quote(filepath.Join(out, t.name+".parquet")))
		if err := d.exec(ctx, copying); err != nil {
			return fmt.Errorf("table %s: %w", t.name, err)
		}
	}
	return nil
}

// readLines returns all lines of raw results but those that skip names. A line
// that can't be read is an error.
func readLines(raw, skip string) ([]line, error) {
	in, err := openRaw(raw, skip)
	if err != nil {
		return nil, err
	}
	var lines []line
	for _, path := range in.paths {
		problems, err := in.read(path, func(l line) error {
			lines = append(lines, l)
			return nil
		})
		if err != nil {
			return nil, err
		}
		if len(problems) > 0 {
			return nil, fmt.Errorf("%s:%d %s", problems[0].uri, problems[0].line, problems[0].what)
		}
	}
	return lines, nil
}
