package render

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/macielake/macielake/internal/change"
	"github.com/macielake/macielake/internal/config"
	"github.com/macielake/macielake/internal/text"
)

// Changes is the report of what changed, for people. dataset is what a user calls the
// dataset; c is the configuration that was used, nil without one.
func Changes(r *change.Report, dataset string, c *config.Config) *text.Document {
	d := &text.Document{}
	changed := r.New + r.Reappeared + r.Worse + r.NotSeenAgain + r.Resolved + r.NoLongerDetected + r.Gone
	switch {
	case r.FirstRun:
		d.Title(fmt.Sprintf("first run: %s recorded as known", text.Plural(r.Tally.New, "finding")))
	case changed == 0:
		d.Title(fmt.Sprintf("Nothing new since %s; %s analysed, %s of them for the first time", since(r), text.Plural(r.Analysed, "object"), text.Count(r.First)))
	default:
		d.Title(fmt.Sprintf("Since %s: %s", since(r), counted(&r.Tally)))
		d.Line(fmt.Sprintf("%s open, %s before; %s analysed, %s of them for the first time",
			text.Plural(r.Open, "finding"), text.Count(r.Before), text.Plural(r.Analysed, "object"), text.Count(r.First)))
	}
	for i, t := range r.Turned {
		if i == maxTurned {
			d.Warn(fmt.Sprintf("and %s more became public", text.Plural(int64(len(r.Turned)-i), "bucket")))
			break
		}
		d.Warn(fmt.Sprintf("bucket %s became public: %s", t.Bucket, text.Plural(t.Findings, "finding")))
	}
	accepted(d, r)
	if c != nil {
		d.Line(fmt.Sprintf("Configuration %s, SHA-256 %s", c.Name, c.SHA256))
	}
	failures(d, r)
	if len(r.Groups) == 0 || r.FirstRun {
		return d
	}
	d.Gap()
	number := func(name string) text.Column { return text.Column{Name: name, Number: true} }
	columns := []text.Column{
		{Name: string(r.By)}, {Name: "exposed"}, {Name: "severity"}, number("new"), number("reappeared"), number("worse"),
		number("not_seen_again"), number("resolved"), number("gone"),
	}
	replaced := r.NoLongerDetected > 0 // as a configuration says
	if replaced {
		columns = append(columns, number("no_longer_detected"))
	}
	var rows [][]text.Cell
	for _, g := range r.Groups {
		exposed := "no"
		if g.Exposed {
			exposed = "yes"
		}
		name := g.Name
		if r.By == change.ByAccount {
			name = c.AccountName(name)
		}
		row := []text.Cell{text.Of(name), text.Of(exposed), text.Of(g.Severity)}
		counts := []int64{g.New, g.Reappeared, g.Worse, g.NotSeenAgain, g.Resolved, g.Gone}
		if replaced {
			counts = append(counts, g.NoLongerDetected)
		}
		for _, n := range counts {
			row = append(row, text.Of(strconv.FormatInt(n, 10)))
		}
		rows = append(rows, row)
	}
	d.Table(columns, rows)
	if r.More > 0 {
		more := fmt.Sprintf("and %s more: macielake diff %s --since %s --by %s --top 0", text.Count(r.More), quoted(dataset), sinceFlag(r), r.By)
		if c != nil {
			more += " --config " + quoted(c.Name)
		}
		d.Line(more)
	}
	return d
}

// Owned is the head of a file with an owner's changes.
func Owned(r *change.Report, o *change.Owned, dataset string) *text.Document {
	d := &text.Document{}
	whose := o.Owner
	if whose == "" {
		whose = "nobody"
	}
	what := counted(&o.Tally)
	switch {
	case r.FirstRun:
		what = fmt.Sprintf("first run: %s recorded as known", text.Plural(o.New, "finding"))
	case o.Tally == change.Tally{Unchanged: o.Unchanged}:
		what = "nothing new"
		if o.Unchanged > 0 {
			what += fmt.Sprintf(", %s open as before", text.Plural(o.Unchanged, "finding"))
		}
	}
	d.Title(fmt.Sprintf("%s: %s", whose, what))
	if !r.FirstRun {
		d.Line(fmt.Sprintf("Since %s, in %s", since(r), dataset))
	}
	return d
}

// maxTurned is how many buckets that became public have a line each.
const maxTurned = 20

func since(r *change.Report) string {
	if r.Since == nil {
		return "before the first run"
	}
	return fmt.Sprintf("run %s (%s)", r.Since.Run, text.Time(r.Since.EndedAt))
}

func sinceFlag(r *change.Report) string {
	if r.Since == nil {
		return "0"
	}
	number, _, _ := strings.Cut(r.Since.Run, "-")
	return strings.TrimLeft(number, "0")
}

// counted is a line of counts by state, without those that are zero.
func counted(r *change.Tally) string {
	var parts []string
	add := func(n int64, what string) {
		if n > 0 {
			parts = append(parts, text.Count(n)+" "+what)
		}
	}
	add(r.New, "new")
	if r.FirstLook > 0 && r.New > 0 {
		parts[0] += fmt.Sprintf(" (%s where nobody is known to have looked before)", text.Count(r.FirstLook))
	}
	add(r.Reappeared, "reappeared")
	add(r.Worse, "worse")
	add(r.NotSeenAgain, "not seen again")
	add(r.Resolved, "resolved")
	add(r.NoLongerDetected, "no longer detected")
	add(r.Gone, "gone")
	add(r.Unchanged, "unchanged")
	return strings.Join(parts, ", ")
}

// accepted adds what rules left out, and which of them are to be looked at.
func accepted(d *text.Document, r *change.Report) {
	if r.Accepted > 0 {
		d.Line(fmt.Sprintf("%s accepted, and left out of the counts", text.Plural(r.Accepted, "finding")))
	}
	for _, rule := range r.Rules {
		switch {
		case rule.Expired:
			d.Warn(fmt.Sprintf("the rule on line %d expired after %s: %s", rule.Line, rule.Expires, rule.Reason))
		case rule.CameBack > 0:
			d.Warn(fmt.Sprintf("%s that the rule on line %d accepts got worse", text.Plural(rule.CameBack, "finding"), rule.Line))
		case rule.Findings == 0:
			d.Line(fmt.Sprintf("the rule on line %d matches nothing: %s", rule.Line, rule.Reason))
		}
	}
}

// failures adds what a gate doesn't let pass.
func failures(d *text.Document, r *change.Report) {
	for _, f := range r.Failures {
		d.Warn(fmt.Sprintf("not allowed: %s with %s", text.Plural(f.Findings, "finding"), f.Filter))
		for _, e := range f.Examples {
			d.WarnItem(1, fmt.Sprintf("%s: %s, %s", e.Object, orDash(e.Type), e.State))
		}
	}
}

func orDash(s *string) string {
	if s == nil {
		return "-"
	}
	return *s
}

// Tickets writes changes as tickets in Markdown.
type Tickets struct {
	Dataset string         // as a user calls it
	Config  *config.Config // has names of accounts; nil for none
	object  string
}

// Add returns the text of a change, given as change.Record in JSON: a heading first
// where its object is another than that of the change before.
func (t *Tickets) Add(record []byte) (string, error) {
	var r change.Record
	if err := json.Unmarshal(record, &r); err != nil {
		return "", fmt.Errorf("reading a change back: %w", err)
	}
	var b strings.Builder
	if r.Object != t.object {
		t.object = r.Object
		fmt.Fprintf(&b, "\n## %s\n\n", text.EscapeMarkdown(r.Object))
		fmt.Fprintf(&b, "- public: %s, unencrypted: %s\n", r.Public, r.Unencrypted)
		if r.Account != nil {
			fmt.Fprintf(&b, "- account %s", text.EscapeMarkdown(t.Config.AccountName(*r.Account)))
			if r.Region != nil {
				fmt.Fprintf(&b, ", %s", text.EscapeMarkdown(*r.Region))
			}
			b.WriteByte('\n')
		}
		if r.Owner != nil {
			fmt.Fprintf(&b, "- owner: %s\n", text.EscapeMarkdown(*r.Owner))
		}
		fmt.Fprintf(&b, "- %s\n\n", code(fmt.Sprintf("macielake locate %s %s --exact", quoted(t.Dataset), quoted(r.Object))))
	}
	fmt.Fprintf(&b, "- **%s** %s", strings.ReplaceAll(r.State, "_", " "), text.EscapeMarkdown(orDash(r.Type)))
	if r.Severity != nil {
		fmt.Fprintf(&b, " (%s)", *r.Severity)
	}
	if r.Count != "" {
		fmt.Fprintf(&b, ", %s occurrences", text.Thousands(string(r.Count)))
	}
	if r.FirstSeen != nil {
		fmt.Fprintf(&b, ", first seen %s, last %s", r.FirstSeen.Format("2006-01-02"), r.LastSeen.Format("2006-01-02"))
	}
	if len(r.Causes) > 0 {
		fmt.Fprintf(&b, ": %s", text.EscapeMarkdown(strings.ReplaceAll(strings.Join(r.Causes, "; "), "_", " ")))
	}
	if a := r.Accepted; a != nil {
		fmt.Fprintf(&b, "; accepted until %s by %s: %s", text.EscapeMarkdown(a.Expires), text.EscapeMarkdown(a.Owner), text.EscapeMarkdown(a.Reason))
	}
	b.WriteByte('\n')
	return b.String(), nil
}

// code is text as a code span, between more backticks than it has in a row itself
// (CommonMark 0.31, section 6.1).
func code(s string) string {
	s = text.Printable(s)
	fence := "`"
	for strings.Contains(s, fence) {
		fence += "`"
	}
	if len(fence) > 1 {
		s = " " + s + " "
	}
	return fence + s + fence
}

// quoted is an argument as a shell takes it.
func quoted(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:=@%+,") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
