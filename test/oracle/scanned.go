package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
)

// scanned writes, for each view and query that the program prints, how many
// bytes of the dataset's files it needs: the compressed column chunks of the
// columns that its plan reads, each time it reads them, which is what Athena
// charges for. Beside it the bytes of the raw objects, which Athena reads
// whole for any question.
func scanned(ctx context.Context, w io.Writer, o athenaOptions) error {
	d, err := openDuck(ctx)
	if err != nil {
		return err
	}
	defer d.close()
	ddl, err := output(ctx, o.program, "ddl", o.dataset, "--dialect", "duckdb")
	if err != nil {
		return err
	}
	if err := d.exec(ctx, ddl); err != nil {
		return err
	}
	// Plans name a table, but not a file. Tables of some rows stand for them.
	if err := d.exec(ctx, `CREATE TEMP TABLE sizes("table" VARCHAR, "column" VARCHAR, bytes BIGINT)`); err != nil {
		return err
	}
	for _, t := range []string{"results", "detections", "occurrences", "runs"} {
		files, err := filesOf(o.dataset, t)
		if err != nil {
			return err
		}
		if err := d.exec(ctx, fmt.Sprintf(`
			CREATE TABLE macie.some_%[1]s AS SELECT * FROM macie.%[1]s LIMIT 1000;
			CREATE OR REPLACE VIEW macie.%[1]s AS SELECT * FROM macie.some_%[1]s;
			INSERT INTO sizes SELECT '%[1]s', string_split(path_in_schema, ', ')[1], sum(total_compressed_size)
			FROM parquet_metadata(%[2]s) GROUP BY ALL`, t, list(files))); err != nil {
			return err
		}
	}
	raw, err := rawBytes(o.raw)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%-24s %15d bytes for any question\n", "raw objects", raw)
	var all int64
	if err := d.conn.QueryRowContext(ctx, "SELECT CAST(sum(bytes) AS BIGINT) FROM sizes").Scan(&all); err != nil {
		return err
	}
	fmt.Fprintf(w, "%-24s %15d bytes in all columns\n", "tables", all)
	show := func(name, sql string) error {
		n, err := d.scannedBy(ctx, sql)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		fmt.Fprintf(w, "%-24s %15d bytes %7.2f%% of the raw objects\n", name, n, 100*float64(n)/float64(raw))
		return nil
	}
	for _, name := range athenaViews {
		if err := show(name, "SELECT * FROM macie."+name); err != nil {
			return err
		}
	}
	return o.eachQuery(ctx, show)
}

// rawBytes is the stored size of the raw objects.
func rawBytes(dir string) (int64, error) {
	paths, err := listRaw(dir)
	if err != nil {
		return 0, err
	}
	var n int64
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return 0, err
		}
		n += info.Size()
	}
	return n, nil
}

// planNode is a node of a plan as EXPLAIN writes it.
type planNode struct {
	Name     string         `json:"name"`
	Children []planNode     `json:"children"`
	Extra    map[string]any `json:"extra_info"`
}

var (
	someTable = regexp.MustCompile(`some_(\w+)`)
	anyWord   = regexp.MustCompile(`\w+`)
)

// scannedBy returns the bytes of the columns that a query reads.
func (d *duck) scannedBy(ctx context.Context, sql string) (int64, error) {
	var kind, text string
	if err := d.conn.QueryRowContext(ctx, "EXPLAIN (FORMAT JSON) "+sql).Scan(&kind, &text); err != nil {
		return 0, err
	}
	var plan []planNode
	if err := json.Unmarshal([]byte(text), &plan); err != nil {
		return 0, err
	}
	var total int64
	var visit func(nodes []planNode) error
	visit = func(nodes []planNode) error {
		for _, n := range nodes {
			if err := visit(n.Children); err != nil {
				return err
			}
			m := someTable.FindStringSubmatch(fmt.Sprint(n.Extra["Table"]))
			if m == nil {
				continue
			}
			// Words that aren't columns are of no size.
			words := anyWord.FindAllString(fmt.Sprint(n.Extra["Projections"], " ", n.Extra["Filters"]), -1)
			var bytes int64
			if err := d.conn.QueryRowContext(ctx, fmt.Sprintf(
				`SELECT CAST(coalesce(sum(bytes), 0) AS BIGINT) FROM sizes WHERE "table" = %s AND "column" IN (%s)`,
				quote(m[1]), strings.Trim(list(append(words, "")), "[]"))).Scan(&bytes); err != nil {
				return err
			}
			total += bytes
		}
		return nil
	}
	return total, visit(plan)
}
