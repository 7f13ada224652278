package main

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/macielake/macielake/internal/maintain"
	"github.com/macielake/macielake/internal/text"
)

// overdueError says that status found something that has been quiet for too long.
type overdueError struct{ what []string }

func (e *overdueError) Error() string { return strings.Join(e.what, "; ") }

func newStatus(s *session) *cobra.Command {
	var (
		places             placeFlags
		maxAge, maxSilence time.Duration
		workers            int
	)
	cmd := &cobra.Command{
		Use:   "status DATASET",
		Short: "Show a dataset's contents, open runs, and who has been silent",
		Long: `Show a dataset's tables, runs, sources, rows and rejects, the runs that have not
ended, when a convert last looked at its inputs, and the newest result of each
origin: a job or automated discovery, per administrator and Region.

--max-age and --max-silence are for monitoring: a convert that no longer runs, a
disabled key or a stopped job looks like a clean estate otherwise. An origin counts
as silent if it was heard of in the last 90 days.`,
		Example: `  macielake status lake
  macielake status lake --max-age 26h --max-silence 72h
  macielake status s3://lake-bucket/macie --json | jq .answer.open_runs`,
		Annotations: exits(exit{exitNotFound, "the dataset does not exist, or something is overdue"}),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkWorkers(workers); err != nil {
				return err
			}
			if maxAge < 0 || maxSilence < 0 {
				return usagef("--max-age and --max-silence cannot be negative")
			}
			d, err := places.openNamed(cmd, args[0])
			if err != nil {
				return err
			}
			defer d.Close()
			status, err := maintain.LoadStatus(cmd.Context(), d, workers)
			if err != nil {
				return err
			}
			now := time.Now()
			if err := s.answer(status, func(w io.Writer) error { return writeStatus(w, status, now) }); err != nil {
				return err
			}
			if late := status.Overdue(now, maxAge, maxSilence); len(late) > 0 {
				return &overdueError{late}
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.DurationVar(&maxAge, "max-age", 0, "fail if the last completed look at the inputs is older than `DURATION`, such as 26h")
	f.DurationVar(&maxSilence, "max-silence", 0, "fail if an origin has been silent for longer than `DURATION`, such as 72h")
	f.IntVarP(&workers, "workers", "j", runtime.GOMAXPROCS(0), "read `N` files at the same time")
	places.addFlags(f)
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

func writeStatus(w io.Writer, s *maintain.Status, now time.Time) error {
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
		p.line("last run", "%s, ended %s", s.Last.RunID, s.Last.EndedAt.Format(time.RFC3339))
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
	writeCaveats(&p, s)
	if s.Look == nil {
		p.line("last look", "never")
	} else {
		p.line("last look", "%s ago, at %s: %s listed, %s new", age(now, s.Look.EndedAt), s.Look.EndedAt.UTC().Format(time.RFC3339),
			text.Plural(s.Look.Listed, "source"), text.Count(s.Look.New))
	}
	for i := range s.Origins {
		o := &s.Origins[i]
		p.line("origin", "%s: newest result %s ago, at %s", o, age(now, o.Newest), o.Newest.Format(time.RFC3339))
	}
	p.line("bytes", "%s read, %s inflated, %s written in %s",
		text.Bytes(t.StoredBytes), text.Bytes(t.InflatedBytes), text.Bytes(t.WrittenBytes), text.Plural(t.Files, "file"))
	return p.flush(w)
}

// writeCaveats writes what limits answers from the dataset.
func writeCaveats(p *printer, s *maintain.Status) {
	c := s.Caveats
	if left := c.Rejects - c.Acknowledged; left > 0 {
		p.line("rejects", "%s neither converted nor acknowledged", text.Count(left))
	}
	if c.Acknowledged > 0 {
		p.line("rejects", "%s acknowledged", text.Count(c.Acknowledged))
	}
	if c.Changed > 0 {
		p.line("changed", "%s in another version than the converted one", text.Plural(c.Changed, "source"))
	}
	if c.Accepted > 0 {
		p.line("changed", "%s left out in a changed version that was accepted", text.Plural(c.Accepted, "source"))
	}
}

// age is how long ago something was, in its largest unit that is useful.
func age(now, at time.Time) string {
	d := max(0, now.Sub(at))
	switch {
	case d >= 48*time.Hour:
		return text.Plural(int64(d/(24*time.Hour)), "day")
	case d >= time.Hour:
		return text.Plural(int64(d/time.Hour), "hour")
	}
	return text.Plural(int64(d/time.Minute), "minute")
}
