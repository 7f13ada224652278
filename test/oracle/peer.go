package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// peerRun is what a conversion with SQL of its own took.
type peerRun struct {
	DuckDB          string  `json:"duckdb"` // version
	Rows            int64   `json:"rows"`   // that its last statement wrote
	Seconds         float64 `json:"seconds"`
	PeakMemoryBytes int64   `json:"peak_memory_bytes"` // 0 where the system doesn't say
}

// peer runs a file of SQL through a DuckDB with its defaults, its ${dir},
// ${out} and ${threads} replaced, and writes what that took as a JSON object:
// the other side of a comparison of speed.
func peer(ctx context.Context, stdout io.Writer, args []string) error {
	flags := flag.NewFlagSet("peer", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	file := flags.String("sql", "", "file of statements, the last of which writes the rows")
	dir := flags.String("dir", "", "directory of the raw results")
	out := flags.String("out", "", "file to write")
	threads := flags.Int("threads", 1, "threads of DuckDB")
	version := flags.Bool("version", false, "write the version of DuckDB and do nothing else")
	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	db, err := sql.Open("duckdb", "")
	if err != nil {
		return err
	}
	defer db.Close()
	var run peerRun
	if err := db.QueryRowContext(ctx, "SELECT version()").Scan(&run.DuckDB); err != nil {
		return err
	}
	if *version {
		_, err := fmt.Fprintln(stdout, run.DuckDB)
		return err
	}
	if *file == "" || *dir == "" || *out == "" || *threads < 1 || flags.NArg() > 0 {
		return fmt.Errorf("%w: peer takes --sql, --dir, --out and --threads", errUsage)
	}
	text, err := os.ReadFile(*file)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(*out), 0o755); err != nil {
		return err
	}
	inString := func(s string) string { return strings.ReplaceAll(s, "'", "''") }
	statements := strings.NewReplacer("${dir}", inString(*dir), "${out}", inString(*out),
		"${threads}", strconv.Itoa(*threads)).Replace(string(text))

	start := time.Now()
	result, err := db.ExecContext(ctx, statements)
	if err != nil {
		return err
	}
	run.Seconds = time.Since(start).Seconds()
	if run.Rows, err = result.RowsAffected(); err != nil {
		return err
	}
	run.PeakMemoryBytes = peakMemory()
	return json.NewEncoder(stdout).Encode(run)
}

// peakMemory is the most memory that the process has had resident, in bytes:
// VmHWM (proc_pid_status(5)), 0 where there is none.
func peakMemory() int64 {
	status, _ := os.ReadFile("/proc/self/status")
	_, rest, _ := bytes.Cut(status, []byte("\nVmHWM:"))
	fields := strings.Fields(string(rest[:min(len(rest), 64)]))
	if len(fields) == 0 {
		return 0
	}
	kib, _ := strconv.ParseInt(fields[0], 10, 64)
	return kib << 10
}
