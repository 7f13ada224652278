package dataset

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"github.com/macielake/macielake/internal/store"
	"github.com/macielake/macielake/pkg/schema"
)

// RunsTable is the name of the table of committed runs.
const RunsTable = "runs"

// RunRow is a row of the runs table: a committed run.
type RunRow struct {
	RunID         string
	StartedAt     time.Time
	EndedAt       time.Time
	Version       string
	Sources       int64
	Lines         int64
	Results       int64
	Detections    int64
	Occurrences   int64
	Rejects       int64
	Unreadable    int64
	StoredBytes   int64
	InflatedBytes int64
	WrittenBytes  int64
}

// runsColumn is a column of the runs table; value gives what a builder of its
// type takes.
type runsColumn struct {
	name  string
	typ   arrow.DataType
	value func(r *RunRow) any
	doc   string
}

func runsColumns() []runsColumn {
	text, integer := arrow.BinaryTypes.String, arrow.PrimitiveTypes.Int64
	at := &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}
	return []runsColumn{
		{"run_id", text, func(r *RunRow) any { return r.RunID }, "Identifier of the run, as the other tables' run_id has it"},
		{"started_at", at, func(r *RunRow) any { return r.StartedAt.UnixMicro() }, "When the run began, UTC"},
		{"ended_at", at, func(r *RunRow) any { return r.EndedAt.UnixMicro() }, "When the run was committed, UTC"},
		{"version", text, func(r *RunRow) any { return r.Version }, "Version of macielake that converted"},
		{"sources", integer, func(r *RunRow) any { return r.Sources }, "Objects that the run was to convert"},
		{"lines", integer, func(r *RunRow) any { return r.Lines }, "Lines in those that were converted"},
		{"results_rows", integer, func(r *RunRow) any { return r.Results }, "Rows the run added to results"},
		{"detections_rows", integer, func(r *RunRow) any { return r.Detections }, "Rows the run added to detections"},
		{"occurrences_rows", integer, func(r *RunRow) any { return r.Occurrences }, "Rows the run added to occurrences"},
		{"rejects", integer, func(r *RunRow) any { return r.Rejects }, "Lines and objects that were rejected"},
		{"unreadable", integer, func(r *RunRow) any { return r.Unreadable }, "Objects that could not be read"},
		{"stored_bytes", integer, func(r *RunRow) any { return r.StoredBytes }, "Bytes of the objects as they are stored"},
		{"inflated_bytes", integer, func(r *RunRow) any { return r.InflatedBytes }, "Bytes of the objects, inflated"},
		{"written_bytes", integer, func(r *RunRow) any { return r.WrittenBytes }, "Bytes of the files that the run wrote"},
	}
}

// RunsColumns describes the columns of the runs table, in order.
func RunsColumns() []schema.Column {
	columns := runsColumns()
	out := make([]schema.Column, len(columns))
	for i, c := range columns {
		out[i] = schema.Column{Name: c.name, Doc: c.doc}
		switch c.typ.ID() {
		case arrow.INT64:
			out[i].Type = schema.Int64
		case arrow.TIMESTAMP:
			out[i].Type = schema.Timestamp
		}
	}
	return out
}

// PutRunRow writes a run's row of the runs table, as a file of its own in the
// dataset's table format.
func PutRunRow(ctx context.Context, s store.Store, tableFormat, nonce string, row RunRow) error {
	columns := runsColumns()
	fields := make([]arrow.Field, len(columns))
	for i, c := range columns {
		fields[i] = arrow.Field{Name: c.name, Type: c.typ, Nullable: true}
	}
	sc := arrow.NewSchema(fields, nil)
	builder := array.NewRecordBuilder(memory.DefaultAllocator, sc)
	defer builder.Release()
	for i, c := range columns {
		switch v := c.value(&row).(type) {
		case string:
			builder.Field(i).(*array.StringBuilder).Append(v)
		case int64:
			if b, ok := builder.Field(i).(*array.TimestampBuilder); ok {
				b.Append(arrow.Timestamp(v))
			} else {
				builder.Field(i).(*array.Int64Builder).Append(v)
			}
		}
	}
	record := builder.NewRecordBatch()
	defer record.Release()

	name := RunRowName(row.RunID, tableFormat)
	staging := path.Join(stagingDir, "run-"+row.RunID+"-"+nonce, name)
	out, err := s.Create(ctx, staging, store.Shared)
	if err != nil {
		return err
	}
	write := writeParquet
	if tableFormat == "arrow" {
		write = writeArrow
	}
	if err := write(out, sc, record); err != nil {
		out.Abort()
		return fmt.Errorf("writing %s: %w", name, err)
	}
	if err := out.Commit(); err != nil {
		out.Abort()
		return fmt.Errorf("writing %s: %w", name, err)
	}
	if err := s.Move(ctx, staging, name); err != nil {
		return fmt.Errorf("publishing %s: %w", name, err)
	}
	if err := s.Sync(ctx); err != nil {
		return err
	}
	_ = s.RemoveAll(ctx, path.Dir(path.Dir(staging))) // who may not remove leaves it to maintenance
	return nil
}

// RunRowName is the name of the file with a run's row of the runs table.
func RunRowName(run, tableFormat string) string { return path.Join(RunsTable, run+"."+tableFormat) }

// CommittedRow is the row of a run that is committed.
func CommittedRow(r *Run, e *End) RunRow {
	t := e.Totals
	return RunRow{
		RunID: r.Run, StartedAt: r.StartedAt, EndedAt: e.EndedAt, Version: r.Version,
		Sources: t.Sources, Lines: t.Lines,
		Results: t.Rows["results"], Detections: t.Rows["detections"], Occurrences: t.Rows["occurrences"],
		Rejects: t.RejectedLines + t.Rejected, Unreadable: t.Unreadable,
		StoredBytes: t.StoredBytes, InflatedBytes: t.InflatedBytes, WrittenBytes: t.WrittenBytes,
	}
}

func writeParquet(w io.Writer, sc *arrow.Schema, record arrow.RecordBatch) error {
	fw, err := pqarrow.NewFileWriter(sc, w, parquet.NewWriterProperties(
		parquet.WithDataPageVersion(parquet.DataPageV1)), pqarrow.NewArrowWriterProperties())
	if err != nil {
		return err
	}
	if err := fw.Write(record); err != nil {
		return err
	}
	return fw.Close()
}

func writeArrow(w io.Writer, sc *arrow.Schema, record arrow.RecordBatch) error {
	fw, err := ipc.NewFileWriter(w, ipc.WithSchema(sc))
	if err != nil {
		return err
	}
	if err := fw.Write(record); err != nil {
		return err
	}
	return fw.Close()
}

// RunRows lists the runs that have a row in the runs table.
func RunRows(ctx context.Context, s store.Store) (map[string]bool, error) {
	rows := map[string]bool{}
	err := s.List(ctx, RunsTable, func(name string, _ fs.FileInfo) error {
		base := path.Base(name)
		rows[strings.TrimSuffix(base, path.Ext(base))] = true
		return nil
	})
	return rows, err
}
