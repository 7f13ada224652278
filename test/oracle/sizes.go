package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// sizes writes, for each table, how many bytes its files have, and how many
// the same rows have in files that DuckDB writes with zstd and row groups of
// as many rows as the largest in ours.
func sizes(ctx context.Context, w io.Writer, dir string) error {
	s, err := openDataset(ctx, dir, tables())
	if err != nil {
		return err
	}
	defer s.close()
	scratch, err := os.MkdirTemp("", "oracle-sizes-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	out := filepath.Join(scratch, "duckdb.parquet")

	fmt.Fprintf(w, "%-12s %6s %14s %14s %14s %7s\n", "table", "files", "rows", "bytes", "DuckDB bytes", "ratio")
	for _, t := range tables() {
		var rows, ours, theirs int64
		for _, file := range s.files[t.name] {
			var fileRows, group int64
			if err := s.conn.QueryRowContext(ctx, fmt.Sprintf(
				`SELECT coalesce(max(row_group_num_rows), 0),
					(SELECT sum(num_rows)::BIGINT FROM parquet_file_metadata(%[1]s)) FROM parquet_metadata(%[1]s)`,
				quote(file))).Scan(&group, &fileRows); err != nil {
				return fmt.Errorf("table %s: %w", t.name, err)
			}
			if err := s.exec(ctx, fmt.Sprintf(
				`COPY (FROM %s) TO %s (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE %d)`,
				readParquet([]string{file}, ""), quote(out), max(group, 1))); err != nil {
				return fmt.Errorf("table %s: %w", t.name, err)
			}
			before, err := os.Stat(file)
			if err != nil {
				return err
			}
			after, err := os.Stat(out)
			if err != nil {
				return err
			}
			rows, ours, theirs = rows+fileRows, ours+before.Size(), theirs+after.Size()
		}
		ratio := "-"
		if theirs > 0 {
			ratio = fmt.Sprintf("%.3f", float64(ours)/float64(theirs))
		}
		fmt.Fprintf(w, "%-12s %6d %14d %14d %14d %7s\n", t.name, len(s.files[t.name]), rows, ours, theirs, ratio)
	}
	return nil
}
