package convert

import (
	"slices"
	"time"

	"github.com/macielake/macielake/internal/run"
	"github.com/macielake/macielake/pkg/schema"
)

// Summary is what a converter did: in the runs that it ended, alone or together
// with others.
type Summary struct {
	Runs []string `json:"runs"` // run_id of those that it ended, in order
	// Busy are the runs that others are at work on.
	Busy   []string `json:"busy"`
	Output string   `json:"output"`

	Sources struct {
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
	} `json:"sources"`
	// Lines = Records + Rejects.Lines + Blank, of converted sources.
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
		Sources int64                  `json:"sources"`
		ByClass map[schema.Class]int64 `json:"by_class"`
	} `json:"rejects"`
	// Unreadable are the first maxListed unreadable sources, by part; the
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
	// Planned are the runs that are open, with PlanOnly, in order.
	Planned []PlannedRun `json:"planned,omitempty"`
	// WorkDollars is what the requests to S3 for these cost, roughly: see Requests.
	WorkDollars float64 `json:"work_dollars,omitempty"`
	// DryRun is what a converter would do that was only asked that.
	DryRun *Forecast `json:"dry_run,omitempty"`
}

// PlannedRun is a run that waits for work.
type PlannedRun struct {
	Run     string `json:"run"`
	Parts   int    `json:"parts"`
	Sources int64  `json:"sources"`
	Bytes   int64  `json:"bytes"` // stored
}

// maxListed is how many sources of a kind a summary names.
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
	s.Sources.Converted += t.Converted
	s.Sources.Rejected += t.Rejected
	s.Sources.Unreadable += t.Unreadable
	s.Lines += t.Lines
	s.Records += t.Records
	s.Filtered += t.Filtered
	s.Blank += t.Blank
	s.Rejects.Lines += t.RejectedLines
	s.Rejects.Sources += t.Rejected
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
			s.Sources.AcceptedUnreadable++
		} else if len(s.Unreadable) < maxListed {
			s.Unreadable = append(s.Unreadable, u)
		}
	}
	s.Files += t.Files
	s.Bytes.Stored += t.StoredBytes
	s.Bytes.Inflated += t.InflatedBytes
	s.Bytes.Written += t.WrittenBytes
}

func (s *Summary) removeUnreadable(uri string, accepted bool) {
	s.Sources.Unreadable--
	if accepted {
		s.Sources.AcceptedUnreadable--
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
