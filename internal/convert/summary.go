package convert

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/macielake/macielake/internal/run"
	"github.com/macielake/macielake/internal/text"
	"github.com/macielake/macielake/pkg/schema"
)

// Summary is what a converter did: in the runs that it ended.
type Summary struct {
	Runs []string `json:"runs"` // run_id of those that it ended, in order
	// Busy are the runs that others are at work on.
	Busy   []string `json:"busy"`
	Output string   `json:"output"`

	Objects struct {
		Listed           int64 `json:"listed"` // results among the inputs
		New              int64 `json:"new"`    // that it planned
		Retried          int64 `json:"retried"`
		AlreadyConverted int64 `json:"already_converted"`
		Copies           int64 `json:"copies"`  // of sources that are converted; they were left out
		InWork           int64 `json:"in_work"` // by other converters, and not finished
		Changed          int64 `json:"changed"` // since they were converted, and not accepted
		AcceptedChanged  int64 `json:"accepted_changed"`
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
	Unreadable []run.UnreadableSource `json:"unreadable"`
	Changed    []string               `json:"changed"` // the first maxListed
	// CopiesOf are the places of the sources that the copies are of, as far as
	// the first maxListed copies tell.
	CopiesOf []string `json:"copies_of"`
	// SameBytes are converted sources without Macie's layout whose bytes
	// another source of the dataset has, too: the first maxListed.
	SameBytes     []string         `json:"same_bytes"`
	UnknownFields map[string]int64 `json:"unknown_fields"` // of all records that were read
	Files         int64            `json:"files"`
	Bytes         struct {
		Stored   int64 `json:"stored"`
		Inflated int64 `json:"inflated"`
		Written  int64 `json:"written"`
	} `json:"bytes"`
	Seconds     float64   `json:"seconds"`
	MBPerSecond float64   `json:"mb_per_second"` // of inflated bytes
	Stats       run.Stats `json:"stats"`
	// DryRun is what a converter would do that was only asked that.
	DryRun *Forecast `json:"dry_run,omitempty"`
}

// maxListed is how many objects of a kind a summary names.
const maxListed = 100

func newSummary() *Summary {
	s := &Summary{
		Runs: []string{}, Busy: []string{}, Changed: []string{}, CopiesOf: []string{}, SameBytes: []string{},
		Rows:              make(map[string]int64),
		OccurrencesByKind: make(map[string]int64),
		UnknownFields:     make(map[string]int64),
		Unreadable:        []run.UnreadableSource{},
	}
	s.Rejects.ByClass = make(map[schema.Class]int64)
	return s
}

// addRun adds a run that has ended. accept reports whether a source may stay
// unread; it is nil if none may.
func (s *Summary) addRun(runID string, d *run.Done, accept func(uri string) bool) {
	t := d.End.Totals
	s.Runs = append(s.Runs, runID)
	s.Objects.Converted += t.Converted
	s.Objects.Rejected += t.Rejected
	s.Objects.Unreadable += t.Unreadable
	s.Lines += t.Lines
	s.Records += t.Records
	s.Filtered += t.Filtered
	s.Blank += t.Blank
	s.Rejects.Lines += t.RejectedLines
	s.Rejects.Objects += t.Rejected
	for table, n := range t.Rows {
		s.Rows[table] += n
	}
	for kind, n := range d.Kinds {
		s.OccurrencesByKind[kind] += n
	}
	for class, n := range t.Classes {
		s.Rejects.ByClass[class] += n
	}
	for name, n := range d.Unknown {
		run.AddUnknown(s.UnknownFields, name, n)
	}
	for _, u := range d.Unreadable {
		if accept != nil && accept(u.URI) {
			s.Objects.AcceptedUnreadable++
		} else if len(s.Unreadable) < maxListed {
			s.Unreadable = append(s.Unreadable, u)
		}
	}
	s.Files += t.Files
	s.Bytes.Stored += t.StoredBytes
	s.Bytes.Inflated += t.InflatedBytes
	s.Bytes.Written += t.WrittenBytes
}

// removeUnreadable takes back that a source couldn't be read.
func (s *Summary) removeUnreadable(uri string, accepted bool) {
	s.Objects.Unreadable--
	if accepted {
		s.Objects.AcceptedUnreadable--
	}
	s.Unreadable = slices.DeleteFunc(s.Unreadable, func(u run.UnreadableSource) bool { return u.URI == uri })
}

// addListed keeps the first of those that a summary names.
func addListed(list *[]string, s string) {
	if len(*list) < maxListed && !slices.Contains(*list, s) {
		*list = append(*list, s)
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
	}{{s.Objects.Retried, "to try again"}, {s.Objects.AcceptedChanged, "changed and accepted"}, {s.Objects.InWork, "left to another converter"}} {
		if x.n > 0 {
			sources = append(sources, text.Count(x.n)+" "+x.what)
		}
	}
	line("sources", "%s", strings.Join(sources, ", "))
	for _, uri := range s.Changed {
		line("changed", "%s: not converted, because another version of it is; --accept-changed records that", text.Printable(text.Short(uri)))
	}
	if more := s.Objects.Changed - int64(len(s.Changed)); more > 0 {
		line("changed", "and %s more", text.Count(more))
	}
	if s.Objects.Copies > 0 {
		line("copies", "%s already converted from %s; --allow-copies converts them again", text.Count(s.Objects.Copies), text.Printable(strings.Join(s.CopiesOf, ", ")))
	}
	for _, uri := range s.SameBytes {
		line("copy", "%s has the same bytes as another source in the dataset", text.Printable(text.Short(uri)))
	}
	for _, busy := range s.Busy {
		line("busy", "another converter is at work on run %s", busy)
	}
	if s.DryRun != nil {
		s.DryRun.lines(line)
		line("output", "%s", text.Printable(s.Output))
		_, err := io.WriteString(w, b.String())
		return err
	}
	if len(s.Runs) == 0 {
		line("runs", "none, nothing is new")
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
