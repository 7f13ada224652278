package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
)

// catRows compares what `macielake cat` wrote, a file per table in dir, named
// TABLE.FORMAT, with the raw results: DuckDB reads the files as a user's would.
func catRows(ctx context.Context, stdout io.Writer, raw, dir, skip, format string) error {
	lake, err := os.MkdirTemp("", "oracle-rows-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(lake)
	for _, t := range tables() {
		if err := os.Mkdir(filepath.Join(lake, t.name), 0o755); err != nil {
			return err
		}
		from := filepath.Join(dir, t.name+"."+format)
		if err := loadRows(ctx, t, format, from, filepath.Join(lake, t.name, "rows.parquet")); err != nil {
			return fmt.Errorf("%s: %w", from, err)
		}
	}
	d, err := compare(ctx, comparison{
		raw: raw, dataset: lake, skip: skip, tables: tables(), batchBytes: 64 << 20,
	})
	if err != nil {
		return err
	}
	d.print(stdout)
	if !d.equal() {
		return errDifferent
	}
	return nil
}

// loadRows has DuckDB read a file of rows and write it as Parquet.
func loadRows(ctx context.Context, t table, format, from, to string) error {
	d, err := openDuck(ctx)
	if err != nil {
		return err
	}
	defer d.close()
	types := make([]string, len(t.columns))
	selected := make([]string, len(t.columns))
	for i, c := range t.columns {
		typ := c.kind.duckType()
		selected[i] = c.name
		if c.kind == mapKind && format == "csv" {
			typ = "VARCHAR"
			selected[i] = fmt.Sprintf("CAST(CAST(%s AS JSON) AS %s) AS %[1]s", c.name, c.kind.duckType())
		}
		if c.name == "run_id" { // rows of raw results have none
			selected[i] = "coalesce(run_id, 'none') AS run_id"
		}
		types[i] = fmt.Sprintf("%s: %s", quote(c.name), quote(typ))
	}
	columns := "columns = {" + strings.Join(types, ", ") + "}"
	var source string
	switch format {
	case "ndjson":
		source = fmt.Sprintf("read_json(%s, format = 'newline_delimited', maximum_object_size = 268435456, %s)", quote(from), columns)
	case "csv":
		source = fmt.Sprintf(`read_csv(%s, header = true, delim = ',', quote = '"', escape = '"', nullstr = '',
			allow_quoted_nulls = false, strict_mode = true, max_line_size = 67108864, %s)`, quote(from), columns)
	case "parquet":
		source = fmt.Sprintf("read_parquet(%s)", quote(from))
	case "arrow":
		plain := to + ".plain"
		if err := arrowToParquet(from, plain); err != nil {
			return err
		}
		defer os.Remove(plain)
		source = fmt.Sprintf("read_parquet(%s)", quote(plain))
	default:
		return fmt.Errorf("%w: no format %q", errUsage, format)
	}
	return d.exec(ctx, fmt.Sprintf("COPY (SELECT %s FROM %s) TO %s (FORMAT parquet)", strings.Join(selected, ", "), source, quote(to)))
}

// arrowToParquet copies an Arrow IPC stream, which this DuckDB can't read by
// itself.
func arrowToParquet(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	stream, err := ipc.NewReader(in)
	if err != nil {
		return err
	}
	defer stream.Release()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	defer out.Close()
	fw, err := pqarrow.NewFileWriter(stream.Schema(), out, parquet.NewWriterProperties(), pqarrow.DefaultWriterProps())
	if err != nil {
		return err
	}
	for stream.Next() {
		if err := fw.Write(stream.RecordBatch()); err != nil {
			return err
		}
	}
	if err := stream.Err(); err != nil {
		return err
	}
	return fw.Close()
}
