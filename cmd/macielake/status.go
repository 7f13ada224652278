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

func newStatus() *cobra.Command {
	var (
		places placeFlags
		asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "status DATASET",
		Short: "Say what a dataset holds",
		Long: `Say what a dataset holds: its runs, sources, rows and rejects, and which runs
didn't end. It reads the state alone.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := places.openNamed(cmd, args[0])
			if err != nil {
				return err
			}
			defer s.Close()
			status, err := dataset.LoadStatus(cmd.Context(), s)
			if err != nil {
				return err
			}
			if asJSON {
				err = writeJSON(cmd.OutOrStdout(), status)
			} else {
				err = writeStatus(cmd.OutOrStdout(), status)
			}
			if err != nil {
				return &printError{err}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object")
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
		p.line("open", "run %s of %s: %s sources, %s; %d of %d parts done. The next convert goes on with it",
			o.Run, o.StartedAt.Format(time.RFC3339), text.Count(o.Sources), text.Bytes(o.Bytes), o.Done, o.Parts)
	}
	t := &s.Totals
	p.line("sources", "%s: %s converted, %s rejected", text.Count(s.Sources), text.Count(s.Sources-t.Rejected), text.Count(t.Rejected))
	p.line("lines", "%s = %s records + %s rejects + %s blank", text.Count(t.Lines), text.Count(t.Records), text.Count(t.RejectedLines), text.Count(t.Blank))
	if t.Filtered > 0 {
		p.line("filtered", "%s records left out", text.Count(t.Filtered))
	}
	for _, table := range s.Tables {
		p.line(table, "%s rows", text.Count(t.Rows[table]))
	}
	p.line("unreadable", "%s times a source could not be read", text.Count(t.Unreadable))
	p.line("bytes", "%s read, %s inflated, %s written in %s files",
		text.Bytes(t.StoredBytes), text.Bytes(t.InflatedBytes), text.Bytes(t.WrittenBytes), text.Count(t.Files))
	return p.flush(w)
}
