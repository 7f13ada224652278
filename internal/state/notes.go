package state

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/macielake/macielake/internal/keylayout"
	"github.com/macielake/macielake/internal/store"
	"github.com/macielake/macielake/pkg/schema"
)

// Look is a record that a convert listed its inputs, even if nothing was new.
type Look struct {
	Dataset   string    `json:"dataset"` // its ID
	StartedAt time.Time `json:"started_at"`
	EndedAt   time.Time `json:"ended_at"`
	Version   string    `json:"version"` // of macielake
	Inputs    []string  `json:"inputs"`  // as they were named
	Listed    int64     `json:"listed"`  // sources among them
	New       int64     `json:"new"`     // that were planned
	Changed   int64     `json:"changed"` // since they were converted, and not accepted
	Remaining int64     `json:"remaining"`
	// Origins are the administrators and Regions that the sources' keys name.
	Origins []LookedAt `json:"origins"`
}

// LookedAt is what a look found of an administrator and a Region.
type LookedAt struct {
	Administrator string    `json:"administrator,omitempty"`
	Region        string    `json:"region,omitempty"`
	Sources       int64     `json:"sources"`
	Newest        time.Time `json:"newest"` // the latest modification of a source
}

// PutLook writes down a look.
func PutLook(ctx context.Context, s store.Store, l *Look) error {
	_, err := create(ctx, s, noteName(LooksDir, l.EndedAt), l)
	return err
}

// noteName is a new name in a directory of records, which sort by time.
func noteName(dir string, at time.Time) string {
	return path.Join(dir, noteTime(at)+NewNonce()+".json")
}

// noteTime begins the name of a record, so that names sort by time.
func noteTime(at time.Time) string { return fmt.Sprintf("%015d-", at.UnixMilli()) }

// LastLook returns the newest look and the name of its record; nil where there is
// none.
func LastLook(ctx context.Context, s store.Store, d *Dataset) (*Look, string, error) {
	names, err := noteNames(ctx, s, LooksDir)
	if err != nil {
		return nil, "", err
	}
	for _, name := range slices.Backward(names) {
		l := &Look{}
		if _, err := get(ctx, s, name, l); err != nil {
			return nil, "", err
		}
		if !isHex(l.Dataset, nonceDigits) {
			return nil, "", damaged(s, name, "it is no record of a look")
		}
		if l.Dataset == d.ID {
			return l, name, nil
		}
	}
	return nil, "", nil
}

// noteNames lists the records of a directory, the oldest first.
func noteNames(ctx context.Context, s store.Store, dir string) ([]string, error) {
	var names []string
	err := s.List(ctx, dir, func(name string, _ fs.FileInfo) error {
		if k := ParseName(name).Kind; (k == LookFile || k == CaveatFile) && strings.HasSuffix(name, ".json") {
			names = append(names, name)
		}
		return nil
	})
	return names, err
}

// Note is a record of a caveat that no run has: sources that changed after they
// were converted, or what somebody accepted.
type Note struct {
	Dataset string    `json:"dataset"` // its ID
	At      time.Time `json:"at"`
	// Changed are sources in a version that isn't converted, because another
	// one is; Accepted are those that are left out for good; Restored are those
	// that have the version again that was converted.
	Changed      []Version        `json:"changed,omitempty"`
	Accepted     []Version        `json:"accepted,omitempty"`
	Restored     []Version        `json:"restored,omitempty"`
	Acknowledged *Acknowledgement `json:"acknowledged,omitempty"`
}

// Version is a version of a source.
type Version struct {
	URI  string `json:"uri"`
	ETag string `json:"etag,omitempty"`
	Size int64  `json:"size"`
	// Original is the URI of the source that is converted, where it is a copy
	// with the same key.
	Original string `json:"original,omitempty"`
}

// UnreadClass is the class of sources that could not be read, where they are listed
// and acknowledged with rejects.
const UnreadClass schema.Class = "unread"

// Acknowledgement accepts rejects and unread sources: those of a class, of some
// sources, or all, as far as a run has recorded them.
type Acknowledgement struct {
	Reason  string       `json:"reason"`
	Class   schema.Class `json:"class,omitempty"` // empty for all
	URIs    []string     `json:"uris,omitempty"`  // of sources; none for all
	Through int          `json:"through"`         // number of the last run
}

// Covers reports whether a reject that a run has recorded is acknowledged.
func (a *Acknowledgement) Covers(run int, class schema.Class, uri string) bool {
	return run <= a.Through && (a.Class == "" || a.Class == class) && (len(a.URIs) == 0 || slices.Contains(a.URIs, uri))
}

// PutNote writes down a caveat.
func PutNote(ctx context.Context, s store.Store, n *Note) error {
	_, err := create(ctx, s, noteName(CaveatsDir, n.At), n)
	return err
}

// Notes are what the records of caveats add up to.
type Notes struct {
	// Changed are the sources whose newest version isn't converted and not
	// accepted either, by URI.
	Changed      map[string]Version
	Accepted     map[string]Version // versions that were left out, by URI
	Acknowledged []Acknowledgement
}

// LoadNotes reads the caveats of a dataset.
func LoadNotes(ctx context.Context, s store.Store, d *Dataset) (*Notes, error) {
	names, err := noteNames(ctx, s, CaveatsDir)
	if err != nil {
		return nil, err
	}
	notes := make([]Note, len(names))
	group, reading := errgroup.WithContext(ctx)
	group.SetLimit(reads)
	for i, name := range names {
		group.Go(func() error {
			_, err := get(reading, s, name, &notes[i])
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	n := &Notes{Changed: map[string]Version{}, Accepted: map[string]Version{}}
	for i := range notes {
		if !isHex(notes[i].Dataset, nonceDigits) {
			return nil, damaged(s, names[i], "it is no record of a caveat")
		}
		if notes[i].Dataset != d.ID {
			continue
		}
		for _, v := range notes[i].Restored {
			delete(n.Changed, v.URI)
			delete(n.Accepted, v.URI)
		}
		for _, v := range notes[i].Changed {
			if n.Accepted[v.URI].ETag != v.ETag || n.Accepted[v.URI].Size != v.Size {
				n.Changed[v.URI] = v
			}
		}
		for _, v := range notes[i].Accepted {
			delete(n.Changed, v.URI)
			n.Accepted[v.URI] = v
		}
		if a := notes[i].Acknowledged; a != nil {
			n.Acknowledged = append(n.Acknowledged, *a)
		}
	}
	return n, nil
}

// Acknowledges reports whether a reject that a run has recorded is accepted, or a
// source that it could not read.
func (n *Notes) Acknowledges(run int, class schema.Class, uri string) bool {
	return slices.ContainsFunc(n.Acknowledged, func(a Acknowledgement) bool { return a.Covers(run, class, uri) })
}

// Caveats are what limits every answer from a dataset.
type Caveats struct {
	OpenRuns []string `json:"open_runs"` // run_id
	// Rejects count lines and sources that were rejected and not converted
	// since; Acknowledged are those of them that somebody accepted.
	Rejects      int64 `json:"rejects"`
	Acknowledged int64 `json:"acknowledged_rejects"`
	// Unread counts sources that could not be read and weren't read since;
	// AcknowledgedUnread are those of them that somebody accepted.
	Unread             int64 `json:"unread_sources"`
	AcknowledgedUnread int64 `json:"acknowledged_unread_sources"`
	Changed            int64 `json:"changed_sources"` // and not accepted
	Accepted           int64 `json:"accepted_changes"`
}

// LoadCaveats returns the caveats of a dataset whose runs were read. It opens
// files of rejects only where some rejects are acknowledged, and plans only where
// a source could not be read.
func LoadCaveats(ctx context.Context, s store.Store, d *Dataset, runs []RunState) (*Caveats, error) {
	notes, err := LoadNotes(ctx, s, d)
	if err != nil {
		return nil, err
	}
	c := &Caveats{OpenRuns: []string{}, Changed: int64(len(notes.Changed)), Accepted: int64(len(notes.Accepted))}
	var totals Totals
	totals.init()
	for i := range runs {
		if r := &runs[i]; r.Open() {
			c.OpenRuns = append(c.OpenRuns, r.RunID)
		} else if r.Committed() {
			totals.AddTotals(r.End.Totals)
		}
	}
	totals.Settle()
	c.Rejects = totals.RejectedLines + totals.Rejected
	if totals.Unreadable > 0 {
		unread, err := LoadUnread(ctx, s, runs)
		if err != nil {
			return nil, err
		}
		for _, u := range unread {
			c.Unread++
			if notes.Acknowledges(u.Run, UnreadClass, u.URI) {
				c.AcknowledgedUnread++
			}
		}
	}
	if c.Rejects == 0 || len(notes.Acknowledged) == 0 {
		return c, nil
	}
	outstanding, err := LoadOutstanding(ctx, s, runs)
	if err == nil {
		err = outstanding.Each(ctx, func(run *RunState, r *Reject) error {
			if notes.Acknowledges(run.Number, r.Class, r.URI) {
				c.Acknowledged++
			}
			return nil
		})
	}
	return c, err
}

// Unread is a source that could not be read.
type Unread struct {
	URI string
	Run int // number of the last run that tried
}

// LoadUnread returns the sources that a committed run could not read and no later
// one has read, from wherever it lies, by URI. It reads plans and receipts from the
// first run with such a source.
func LoadUnread(ctx context.Context, s store.Store, runs []RunState) ([]Unread, error) {
	unread := map[string]Unread{} // by what the source is, wherever it lies
	identity := func(p *PlannedSource) string {
		if key, ok := keylayout.Parse(filepath.ToSlash(p.URI)); ok {
			return key.CopyID()
		}
		return p.URI
	}
	for i := range runs {
		r := &runs[i]
		if !r.Committed() || len(unread) == 0 && r.End.Totals.Unreadable == 0 {
			continue
		}
		err := EachSource(ctx, s, r, func(p *PlannedSource, o *Outcome, _ *Receipt) error {
			if id := identity(p); o.State != Unreadable {
				delete(unread, id)
			} else if !r.Retry { // what is tried again is still a reject
				unread[id] = Unread{p.URI, r.Number}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return slices.SortedFunc(maps.Values(unread), func(a, b Unread) int { return strings.Compare(a.URI, b.URI) }), nil
}
