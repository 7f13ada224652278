package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/duckdb/duckdb-go/v2"
)

// comparison is what to compare.
type comparison struct {
	raw     string // directory of raw results
	dataset string
	skip    string // see readRejects; "" for none
	tables  []table
	// batchBytes is how much raw text is compared at a time. Its parsed form
	// takes about ten times the memory.
	batchBytes int
}

// maxBatchLines bounds a batch of short lines.
const maxBatchLines = 200_000

// examples is how many keys are named of whatever differs.
const examples = 3

// rowsAt is a number of rows, and the lines that the first of them are of.
type rowsAt struct {
	count int64
	at    []string // uri:line
}

func (r *rowsAt) add(count int64, at []string) {
	r.count += count
	for _, a := range at {
		if len(r.at) < examples && (len(r.at) == 0 || r.at[len(r.at)-1] != a) {
			r.at = append(r.at, a)
		}
	}
}

// tableDifference is what was found of one table.
type tableDifference struct {
	table     table
	raw       int64    // rows that the raw input has
	dataset   int64    // rows that the table has
	missing   rowsAt   // in the raw input alone
	extra     rowsAt   // in the table alone
	repeated  int64    // in the table more than once, beyond the first
	columns   []rowsAt // rows in both that differ, by column
	misplaced int64    // in a partition they don't belong to
}

func (d *tableDifference) equal() bool {
	for _, c := range d.columns {
		if c.count > 0 {
			return false
		}
	}
	return d.missing.count+d.extra.count+d.repeated+d.misplaced == 0 && d.raw == d.dataset
}

// difference is what was found of a dataset.
type difference struct {
	tables   []*tableDifference
	problems []problem
	files    int
	lines    int64
	runs     int64 // distinct run_id
}

func (d *difference) equal() bool {
	for _, t := range d.tables {
		if !t.equal() {
			return false
		}
	}
	return len(d.problems) == 0
}

// compare reads the raw results in batches and compares each with the rows
// that the dataset has of the same lines; then it looks for rows of any other
// line.
func compare(ctx context.Context, c comparison) (*difference, error) {
	in, err := openRaw(c.raw, c.skip)
	if err != nil {
		return nil, err
	}
	if len(in.paths) == 0 {
		return nil, fmt.Errorf("no .jsonl.gz or .jsonl file in %s", c.raw)
	}
	s, err := openDataset(ctx, c.dataset, c.tables)
	if err != nil {
		return nil, err
	}
	defer s.close()

	d := &difference{files: len(in.paths)}
	if err := s.prepare(ctx, c, d); err != nil {
		return nil, err
	}
	var batch []line
	var size int
	flush := func() error {
		if err := s.compareBatch(ctx, batch, d); err != nil {
			return err
		}
		d.lines += int64(len(batch))
		clear(batch)
		batch, size = batch[:0], 0
		return nil
	}
	for _, path := range in.paths {
		problems, err := in.read(path, func(l line) error {
			if len(batch) > 0 && (size+len(l.text) > c.batchBytes || len(batch) == maxBatchLines) {
				if err := flush(); err != nil {
					return err
				}
			}
			batch = append(batch, l)
			size += len(l.text)
			return nil
		})
		if err != nil {
			return nil, err
		}
		d.problems = append(d.problems, problems...)
	}
	if err := flush(); err != nil {
		return nil, err
	}
	return d, s.findStrangers(ctx, d)
}

// prepare makes the tables that all batches share, and looks at what needs no
// raw input.
func (s *dataset) prepare(ctx context.Context, c comparison, d *difference) error {
	origins := make([]string, len(c.tables))
	for i, t := range c.tables {
		etag := "CAST(NULL AS VARCHAR)"
		if t.name == "results" {
			etag = "source_etag"
		}
		origins[i] = fmt.Sprintf("SELECT source_uri, run_id, %s AS source_etag FROM %s", etag, t.name)
	}
	// A run's identifier and an object's version can't be known from the raw
	// input. They must be the same in all rows of an object.
	if err := s.exec(ctx, fmt.Sprintf(`
		SET preserve_insertion_order = false;
		CREATE TEMP TABLE origins AS
		SELECT source_uri, min(run_id) AS run_id, min(source_etag) AS source_etag FROM (%s) GROUP BY source_uri;
		CREATE TEMP TABLE compared(source_uri VARCHAR, source_line BIGINT)`,
		strings.Join(origins, " UNION ALL "))); err != nil {
		return err
	}
	if err := s.conn.QueryRowContext(ctx, `SELECT count(DISTINCT run_id) FROM origins`).Scan(&d.runs); err != nil {
		return err
	}
	for _, t := range c.tables {
		td := &tableDifference{table: t, columns: make([]rowsAt, len(t.columns))}
		problems, err := s.schemaProblems(ctx, t)
		if err != nil {
			return err
		}
		if len(problems) > 0 {
			return fmt.Errorf("table %s isn't as described: %s", t.name, strings.Join(problems, "; "))
		}
		if td.misplaced, err = s.misplaced(ctx, t); err != nil {
			return err
		}
		if err := s.conn.QueryRowContext(ctx, "SELECT count(*) FROM "+t.name).Scan(&td.dataset); err != nil {
			return err
		}
		d.tables = append(d.tables, td)
	}
	return nil
}

// load makes the expected tables of a batch.
func (d *duck) load(ctx context.Context, batch []line) error {
	if err := d.exec(ctx, `CREATE OR REPLACE TEMP TABLE raw(n BIGINT, source_uri VARCHAR, source_line BIGINT,
		path VARCHAR, text VARCHAR, unrecognized VARCHAR)`); err != nil {
		return err
	}
	err := d.conn.Raw(func(conn any) error {
		appender, err := duckdb.NewAppender(conn.(*duckdb.Conn), "temp", "main", "raw")
		if err != nil {
			return err
		}
		for i, l := range batch {
			var unknown any
			if l.unrecognized != "" {
				unknown = l.unrecognized
			}
			if err := appender.AppendRow(int64(i), l.uri, l.number, l.path, l.text, unknown); err != nil {
				appender.Close()
				return err
			}
		}
		return appender.Close()
	})
	if err != nil {
		return err
	}
	return d.exec(ctx, expectedSQL())
}

// compareBatch adds what differs in the rows of a batch's lines.
func (s *dataset) compareBatch(ctx context.Context, batch []line, d *difference) error {
	if len(batch) == 0 {
		return nil
	}
	if err := s.load(ctx, batch); err != nil {
		return err
	}
	for _, t := range d.tables {
		if err := s.compareTable(ctx, batch[0].uri, batch[len(batch)-1].uri, t); err != nil {
			return fmt.Errorf("table %s: %w", t.table.name, err)
		}
	}
	return s.exec(ctx, "INSERT INTO compared SELECT source_uri, source_line FROM raw")
}

// compareTable joins the expected rows x with the table's rows y of the same
// lines, which are from objects between first and last.
func (s *dataset) compareTable(ctx context.Context, first, last string, d *tableDifference) error {
	t := d.table
	conditions := []string{"y.here IS NULL", "x.here IS NULL"}
	found := []*rowsAt{&d.missing, &d.extra}
	for i, c := range t.columns {
		conditions = append(conditions, "x.here AND y.here AND "+differ(c))
		found = append(found, &d.columns[i])
	}
	on := make([]string, len(t.key))
	for i, k := range t.key {
		on[i] = fmt.Sprintf("x.%s = y.%[1]s", k)
	}
	joined := fmt.Sprintf(`
		(SELECT *, true AS here FROM x_%[1]s) x
		FULL JOIN (SELECT *, true AS here FROM %[1]s SEMI JOIN raw USING (source_uri, source_line)
			WHERE source_uri BETWEEN %s AND %s) y ON %s`,
		t.name, quote(first), quote(last), strings.Join(on, " AND "))

	var rows, pairs int64
	counts := make([]int64, len(conditions))
	selected := []string{fmt.Sprintf("(SELECT count(*) FROM x_%s)", t.name), "count(*) FILTER (x.here AND y.here)"}
	targets := []any{&rows, &pairs}
	for i, condition := range conditions {
		selected = append(selected, fmt.Sprintf("count(*) FILTER (%s)", condition))
		targets = append(targets, &counts[i])
	}
	if err := s.selectRow(ctx, selected, joined, targets); err != nil {
		return err
	}
	d.raw += rows
	// Expected rows are unique, so more pairs than expected rows that found
	// one are rows that the table has twice.
	d.repeated += pairs - (rows - counts[0])

	// Examples are asked for only where there are some: they cost more to
	// prepare for than the join does.
	keys := make([]any, len(conditions))
	selected, targets = nil, nil
	for i, condition := range conditions {
		if counts[i] > 0 && len(found[i].at) < examples {
			selected = append(selected, fmt.Sprintf(`min({'uri': coalesce(x.source_uri, y.source_uri),
				'line': coalesce(x.source_line, y.source_line)}, %d) FILTER (%s)`, examples, condition))
			targets = append(targets, &keys[i])
		}
	}
	if len(selected) > 0 {
		if err := s.selectRow(ctx, selected, joined, targets); err != nil {
			return err
		}
	}
	for i := range conditions {
		found[i].add(counts[i], keyTexts(keys[i]))
	}
	return nil
}

// selectRow scans the only row of a query.
func (d *duck) selectRow(ctx context.Context, selected []string, from string, targets []any) error {
	query := "SELECT " + strings.Join(selected, ", ") + " FROM " + from
	return d.conn.QueryRowContext(ctx, query).Scan(targets...)
}

// differ returns the condition that a column differs between x and y.
func differ(c column) string {
	value := func(side string) string {
		name := side + "." + c.name
		switch {
		case c.kind == mapKind:
			return "list_sort(map_entries(" + name + "))"
		case c.name == "unrecognized" && side == "y":
			return "canonical_json(" + name + ")"
		default:
			return name
		}
	}
	return value("x") + " IS DISTINCT FROM " + value("y")
}

// keyTexts turns a list of keys, as the driver gives it, into uri:line.
func keyTexts(keys any) []string {
	list, _ := keys.([]any)
	texts := make([]string, 0, len(list))
	for _, k := range list {
		key, _ := k.(map[string]any)
		texts = append(texts, fmt.Sprintf("%v:%v", key["uri"], key["line"]))
	}
	return texts
}

// findStrangers adds the rows of lines that no batch had.
func (s *dataset) findStrangers(ctx context.Context, d *difference) error {
	for _, t := range d.tables {
		var count int64
		var keys any
		err := s.conn.QueryRowContext(ctx, fmt.Sprintf(`
			SELECT count(*), min({'uri': y.source_uri, 'line': y.source_line}, %d)
			FROM %s y ANTI JOIN compared USING (source_uri, source_line)`, examples, t.table.name)).Scan(&count, &keys)
		if err != nil {
			return fmt.Errorf("table %s: %w", t.table.name, err)
		}
		t.extra.add(count, keyTexts(keys))
	}
	return nil
}

// print writes what was found; what came from the input is escaped.
func (d *difference) print(w io.Writer) {
	for _, t := range d.tables {
		verdict := "equal"
		if !t.equal() {
			verdict = "different"
		}
		fmt.Fprintf(w, "%-12s %12d rows raw %12d rows dataset   %s\n", t.table.name, t.raw, t.dataset, verdict)
		printRows(w, "missing in the dataset", t.missing)
		printRows(w, "in the dataset alone", t.extra)
		printRows(w, "more than once", rowsAt{count: t.repeated})
		printRows(w, "in a wrong partition", rowsAt{count: t.misplaced})
		for i, c := range t.table.columns {
			printRows(w, "column "+c.name+" differs", t.columns[i])
		}
	}
	for i, p := range d.problems {
		if i == 20 {
			fmt.Fprintf(w, "and %d more\n", len(d.problems)-i)
			break
		}
		fmt.Fprintf(w, "line %d of %s %s\n", p.line, printable(p.uri), p.what)
	}
	fmt.Fprintf(w, "%d files, %d lines, %d runs\n", d.files, d.lines, d.runs)
}

func printRows(w io.Writer, what string, r rowsAt) {
	if r.count == 0 {
		return
	}
	fmt.Fprintf(w, "  %-45s %10d rows", what, r.count)
	for _, at := range r.at {
		fmt.Fprintf(w, "  %s", printable(at))
	}
	fmt.Fprintln(w)
}
