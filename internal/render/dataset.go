package render

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/macielake/macielake/internal/maintain"
	"github.com/macielake/macielake/internal/text"
)

// Status writes what a dataset has, as of now.
func Status(w io.Writer, s *maintain.Status, now time.Time) error {
	var p lines
	p.add("dataset", "%s", s.URI)
	partitions := strings.Join(s.PartitionBy, ", ")
	if partitions == "" {
		partitions = "nothing"
	}
	p.add("tables", "%s as %s, partitioned by %s", strings.Join(s.Tables, ", "), s.TableFormat, partitions)
	for _, f := range []struct {
		name   string
		values []string
	}{{"accounts", s.Filter.Accounts}, {"regions", s.Filter.Regions}, {"jobs", s.Filter.Jobs}} {
		if len(f.values) > 0 {
			p.add("only", "%s %s", f.name, strings.Join(f.values, ", "))
		}
	}
	if s.Filter.Since != nil {
		p.add("only", "since %s", s.Filter.Since.Format(time.RFC3339))
	}
	if s.Filter.Until != nil {
		p.add("only", "until %s", s.Filter.Until.Format(time.RFC3339))
	}
	p.add("runs", "%d committed, %d abandoned, %d open", s.Committed, s.Abandoned, len(s.Open))
	if s.Last != nil {
		p.add("last run", "%s, ended %s", s.Last.RunID, s.Last.EndedAt.Format(time.RFC3339))
	}
	for _, o := range s.Open {
		p.add("open", "run %s, begun %s: %s, %s; %d of %s done; the next convert resumes it",
			o.Run, o.StartedAt.Format(time.RFC3339), text.Plural(o.Sources, "source"), text.Bytes(o.Bytes), o.Done, text.Plural(int64(o.Parts), "part"))
	}
	t := &s.Totals
	p.add("sources", "%s: %s converted, %s rejected", text.Count(s.Sources), text.Count(s.Sources-t.Rejected), text.Count(t.Rejected))
	p.add("lines", "%s = %s records + %s rejects + %s blank", text.Count(t.Lines), text.Count(t.Records), text.Count(t.RejectedLines), text.Count(t.Blank))
	if t.Filtered > 0 {
		p.add("filtered", "%s left out", text.Plural(t.Filtered, "record"))
	}
	for _, table := range s.Tables {
		p.add(table, "%s", text.Plural(t.Rows[table], "row"))
	}
	p.add("unreadable", "read failures: %s", text.Count(t.Unreadable))
	caveats(&p, s)
	if s.Look == nil {
		p.add("last look", "never")
	} else {
		p.add("last look", "%s ago, at %s: %s listed, %s new", age(now, s.Look.EndedAt), s.Look.EndedAt.UTC().Format(time.RFC3339),
			text.Plural(s.Look.Listed, "source"), text.Count(s.Look.New))
	}
	for i := range s.Origins {
		o := &s.Origins[i]
		p.add("origin", "%s: newest result %s ago, at %s", o, age(now, o.Newest), o.Newest.Format(time.RFC3339))
	}
	p.add("bytes", "%s read, %s inflated, %s written in %s",
		text.Bytes(t.StoredBytes), text.Bytes(t.InflatedBytes), text.Bytes(t.WrittenBytes), text.Plural(t.Files, "file"))
	return p.flush(w)
}

// caveats writes what limits answers from the dataset.
func caveats(p *lines, s *maintain.Status) {
	c := s.Caveats
	if left := c.Rejects - c.Acknowledged; left > 0 {
		p.add("rejects", "%s neither converted nor acknowledged", text.Count(left))
	}
	if c.Acknowledged > 0 {
		p.add("rejects", "%s acknowledged", text.Count(c.Acknowledged))
	}
	if c.Changed > 0 {
		p.add("changed", "%s in another version than the converted one", text.Plural(c.Changed, "source"))
	}
	if c.Accepted > 0 {
		p.add("changed", "%s left out in a changed version that was accepted", text.Plural(c.Accepted, "source"))
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

// Garbage writes the leftovers of interrupted runs.
func Garbage(w io.Writer, g *maintain.Garbage) error {
	var p lines
	for _, f := range g.Files {
		p.add(text.Bytes(f.Bytes), "%s: %s", text.Short(f.Name), f.Why)
	}
	if g.Skew != 0 {
		p.add("clock", "this machine's clock differs from the store's by %s; ages are by the store's clock", g.Skew.Round(time.Second))
	}
	files := text.Plural(int64(len(g.Files)), "file")
	switch {
	case len(g.Files) == 0:
		p.add("total", "nothing to clean up")
	case g.Deleted:
		p.add("total", "%s in %s removed", text.Bytes(g.Bytes), files)
	default:
		p.add("total", "%s in %s; --delete removes them", text.Bytes(g.Bytes), files)
	}
	return p.flush(w)
}

// Dropping writes what a drop removes or has removed.
func Dropping(w io.Writer, d *maintain.Dropping) error {
	var p lines
	p.add("dataset", "%s", d.Dataset)
	what := fmt.Sprintf("%s in %s of %s", text.Bytes(d.Bytes), text.Plural(d.Files, "file"), text.Plural(int64(d.Runs), "run"))
	switch {
	case d.Deleted:
		p.add("removed", "%s", what)
	case d.Resumed:
		p.add("left", "%s; the drop of this dataset was interrupted, --delete resumes it", what)
	default:
		p.add("holds", "%s; --delete removes it", what)
	}
	for _, name := range d.Kept {
		p.add("stays", "%s: not a file of the dataset", text.Short(name))
	}
	if strings.HasPrefix(d.Dataset, "s3://") {
		p.add("versions", "in a bucket with versioning, old versions remain until a lifecycle rule or you remove them")
	}
	return p.flush(w)
}

// Runs writes the runs of a dataset, a line per run.
func Runs(w io.Writer, runs []maintain.RunSummary) error {
	if len(runs) == 0 {
		_, err := io.WriteString(w, "no runs\n")
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%6s  %-15s  %-9s  %-20s  %12s  %12s  %10s\n", "run", "run_id", "state", "ended", "sources", "results", "rejects")
	for i := range runs {
		r := &runs[i]
		ended, results, rejects := "", "", ""
		if r.EndedAt != nil {
			ended = r.EndedAt.UTC().Format(time.RFC3339)
		}
		if t := r.Totals; t != nil {
			results, rejects = text.Count(t.Rows["results"]), text.Count(t.RejectedLines+t.Rejected)
		}
		fmt.Fprintf(&b, "%6d  %-15s  %-9s  %-20s  %12s  %12s  %10s\n", r.Number, r.RunID, r.State, ended, text.Count(r.Sources), results, rejects)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Repairs writes what is lost in a dataset and what can be rebuilt.
func Repairs(w io.Writer, r *maintain.Repairs) error {
	var p lines
	for _, problem := range r.Rebuilt {
		if r.Written {
			p.add("rebuilt", "%s, from %s", text.Short(problem.Name), text.Short(problem.From))
		} else {
			p.add("lost", "%s %s; --write rebuilds it from %s", text.Short(problem.Name), text.Short(problem.What), text.Short(problem.From))
		}
	}
	for _, problem := range r.InTheWay {
		p.add("damaged", "%s %s; move it away, and --write rebuilds it from %s", text.Short(problem.Name), text.Short(problem.What), text.Short(problem.From))
	}
	for _, problem := range r.Lost {
		p.add("lost", "%s", problemText(&problem))
	}
	if len(r.Rebuilt)+r.Left() == 0 {
		p.add("problems", "none")
	}
	return p.flush(w)
}

// problemText says what is wrong with which file, and what that file covered.
func problemText(p *maintain.Problem) string {
	s := text.Short(p.Name) + " " + text.Short(p.What)
	switch {
	case p.Sources > 0 && p.Rows > 0:
		s += "; it covered " + text.Plural(p.Rows, "row") + " of " + text.Plural(p.Sources, "source")
	case p.Sources > 0:
		s += "; it covered " + text.Plural(p.Sources, "source")
	case p.Rows > 0:
		s += "; it covered " + text.Plural(p.Rows, "row")
	}
	return s
}

// Verification writes what a check of a dataset found, and the recount of its
// sources, which may be nil.
func Verification(w io.Writer, v *maintain.Verification, a *maintain.Recount) error {
	var p lines
	p.add("runs", "%d committed", v.Runs)
	for _, run := range v.Open {
		p.add("open", "run %s: the next convert resumes it", run)
	}
	p.add("files", "%s read, %s", text.Count(v.Files), text.Bytes(v.Bytes))
	t := &v.Totals
	p.add("lines", "%s = %s records + %s rejects + %s blank, of %s",
		text.Count(t.Lines), text.Count(t.Records), text.Count(t.RejectedLines), text.Count(t.Blank), text.Plural(v.Sources, "source"))
	problems := v.Problems
	if a != nil {
		p.add("against", "%s: %s converted, %s rejected, %s not converted, %s changed since, %s cannot be read now",
			text.Plural(a.Sources, "source"), text.Count(a.Converted), text.Count(a.Rejected), text.Count(a.Missing), text.Count(a.Changed), text.Count(a.Gone))
		if a.Accepted > 0 {
			p.add("accepted", "%s with a change that was accepted", text.Plural(a.Accepted, "source"))
		}
		equals := "="
		if a.Lines != a.Records+a.Rejects+a.Blank {
			equals = "is not"
		}
		p.add("recounted", "%s %s %s records + %s rejects + %s blank",
			text.Plural(a.Lines, "line"), equals, text.Count(a.Records), text.Count(a.Rejects), text.Count(a.Blank))
		problems = append(problems, a.Problems...)
	}
	for i := range problems {
		p.add("problem", "%s", problemText(&problems[i]))
	}
	if len(problems) == 0 {
		p.add("problems", "none")
	}
	return p.flush(w)
}
