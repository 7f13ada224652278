package dataset

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/macielake/macielake/internal/arrowio"
	"github.com/macielake/macielake/internal/parquet"
	"github.com/macielake/macielake/internal/rows"
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

// values are the row's values, in the order of [schema.Runs].
func (r *RunRow) values() []rows.Value {
	text := func(s string) rows.Value { return rows.Value{Set: true, Text: []byte(s)} }
	number := func(n int64) rows.Value { return rows.Value{Set: true, Int: n} }
	return []rows.Value{
		text(r.RunID), number(r.StartedAt.UnixMicro()), number(r.EndedAt.UnixMicro()), text(r.Version),
		number(r.Sources), number(r.Lines), number(r.Results), number(r.Detections), number(r.Occurrences),
		number(r.Rejects), number(r.Unreadable), number(r.StoredBytes), number(r.InflatedBytes), number(r.WrittenBytes),
	}
}

// RunsColumns describes the columns of the runs table, in order.
func RunsColumns() []schema.Column { return schema.Runs().Columns }

// PutRunRow writes a run's row of the runs table, as a file of its own in the
// dataset's table format.
func PutRunRow(ctx context.Context, s store.Store, tableFormat, nonce string, row RunRow) error {
	name := RunRowName(row.RunID, tableFormat)
	staging := path.Join(stagingDir, "run-"+row.RunID+"-"+nonce, name)
	out, err := s.Create(ctx, staging, store.Shared)
	if err != nil {
		return err
	}
	if err := writeRow(out, tableFormat, &row); err != nil {
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

func writeRow(w io.Writer, tableFormat string, row *RunRow) error {
	values := rows.NewSingle(row.values())
	if tableFormat == "arrow" {
		f, err := arrowio.New(arrowio.Options{Compression: "none"})
		if err != nil {
			return err
		}
		e, err := f.NewEncoder(w, schema.Runs())
		if err != nil {
			return err
		}
		return errors.Join(e.WriteRows(values), e.Close())
	}
	f, err := parquet.New(parquet.Options{Compression: "none"})
	if err != nil {
		return err
	}
	e, err := f.NewEncoder(w, schema.Runs())
	if err != nil {
		return err
	}
	return errors.Join(e.WriteRows(values), e.Close())
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
