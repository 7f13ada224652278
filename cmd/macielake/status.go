package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/macielake/macielake/internal/dataset"
	"github.com/macielake/macielake/internal/text"
)

func newStatus(s *session) *cobra.Command {
	var places placeFlags
	cmd := &cobra.Command{
		Use:   "status DATASET",
		Short: "Show a dataset's contents and open runs",
		Long: `Show a dataset's tables, runs, sources, rows and rejects, and the runs that have
not ended. Only the dataset's state is read, not its tables.`,
		Example: `  macielake status lake
  macielake status s3://lake-bucket/macie --json | jq .answer.open`,
		Annotations: exits(exit{code: exitNotFound}),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := places.openNamed(cmd, args[0])
			if err != nil {
				return err
			}
			defer d.Close()
			status, err := dataset.LoadStatus(cmd.Context(), d)
			if err != nil {
				return err
			}
			return s.answer(status, func(w io.Writer) error { return writeStatus(w, status) })
		},
	}
	places.addFlags(cmd.Flags())
	return cmd
}

// printer writes lines of a name and a text, in columns.
type printer struct{ b strings.Builder }

func (p *printer) line(name, format string, args ...any) {
	fmt.Fprintf(&p.b, "%-12s %s\n", name, text.Printable(fmt.Sprintf(format, args...)))
}

func (p *printer) flush(w io.Writer) error {
	_, err := io.WriteString(w, p.b.String())
	return err
}

func writeStatus(w io.Writer, s *dataset.Status) error {
	var p printer
	p.line("dataset", "%s", s.URI)
	partitions := strings.Join(s.PartitionBy, ", ")
	if partitions == "" {
		partitions = "nothing"
	}
	p.line("tables", "%s as %s, partitioned by %s", strings.Join(s.Tables, ", "), s.TableFormat, partitions)
	for _, f := range []struct {
		name   string
		values []string
	}{{"accounts", s.Filter.Accounts}, {"regions", s.Filter.Regions}, {"jobs", s.Filter.Jobs}} {
		if len(f.values) > 0 {
			p.line("only", "%s %s", f.name, strings.Join(f.values, ", "))
		}
	}
	if s.Filter.Since != nil {
		p.line("only", "since %s", s.Filter.Since.Format(time.RFC3339))
	}
	if s.Filter.Until != nil {
		p.line("only", "until %s", s.Filter.Until.Format(time.RFC3339))
	}
	p.line("runs", "%d committed, %d abandoned, %d open", s.Committed, s.Abandoned, len(s.Open))
	if s.Last != nil {
		p.line("last run", "%s, ended %s", s.Last.Run, s.Last.EndedAt.Format(time.RFC3339))
	}
	for _, o := range s.Open {
		p.line("open", "run %s, begun %s: %s, %s; %d of %s done; the next convert resumes it",
			o.Run, o.StartedAt.Format(time.RFC3339), text.Plural(o.Sources, "source"), text.Bytes(o.Bytes), o.Done, text.Plural(int64(o.Parts), "part"))
	}
	t := &s.Totals
	p.line("sources", "%s: %s converted, %s rejected", text.Count(s.Sources), text.Count(s.Sources-t.Rejected), text.Count(t.Rejected))
	p.line("lines", "%s = %s records + %s rejects + %s blank", text.Count(t.Lines), text.Count(t.Records), text.Count(t.RejectedLines), text.Count(t.Blank))
	if t.Filtered > 0 {
		p.line("filtered", "%s left out", text.Plural(t.Filtered, "record"))
	}
	for _, table := range s.Tables {
		p.line(table, "%s", text.Plural(t.Rows[table], "row"))
	}
	p.line("unreadable", "read failures: %s", text.Count(t.Unreadable))
	p.line("bytes", "%s read, %s inflated, %s written in %s",
		text.Bytes(t.StoredBytes), text.Bytes(t.InflatedBytes), text.Bytes(t.WrittenBytes), text.Plural(t.Files, "file"))
	return p.flush(w)
}
