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
	"github.com/macielake/macielake/pkg/stream"
)

// Summary is what a run did.
type Summary struct {
	Run    string `json:"run"`
	Output string `json:"output"`

	Objects struct {
		Converted  int64 `json:"converted"`
		Rejected   int64 `json:"rejected"`
		Unreadable int64 `json:"unreadable"`
		Skipped    int64 `json:"skipped"` // other files among the inputs
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
}

// UnreadableObject is a source that couldn't be read.
type UnreadableObject struct {
	URI   string `json:"uri"`
	Error string `json:"error"`
	part  int
}

// maxListed is how many unreadable objects a summary names.
const maxListed = 100

func newSummary() *Summary {
	s := &Summary{
		Rows:              make(map[string]int64),
		OccurrencesByKind: make(map[string]int64),
		UnknownFields:     make(map[string]int64),
		Unreadable:        []UnreadableObject{},
	}
	s.Rejects.ByClass = make(map[schema.Class]int64)
	return s
}

func (s *Summary) addPart(receipt *dataset.Receipt, a *account) {
	for _, o := range receipt.Objects {
		switch o.State {
		case stream.Converted.String():
			s.Objects.Converted++
			s.Lines += o.Lines
			s.Records += o.Records
			s.Filtered += o.Filtered
			s.Blank += o.Blank
			s.Rejects.Lines += o.Rejects
		case stream.Rejected.String():
			s.Objects.Rejected++
			s.Rejects.Objects++
		default:
			s.Objects.Unreadable++
			s.addUnreadable(UnreadableObject{URI: o.URI, Error: o.Error, part: receipt.Part})
		}
		s.Bytes.Stored += o.Stored
		s.Bytes.Inflated += o.Inflated
	}
	for _, t := range schema.Tables() {
		if slices.Contains(a.tables, t.Name) {
			s.Rows[t.Name] += a.rows[t.Row]
		}
	}
	if slices.Contains(a.tables, "occurrences") {
		for k, n := range a.kinds {
			s.OccurrencesByKind[schema.Kind(k).String()] += n
		}
	}
	for class, n := range a.classes {
		s.Rejects.ByClass[class] += n
	}
	for name, n := range a.unknown {
		addUnknown(s.UnknownFields, name, n)
	}
	s.Files += int64(len(receipt.Files))
	for _, f := range receipt.Files {
		s.Bytes.Written += f.Bytes
	}
}

// addUnreadable keeps the first objects by part, whatever part is done first.
func (s *Summary) addUnreadable(u UnreadableObject) {
	at, _ := slices.BinarySearchFunc(s.Unreadable, u, func(a, b UnreadableObject) int {
		if c := cmp.Compare(a.part, b.part); c != 0 {
			return c
		}
		return strings.Compare(a.URI, b.URI)
	})
	s.Unreadable = slices.Insert(s.Unreadable, at, u)
	if len(s.Unreadable) > maxListed {
		s.Unreadable = s.Unreadable[:maxListed]
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
	if more := s.Objects.Unreadable - int64(len(s.Unreadable)); more > 0 {
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
