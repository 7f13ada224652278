package convert

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/macielake/macielake/internal/dataset"
	"github.com/macielake/macielake/internal/text"
	"github.com/macielake/macielake/pkg/schema"
)

// Summary is what a converter did: in the runs that it ended.
type Summary struct {
	Runs []string `json:"runs"` // that it ended, in order
	// Busy are the runs that others are at work on.
	Busy   []string `json:"busy"`
	Output string   `json:"output"`

	Objects struct {
		Listed           int64 `json:"listed"` // results among the inputs
		New              int64 `json:"new"`    // that it planned
		Retried          int64 `json:"retried"`
		AlreadyConverted int64 `json:"already_converted"`
		InWork           int64 `json:"in_work"` // by other converters
		Changed          int64 `json:"changed"` // since they were converted
		Skipped          int64 `json:"skipped"` // other files among the inputs

		Converted          int64 `json:"converted"`
		Rejected           int64 `json:"rejected"`
		Unreadable         int64 `json:"unreadable"`
		AcceptedUnreadable int64 `json:"accepted_unreadable"` // of those
	} `json:"objects"`
	// Lines = Records + Rejects.Lines + Blank, of converted objects.
	Lines    int64 `json:"lines"`
	Records  int64 `json:"records"`
	Filtered int64 `json:"filtered"` // records that the filter left out
	Blank    int64 `json:"blank"`
	// Rows is by table; tables that weren't asked for are left out.
	Rows map[string]int64 `json:"rows"`
	// OccurrencesByKind is empty where occurrences weren't asked for.
	OccurrencesByKind map[string]int64 `json:"occurrences_by_kind"`
	Rejects           struct {
		Lines   int64                  `json:"lines"`
		Objects int64                  `json:"objects"`
		ByClass map[schema.Class]int64 `json:"by_class"`
	} `json:"rejects"`
	// Unreadable are the first maxListed unreadable objects, by part; the
	// receipts have all of them.
	Unreadable    []UnreadableObject `json:"unreadable"`
	Changed       []string           `json:"changed"`        // the first maxListed
	UnknownFields map[string]int64   `json:"unknown_fields"` // of all records that were read
	Files         int64              `json:"files"`
	Bytes         struct {
		Stored   int64 `json:"stored"`
		Inflated int64 `json:"inflated"`
		Written  int64 `json:"written"`
	} `json:"bytes"`
	Seconds     float64 `json:"seconds"`
	MBPerSecond float64 `json:"mb_per_second"` // of inflated bytes
	Stats       Stats   `json:"stats"`
	// DryRun is what a converter would do that was only asked that.
	DryRun *Forecast `json:"dry_run,omitempty"`
}

// UnreadableObject is a source that couldn't be read.
type UnreadableObject struct {
	URI   string `json:"uri"`
	Error string `json:"error"`
	part  int
}

// maxListed is how many objects of a kind a summary names.
const maxListed = 100

func newSummary() *Summary {
	s := &Summary{
		Runs: []string{}, Busy: []string{}, Changed: []string{},
		Rows:              make(map[string]int64),
		OccurrencesByKind: make(map[string]int64),
		UnknownFields:     make(map[string]int64),
		Unreadable:        []UnreadableObject{},
	}
	s.Rejects.ByClass = make(map[schema.Class]int64)
	return s
}

// counts is what a run's receipts add up to.
type counts struct {
	dataset.Totals
	kinds      map[string]int64
	unknown    map[string]int64
	unreadable []UnreadableObject // the first maxListed
	accepted   int64              // of the unreadable ones
}

// newCounts returns the counts of no part of a run that writes those tables.
func newCounts(tables []string) counts {
	c := counts{kinds: make(map[string]int64), unknown: make(map[string]int64)}
	c.Rows, c.Classes = make(map[string]int64), make(map[schema.Class]int64)
	for _, t := range tables {
		c.Rows[t] = 0
	}
	if slices.Contains(tables, "occurrences") {
		for k := range schema.NumKinds {
			c.kinds[k.String()] = 0
		}
	}
	return c
}

func (c *counts) add(r *dataset.Receipt) {
	c.Totals.Add(r)
	for kind, n := range r.Kinds {
		c.kinds[kind] += n
	}
	for name, n := range r.Unknown {
		addUnknown(c.unknown, name, n)
	}
}

// addUnreadable keeps the first objects by part, whatever part is done first.
func (c *counts) addUnreadable(u UnreadableObject, accept func(uri string) bool) {
	if accept != nil && accept(u.URI) {
		c.accepted++
		return
	}
	at, _ := slices.BinarySearchFunc(c.unreadable, u, func(a, b UnreadableObject) int {
		return cmp.Or(cmp.Compare(a.part, b.part), strings.Compare(a.URI, b.URI))
	})
	c.unreadable = slices.Insert(c.unreadable, at, u)
	if len(c.unreadable) > maxListed {
		c.unreadable = c.unreadable[:maxListed]
	}
}

// addRun adds a run that has ended.
func (s *Summary) addRun(run string, c *counts) {
	s.Runs = append(s.Runs, run)
	s.Objects.Converted += c.Converted
	s.Objects.Rejected += c.Rejected
	s.Objects.Unreadable += c.Totals.Unreadable
	s.Objects.AcceptedUnreadable += c.accepted
	s.Lines += c.Lines
	s.Records += c.Records
	s.Filtered += c.Filtered
	s.Blank += c.Blank
	s.Rejects.Lines += c.RejectedLines
	s.Rejects.Objects += c.Rejected
	for table, n := range c.Rows {
		s.Rows[table] += n
	}
	for kind, n := range c.kinds {
		s.OccurrencesByKind[kind] += n
	}
	for class, n := range c.Classes {
		s.Rejects.ByClass[class] += n
	}
	for name, n := range c.unknown {
		addUnknown(s.UnknownFields, name, n)
	}
	s.Unreadable = append(s.Unreadable, c.unreadable[:min(len(c.unreadable), maxListed-len(s.Unreadable))]...)
	s.Files += c.Files
	s.Bytes.Stored += c.StoredBytes
	s.Bytes.Inflated += c.InflatedBytes
	s.Bytes.Written += c.WrittenBytes
}

// removeUnreadable takes back that a source couldn't be read.
func (s *Summary) removeUnreadable(uri string, accepted bool) {
	s.Objects.Unreadable--
	if accepted {
		s.Objects.AcceptedUnreadable--
	}
	s.Unreadable = slices.DeleteFunc(s.Unreadable, func(u UnreadableObject) bool { return u.URI == uri })
}

func (s *Summary) addChanged(uri string) {
	if len(s.Changed) < maxListed {
		s.Changed = append(s.Changed, uri)
	}
}

func (s *Summary) end(started time.Time) {
	s.Seconds = time.Since(started).Seconds()
	s.MBPerSecond = float64(s.Bytes.Inflated) / 1e6 / s.Seconds
}

// WriteText writes the summary for people.
func (s *Summary) WriteText(w io.Writer) error {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-12s %s\n", name, fmt.Sprintf(format, args...))
	}
	sources := []string{text.Count(s.Objects.New) + " new", text.Count(s.Objects.AlreadyConverted) + " already converted",
		text.Count(s.Objects.Changed) + " changed"}
	for _, x := range []struct {
		n    int64
		what string
	}{{s.Objects.Retried, "to try again"}, {s.Objects.InWork, "in work elsewhere"}} {
		if x.n > 0 {
			sources = append(sources, text.Count(x.n)+" "+x.what)
		}
	}
	line("sources", "%s", strings.Join(sources, ", "))
	for _, uri := range s.Changed {
		line("changed", "%s: left alone, it was converted before it changed", text.Printable(text.Short(uri)))
	}
	if more := s.Objects.Changed - int64(len(s.Changed)); more > 0 {
		line("changed", "and %s more", text.Count(more))
	}
	for _, run := range s.Busy {
		line("busy", "another converter is at work on run %s, and ends it", run)
	}
	if s.DryRun != nil {
		s.DryRun.lines(line)
		line("output", "%s", text.Printable(s.Output))
		_, err := io.WriteString(w, b.String())
		return err
	}
	if len(s.Runs) == 0 {
		line("runs", "none: there is nothing new")
		line("output", "%s", text.Printable(s.Output))
		_, err := io.WriteString(w, b.String())
		return err
	}
	line("runs", "%s", runsText(s.Runs))
	line("objects", "%s converted, %s rejected, %s unreadable, %s skipped",
		text.Count(s.Objects.Converted), text.Count(s.Objects.Rejected), text.Count(s.Objects.Unreadable), text.Count(s.Objects.Skipped))
	line("lines", "%s = %s records + %s rejects + %s blank",
		text.Count(s.Lines), text.Count(s.Records), text.Count(s.Rejects.Lines), text.Count(s.Blank))
	if s.Filtered > 0 {
		line("filtered", "%s records left out", text.Count(s.Filtered))
	}
	for _, t := range schema.Tables() {
		n, ok := s.Rows[t.Name]
		if !ok {
			continue
		}
		if kinds := s.kinds(); t.Row == schema.OccurrenceLevel && kinds != "" {
			line(t.Name, "%s rows (%s)", text.Count(n), kinds)
		} else {
			line(t.Name, "%s rows", text.Count(n))
		}
	}
	if len(s.Rejects.ByClass) > 0 {
		var classes []string
		for _, class := range slices.Sorted(maps.Keys(s.Rejects.ByClass)) {
			classes = append(classes, fmt.Sprintf("%s %s", text.Count(s.Rejects.ByClass[class]), class))
		}
		line("rejects", "%s", strings.Join(classes, ", "))
	}
	for _, u := range s.Unreadable {
		line("unreadable", "%s: %s", text.Printable(text.Short(u.URI)), text.Printable(text.Short(u.Error)))
	}
	if s.Objects.AcceptedUnreadable > 0 {
		line("unreadable", "%s of those that may be", text.Count(s.Objects.AcceptedUnreadable))
	}
	if more := s.Objects.Unreadable - s.Objects.AcceptedUnreadable - int64(len(s.Unreadable)); more > 0 {
		line("unreadable", "and %s more", text.Count(more))
	}
	for _, name := range slices.Sorted(maps.Keys(s.UnknownFields)) {
		line("unknown", "%s × %s, kept in unrecognized", text.Count(s.UnknownFields[name]), text.Printable(text.Short(name)))
	}
	line("bytes", "%s read, %s inflated, %s written in %s files",
		text.Bytes(s.Bytes.Stored), text.Bytes(s.Bytes.Inflated), text.Bytes(s.Bytes.Written), text.Count(s.Files))
	line("time", "%.2f s, %.0f MB/s", s.Seconds, s.MBPerSecond)
	line("output", "%s", text.Printable(s.Output))
	_, err := io.WriteString(w, b.String())
	return err
}

// kinds lists the occurrences by kind, those that there are.
func (s *Summary) kinds() string {
	var kinds []string
	for k := range schema.NumKinds {
		if n := s.OccurrencesByKind[k.String()]; n > 0 {
			kinds = append(kinds, text.Count(n)+" "+k.String())
		}
	}
	return strings.Join(kinds, ", ")
}

// runsText names runs: all, or the first and the last.
func runsText(runs []string) string {
	if len(runs) <= 4 {
		return strings.Join(runs, ", ")
	}
	return fmt.Sprintf("%s to %s, %d of them", runs[0], runs[len(runs)-1], len(runs))
}
