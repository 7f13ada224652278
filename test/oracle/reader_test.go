package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// TestReadersMeanwhile has DuckDB query a dataset all the while that converters
// work on it, by twos: no query fails on a file, none sees a row twice, and those
// that hold themselves to the runs table see whole runs.
func TestReadersMeanwhile(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	program := filepath.Join(dir, "macielake")
	if out, err := exec.Command("go", "build", "-C", "../..", "-o", program, "./cmd/macielake").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	in, lake := filepath.Join(dir, "in"), filepath.Join(dir, "lake")
	if err := os.MkdirAll(in, 0o777); err != nil {
		t.Fatal(err)
	}
	rounds, lines := 6, 300
	if os.Getenv("MACIELAKE_TORTURE") != "" {
		rounds = 40
	}
	done := make(chan error, 1)
	stop := make(chan struct{})
	queries := 0
	go func() {
		done <- func() error {
			d, err := openDuck(ctx)
			if err != nil {
				return err
			}
			defer d.close()
			for {
				select {
				case <-stop:
					return nil
				default:
				}
				// DuckDB fails on a glob that matches nothing.
				if runs, _ := filepath.Glob(filepath.Join(lake, "runs", "*.parquet")); len(runs) == 0 {
					time.Sleep(time.Millisecond)
					continue
				}
				var rows, distinct, whole, claimed int64
				// The runs first: what is committed is published.
				query := fmt.Sprintf(`WITH committed AS MATERIALIZED (SELECT run_id, results_rows FROM read_parquet('%[1]s/runs/*.parquet'))
					SELECT (SELECT count(*) FROM read_parquet('%[1]s/results/**/*.parquet', hive_partitioning = false)),
						(SELECT count(DISTINCT (source_uri, source_line)) FROM read_parquet('%[1]s/results/**/*.parquet', hive_partitioning = false)),
						(SELECT count(*) FROM read_parquet('%[1]s/results/**/*.parquet', hive_partitioning = false) WHERE run_id IN (SELECT run_id FROM committed)),
						(SELECT sum(results_rows)::BIGINT FROM committed)`, lake)
				if err := d.conn.QueryRowContext(ctx, query).Scan(&rows, &distinct, &whole, &claimed); err != nil {
					return err
				}
				queries++
				// Each count lists the files anew, and runs come meanwhile: but
				// no count is of more lines than there are rows to come.
				if rows > distinct {
					return fmt.Errorf("%d rows of %d lines", rows, distinct)
				}
				if whole != claimed {
					return fmt.Errorf("%d rows of runs that have %d", whole, claimed)
				}
			}
		}()
	}()
	for round := range rounds {
		for i := range 4 {
			var content []byte
			for line := range lines {
				content = fmt.Appendf(content, `{"id":"%d-%d-%d","createdAt":"2026-%02d-01T00:00:00Z"}`+"\n", round, i, line, 1+line%4)
			}
			if err := os.WriteFile(filepath.Join(in, fmt.Sprintf("%d-%d.jsonl", round, i)), content, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		var converters []*exec.Cmd
		for range 2 {
			cmd := exec.Command(program, "convert", in, "--out", lake, "-q", "--max-sources-per-run", "1")
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			converters = append(converters, cmd)
		}
		for i, cmd := range converters {
			if err := cmd.Wait(); err != nil {
				t.Errorf("round %d, converter %d: %v", round, i, err)
			}
		}
	}
	close(stop)
	if err := <-done; err != nil {
		t.Error(err)
	}
	d, err := openDuck(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	var rows int64
	if err := d.conn.QueryRowContext(ctx, fmt.Sprintf(`SELECT count(*) FROM read_parquet('%s/results/**/*.parquet')`, lake)).Scan(&rows); err != nil {
		t.Fatal(err)
	}
	if want := int64(rounds * 4 * lines); rows != want || queries == 0 {
		t.Errorf("%d rows, want %d; %d queries meanwhile", rows, want, queries)
	}
	t.Logf("%d rows, %d queries meanwhile", rows, queries)
	if os.Getenv("MACIELAKE_TORTURE") != "" {
		fmt.Printf("torture: %s: %d queries of DuckDB while converters worked, none failed or saw a row twice\n", t.Name(), queries)
	}
}
