package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/macielake/macielake/internal/convert"
	"github.com/macielake/macielake/internal/gen"
	"github.com/macielake/macielake/pkg/schema"
)

// side is one of those that are compared.
type side struct {
	id    string
	name  string // for readers
	cores int
	// commands are shell lines that run at the same time, pinned to the same
	// cores, or where there are several, each to one of them. DIR is the
	// input, DIR.halves its halves, OUT an empty directory.
	commands []string
	// count, if any, is a shell line whose output check gets in place of the
	// commands'. It runs after them, untimed, when a side is checked first.
	count string
	// check compares what the side says it produced with what is there.
	check   func(e *gen.Expected, stdout [][]byte) error
	stats   bool   // the output is one summary of macielake, with its stats
	program string // that must be in PATH; empty for what this program builds
	version string // shell line
	does    string // what the side does and doesn't, next to the others
}

// Sides.
const (
	macielake1       = "macielake-1"
	macielake2       = "macielake-2"
	macielakeHalves  = "macielake-halves"
	macielakeResults = "macielake-results"
	gzip1            = "gzip"
	pigz1            = "pigz"
	igzip1           = "igzip"
	klauspost1       = "klauspost"
	duckdb1          = "duckdb-1"
	duckdb2          = "duckdb-2"
	clickhouse1      = "clickhouse-1"
	clickhouse2      = "clickhouse-2"
)

// sides returns all sides in the order they are reported.
func sides() []*side {
	return []*side{
		macielake(macielake1, "macielake, 1 worker", 1, "", allRows),
		macielake(macielake2, "macielake, 2 workers", 2, "", allRows),
		{
			id: macielakeHalves, name: "macielake, 2 processes of 1 worker on half the input each", cores: 2,
			commands: []string{
				`macielake convert "$DIR.halves/0" --out "$OUT/0" --workers 1 --json --quiet`,
				`macielake convert "$DIR.halves/1" --out "$OUT/1" --workers 1 --json --quiet`,
			},
			check: allRows, version: macielakeVersion,
			does: "As above, each process pinned to a core of its own; the time is the mean of both.",
		},
		macielake(macielakeResults, "macielake, only results, 1 worker", 1, " --tables results", resultRows),
		decompressor(gzip1, "gzip -dc", "gzip"),
		decompressor(pigz1, "pigz -dc", "pigz"),
		decompressor(igzip1, "igzip -dc", "igzip"),
		{
			id: klauspost1, name: "klauspost gzip", cores: 1,
			commands: []string{`bench gunzip "$DIR"`}, check: inflatedBytes,
			version: `go version -m "$(command -v bench)" | awk '$2 == "github.com/klauspost/compress" { print $2, $3 }'`,
			does:    "Inflates in Go, with large reads and one reader for all files, and drops the bytes.",
		},
		duckdb(duckdb1, 1), duckdb(duckdb2, 2),
		clickhouse(clickhouse1, 1), clickhouse(clickhouse2, 2),
	}
}

const macielakeVersion = `macielake version | tr -s ' \n' ' '`

func macielake(id, name string, workers int, flags string, check func(*gen.Expected, [][]byte) error) *side {
	s := &side{
		id: id, name: name, cores: workers,
		commands: []string{fmt.Sprintf(`macielake convert "$DIR" --out "$OUT" --workers %d%s --json --quiet`, workers, flags)},
		check:    check, stats: true, version: macielakeVersion,
		does: fmt.Sprintf("Validates every byte and writes three tables of %d, %d and %d columns with exact statistics, in the order of the lines; "+
			"SHA-256 of every file, fsync of every file and directory, receipts.",
			len(schema.Results().Columns), len(schema.Detections().Columns), len(schema.Occurrences().Columns)),
	}
	if flags != "" {
		s.does = "Validates every byte as well, but writes one row a line and no locations; checksums and fsync as above."
	}
	return s
}

func decompressor(id, name, program string) *side {
	line := fmt.Sprintf(`find "$DIR" -name '*.jsonl.gz' -print0 | xargs -0 %s`, name)
	return &side{
		id: id, name: name, cores: 1,
		commands: []string{line + " > /dev/null"}, count: line + " | wc -c", check: inflatedBytes,
		program: program, version: program + " --version 2>&1 | head -n 1",
		does: "Inflates and does nothing else.",
	}
}

func threadCount(n int) string {
	if n == 1 {
		return "1 thread"
	}
	return fmt.Sprintf("%d threads", n)
}

const peerDoes = "Writes one flat table of 22 columns of the occurrences; results without any are lost, offset ranges left out. " +
	"No checksums, no fsync, rows in any order."

func duckdb(id string, threads int) *side {
	return &side{
		id: id, name: "DuckDB, " + threadCount(threads), cores: threads,
		commands: []string{fmt.Sprintf(
			`oracle peer --sql bench/peers/duckdb_convert.sql --dir "$DIR" --out "$OUT/occurrences.parquet" --threads %d`, threads)},
		check: peerRows, version: "oracle peer --version", does: peerDoes,
	}
}

func clickhouse(id string, threads int) *side {
	return &side{
		id: id, name: "ClickHouse, " + threadCount(threads), cores: threads,
		commands: []string{fmt.Sprintf(`clickhouse local --query "$(sed "s|\${dir}|$DIR|g; s|\${out}|$OUT/occurrences.parquet|g; s|\${threads}|%d|g" bench/peers/clickhouse_convert.sql)"`, threads)},
		count:    `clickhouse local --query "SELECT count() FROM file('$OUT/occurrences.parquet', Parquet)"`,
		check:    peerCount, program: "clickhouse", version: "clickhouse local --version", does: peerDoes,
	}
}

// summaries reads the summaries that processes of macielake wrote, and adds up
// their rows.
func summaries(stdout [][]byte) (rows map[string]int64, last convert.Summary, err error) {
	rows = map[string]int64{}
	for _, text := range stdout {
		var document struct{ Answer convert.Summary }
		if err := json.Unmarshal(text, &document); err != nil {
			return nil, last, fmt.Errorf("summary: %w", err)
		}
		last = document.Answer
		for table, n := range last.Rows {
			rows[table] += n
		}
		for kind, n := range last.OccurrencesByKind {
			rows[kind] += n
		}
	}
	return rows, last, nil
}

func allRows(e *gen.Expected, stdout [][]byte) error {
	got, _, err := summaries(stdout)
	if err != nil {
		return err
	}
	k := e.OccurrencesByKind
	for name, want := range map[string]int64{
		"results": e.Rows.Results, "detections": e.Rows.Detections, "occurrences": e.Rows.Occurrences,
		"cell": k.Cell, "line": k.Line, "offset": k.Offset, "page": k.Page, "record": k.Record,
	} {
		if got[name] != want {
			return fmt.Errorf("%d rows of %s, want %d", got[name], name, want)
		}
	}
	return nil
}

func resultRows(e *gen.Expected, stdout [][]byte) error {
	got, _, err := summaries(stdout)
	if err != nil {
		return err
	}
	if len(got) != 1 || got["results"] != e.Rows.Results {
		return fmt.Errorf("rows %v, want %d of results", got, e.Rows.Results)
	}
	return nil
}

// peerWant is the number of rows that the databases' SQL gives: it leaves
// offset ranges out.
func peerWant(e *gen.Expected) int64 { return e.Rows.Occurrences - e.OccurrencesByKind.Offset }

func peerRows(e *gen.Expected, stdout [][]byte) error {
	var run struct{ Rows int64 }
	if err := json.Unmarshal(bytes.Join(stdout, nil), &run); err != nil {
		return err
	}
	return same("rows", run.Rows, peerWant(e))
}

func peerCount(e *gen.Expected, stdout [][]byte) error { return counted("rows", stdout, peerWant(e)) }

func inflatedBytes(e *gen.Expected, stdout [][]byte) error {
	return counted("bytes", stdout, e.InflatedBytes)
}

func counted(what string, stdout [][]byte, want int64) error {
	got, err := strconv.ParseInt(strings.TrimSpace(string(bytes.Join(stdout, nil))), 10, 64)
	if err != nil {
		return err
	}
	return same(what, got, want)
}

func same(what string, got, want int64) error {
	if got != want {
		return fmt.Errorf("%d %s, want %d", got, what, want)
	}
	return nil
}
